"""A whole network on one machine: chains, contracts, operators, the five roles, and a user who tries it."""

from triggerx.node.devnet.commands import demo, run_all

__all__ = ["demo", "run_all"]
