"""GossipSub as this network uses it: nothing is relayed before it was checked, and nothing from outside can stop it.

libp2p's own paths that cost us are replaced: its subscription queue drops silently at 32 messages, its outgoing queue
too, and it signs a peer record into every message.
"""

import random
from collections.abc import Awaitable, Iterable
from dataclasses import dataclass
from typing import Final, Protocol, cast

import trio
from libp2p.abc import IHost, INetStream
from libp2p.custom_types import TProtocol
from libp2p.peer.id import ID
from libp2p.pubsub import pubsub as libp2p_pubsub
from libp2p.pubsub.gossipsub import GossipSub
from libp2p.pubsub.pb import rpc_pb2
from libp2p.pubsub.pubsub import Pubsub
from libp2p.pubsub.rpc_queue import RpcQueue
from libp2p.pubsub.validators import signature_validator

from triggerx.p2p.settings import GOSSIP_PROTOCOLS
from triggerx.wire import limits
from triggerx.wire.peer_id import peer_id_text

_OUTGOING_MAX: Final = 1024  # per peer; at 100 messages a second that is ten seconds of a stalled connection
_CHECKING_MAX: Final = 256  # announcements in check at once; more are dropped here and pulled later
_CHECKING_PER_PEER_MAX: Final = 64
_SEEN_S: Final = 120  # longer than a message can wander; what comes later meets the nonce check
_HEARTBEAT_S: Final = 1
_READ_BYTES: Final = 64 * 1024
_RPC_BYTES_MAX: Final = 128 * limits.ANNOUNCEMENT_BYTES_MAX
_DEGREE: Final = 4  # with what is published straight to everybody and what is pulled, four links each are enough
_DEGREE_LOW: Final = 3
_DEGREE_HIGH: Final = 6
_PUBLISH_TO_MAX: Final = 32  # peers that get our own announcements straight from us
_RELAY_DELAY_S: Final = (0.002, 0.02)
"""A relay waits this long at random: whoever got the message meanwhile need not get it from us. In a clique of five
that halves the traffic, and no delivery waits for it there, because the author reaches everybody."""


class _WideQueue(RpcQueue):
    """The outgoing queue of one peer, long enough for a burst; libp2p's holds 32 and drops the rest silently."""

    def __init__(self) -> None:
        super().__init__(max_size=_OUTGOING_MAX, max_message_size=_RPC_BYTES_MAX)


# Pubsub makes its queues itself, so this name is the only place to say how long they are.
setattr(libp2p_pubsub, "RpcQueue", _WideQueue)  # noqa: B010 - as an attribute it is no export, to a type checker


@dataclass(slots=True)
class _Check:
    """A message under way: who brought it first, and who is known to hold it."""

    forwarder: str
    holders: set[str]


class _Buffered:
    """A stream that is read in large pieces: libp2p reads lengths byte by byte, each through every layer below."""

    def __init__(self, stream: INetStream) -> None:
        self._stream = stream
        self._left = b""
        self.muxed_conn = stream.muxed_conn
        self.metric_send_channel = stream.metric_send_channel
        self.reset = stream.reset

    async def read(self, n: int | None = None) -> bytes:
        if not self._left:
            self._left = await self._stream.read(_READ_BYTES)
        wanted, self._left = self._left[:n], self._left[n if n is not None else len(self._left) :]
        return wanted


class GossipEvents(Protocol):
    """What gossip asks and tells its host."""

    def check(self, data: bytes, *, origin: str, forwarder: str) -> Awaitable[bool]:
        """Judge an announcement; True lets it travel on."""
        ...

    def blame(self, peer_id: str, reason: str) -> None:
        """Count a fault of this peer."""
        ...

    def is_banned(self, peer_id: str) -> bool:
        """Whether nothing is taken from this peer now."""
        ...

    def failed(self, error: Exception) -> None:
        """One message could not be handled for a reason that is ours."""
        ...


class Router(GossipSub):
    """GossipSub 1.1 with its mesh, without scores (we count faults ourselves) and without adaptive guesses."""

    def __init__(self) -> None:
        super().__init__(
            protocols=[TProtocol(protocol) for protocol in GOSSIP_PROTOCOLS],
            degree=_DEGREE,
            degree_low=_DEGREE_LOW,
            degree_high=_DEGREE_HIGH,
            heartbeat_interval=_HEARTBEAT_S,
            adaptive_gossip_enabled=False,
            spam_protection_enabled=False,
            eclipse_protection_enabled=False,
        )
        self.scorer = None

    def send_to_all(self, msg: rpc_pb2.Message, topic: str) -> None:
        """Queue our own message for the mesh, and for other peers up to a number (GossipSub 1.1, flood publishing)."""
        if self.pubsub is None:
            return
        others = list(self.pubsub.peer_topics.get(topic, ()))
        random.shuffle(others)
        self._send(msg, dict.fromkeys((*self.mesh.get(topic, ()), *others[:_PUBLISH_TO_MAX])))

    def relay(self, msg: rpc_pb2.Message, topic: str, *, holders: set[str]) -> None:
        """Queue another's message for those of the mesh that are not known to hold it."""
        self._send(msg, [peer for peer in self.mesh.get(topic, ()) if peer_id_text(peer.to_bytes()) not in holders])

    def _send(self, msg: rpc_pb2.Message, peers: Iterable[ID]) -> None:
        self.mcache.put(msg)  # for those who ask for it later
        rpc = rpc_pb2.RPC(publish=[msg])
        for peer in peers:
            self.send_rpc(peer, rpc)


class Gossip(Pubsub):
    """Announcements on one topic. What arrives goes to `events.check`, and on to others only when that says so."""

    def __init__(self, host: IHost, topic: str, events: GossipEvents) -> None:
        self._router = Router()
        super().__init__(
            host,
            self._router,
            seen_ttl=_SEEN_S,
            strict_signing=True,
            max_subscriptions_per_rpc=16,
            max_subscriptions_per_peer=4,
            max_inbound_rpc_size=_RPC_BYTES_MAX,
            allowed_topics={topic},
        )
        self._topic = topic
        self._events = events
        self._checking: dict[bytes, _Check] = {}

    async def send(self, data: bytes) -> None:
        """Publish our own announcement."""
        await self.publish(self._topic, data)

    async def push_msg(self, msg_forwarder: ID, msg: rpc_pb2.Message) -> None:
        """Take one message, ours or another's; called by libp2p for each, in a task of its own."""
        try:
            if msg_forwarder == self.my_id:
                self._mark_msg_seen(msg)
                self._router.send_to_all(msg, self._topic)
            else:
                await self._take(peer_id_text(msg_forwarder.to_bytes()), msg)
        except Exception as error:  # noqa: BLE001 - the one catch per message: a raising task would end the whole host
            self._events.failed(error)

    async def stream_handler(self, stream: INetStream) -> None:
        """Read what one peer sends; called by libp2p."""
        await super().stream_handler(cast("INetStream", _Buffered(stream)))

    async def _take(self, forwarder: str, msg: rpc_pb2.Message) -> None:
        message_id = self.get_message_id(msg)
        check = self._checking.get(message_id)
        if check is not None:
            check.holders.add(forwarder)
            return
        if self._is_msg_seen(msg) or self._events.is_banned(forwarder) or not self._has_room(forwarder):
            return
        if list(msg.topicIDs) != [self._topic] or len(msg.data) > limits.ANNOUNCEMENT_BYTES_MAX:
            self._events.blame(forwarder, f"gossip of {len(msg.data)} bytes on topics {list(msg.topicIDs)[:2]}")
            return
        if ID(msg.from_id) == self.my_id:
            return
        # Before its signature is checked a message id means nothing: anybody could block another's by using it.
        if not self._is_signed(msg):
            self._events.blame(forwarder, "gossip without a valid signature of its origin")
            return
        origin = peer_id_text(msg.from_id)
        check = self._checking[message_id] = _Check(forwarder, {forwarder, origin})
        try:
            if await self._events.check(msg.data, origin=origin, forwarder=forwarder):
                await trio.sleep(random.uniform(*_RELAY_DELAY_S))  # noqa: S311 - spreads load, guards nothing
                self._router.relay(msg, self._topic, holders=check.holders)
        finally:
            self._mark_msg_seen(msg)
            del self._checking[message_id]

    def _has_room(self, forwarder: str) -> bool:
        if len(self._checking) >= _CHECKING_MAX:
            return False
        return sum(check.forwarder == forwarder for check in self._checking.values()) < _CHECKING_PER_PEER_MAX

    @staticmethod
    def _is_signed(msg: rpc_pb2.Message) -> bool:
        try:
            return signature_validator(msg)
        except Exception:  # noqa: BLE001 - libp2p raises whatever its key parsers raise; all of it means no
            return False
