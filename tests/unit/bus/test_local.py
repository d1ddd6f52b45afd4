import asyncio

import pytest

from tests.fakes.log import RecordingLog
from triggerx.bus.local import LocalBus
from triggerx.core.job import JobId
from triggerx.events import JobChanged, JobCreated


def created(number: int) -> JobCreated:
    return JobCreated(JobId(number))


async def test_events_when_several_are_published_then_each_subscriber_hears_its_types_in_order() -> None:
    bus = LocalBus(RecordingLog())
    async with bus.subscribe(JobCreated) as new, bus.subscribe(JobCreated, JobChanged) as both:
        await bus.publish(created(1))
        await bus.publish(JobChanged(JobId(1)))
        await bus.publish(created(2))
        assert [await anext(new), await anext(new)] == [created(1), created(2)]
        assert [await anext(both) for _ in range(3)] == [created(1), JobChanged(JobId(1)), created(2)]


async def test_event_when_it_comes_later_then_the_waiting_subscriber_wakes() -> None:
    bus = LocalBus(RecordingLog())
    async with bus.subscribe(JobCreated) as new:
        waiting = asyncio.ensure_future(anext(new))
        await asyncio.sleep(0)
        await bus.publish(created(7))
        assert await waiting == created(7)


async def test_subscriber_when_it_falls_behind_then_it_loses_the_oldest_and_the_log_says_so_once() -> None:
    log = RecordingLog()
    bus = LocalBus(log, queue_events_max=3)
    async with bus.subscribe(JobCreated) as new:
        for number in range(10):
            await bus.publish(created(number))
        assert [await anext(new) for _ in range(3)] == [created(7), created(8), created(9)]
    assert log.events("warning") == ["subscriber fell behind"]


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


async def test_slow_subscriber_when_another_is_quick_then_the_quick_one_loses_nothing() -> None:
    bus = LocalBus(RecordingLog(), queue_events_max=2)
    async with bus.subscribe(JobCreated), bus.subscribe(JobCreated) as quick:
        heard = []
        for number in range(6):
            await bus.publish(created(number))
            heard.append(await anext(quick))
        assert heard == [created(number) for number in range(6)]


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


async def test_subscribe_when_no_type_is_named_then_it_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one type"):
        async with LocalBus(RecordingLog()).subscribe():
            pass
