"""A peer that does what it likes: it speaks libp2p, and puts whatever bytes it wants into it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio
from libp2p.network.stream.net_stream import NetStream
from libp2p.peer.id import ID

from tests.contract.p2p.swarm import NETWORK, identity_of, key_of
from triggerx.core.messages import Message
from triggerx.node.clock import SystemChance, SystemClock
from triggerx.p2p.bridge import HostLink
from triggerx.p2p.identity import peer_id_of
from triggerx.p2p.requests import PROTOCOL
from triggerx.p2p.settings import HostPlan, split_address, topic_of
from triggerx.wire.envelope import PeerDomain
from triggerx.wire.peer_id import peer_id_bytes
from triggerx.wire.seal import Seal, seal

DOMAIN = PeerDomain(chain_id=NETWORK.l2_chain_id, attestation_center=NETWORK.attestation_center)


class Intruder:
    """Implements `bridge.Owner`; it believes everything and answers nothing."""

    link: HostLink

    def __init__(self, number: int) -> None:
        self.number = number
        self.peer_id = peer_id_of(identity_of(number))
        self.heard: list[bytes] = []
        self.peers: frozenset[str] = frozenset()

    async def check(self, data: bytes, *, origin: str, forwarder: str) -> bool:
        self.heard.append(data)
        return True

    async def reply_to(self, data: bytes, *, peer_id: str) -> bytes | None:
        return None

    def connected_now(self, peer_ids: frozenset[str]) -> None:
        self.peers = peer_ids

    def blame(self, peer_id: str, reason: str) -> None:
        """An intruder blames nobody."""

    def failed(self, error: Exception) -> None:
        """Nor does it care."""

    def seal(self, message: Message, *, signer: int, lifetime_s: int = 60, issued_ago_s: int = 0) -> bytes:
        """Sign with the key of another node if wanted, bound to this peer."""
        now = SystemClock().now() - issued_ago_s
        with_ = Seal(
            domain=DOMAIN,
            sender=key_of(signer).address,
            peer_id=self.peer_id,
            nonce=SystemChance().token_bytes(16),
            issued_at=now,
            expires_at=now + lifetime_s,
        )
        return seal(message, with_, key_of(signer).sign_digest)

    async def ask(self, peer_id: str, body: bytes) -> bytes:
        return await self.link.ask(peer_id, body, 5.0)

    async def write_raw(self, peer_id: str, data: bytes) -> None:
        """Open a request stream, write bytes that need not be a frame, and wait until the other side ends it."""

        async def write() -> None:
            stream = await self.link._host._host.new_stream(ID(peer_id_bytes(peer_id)), [PROTOCOL])
            assert isinstance(stream, NetStream)
            with trio.move_on_after(5):
                try:
                    await stream.write(data)
                    await stream.close_write()
                    await stream.read(1)
                except Exception:  # noqa: BLE001, S110 - any end of the stream is what is waited for
                    pass
            await stream.reset()

        await self.link._call(write)


@asynccontextmanager
async def intruding(number: int, address: str) -> AsyncIterator[Intruder]:
    """Connect an intruder with the identity of this number to the peer at this address."""
    intruder = Intruder(number)
    peer_id, transport = split_address(address)
    plan = HostPlan(
        identity=identity_of(number),
        listen=("/ip4/127.0.0.1/tcp/0",),
        topic=topic_of(NETWORK),
        known={peer_id: (transport,)},
    )
    async with asyncio.TaskGroup() as tasks:
        intruder.link = await HostLink.open(plan, intruder, tasks)
        try:
            async with asyncio.timeout(10):
                while peer_id not in intruder.peers:  # noqa: ASYNC110 - another thread's event
                    await asyncio.sleep(0.01)
            yield intruder
        finally:
            await intruder.link.close()
