"""EVM chains: a lean JSON-RPC client, reorg-safe reads, transactions, and development chains."""
