"""GossipSub as this network uses it: nothing is relayed before it was checked, and nothing from outside can stop it.

libp2p's own paths that cost us are replaced: its subscription queue drops silently at 32 messages, its outgoing queue
too, and it signs a peer record into every message.
"""

from collections.abc import Awaitable
from typing import Final, Protocol

from libp2p.abc import IHost
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
_RPC_BYTES_MAX: Final = 128 * limits.ANNOUNCEMENT_BYTES_MAX
_DEGREE: Final = 8
_DEGREE_LOW: Final = 6
_DEGREE_HIGH: Final = 12


class _WideQueue(RpcQueue):
    """The outgoing queue of one peer, long enough for a burst; libp2p's holds 32 and drops the rest silently."""

    def __init__(self) -> None:
        super().__init__(max_size=_OUTGOING_MAX, max_message_size=_RPC_BYTES_MAX)


# Pubsub makes its queues itself, so this name is the only place to say how long they are.
setattr(libp2p_pubsub, "RpcQueue", _WideQueue)  # noqa: B010 - as an attribute it is no export, to a type checker


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

    async def publish(self, msg_forwarder: ID, pubsub_msg: rpc_pb2.Message) -> None:
        """Remember the message for those who ask for it, and queue it for the mesh."""
        if self.pubsub is None:
            return
        self.mcache.put(pubsub_msg)
        rpc = rpc_pb2.RPC(publish=[pubsub_msg])
        origin = ID(pubsub_msg.from_id)
        for peer in self._get_peers_to_send(pubsub_msg.topicIDs, msg_forwarder=msg_forwarder, origin=origin):
            if peer in self.pubsub.peers:
                self.send_rpc(peer, rpc)


class Gossip(Pubsub):
    """Announcements on one topic. What arrives goes to `events.check`, and on to others only when that says so."""

    def __init__(self, host: IHost, topic: str, events: GossipEvents) -> None:
        super().__init__(
            host,
            Router(),
            seen_ttl=_SEEN_S,
            strict_signing=True,
            max_subscriptions_per_rpc=16,
            max_subscriptions_per_peer=4,
            max_inbound_rpc_size=_RPC_BYTES_MAX,
            allowed_topics={topic},
        )
        self._topic = topic
        self._events = events
        self._checking: dict[bytes, str] = {}

    async def send(self, data: bytes) -> None:
        """Publish our own announcement."""
        await self.publish(self._topic, data)

    async def push_msg(self, msg_forwarder: ID, msg: rpc_pb2.Message) -> None:
        """Take one message, ours or another's; called by libp2p for each, in a task of its own."""
        try:
            if msg_forwarder == self.my_id:
                await self._relay(msg_forwarder, msg)
            else:
                await self._take(msg_forwarder, msg)
        except Exception as error:  # noqa: BLE001 - the one catch per message: a raising task would end the whole host
            self._events.failed(error)

    async def _take(self, msg_forwarder: ID, msg: rpc_pb2.Message) -> None:
        forwarder = peer_id_text(msg_forwarder.to_bytes())
        if self._events.is_banned(forwarder) or self._is_msg_seen(msg):
            return
        if list(msg.topicIDs) != [self._topic] or len(msg.data) > limits.ANNOUNCEMENT_BYTES_MAX:
            self._events.blame(forwarder, f"gossip of {len(msg.data)} bytes on topics {list(msg.topicIDs)[:2]}")
            return
        if ID(msg.from_id) == self.my_id or not self._has_room(forwarder):
            return
        if not self._is_signed(msg):
            self._events.blame(forwarder, "gossip without a valid signature of its origin")
            return
        # Only now does the message id mean anything: before, anybody could block another's id by using it.
        message_id = self.get_message_id(msg)
        if message_id in self._checking:
            return
        self._checking[message_id] = forwarder
        try:
            fine = await self._events.check(msg.data, origin=peer_id_text(msg.from_id), forwarder=forwarder)
        finally:
            del self._checking[message_id]
        if fine:
            await self._relay(msg_forwarder, msg)
        else:
            self._mark_msg_seen(msg)

    async def _relay(self, msg_forwarder: ID, msg: rpc_pb2.Message) -> None:
        self._mark_msg_seen(msg)
        await self.router.publish(msg_forwarder, msg)

    def _has_room(self, forwarder: str) -> bool:
        if len(self._checking) >= _CHECKING_MAX:
            return False
        return sum(peer == forwarder for peer in self._checking.values()) < _CHECKING_PER_PEER_MAX

    @staticmethod
    def _is_signed(msg: rpc_pb2.Message) -> bool:
        try:
            return signature_validator(msg)
        except Exception:  # noqa: BLE001 - libp2p raises whatever its key parsers raise; all of it means no
            return False
