"""What the relay over Postgres promises beyond the port: between processes, and when Postgres is away."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import asyncpg  # type: ignore[import-untyped]  # ships no types
import pytest

from tests.fakes.clock import VirtualClock
from tests.fakes.log import RecordingLog
from tests.postgres import PostgresServer
from triggerx.bus.codec import EVENT_BYTES_MAX
from triggerx.bus.local import QUEUE_EVENTS_MAX
from triggerx.bus.postgres import (
    APPLICATION,
    CHANNEL,
    HEARTBEAT_S,
    NOTIFICATION_BYTES_MAX,
    UNSENT_EVENTS_MAX,
    PostgresBus,
    postgres_bus,
)
from triggerx.core.errors import UnavailableError
from triggerx.core.job import JobId
from triggerx.events import DocumentAnnounced, JobChanged, JobCreated
from triggerx.evm.types import Hash32
from triggerx.node.clock import SystemChance, SystemClock

TIMEOUT_S = 30
HASH = Hash32(bytes(32))


@pytest.fixture
async def url(postgres_server: PostgresServer) -> str:
    return await postgres_server.new_database(is_empty=True)


def bus_at(url: str, log: RecordingLog | None = None) -> AbstractAsyncContextManager[PostgresBus]:
    """One process's bus."""
    return postgres_bus(url, log=log or RecordingLog(), clock=SystemClock(), chance=SystemChance())


@asynccontextmanager
async def outsider(url: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection of somebody else to the same database."""
    connection = await asyncpg.connect(url)
    try:
        yield connection
    finally:
        await connection.close()


@asynccontextmanager
async def payloads(url: str) -> AsyncIterator["asyncio.Queue[str]"]:
    """What goes over the channel."""
    heard: asyncio.Queue[str] = asyncio.Queue()
    async with outsider(url) as connection:
        await connection.add_listener(CHANNEL, lambda *notification: heard.put_nowait(notification[3]))
        yield heard


async def notify(url: str, *texts: str) -> None:
    async with outsider(url) as connection:
        for text in texts:
            await connection.execute("SELECT pg_notify($1, $2)", CHANNEL, text)


def created(number: int) -> JobCreated:
    return JobCreated(JobId(number))


async def until_heard(publisher: PostgresBus, hearer: PostgresBus) -> None:
    """Publish until the other process hears it: what falls into a reconnect is lost, as it may be."""
    async with asyncio.timeout(TIMEOUT_S), hearer.subscribe(JobChanged) as changed:
        heard = asyncio.ensure_future(anext(changed))
        while not heard.done():
            await publisher.publish(JobChanged(JobId(1)))
            await asyncio.wait({heard}, timeout=0.05)


async def test_own_event_when_it_comes_back_from_the_server_then_it_is_not_heard_again(url: str) -> None:
    async with (
        bus_at(url) as here,
        bus_at(url) as there,
        here.subscribe(JobCreated) as at_here,
        there.subscribe(JobCreated) as at_there,
    ):
        await here.publish(created(1))
        assert await anext(at_there) == created(1)
        await there.publish(created(2))
        assert [await anext(at_here), await anext(at_here)] == [created(1), created(2)]


async def test_events_when_another_database_publishes_them_then_they_are_not_heard(
    url: str, postgres_server: PostgresServer
) -> None:
    other = await postgres_server.new_database(is_empty=True)
    async with (
        bus_at(url) as here,
        bus_at(url) as there,
        bus_at(other) as stranger,
        here.subscribe(JobCreated) as heard,
    ):
        await stranger.publish(created(1))
        await there.publish(created(2))
        assert await anext(heard) == created(2)


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        ("", "payload: is not JSON"),
        ("[" * 7000, "payload: is not JSON"),
        ("7", "payload: expected the sender's tag and its events"),
        ('["stranger"]', "payload: expected the sender's tag and its events"),
        ('["stranger",[7]]', "event: expected an array of texts, the type's name first"),
        ('["stranger",[["JobCreated","seven"]]]', "JobCreated.job_id: expected a decimal number of at most 256 bits"),
    ],
)
async def test_notification_when_it_cannot_be_read_then_it_is_logged_and_the_next_is_heard(
    url: str, payload: str, reason: str
) -> None:
    log = RecordingLog()
    async with bus_at(url, log) as bus, bus.subscribe(JobCreated) as heard:
        await notify(url, payload, '["stranger",[["JobCreated","7"]]]')
        assert await anext(heard) == created(7)
    (record,) = [record for record in log.records if record.level == "warning"]
    assert record.fields["reason"] == reason


async def test_event_when_a_newer_version_knows_it_then_it_is_passed_over_and_the_rest_is_heard(url: str) -> None:
    log = RecordingLog()
    async with bus_at(url, log) as bus, bus.subscribe(JobCreated) as heard:
        await notify(url, '["newer",[["JobForgotten","7","8"],["JobCreated","7"]]]')
        assert await anext(heard) == created(7)
    assert log.events("warning") == []


async def test_event_when_it_is_too_long_then_it_stays_in_its_process_and_the_log_says_so(url: str) -> None:
    log = RecordingLog()
    long = DocumentAnnounced(HASH, "c" * EVENT_BYTES_MAX)
    async with (
        bus_at(url, log) as here,
        bus_at(url) as there,
        here.subscribe(DocumentAnnounced) as at_here,
        there.subscribe(DocumentAnnounced, JobCreated) as at_there,
    ):
        await here.publish(long)
        await here.publish(created(1))
        assert await anext(at_here) == long
        assert await anext(at_there) == created(1)
    assert log.events("error") == ["event stays in this process"]


async def test_events_when_many_wait_then_they_travel_in_few_notifications_of_bounded_size(url: str) -> None:
    events = [DocumentAnnounced(HASH, f"{number:0900}") for number in range(100)]
    async with bus_at(url) as here, bus_at(url) as there, payloads(url) as heard:
        async with there.subscribe(DocumentAnnounced) as at_there:
            for event in events:
                await here.publish(event)
            assert [await anext(at_there) for _ in events] == events
        sizes = [len(heard.get_nowait()) for _ in range(heard.qsize())]
    assert max(sizes) <= NOTIFICATION_BYTES_MAX
    assert len(sizes) <= 20


async def test_relay_when_the_server_ends_its_connections_then_it_connects_again_and_says_so(url: str) -> None:
    log = RecordingLog()
    async with bus_at(url, log) as here, bus_at(url) as there:
        async with outsider(url) as connection:
            query = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = $1"
            assert await connection.fetchval(f"{query} AND datname = current_database()", APPLICATION) == 2
        await until_heard(here, there)
        await until_heard(there, here)
    said = [event for event in log.events() if event.startswith("other processes")]
    assert said == ["other processes are not woken until Postgres is back", "other processes are woken again"]


async def test_publisher_when_the_relay_is_not_connected_then_it_goes_on_and_the_newest_travel_later(url: str) -> None:
    log = RecordingLog()
    away = PostgresBus(url, log=log, clock=SystemClock(), chance=SystemChance(), queue_events_max=2 * UNSENT_EVENTS_MAX)
    async with away.subscribe(JobCreated) as at_home, bus_at(url) as there, there.subscribe(JobCreated) as at_there:
        for number in range(UNSENT_EVENTS_MAX + 9):
            await away.publish(created(number))
        assert await anext(at_home) == created(0)
        assert log.events("warning") == ["events for other processes are dropped"]
        relaying = asyncio.ensure_future(away.run(await away.connect()))
        heard = [await anext(at_there) for _ in range(QUEUE_EVENTS_MAX)]
        assert heard == [created(number) for number in range(9, UNSENT_EVENTS_MAX + 9)]
        relaying.cancel()
        await asyncio.wait({relaying})
        await away.disconnect()


async def test_relay_when_nothing_is_published_then_it_notifies_at_every_heartbeat(url: str) -> None:
    clock = VirtualClock()
    async with payloads(url) as heard, postgres_bus(url, log=RecordingLog(), clock=clock, chance=SystemChance()):
        while heard.qsize() < 2:
            await clock.advance(HEARTBEAT_S)
        assert {heard.get_nowait()[-4:] for _ in range(2)} == {",[]]"}


async def test_bus_when_no_server_answers_then_the_key_to_change_is_named(tmp_path: object) -> None:
    with pytest.raises(UnavailableError, match=r"store\.url: the Postgres server does not give the node"):
        async with bus_at(f"postgresql://nobody@/nowhere?host={tmp_path}"):
            pass


async def test_bus_when_its_user_fails_then_the_error_comes_out_as_it_is_and_no_connection_is_left(url: str) -> None:
    with pytest.raises(KeyError, match="odd"):
        async with bus_at(url):
            raise KeyError("odd")
    async with outsider(url) as connection:
        query = "SELECT count(*) FROM pg_stat_activity WHERE application_name = $1 AND datname = current_database()"
        assert await connection.fetchval(query, APPLICATION) == 0
