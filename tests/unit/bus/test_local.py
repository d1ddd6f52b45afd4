"""What the local bus does beyond the port, whose contract is tested in tests/contract/bus."""

import asyncio

from tests.fakes.log import RecordingLog
from triggerx.bus.local import LocalBus
from triggerx.core.job import JobId
from triggerx.events import JobCreated


def created(number: int) -> JobCreated:
    return JobCreated(JobId(number))


async def test_subscriber_when_it_falls_behind_again_after_catching_up_then_the_log_says_so_again() -> None:
    log = RecordingLog()
    bus = LocalBus(log, queue_events_max=1)
    async with bus.subscribe(JobCreated) as new:
        for _ in range(2):
            await bus.publish(created(1))
            await bus.publish(created(2))
            assert await anext(new) == created(2)
            pending = asyncio.ensure_future(anext(new))
            await asyncio.sleep(0)
            pending.cancel()
            await asyncio.wait([pending])
    assert log.events("warning") == ["subscriber fell behind"] * 2


async def test_event_when_nobody_hears_it_then_the_log_notes_it_at_debug() -> None:
    log = RecordingLog()
    await LocalBus(log).publish(created(1))
    assert [(record.level, record.event, record.fields) for record in log.records] == [
        ("debug", "event unheard", {"type": "JobCreated"})
    ]


async def test_context_when_it_closes_then_the_iteration_ends_and_nothing_is_kept() -> None:
    log = RecordingLog()
    bus = LocalBus(log)
    async with bus.subscribe(JobCreated) as new:
        await bus.publish(created(1))
    assert [event async for event in new] == []
    await bus.publish(created(2))
    assert log.events("debug") == ["event unheard"]


async def test_context_when_it_closes_under_a_waiting_subscriber_then_the_wait_ends() -> None:
    bus = LocalBus(RecordingLog())

    async def collect() -> list[JobCreated]:
        return [event async for event in new]

    async with asyncio.TaskGroup() as group, bus.subscribe(JobCreated) as new:
        waiting = group.create_task(collect(), name="waiting subscriber")
        await asyncio.sleep(0)
    assert waiting.result() == []
