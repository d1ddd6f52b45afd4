"""One libp2p host on trio: TCP, Noise, Yamux, gossip on one topic, requests, and connections that are kept alive.

GossipSub runs before the first listener and the first dial: an early inbound connection would take the host down.
"""

import logging
import random
from collections import Counter
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from typing import Final, Protocol

import trio
from libp2p import new_swarm
from libp2p.abc import INetConn, INetStream, INetwork, INotifee
from libp2p.crypto.ed25519 import Ed25519PrivateKey
from libp2p.crypto.keys import KeyPair
from libp2p.crypto.x25519 import create_new_key_pair
from libp2p.custom_types import TProtocol
from libp2p.exceptions import ParseError
from libp2p.host.basic_host import BasicHost
from libp2p.io.exceptions import IOException, MessageTooLarge
from libp2p.network.auto_connector import AutoConnector
from libp2p.network.config import ConnectionConfig, RetryConfig
from libp2p.network.swarm import Swarm
from libp2p.peer.id import ID
from libp2p.security.noise.transport import PROTOCOL_ID as NOISE_ID
from libp2p.security.noise.transport import Transport as Noise
from libp2p.stream_muxer.yamux.yamux import DEFAULT_WINDOW_SIZE, Yamux, YamuxStream
from libp2p.stream_muxer.yamux.yamux import PROTOCOL_ID as YAMUX_ID
from libp2p.tools.anyio_service import background_trio_service
from multiaddr import Multiaddr  # type: ignore[import-untyped]  # it ships no types
from multiaddr.exceptions import Error as MultiaddrError  # type: ignore[import-untyped]  # it ships no types

from triggerx.core.errors import ConfigurationError, UnavailableError
from triggerx.p2p import requests
from triggerx.p2p.gossip import Gossip
from triggerx.p2p.settings import KNOWN_PEERS_MAX, HostPlan
from triggerx.ports.peers import PeerUnreachable
from triggerx.wire.peer_id import peer_id_bytes, peer_id_text

# Its errors reach us as exceptions; without a handler Python would print them beside our log. LIBP2P_DEBUG shows them.
logging.getLogger("libp2p").addHandler(logging.NullHandler())

_CONNECTIONS_MAX: Final = 128  # ours and theirs; a mesh needs eight, the rest is for requests
_DIAL_S: Final = 5.0
_REDIAL_FIRST_S: Final = 0.2
_REDIAL_MAX_S: Final = 20.0
_YIELD_S: Final = 1.0
_HANG_UP_S: Final = 3.0
_READ_S: Final = 10.0  # from a stream's opening to its request
_ANSWER_S: Final = 45.0  # from a request to its reply, written
_ANSWERING_MAX: Final = 64
_ANSWERING_PER_PEER_MAX: Final = 8
BUSY: Final = b"\x01this node answers as many requests as it may at once: ask again later"


class HostEvents(Protocol):
    """What a host asks and tells its owner; called on trio."""

    def check(self, data: bytes, *, origin: str, forwarder: str) -> Awaitable[bool]:
        """Judge a gossiped announcement; True lets it travel on."""
        ...

    def answer(self, data: bytes, *, peer_id: str) -> Awaitable[bytes | None]:
        """Return the reply frame to a request, or None for silence."""
        ...

    def connected(self, peer_ids: frozenset[str]) -> None:
        """These are the connected peers now."""
        ...

    def blame(self, peer_id: str, reason: str) -> None:
        """Count a fault of this peer."""
        ...

    def failed(self, error: Exception) -> None:
        """One message could not be handled for a reason that is ours; the host goes on."""
        ...


class Host(INotifee):
    """A running host; every method is for trio's thread."""

    def __init__(self, plan: HostPlan, events: HostEvents) -> None:
        self._plan = plan
        self._events = events
        self._swarm = _make_swarm(plan.identity)
        self._host = BasicHost(self._swarm, disable_identify_address_discovery=True)
        self._guard_streams()
        self.peer_id = peer_id_text(self._host.get_id().to_bytes())
        self._gossip = Gossip(self._host, plan.topic, self)
        self._nursery: trio.Nursery | None = None
        self._known: dict[str, tuple[str, ...]] = {}
        self._connected: set[str] = set()
        self._changed = trio.Event()
        self._dialling: dict[str, trio.Lock] = {}
        self._banned: dict[str, float] = {}
        self._answering: Counter[str] = Counter()

    # What the owner may ask for.

    async def publish(self, data: bytes) -> None:
        """Gossip our own announcement."""
        await self._gossip.send(data)

    async def ask(self, peer_id: str, body: bytes, timeout_s: float) -> bytes:
        """Send one request and return the reply frame; raises `PeerUnreachable` or `PeerSilentError`."""
        until = trio.current_time() + timeout_s
        if self.is_banned(peer_id):
            raise PeerUnreachable(f"peer {peer_id} is banned for a while because of its faults")
        if peer_id not in self._connected:
            with trio.move_on_after(timeout_s):
                await self._dial(peer_id)
            if peer_id not in self._connected:
                raise PeerUnreachable(f"peer {peer_id} is not connected, and none of its addresses answers")
        return await requests.ask(self._host, peer_id, body, until - trio.current_time())

    def learn(self, peer_id: str, addresses: tuple[str, ...]) -> None:
        """Note where a peer can be dialled, and stay connected to it from now on."""
        if peer_id == self.peer_id:
            return
        is_new = peer_id not in self._known
        if is_new and len(self._known) >= KNOWN_PEERS_MAX:
            return
        self._known[peer_id] = addresses
        if is_new and self._nursery is not None:
            # Who is told of each other at once would dial each other at once: the greater id leaves it to the other.
            wait_s = _YIELD_S if self.peer_id > peer_id else 0.0
            self._nursery.start_soon(self._stay_connected, peer_id, wait_s, name=f"stay connected to {peer_id}")

    async def disconnect(self, peer_id: str) -> None:
        """Close every connection to this peer."""
        await self._swarm.close_peer(ID(peer_id_bytes(peer_id)))

    async def ban(self, peer_id: str, duration_s: float) -> None:
        """Disconnect a peer and take nothing from it for a while."""
        self._banned[peer_id] = trio.current_time() + duration_s
        await self.disconnect(peer_id)

    def is_banned(self, peer_id: str) -> bool:
        """Whether a ban on this peer runs."""
        until = self._banned.get(peer_id)
        if until is None:
            return False
        if trio.current_time() < until:
            return True
        del self._banned[peer_id]
        return False

    def addresses(self) -> tuple[str, ...]:
        """Return what the sockets are bound to, without our peer id."""
        found = [str(address) for listener in self._swarm.listeners.values() for address in listener.get_addrs()]
        return tuple(dict.fromkeys(address.partition("/p2p/")[0] for address in found))

    # Running.

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Gossip first, then listen, then dial; raises `UnavailableError` for an address that is taken."""
        self._swarm.register_notifee(self)
        self._host.set_stream_handler(requests.PROTOCOL, self._serve)
        async with (
            background_trio_service(self._swarm),
            background_trio_service(self._gossip),
            background_trio_service(self._gossip.router),  # type: ignore[arg-type]  # a Service by class, not by protocol
        ):
            await self._gossip.wait_until_ready()
            await self._gossip.subscribe(self._plan.topic)
            for address in self._plan.listen:
                await self._listen(address)
            async with trio.open_nursery() as nursery:
                self._nursery = nursery
                for peer_id, addresses in self._plan.known.items():
                    self._known[peer_id] = addresses
                    nursery.start_soon(self._stay_connected, peer_id, 0.0, name=f"stay connected to {peer_id}")
                try:
                    yield
                finally:
                    nursery.cancel_scope.cancel()
                    self._nursery = None
                    await self._hang_up()

    async def _hang_up(self) -> None:
        """Close every socket; libp2p's own end is cancelled before it comes to that."""
        with trio.move_on_after(_HANG_UP_S) as scope:
            scope.shield = True
            async with trio.open_nursery() as nursery:
                for connection in list(self._swarm.get_connections()):
                    nursery.start_soon(connection.close)
            await self._host.close()

    async def _listen(self, text: str) -> None:
        try:
            address = Multiaddr(text)
            port = int(str(address.value_for_protocol("tcp")))
            ip = next(str(value) for protocol, value in address.items() if protocol.name in ("ip4", "ip6"))
        except (MultiaddrError, ValueError, StopIteration, LookupError) as error:
            raise ConfigurationError(
                f"cannot listen on {text!r}: expected a multiaddress like /ip4/127.0.0.1/tcp/9000 ({error})"
            ) from error
        await _check_port_is_free(ip, port, text)
        if not await self._swarm.listen(address):
            raise UnavailableError(f"cannot listen on {text}: use another address or port for peers")

    # Events from libp2p.

    async def connected(self, network: INetwork, conn: INetConn) -> None:
        """A connection was opened, by either side."""
        peer_id = peer_id_text(conn.muxed_conn.peer_id.to_bytes())
        if self.is_banned(peer_id) and self._nursery is not None:
            self._nursery.start_soon(self.disconnect, peer_id)
            return
        self._connected.add(peer_id)
        self._tell_connected()

    async def disconnected(self, network: INetwork, conn: INetConn) -> None:
        """A connection was closed; others to the same peer may be left."""
        peer_id = peer_id_text(conn.muxed_conn.peer_id.to_bytes())
        if not any(not left.is_closed for left in self._swarm.get_connections(conn.muxed_conn.peer_id)):
            self._connected.discard(peer_id)
            self._tell_connected()

    async def opened_stream(self, network: INetwork, stream: INetStream) -> None:
        """Nothing to do."""

    async def closed_stream(self, network: INetwork, stream: INetStream) -> None:
        """Nothing to do."""

    async def listen(self, network: INetwork, multiaddr: Multiaddr) -> None:
        """Nothing to do."""

    async def listen_close(self, network: INetwork, multiaddr: Multiaddr) -> None:
        """Nothing to do."""

    def check(self, data: bytes, *, origin: str, forwarder: str) -> Awaitable[bool]:
        """Pass gossip's question on."""
        return self._events.check(data, origin=origin, forwarder=forwarder)

    def blame(self, peer_id: str, reason: str) -> None:
        """Pass gossip's complaint on."""
        self._events.blame(peer_id, reason)

    def failed(self, error: Exception) -> None:
        """Pass on what failed."""
        self._events.failed(error)

    def _tell_connected(self) -> None:
        self._changed.set()
        self._changed = trio.Event()
        self._events.connected(frozenset(self._connected))

    def _guard_streams(self) -> None:
        """Put a catch around every stream: libp2p lets a raising handler tear down the connection or the swarm."""
        handle = self._swarm.common_stream_handler

        async def guarded(stream: INetStream) -> None:
            try:
                await handle(stream)
            except Exception as error:  # noqa: BLE001 - the one catch per stream: it is reset, the host goes on
                self._events.failed(error)
                await stream.reset()

        self._swarm.set_stream_handler(guarded)

    async def _serve(self, stream: INetStream) -> None:
        peer_id = peer_id_text(stream.muxed_conn.peer_id.to_bytes())
        if self.is_banned(peer_id):
            await stream.reset()
            return
        if self._answering.total() >= _ANSWERING_MAX or self._answering[peer_id] >= _ANSWERING_PER_PEER_MAX:
            await requests.finish(stream, BUSY, _READ_S)
            return
        self._answering[peer_id] += 1
        try:
            await self._serve_one(stream, peer_id)
        finally:
            self._answering[peer_id] -= 1
            self._answering += Counter()  # forgets the peers at zero

    async def _serve_one(self, stream: INetStream, peer_id: str) -> None:
        data: bytes | None = None
        with trio.move_on_after(_READ_S):
            try:
                data = await requests.read_frame(stream)
            except (MessageTooLarge, ParseError) as error:
                self._events.blame(peer_id, f"a request that is no frame: {error}")
            except IOException:
                pass  # The asker went away before it had asked.
        reply: bytes | None = None
        if data is not None:
            with trio.move_on_after(_ANSWER_S):
                reply = await self._events.answer(data, peer_id=peer_id)
        await requests.finish(stream, reply, _READ_S)

    # Dialling.

    async def _stay_connected(self, peer_id: str, wait_s: float) -> None:
        """Dial until connected, and again whenever the connection is lost; the waits double up to a cap."""
        delay_s = _REDIAL_FIRST_S
        await trio.sleep(wait_s)
        while True:
            while peer_id in self._connected or self.is_banned(peer_id):
                delay_s = _REDIAL_FIRST_S
                with trio.move_on_after(_REDIAL_MAX_S):  # a ban ends without an event
                    await self._changed.wait()
            if not await self._dial(peer_id):
                await trio.sleep(delay_s * random.uniform(0.7, 1.3))  # noqa: S311 - spreads dials, guards nothing
                delay_s = min(delay_s * 2, _REDIAL_MAX_S)

    async def _dial(self, peer_id: str) -> bool:
        async with self._dialling.setdefault(peer_id, trio.Lock()):
            for text in self._known.get(peer_id, ()):
                if peer_id in self._connected:
                    break
                with trio.move_on_after(_DIAL_S):
                    try:
                        # Address by address: libp2p's own dialling tries one of them, and waits 250 ms at each.
                        await self._swarm.dial_addr(Multiaddr(text), ID(peer_id_bytes(peer_id)))
                    except Exception:  # noqa: BLE001, S112 - any failure to dial is the same to us: the next address
                        continue
        return peer_id in self._connected


async def _give_credit(self: YamuxStream, *, bytes_read: int = 0) -> None:
    """Give read bytes back to the sender by half windows (Yamux specification, "Flow Control").

    libp2p's own sends a frame, encrypted and alone in its packet, at nearly every read of a byte; its switch
    PY_YAMUX_RELEASE_ON_READ does not reach all of them. This one costs a third less of all time spent in libp2p.
    """
    self._pending_recv_release += bytes_read
    credit = self._pending_recv_release
    if credit < DEFAULT_WINDOW_SIZE // 2:
        return
    self._pending_recv_release = 0
    self.recv_window += credit
    await self.send_window_update(credit)


YamuxStream._auto_tune_and_send_window_update = _give_credit  # type: ignore[method-assign]  # streams are made inside


class _NoConnector(AutoConnector):
    """Dials nobody: whom we stay connected to is ours to say; libp2p's would dial whatever address it heard of."""

    async def maybe_connect(self) -> None:
        """Leave things as they are."""

    async def run_background_task(self, nursery: trio.Nursery) -> None:
        """Run nothing."""


def _make_swarm(identity: bytes) -> Swarm:
    private_key = Ed25519PrivateKey.new(identity)
    keys = KeyPair(private_key, private_key.get_public_key())
    swarm = new_swarm(
        key_pair=keys,
        # Noise and Yamux only: the default would also offer plaintext.
        sec_opt={TProtocol(NOISE_ID): Noise(keys, noise_privkey=create_new_key_pair().private_key)},
        muxer_opt={TProtocol(YAMUX_ID): Yamux},
        connection_config=ConnectionConfig(
            max_connections=_CONNECTIONS_MAX,
            high_watermark=_CONNECTIONS_MAX,
            low_watermark=0,
            min_connections=0,
            dial_timeout=_DIAL_S,
        ),
        retry_config=RetryConfig(max_retries=0),
    )
    if not isinstance(swarm, Swarm):
        raise TypeError(f"libp2p made a {type(swarm).__name__}, expected a Swarm")
    swarm.auto_connector = _NoConnector(swarm)
    return swarm


async def _check_port_is_free(ip: str, port: int, text: str) -> None:
    """Bind once without SO_REUSEPORT: libp2p sets it, and two nodes would share a port without knowing."""
    if port == 0:
        return
    family = trio.socket.AF_INET6 if ":" in ip else trio.socket.AF_INET
    with trio.socket.socket(family, trio.socket.SOCK_STREAM) as probe:
        probe.setsockopt(trio.socket.SOL_SOCKET, trio.socket.SO_REUSEADDR, 1)
        try:
            await probe.bind((ip, port))
            probe.listen(1)
        except OSError as error:
            raise UnavailableError(
                f"cannot listen on {text} for peers: {error.strerror}; stop what uses it, or configure another port"
            ) from error
