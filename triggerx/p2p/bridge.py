"""The bridge between the node's asyncio loop and trio's thread, which carries every host of the process.

Calls cross in both directions, each with cancellation; what goes wrong on trio arrives as an exception, never as
silence. Importing this module imports libp2p (more than a second): the nexus does it when it is opened.
"""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from typing import Any, Final, Protocol, TypeVar

import trio

from triggerx.core.errors import RecoverableError, TriggerxError
from triggerx.p2p.host import Host
from triggerx.p2p.settings import HostPlan

ResultT = TypeVar("ResultT")

_START_S: Final = 30.0  # a host listens within a second; a machine that swaps gets thirty
_STOP_S: Final = 10.0


class Owner(Protocol):
    """What a host asks and tells on asyncio; see `triggerx.p2p.host.HostEvents`."""

    async def check(self, data: bytes, *, origin: str, forwarder: str) -> bool:
        """Judge a gossiped announcement."""
        ...

    async def reply_to(self, data: bytes, *, peer_id: str) -> bytes | None:
        """Return the reply frame to a request, or None for silence."""
        ...

    def connected_now(self, peer_ids: frozenset[str]) -> None:
        """These are the connected peers now."""
        ...

    def blame(self, peer_id: str, reason: str) -> None:
        """Count a fault of this peer."""
        ...

    def failed(self, error: Exception) -> None:
        """One message could not be handled for a reason that is ours."""
        ...


class _TrioThread:
    """The thread; it starts with the first host and ends with the last."""

    def __init__(self) -> None:
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name="libp2p", daemon=True)
        self.hosts = 0
        self.token: trio.lowlevel.TrioToken
        self.nursery: trio.Nursery

    def start(self) -> None:
        self._thread.start()
        self._ready.wait()

    def stop(self) -> None:
        try:
            self.token.run_sync_soon(self.nursery.cancel_scope.cancel)
        except trio.RunFinishedError:
            return
        self._thread.join(_STOP_S)

    @property
    def is_alive(self) -> bool:
        return self._thread.is_alive()

    def _run(self) -> None:
        trio.run(self._main)

    async def _main(self) -> None:
        self.token = trio.lowlevel.current_trio_token()
        async with trio.open_nursery() as nursery:
            self.nursery = nursery
            self._ready.set()
            await trio.sleep_forever()


_lock = threading.Lock()
_shared: list[_TrioThread] = []


def _enter_thread() -> _TrioThread:
    with _lock:
        if not _shared or not _shared[0].is_alive:
            _shared[:] = [_TrioThread()]
            _shared[0].start()
        _shared[0].hosts += 1
        return _shared[0]


def _leave_thread(thread: _TrioThread) -> None:
    with _lock:
        thread.hosts -= 1
        if thread.hosts:
            return
        if _shared and _shared[0] is thread:
            _shared.clear()
    thread.stop()


class HostLink:
    """The asyncio end of one running host. `ended` is done when the host is; its exception says why it failed."""

    def __init__(self, thread: _TrioThread, plan: HostPlan, owner: Owner, tasks: asyncio.TaskGroup) -> None:
        self._thread = thread
        self._plan = plan
        self._owner = owner
        self._tasks = tasks
        self._loop = asyncio.get_running_loop()
        self._host: Host
        self._scope = trio.CancelScope()
        self._stop = trio.Event()
        self._is_left = False
        self._started: asyncio.Future[tuple[str, ...]] = self._loop.create_future()
        self.ended: asyncio.Future[None] = self._loop.create_future()

    @classmethod
    async def open(cls, plan: HostPlan, owner: Owner, tasks: asyncio.TaskGroup) -> "HostLink":
        """Start a host; returns when it listens. Handlers run as tasks of `tasks`."""
        thread = await asyncio.to_thread(_enter_thread)
        link = cls(thread, plan, owner, tasks)
        try:
            thread.token.run_sync_soon(link._spawn)
            async with asyncio.timeout(_START_S):
                link.addresses = await link._started
        except BaseException:
            await link.close()
            raise
        return link

    addresses: tuple[str, ...] = ()
    """What the host's sockets are bound to."""

    async def close(self) -> None:
        """Stop the host and wait until its sockets are closed; idempotent."""
        if not self.ended.done():
            # Asked to, the host hangs up in good order; cancelled, libp2p would leave its sockets open.
            self._to_trio(self._stop.set)
            await asyncio.wait({self.ended}, timeout=_STOP_S)
        if not self.ended.done():
            self._to_trio(self._scope.cancel)
            await asyncio.wait({self.ended}, timeout=_STOP_S)
        if not self._is_left:
            self._is_left = True
            await asyncio.to_thread(_leave_thread, self._thread)

    async def publish(self, data: bytes) -> None:
        """Gossip our own announcement."""
        await self._call(lambda: self._host.publish(data))

    async def ask(self, peer_id: str, body: bytes, timeout_s: float) -> bytes:
        """Send a request frame and return the reply frame; raises `PeerUnreachable` or `PeerSilentError`."""
        return await self._call(lambda: self._host.ask(peer_id, body, timeout_s))

    def learn(self, peer_id: str, addresses: tuple[str, ...]) -> None:
        """Note where a peer can be dialled."""
        self._to_trio(lambda: self._host.learn(peer_id, addresses))

    async def ban(self, peer_id: str, duration_s: float) -> None:
        """Disconnect a peer and take nothing from it for a while."""
        await self._call(lambda: self._host.ban(peer_id, duration_s))

    async def disconnect(self, peer_id: str) -> None:
        """Close every connection to this peer; it is dialled again."""
        await self._call(lambda: self._host.disconnect(peer_id))

    # On trio.

    def _spawn(self) -> None:
        self._thread.nursery.start_soon(self._run, name="libp2p host")

    async def _run(self) -> None:
        error: BaseException | None = None
        try:
            with self._scope:
                self._host = Host(self._plan, _Crossing(self))
                async with self._host.running():
                    self._to_asyncio(_set_result, self._started, self._host.addresses())
                    await self._stop.wait()
        except Exception as raised:  # noqa: BLE001 - handed over to the owner, whole; the other hosts live on
            error = _sole(raised)
        finally:
            self._to_asyncio(self._finish, error)

    def _finish(self, error: BaseException | None) -> None:
        if error is not None and not isinstance(error, TriggerxError):
            failure = RecoverableError(f"libp2p failed: {error!r}")
            failure.__cause__ = error
            error = failure
        ended = error or RecoverableError("the peer network is closed")
        if not self._started.done():
            self._started.set_exception(ended)
        if not self.ended.done():
            if error is None:
                self.ended.set_result(None)
            else:
                self.ended.set_exception(error)
                self.ended.exception()  # taken note of, also when nobody waits for it

    # Crossing.

    async def _call(self, function: Callable[[], Awaitable[ResultT]]) -> ResultT:
        """Run an async function on trio and return what it returns; cancelled here, it is cancelled there."""
        future: asyncio.Future[ResultT] = self._loop.create_future()
        scope = trio.CancelScope()

        async def run() -> None:
            try:
                with scope:
                    result = await function()
                    self._to_asyncio(_set_result, future, result)
                if scope.cancelled_caught:
                    self._to_asyncio(_set_exception, future, RecoverableError("the peer network is closed"))
            except Exception as error:  # noqa: BLE001 - handed over to the caller, whole
                self._to_asyncio(_set_exception, future, error)

        self._to_trio(lambda: self._thread.nursery.start_soon(run))
        waits: set[asyncio.Future[Any]] = {future, self.ended}
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            if not future.done():
                raise RecoverableError("the peer network stopped")
            return future.result()
        finally:
            if not future.done():
                self._to_trio(scope.cancel)
                future.cancel()

    async def _cross(self, function: Callable[[], Awaitable[ResultT]], name: str) -> ResultT:
        """Run an async function on asyncio, from trio, and return what it returns; cancellation crosses too."""
        done = trio.Event()
        outcome: list[ResultT] = []
        running: list[asyncio.Task[None]] = []

        async def run() -> None:
            try:
                outcome.append(await function())
            finally:
                self._to_trio(done.set)

        def spawn() -> None:
            work = run()
            try:
                running.append(self._tasks.create_task(work, name=name))
            except RuntimeError:  # the nexus is closing: nobody judges or answers any more
                work.close()
                self._to_trio(done.set)

        self._to_asyncio(spawn)
        try:
            await done.wait()
        except trio.Cancelled:
            self._to_asyncio(lambda: running and running[0].cancel())
            raise
        if not outcome:
            raise RecoverableError(f"{name} ended without a result")
        return outcome[0]

    def _to_trio(self, function: Callable[[], object]) -> None:
        try:
            self._thread.token.run_sync_soon(function)
        except trio.RunFinishedError:
            self._finish(RecoverableError("the libp2p thread has ended"))

    def _to_asyncio(self, function: Callable[..., object], *args: object) -> None:
        try:
            self._loop.call_soon_threadsafe(function, *args)
        except RuntimeError:
            return  # The loop is closed: whoever waited there is gone.


class _Crossing:
    """A host's events, carried from trio to the owner on asyncio."""

    def __init__(self, link: HostLink) -> None:
        self._link = link
        self._owner = link._owner

    async def check(self, data: bytes, *, origin: str, forwarder: str) -> bool:
        return await self._link._cross(
            lambda: self._owner.check(data, origin=origin, forwarder=forwarder), "peers: check an announcement"
        )

    async def answer(self, data: bytes, *, peer_id: str) -> bytes | None:
        return await self._link._cross(lambda: self._owner.reply_to(data, peer_id=peer_id), "peers: answer a request")

    def connected(self, peer_ids: frozenset[str]) -> None:
        self._link._to_asyncio(self._owner.connected_now, peer_ids)

    def blame(self, peer_id: str, reason: str) -> None:
        self._link._to_asyncio(self._owner.blame, peer_id, reason)

    def failed(self, error: Exception) -> None:
        self._link._to_asyncio(self._owner.failed, error)


def _set_result(future: "asyncio.Future[Any]", result: object) -> None:
    if not future.done():
        future.set_result(result)


def _set_exception(future: "asyncio.Future[Any]", error: BaseException) -> None:
    if not future.done():
        future.set_exception(error)


def _sole(error: BaseException) -> BaseException:
    """Unwrap groups that hold one exception: nurseries wrap each in one of theirs."""
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error
