"""The nexus: this node in the peer network, at the level of messages (`ports.peers.Peers`), on asyncio.

Everything that leaves is signed, everything that enters was judged; what gossip loses, pulls bring. libp2p is imported
when the nexus is opened, not before.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import replace
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

from triggerx.core.errors import InvalidInput, RecoverableError, UnavailableError, UnrecoverableError
from triggerx.core.messages import (
    Announcement,
    Announcements,
    AssignTasks,
    CheckedIn,
    Document,
    FetchDocument,
    Heard,
    Message,
    PullAnnouncements,
    Reply,
    Request,
    TaskAnswers,
)
from triggerx.evm.keccak import keccak256
from triggerx.evm.types import Address
from triggerx.p2p.conduct import BAN_S, Conduct, Quiet
from triggerx.p2p.identity import peer_id_of
from triggerx.p2p.inbound import ANSWERED, REFUSED, Inbound
from triggerx.p2p.judge import Judge, Refused
from triggerx.p2p.peer_book import Contact, PeerBook
from triggerx.p2p.pulls import Pulls
from triggerx.p2p.recorder import Recorded, Recorder
from triggerx.p2p.sealer import Sealer
from triggerx.p2p.services import PeersServices
from triggerx.p2p.settings import REFUSAL_CHARACTERS_MAX, HostPlan, PeersSettings, split_address, topic_of
from triggerx.p2p.subscriptions import Subscriptions
from triggerx.ports.peers import PeerRefusedError, PeerSilentError, PeerUnreachable
from triggerx.wire import limits
from triggerx.wire.seal import Opened, open_envelope

if TYPE_CHECKING:
    from triggerx.p2p.bridge import HostLink

AnnouncementT = TypeVar("AnnouncementT", bound=Announcement)
RequestT = TypeVar("RequestT", bound=Request)

_KEPT_MAX: Final = 4096  # announcements heard again after a start: minutes at the network's highest rate
_SWEEP_EVERY_S: Final = 30.0
_RESTARTS_MAX: Final = 5
_RESTART_WINDOW_S: Final = 600.0
_RESTART_DELAY_S: Final = 1.0
_REPLY_TYPES: Final[dict[type[Message], type[Message]]] = {
    AssignTasks: TaskAnswers,
    FetchDocument: Document,
    PullAnnouncements: Announcements,
}


class Nexus:
    """Implements `ports.peers.Peers`; made by `open_peers`."""

    peer_id: str
    addresses: tuple[str, ...]

    def __init__(self, settings: PeersSettings, services: PeersServices, tasks: asyncio.TaskGroup) -> None:
        self.peer_id = peer_id_of(settings.identity)
        self.addresses: tuple[str, ...] = ()
        self._settings = settings
        self._services = services
        self._log = services.log
        self._tasks = tasks
        self._judge = Judge(services, self.blame)
        self._conduct = Conduct(services.clock)
        self._quiet = Quiet(services.clock)
        self._book = PeerBook(settings.book_path, self._log)
        self._recorder = Recorder(services, self.peer_id, self._deliver)
        self._sealer = Sealer(services, self.peer_id)
        self._inbound = Inbound(services, self._judge, self._recorder, self._sealer)
        self._pulls = Pulls(services, self, self._take_pulled)
        self._subscriptions = Subscriptions()
        self._connected: frozenset[str] = frozenset()
        self._link: HostLink | None = None
        self._is_leaving = False
        self.answer(PullAnnouncements, self._pulls.give)

    # The port.

    async def announce(self, message: Announcement, *, lifetime_s: int) -> None:
        """Sign, gossip, keep, and hear it here too; returns when it is durable."""
        envelope = self._sealer.seal(message, lifetime_s=lifetime_s)
        opened = open_envelope(envelope, domain=self._services.domain(), now=self._services.clock.now())
        digest = keccak256(envelope)
        self._inbound.know(digest)
        done = asyncio.get_running_loop().create_future()
        await self._recorder.put(Recorded(envelope=envelope, digest=digest, opened=opened, done=done))
        # Gossip need not wait for the disk: what a crash loses in between nobody relied on yet.
        await self._publish(envelope)
        await done

    @asynccontextmanager
    async def announcements(self, *types: type[AnnouncementT]) -> AsyncIterator[AsyncIterator[Heard[AnnouncementT]]]:
        """Hear what is kept and still valid first, then what comes; see the port."""
        with self._subscriptions.open(types) as subscription:
            for recorded in await self._kept():
                subscription.give(recorded.digest, recorded.heard())
            subscription.is_caught_up()
            yield aiter(subscription)

    async def ask(self, peer_id: str, request: Request, *, timeout_s: float) -> Reply:
        """Send one request; raises `PeerUnreachable` (`PeerRefusedError` among them) or `PeerSilentError`."""
        kind = type(request).__name__
        if self._services.signer is None:
            raise PeerUnreachable(f"peer {peer_id} is not asked for {kind}: this node has no key to sign requests with")
        # The request outlives its deadline by what two clocks may differ.
        envelope = self._sealer.seal(request, lifetime_s=int(timeout_s) + limits.CLOCK_SKEW_S + 1)
        if self._link is None:
            raise PeerUnreachable(f"peer {peer_id} is not asked for {kind}: the peer network is restarting")
        frame = await self._link.ask(peer_id, envelope, timeout_s)
        if frame[:1] == REFUSED:
            reason = frame[1 : 1 + REFUSAL_CHARACTERS_MAX * 4].decode(errors="replace")
            raise PeerRefusedError(f"peer {peer_id} refused {kind}: {reason}")
        if frame[:1] != ANSWERED:
            self.blame(peer_id, f"answered {kind} by a frame that begins with neither 0 nor 1")
            raise PeerSilentError(f"peer {peer_id} gave an invalid reply to {kind}")
        try:
            opened = await self._judge.reply(frame[1:], peer_id=peer_id)
        except Refused as error:
            raise PeerSilentError(f"peer {peer_id} gave an invalid reply to {kind}: {error}") from error
        if not isinstance(opened.message, _REPLY_TYPES[type(request)]):
            self.blame(peer_id, f"answered {kind} by {type(opened.message).__name__}")
            raise PeerSilentError(f"peer {peer_id} answered {kind} by {type(opened.message).__name__}")
        return cast("Reply", opened.message)

    def answer(self, request_type: type[RequestT], handler: Callable[[Heard[RequestT]], Awaitable[Reply]]) -> None:
        """Answer requests of this type from now on; a later handler replaces an earlier one."""
        self._inbound.handlers[request_type] = handler

    async def locate(self, operator: Address) -> str | None:
        """Return the peer id of the operator's last valid check-in."""
        contact = self._book.find(operator)
        return None if contact is None else contact.peer_id

    def connected(self) -> frozenset[str]:
        """Return the ids of the peers that are connected now."""
        return self._connected

    async def disconnect(self, peer_id: str) -> None:
        """End every connection to a peer; it is dialled anew."""
        if self._link is not None:
            await self._link.disconnect(peer_id)

    # Running; used by `open_peers`.

    async def start(self) -> None:
        """Remember, then join."""
        self._book.load()
        for recorded in await self._kept():
            self._inbound.know(recorded.digest)
            self._note_check_in(recorded.opened)
        await self._join(self._settings.listen)
        self._tasks.create_task(self._recorder.run(), name="peers: record announcements")
        self._tasks.create_task(self._keep_joined(), name="peers: keep the host running")
        self._tasks.create_task(self._pulls.run(), name="peers: pull announcements")
        self._tasks.create_task(self._sweep(), name="peers: forget what has expired")
        self._tasks.create_task(self._keep_book(), name="peers: keep the book")
        self._log.info("peers can reach this node", addresses=" ".join(self.addresses), peer_id=self.peer_id)

    async def stop(self) -> None:
        """Leave the network; every socket is closed afterwards."""
        self._is_leaving = True
        self._subscriptions.fail(RecoverableError("the peer network is closed"))
        self._book.save()
        if self._link is not None:
            await self._link.close()

    async def _join(self, listen: tuple[str, ...]) -> None:
        plan = HostPlan(
            identity=self._settings.identity,
            listen=listen,
            topic=topic_of(self._services.network),
            known=self._whom_to_dial(),
        )
        bridge = cast("Any", await asyncio.to_thread(import_module, "triggerx.p2p.bridge"))
        self._link = link = cast("HostLink", await bridge.HostLink.open(plan, self, self._tasks))
        announced = self._settings.announce or tuple(a for a in link.addresses if not _is_unspecified(a))
        self.addresses = tuple(f"{address}/p2p/{self.peer_id}" for address in announced)
        if not self.addresses:
            self._log.warning("nobody can dial this node: set the address to announce", listen=" ".join(listen))

    def _whom_to_dial(self) -> dict[str, tuple[str, ...]]:
        known: dict[str, tuple[str, ...]] = {contact.peer_id: contact.addresses for contact in self._book}
        for text in (*self._settings.bootstrap, *self._services.network.bootstrap):
            peer_id, address = split_address(text)
            known[peer_id] = (*known.get(peer_id, ()), address)
        known.pop(self.peer_id, None)
        return known

    async def _keep_joined(self) -> None:
        """Start the host again when it fails, at the same addresses; too often is beyond us."""
        failures: deque[float] = deque(maxlen=_RESTARTS_MAX)
        listen = self._settings.listen
        while self._link is not None:
            listen = self._link.addresses or listen
            await asyncio.wait({self._link.ended})
            if self._is_leaving:
                return
            await self._link.close()
            self.connected_now(frozenset())
            await self._join_again(listen, failures, self._link.ended.exception())

    async def _join_again(
        self, listen: tuple[str, ...], failures: "deque[float]", failure: BaseException | None
    ) -> None:
        while True:
            now = self._services.clock.monotonic()
            failures.append(now)
            if len(failures) == _RESTARTS_MAX and now - failures[0] < _RESTART_WINDOW_S:
                raise UnrecoverableError(f"libp2p failed {_RESTARTS_MAX} times in ten minutes: {failure}") from failure
            self._log.error("libp2p failed and is restarted", error=repr(failure))
            await self._services.clock.sleep(_RESTART_DELAY_S)
            try:
                await self._join(listen)
            except (RecoverableError, UnavailableError) as error:
                failure = error
            else:
                return

    async def _keep_book(self) -> None:
        """Write the book when there is news, one save after the other."""
        while True:
            await self._book.news.wait()
            self._book.news.clear()
            await asyncio.to_thread(self._book.save)

    async def _sweep(self) -> None:
        while True:
            await self._services.clock.sleep(_SWEEP_EVERY_S)
            self._book.news.set()  # also who is merely still there is written now and then
            try:
                await self._services.store.messages.forget_expired(now=self._services.clock.now())
            except RecoverableError as error:
                self._log.warning("expired messages are not forgotten yet", error=str(error))

    # What the host asks and tells (`bridge.Owner`).

    async def check(self, data: bytes, *, origin: str, forwarder: str) -> bool:
        """Judge a gossiped announcement; True lets it travel on."""
        return await self._inbound.take(data, forwarder=forwarder, origin=origin)

    async def reply_to(self, data: bytes, *, peer_id: str) -> bytes | None:
        """Return the reply frame to a request."""
        return await self._inbound.reply_to(data, peer_id=peer_id)

    def connected_now(self, peer_ids: frozenset[str]) -> None:
        """Pull from every peer that is new."""
        new = peer_ids - self._connected
        for peer_id in self._connected - peer_ids:
            self._pulls.forget(peer_id)
        self._connected = peer_ids
        for peer_id in new:
            self._log.debug("peer connected", peer_id=peer_id, count=len(peer_ids))
            self._spawn(self._pulls.pull(peer_id), "peers: pull from a new peer")

    def blame(self, peer_id: str, reason: str, weight: float = 1.0) -> None:
        """Count a fault; one too many costs the connection for a while."""
        if weight >= 1 and self._quiet.may_say(f"fault {peer_id}"):
            self._log.warning("peer is at fault", peer_id=peer_id, reason=reason)
        if self._conduct.count(peer_id, weight) and self._link is not None:
            self._log.warning("peer is banned for a while", peer_id=peer_id, duration_s=BAN_S, reason=reason)
            self._spawn(self._ban(peer_id), "peers: ban a peer")

    def failed(self, error: Exception) -> None:
        """Say that one message or stream could not be handled on the libp2p side."""
        if self._quiet.may_say(f"failed {type(error).__name__}"):
            self._log.warning("a message or stream of a peer failed", error=repr(error))

    # Announcements.

    async def _take_pulled(self, envelope: bytes, peer_id: str) -> bool:
        return await self._inbound.take(envelope, forwarder=peer_id, origin=None)

    def _deliver(self, recorded: Recorded) -> None:
        self._note_check_in(recorded.opened)
        self._subscriptions.give(recorded.digest, recorded.heard())

    def _note_check_in(self, opened: Opened) -> None:
        message = opened.message
        if not isinstance(message, CheckedIn):
            return
        addresses = tuple(address.partition("/p2p/")[0] for address in message.addresses)
        contact = Contact(
            operator=opened.sender, peer_id=opened.peer_id, addresses=addresses, issued_at=opened.issued_at
        )
        if self._book.note(contact) and self._link is not None and opened.peer_id != self.peer_id:
            self._link.learn(opened.peer_id, addresses)

    async def _kept(self) -> list[Recorded]:
        """Return the kept announcements, oldest first."""
        now = self._services.clock.now()
        found = []
        for count, stored in enumerate(reversed(await self._services.store.messages.kept(now=now, limit=_KEPT_MAX))):
            if count % 64 == 0:
                await asyncio.sleep(0)  # opening takes 60 µs each: others go on in between
            try:
                opened = open_envelope(stored.envelope, domain=self._services.domain(), now=now)
            except InvalidInput as error:
                self._log.debug("a kept announcement is not valid any more", reason=str(error))
                continue
            found.append(Recorded(envelope=stored.envelope, digest=keccak256(stored.envelope), opened=opened))
        return found

    async def _publish(self, envelope: bytes) -> None:
        if self._link is None:
            return
        try:
            await self._link.publish(envelope)
        except RecoverableError as error:
            self._log.warning("announcement is not gossiped, others will pull it", error=str(error))

    async def _ban(self, peer_id: str) -> None:
        if self._link is None:
            return
        try:
            await self._link.ban(peer_id, BAN_S)
        except RecoverableError as error:
            self._log.warning("peer could not be banned", peer_id=peer_id, error=str(error))

    def _spawn(self, work: Coroutine[object, object, None], name: str) -> None:
        try:
            self._tasks.create_task(work, name=name)
        except RuntimeError:
            work.close()  # the nexus is closing


@asynccontextmanager
async def open_peers(settings: PeersSettings, services: PeersServices) -> AsyncIterator[Nexus]:
    """Join the peer network for as long as the context lasts.

    Raises `ConfigurationError` or `UnavailableError` when that cannot be; `UnrecoverableError` ends the context from
    within when libp2p keeps failing.
    """
    services = replace(services, log=services.log.bind(part="peers"))
    try:
        async with asyncio.TaskGroup() as tasks:
            nexus = Nexus(settings, services, tasks)
            try:
                await nexus.start()
                yield nexus
            finally:
                await nexus.stop()
            raise _Left  # ends the tasks that run for ever
    except BaseExceptionGroup as group:
        failures = group.split(_Left)[1]
        if failures is not None:
            raise _sole(failures) from failures


class _Left(Exception):
    """The context has ended as it should."""


def _sole(error: BaseException) -> BaseException:
    """Unwrap groups that hold one exception, so that the caller meets the error itself."""
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error


def _is_unspecified(address: str) -> bool:
    return address.startswith(("/ip4/0.0.0.0/", "/ip6/::/"))
