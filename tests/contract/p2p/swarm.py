"""Nodes of a peer network for the contract tests, in memory or over libp2p on loopback."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from tests.fakes.clock import SeededChance
from tests.fakes.log import RecordingLog
from tests.fakes.operators import FixedOperators
from tests.fakes.peers import PeersNetwork
from tests.fakes.store import temporary_store
from triggerx.core.network import Network
from triggerx.evm.keys import PrivateKey
from triggerx.evm.types import Address, ChainId
from triggerx.node.clock import SystemClock
from triggerx.p2p.identity import peer_id_of
from triggerx.p2p.nexus import Nexus, open_peers
from triggerx.p2p.services import PeersServices
from triggerx.p2p.settings import PeersSettings
from triggerx.ports.peers import Peers
from triggerx.ports.signer import Signer
from triggerx.ports.store import Store

NETWORK = Network(
    name="test",
    l1_chain_id=ChainId(31337),
    l2_chain_id=ChainId(31337),
    avs_governance=Address(bytes([1]) * 20),
    attestation_center=Address(bytes([2]) * 20),
    engines=(),
)
WAIT_S = 15.0
"""How long a test waits for what must happen; it happens within milliseconds, or a second where peers dial."""


def key_of(number: int) -> PrivateKey:
    """The operator key of node `number`; 0 is the engine, below it strangers."""
    return PrivateKey((1000 + number).to_bytes(32, "big"))


def identity_of(number: int) -> bytes:
    return (2000 + number).to_bytes(32, "big")


OPERATORS = FixedOperators([key_of(number).address for number in range(1, 6)], [key_of(0).address])
ENGINE = 0
STRANGER = -1


_OWN_KEY: Signer = key_of(999)  # stands for the key of the node's own number


async def eventually(holds: Callable[[], bool]) -> None:
    """Wait until something holds; a test that waits in vain fails."""
    async with asyncio.timeout(WAIT_S):
        while not holds():  # noqa: ASYNC110 - what is waited for is another thread's, and has no event of its own
            await asyncio.sleep(0.01)


class Swarm(Protocol):
    """Makes nodes that find each other."""

    async def join(self, number: int) -> Peers:
        """Start the node of this number; returns when it is connected to the others."""
        ...

    async def leave(self, number: int) -> None:
        """End a node at once."""
        ...


class MemorySwarm:
    """Nodes in memory."""

    def __init__(self) -> None:
        self._network = PeersNetwork(SystemClock(), OPERATORS)

    async def join(self, number: int) -> Peers:
        return await self._network.join(key_of(number).address, peer_id_of(identity_of(number)))

    async def leave(self, number: int) -> None:
        self._network.leave(self._network.nodes[peer_id_of(identity_of(number))])


@dataclass
class Node:
    nexus: Nexus
    store: Store
    log: RecordingLog
    end: AsyncExitStack


@dataclass
class Libp2pSwarm:
    """Real nodes over TCP on loopback, each with its own store; the first is everybody's bootstrap peer."""

    path: Path
    nodes: dict[int, Node] = field(default_factory=dict)
    bootstrap: tuple[str, ...] = ()

    async def join(
        self, number: int, *, wait: bool = True, listen: str = "/ip4/127.0.0.1/tcp/0", signer: Signer | None = _OWN_KEY
    ) -> Nexus:
        log = RecordingLog()
        async with AsyncExitStack() as stack:
            store = await stack.enter_async_context(temporary_store(self.path, f"node{number}"))
            settings = PeersSettings(
                identity=identity_of(number),
                listen=(listen,),
                bootstrap=self.bootstrap,
                book_path=self.path / f"peers{number}.json",
            )
            services = PeersServices(
                network=NETWORK,
                signer=key_of(number) if signer is _OWN_KEY else signer,
                operators=OPERATORS,
                store=store,
                clock=SystemClock(),
                chance=SeededChance(hash((number, len(self.nodes), id(log)))),
                log=log,
            )
            nexus = await stack.enter_async_context(open_peers(settings, services))
            self.nodes[number] = Node(nexus, store, log, stack.pop_all())
        if wait and len(self.nodes) > 1:
            first = next(node.nexus for other, node in self.nodes.items() if other != number)
            await eventually(lambda: first.peer_id in nexus.connected() and nexus.peer_id in first.connected())
        self.bootstrap = self.bootstrap or nexus.addresses
        return nexus

    async def leave(self, number: int) -> None:
        await self.nodes.pop(number).end.aclose()

    async def close(self) -> None:
        for number in reversed(list(self.nodes)):
            await self.leave(number)


@asynccontextmanager
async def open_swarm(kind: str, path: Path) -> AsyncIterator[Swarm]:
    """Open a swarm of this kind; all its nodes end with the context."""
    if kind == "memory":
        yield MemorySwarm()
        return
    async with libp2p_swarm(path) as swarm:
        yield swarm


@asynccontextmanager
async def libp2p_swarm(path: Path) -> AsyncIterator[Libp2pSwarm]:
    swarm = Libp2pSwarm(path)
    try:
        yield swarm
    finally:
        await swarm.close()
