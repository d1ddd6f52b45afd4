"""The bus between processes on one Postgres database: the local bus, and a relay of its events by LISTEN/NOTIFY.

An event is handed to this process's subscribers at once, and to the others' in notifications that carry type and ids.
Nothing is stored: what is published while a process is not connected it never hears, and its loops find it at their
next poll. LISTEN belongs to a session, so the URL must lead to the server itself or to a pooler in session mode.
"""

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from typing import Any, Final, NoReturn, TypeVar

import asyncpg  # type: ignore[import-untyped]  # ships no types; what is used of it is small

from triggerx.bus.codec import decode_event, encode_event
from triggerx.bus.local import QUEUE_EVENTS_MAX, LocalBus
from triggerx.core.errors import InvalidInput, UnavailableError
from triggerx.events import Event
from triggerx.ports.clock import Chance, Clock
from triggerx.ports.log import Log

EventT = TypeVar("EventT", bound=Event)

CHANNEL: Final = "triggerx_events"
NOTIFICATION_BYTES_MAX: Final = 7_900
"""Postgres refuses payloads from 8,000 bytes on (`NOTIFY`)."""
UNSENT_EVENTS_MAX: Final = 1_024
"""Events that wait for the connection: what a busy node says in the seconds of a reconnect; the oldest go first."""
HEARTBEAT_S: Final = 15.0
"""An empty notification at least this often: a connection that died without a word is noticed by it."""
ANSWER_SECONDS_MAX: Final = 10.0
BACKOFF_FIRST_S: Final = 0.5
BACKOFF_MOST_S: Final = 15.0
CLOSE_SECONDS_MAX: Final = 2.0
APPLICATION: Final = "triggerx bus"

_TAG_BYTES: Final = 8  # tells a process's own notifications from the others'
_LOST: Final = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError, TimeoutError)


class PostgresBus:
    """Implements `ports.bus.Bus` over every process that opened one on the same database; made by `postgres_bus`.

    Publishing never waits for Postgres. A notification that cannot be read is logged and costs nothing else: whoever
    may connect to the database can write some.
    """

    def __init__(self, url: str, *, log: Log, clock: Clock, chance: Chance, queue_events_max: int) -> None:
        self._url = url
        self._log = log.bind(part="bus")
        self._clock = clock
        self._chance = chance
        self._local = LocalBus(log, queue_events_max=queue_events_max)
        self._tag = chance.token_bytes(_TAG_BYTES).hex()
        self._unsent: deque[str] = deque(maxlen=UNSENT_EVENTS_MAX)
        self._called = asyncio.Event()
        self._is_dropping = False
        self._connection: asyncpg.Connection | None = None

    async def publish(self, event: Event) -> None:
        """Hand the event to this process's subscribers, and queue it for the other processes."""
        await self._local.publish(event)
        try:
            text = encode_event(event)
        except InvalidInput as error:
            self._log.error("event stays in this process", reason=str(error))
            return
        if len(self._unsent) == UNSENT_EVENTS_MAX and not self._is_dropping:
            self._is_dropping = True
            self._log.warning("events for other processes are dropped", waiting=UNSENT_EVENTS_MAX)
        self._unsent.append(text)
        self._called.set()

    def subscribe(self, *types: type[EventT]) -> AbstractAsyncContextManager[AsyncIterator[EventT]]:
        """Hear every event of these types that any process publishes while the context is open."""
        return self._local.subscribe(*types)

    async def connect(self) -> asyncpg.Connection:
        """Begin to listen, over this connection; raises what `_LOST` holds."""
        self._connection = connection = await asyncpg.connect(
            self._url,
            timeout=ANSWER_SECONDS_MAX,
            command_timeout=ANSWER_SECONDS_MAX,
            server_settings={"application_name": APPLICATION},
        )
        connection.add_termination_listener(self._ended)
        await connection.add_listener(CHANNEL, self._heard)
        return connection

    async def disconnect(self) -> None:
        """End the connection, politely where the server still answers."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(*_LOST):
                await connection.close(timeout=CLOSE_SECONDS_MAX)

    async def run(self, connection: asyncpg.Connection) -> NoReturn:
        """Relay over this connection, and over new ones when it is lost, for ever."""
        while True:
            try:
                await self._relay(connection)
            except _LOST as error:
                self._log.warning("other processes are not woken until Postgres is back", error=_described(error))
            connection = await self._connect_again()
            self._log.info("other processes are woken again")

    async def _relay(self, connection: asyncpg.Connection) -> NoReturn:
        while True:
            self._called.clear()
            while payload := self._next_payload():
                await _notify(connection, payload)
            await self._until_called()
            if connection.is_closed():
                raise ConnectionResetError("the server ended the connection")
            if not self._unsent:
                await _notify(connection, self._payload([]))

    async def _until_called(self) -> None:
        """Wait for an event to send, the end of the connection, or the next heartbeat."""
        heartbeat = asyncio.create_task(self._clock.sleep(HEARTBEAT_S), name="bus heartbeat")
        called = asyncio.create_task(self._called.wait(), name="bus called")
        try:
            await asyncio.wait({heartbeat, called}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            heartbeat.cancel()
            called.cancel()

    async def _connect_again(self) -> asyncpg.Connection:
        wait_s = BACKOFF_FIRST_S
        while True:
            await self.disconnect()
            await self._clock.sleep(self._chance.uniform(wait_s / 2, wait_s))
            try:
                return await self.connect()
            except _LOST as error:
                self._log.debug("Postgres is not back yet", error=_described(error))
            wait_s = min(2 * wait_s, BACKOFF_MOST_S)

    def _next_payload(self) -> str:
        """Take as many events as one notification holds, in order; empty when none waits."""
        events: list[str] = []
        size = len(self._payload([]))
        while self._unsent and size + len(self._unsent[0]) + 1 <= NOTIFICATION_BYTES_MAX:
            size += len(self._unsent[0]) + 1
            events.append(self._unsent.popleft())
        self._is_dropping = False
        return self._payload(events) if events else ""

    def _payload(self, events: list[str]) -> str:
        return f'["{self._tag}",[{",".join(events)}]]'

    def _ended(self, _connection: object) -> None:
        self._called.set()

    def _heard(self, _connection: object, _pid: int, _channel: str, payload: str) -> None:
        """Hand what another process published to this one's subscribers."""
        try:
            tag, events = _read(payload)
        except InvalidInput as error:
            self._log.warning("notification is not ours", channel=CHANNEL, reason=str(error))
            return
        if tag != self._tag:
            for raw in events:
                self._deliver(raw)

    def _deliver(self, raw: object) -> None:
        try:
            event = decode_event(raw)
        except InvalidInput as error:
            self._log.warning("event of another process is malformed", reason=str(error))
            return
        if event is not None:
            self._local.deliver(event)
            self._log.debug("event of another process", type=type(event).__name__)


@asynccontextmanager
async def postgres_bus(
    url: str, *, log: Log, clock: Clock, chance: Chance, queue_events_max: int = QUEUE_EVENTS_MAX
) -> AsyncIterator[PostgresBus]:
    """Relay while the context is open; it is entered when this process hears the others.

    Raises `UnavailableError` when the server does not let it listen.
    """
    bus = PostgresBus(url, log=log, clock=clock, chance=chance, queue_events_max=queue_events_max)
    try:
        try:
            connection = await bus.connect()
        except _LOST as error:
            raise UnavailableError(
                "store.url: the Postgres server does not give the node one more connection, for its notifications: "
                f"start it, or raise its max_connections ({_described(error)})"
            ) from error
        async with asyncio.TaskGroup() as group:
            relaying = group.create_task(bus.run(connection), name="bus relay")
            try:
                yield bus
            finally:
                relaying.cancel()
    except BaseExceptionGroup as group:
        raise _sole(group) from group
    finally:
        await bus.disconnect()


async def _notify(connection: asyncpg.Connection, payload: str) -> None:
    await connection.execute("SELECT pg_notify($1, $2)", CHANNEL, payload)


def _read(payload: str) -> tuple[str, list[object]]:
    try:
        raw: Any = json.loads(payload)
    except (ValueError, RecursionError) as error:
        raise InvalidInput("payload", "is not JSON") from error
    match raw:
        case [str(tag), list(events)]:
            return tag, events
    raise InvalidInput("payload", "expected the sender's tag and its events")


def _sole(error: BaseException) -> BaseException:
    """Unwrap the relay's task group, so that who uses the bus meets the error itself."""
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error


def _described(error: BaseException) -> str:
    return str(error) or type(error).__name__
