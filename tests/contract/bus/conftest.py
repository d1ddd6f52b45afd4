"""Every way to carry events under one name: who publishes, and who hears, in one process or in two."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

import pytest

from tests.fakes.log import RecordingLog
from tests.postgres import PostgresServer
from triggerx.bus.local import QUEUE_EVENTS_MAX, LocalBus
from triggerx.bus.postgres import postgres_bus
from triggerx.node.clock import SystemChance, SystemClock
from triggerx.ports.bus import Bus

Open = Callable[..., AbstractAsyncContextManager["Line"]]


@dataclass
class Line:
    """The bus where a test publishes, the bus where it subscribes, and what the latter logs."""

    publisher: Bus
    hearer: Bus
    log: RecordingLog = field(default_factory=RecordingLog)


@pytest.fixture(params=["local", "postgres", "relayed"])
async def open_line(request: pytest.FixtureRequest) -> Open:
    """Open a line: over the local bus, within one process on Postgres, or from one process to another."""
    kind: str = request.param
    url = ""
    if kind != "local":
        server: PostgresServer = request.getfixturevalue("postgres_server")
        url = await server.new_database(is_empty=True)

    @asynccontextmanager
    async def line(*, queue_events_max: int = QUEUE_EVENTS_MAX) -> AsyncIterator[Line]:
        log = RecordingLog()
        if kind == "local":
            bus = LocalBus(log, queue_events_max=queue_events_max)
            yield Line(bus, bus, log)
            return
        async with AsyncExitStack() as stack:
            hearer, publisher = [
                await stack.enter_async_context(
                    postgres_bus(
                        url,
                        log=log if number == 0 else RecordingLog(),
                        clock=SystemClock(),
                        chance=SystemChance(),
                        queue_events_max=queue_events_max,
                    )
                )
                for number in range(2)
            ]
            yield Line(hearer if kind == "postgres" else publisher, hearer, log)

    return line
