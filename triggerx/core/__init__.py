"""The nouns of the network with their rules: pure values and transitions, stdlib and evm only."""
