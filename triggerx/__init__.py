"""triggerx: an automation (keeper) network for smart contracts, one asyncio process with pluggable roles."""

__version__ = "0.1.0"
