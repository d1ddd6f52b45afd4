"""A peer network in memory, for tests of roles: every message crosses the wire's codec, nothing else is real.

It keeps the contract of `ports.peers.Peers` (tests/contract/p2p runs over both), and can be told to misbehave.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from triggerx.core.errors import InvalidInput, RecoverableError
from triggerx.core.messages import Announcement, AssignTasks, CheckedIn, Heard, Message, Reply, Request
from triggerx.evm.keccak import keccak256
from triggerx.evm.types import Address, Hash32, checksum
from triggerx.p2p.subscriptions import Subscriptions
from triggerx.ports.clock import Clock
from triggerx.ports.operators import Operators
from triggerx.ports.peers import PeerRefusedError, PeerSilentError, PeerUnreachable
from triggerx.wire.codec import decode_payload, encode_payload

AnnouncementT = TypeVar("AnnouncementT", bound=Announcement)
RequestT = TypeVar("RequestT", bound=Request)


@dataclass(frozen=True, slots=True)
class _Kept:
    digest: Hash32
    heard: Heard[Announcement]
    expires_at: int


class PeersNetwork:
    """The network; `join` adds a node. Nodes in `cut` neither hear nor are heard."""

    def __init__(self, clock: Clock, operators: Operators) -> None:
        self.clock = clock
        self.operators = operators
        self.nodes: dict[str, FakePeers] = {}
        self.cut: set[str] = set()
        self.sent = 0

    async def join(self, sender: Address, peer_id: str) -> "FakePeers":
        """Add a node, and let it catch up with what the others hold."""
        node = FakePeers(self, sender, peer_id)
        self.nodes[peer_id] = node
        for other in self.others(node):
            await node.pull(other)
        return node

    def leave(self, node: "FakePeers") -> None:
        """Remove a node, as if it were killed."""
        self.nodes.pop(node.peer_id, None)
        node.close()

    async def reconnect(self, peer_id: str) -> None:
        """End a cut; both sides catch up."""
        self.cut.discard(peer_id)
        node = self.nodes[peer_id]
        for other in self.others(node):
            await node.pull(other)
            await other.pull(node)

    def others(self, node: "FakePeers") -> list["FakePeers"]:
        """Whom a node can reach now."""
        if node.peer_id in self.cut:
            return []
        return [other for other in self.nodes.values() if other is not node and other.peer_id not in self.cut]

    async def may_say(self, sender: Address, message: Message) -> bool:
        """The rule of PROTOCOL.md, section 3."""
        is_operator = not isinstance(message, AssignTasks) and await self.operators.is_active(sender)
        is_for_operators = isinstance(message, Announcement) and not isinstance(message, CheckedIn)
        return is_operator or (not is_for_operators and await self.operators.is_engine(sender))


class FakePeers:
    """Implements `ports.peers.Peers`."""

    def __init__(self, network: PeersNetwork, sender: Address, peer_id: str) -> None:
        self.peer_id = peer_id
        self.addresses: tuple[str, ...] = (f"/memory/{peer_id}",)
        self._network = network
        self._sender = sender
        self._subscriptions = Subscriptions()
        self._kept: dict[Hash32, _Kept] = {}
        self._handlers: dict[type[object], Callable[[Heard[Any]], Awaitable[Reply]]] = {}
        self._located: dict[Address, Heard[Announcement]] = {}

    async def announce(self, message: Announcement, *, lifetime_s: int) -> None:
        kind, payload = encode_payload(message)
        network = self._network
        network.sent += 1
        heard = Heard(
            message=cast("Announcement", decode_payload(kind, payload)),
            sender=self._sender,
            peer_id=self.peer_id,
            issued_at=network.clock.now(),
        )
        digest = keccak256(self._sender + network.sent.to_bytes(8, "big") + payload)
        kept = _Kept(digest, heard, network.clock.now() + lifetime_s)
        self._take(kept)
        if await network.may_say(self._sender, message):
            for other in network.others(self):
                other._take(kept)

    @asynccontextmanager
    async def announcements(self, *types: type[AnnouncementT]) -> AsyncIterator[AsyncIterator[Heard[AnnouncementT]]]:
        with self._subscriptions.open(types) as subscription:
            for kept in self._valid():
                subscription.give(kept.digest, kept.heard)
            subscription.is_caught_up()
            yield aiter(subscription)

    async def ask(self, peer_id: str, request: Request, *, timeout_s: float) -> Reply:
        kind, payload = encode_payload(request)
        network = self._network
        other = network.nodes.get(peer_id)
        if other is None or other not in network.others(self):
            raise PeerUnreachable(f"peer {peer_id} is not connected")
        if not await network.may_say(self._sender, request):
            raise PeerRefusedError(f"peer {peer_id} refused: {checksum(self._sender)} is not allowed to: register it")
        heard = Heard(
            message=decode_payload(kind, payload),
            sender=self._sender,
            peer_id=self.peer_id,
            issued_at=network.clock.now(),
        )
        try:
            async with asyncio.timeout(timeout_s):
                reply = await other._reply(heard)
        except TimeoutError as error:
            raise PeerSilentError(f"peer {peer_id} gave no reply") from error
        return cast("Reply", decode_payload(*encode_payload(reply)))

    def answer(self, request_type: type[RequestT], handler: Callable[[Heard[RequestT]], Awaitable[Reply]]) -> None:
        self._handlers[request_type] = handler

    async def locate(self, operator: Address) -> str | None:
        heard = self._located.get(operator)
        return None if heard is None else heard.peer_id

    def connected(self) -> frozenset[str]:
        return frozenset(other.peer_id for other in self._network.others(self))

    def close(self) -> None:
        """End every reader, as the node's end would."""
        self._subscriptions.fail(RecoverableError("the peer network is closed"))

    async def pull(self, other: "FakePeers") -> None:
        """Take what another node holds and this one may believe."""
        for kept in other._valid():
            if await self._network.may_say(kept.heard.sender, kept.heard.message):
                self._take(kept)

    async def _reply(self, heard: Heard[Any]) -> Reply:
        handler = self._handlers.get(type(heard.message))
        if handler is None:
            raise PeerRefusedError(f"this node does not answer {type(heard.message).__name__}")
        try:
            return await handler(heard)
        except InvalidInput as error:
            raise PeerRefusedError(str(error)) from error
        except RecoverableError as error:
            raise PeerSilentError(f"peer {self.peer_id} gave no reply: {error}") from error

    def _take(self, kept: _Kept) -> None:
        if kept.digest in self._kept:
            return
        self._kept[kept.digest] = kept
        if isinstance(kept.heard.message, CheckedIn):
            known = self._located.get(kept.heard.sender)
            if known is None or known.issued_at <= kept.heard.issued_at:
                self._located[kept.heard.sender] = kept.heard
        self._subscriptions.give(kept.digest, kept.heard)

    def _valid(self) -> list[_Kept]:
        now = self._network.clock.now()
        return [kept for kept in self._kept.values() if kept.expires_at > now]
