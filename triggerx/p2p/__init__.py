"""The peer network: libp2p on trio in a thread of its own, and its asyncio face, the nexus. Nobody else knows trio."""
