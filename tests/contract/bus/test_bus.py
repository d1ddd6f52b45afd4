"""The contract of `ports.bus.Bus`, over every implementation of it."""

import asyncio

import pytest

from tests.contract.bus.conftest import Line, Open
from triggerx.core.job import JobId
from triggerx.events import JobChanged, JobCreated, KeeperRegistered
from triggerx.evm.types import Address

LAST = KeeperRegistered(Address(bytes(20)))


def created(number: int) -> JobCreated:
    return JobCreated(JobId(number))


async def publish(line: Line, *events: JobCreated | JobChanged) -> None:
    """Publish the events, and return when they have arrived: all travel in one order, a last one behind them."""
    async with line.hearer.subscribe(KeeperRegistered) as last:
        for event in (*events, LAST):
            await line.publisher.publish(event)
        assert await anext(last) == LAST


async def test_events_when_several_are_published_then_each_subscriber_hears_its_types_in_order(
    open_line: Open,
) -> None:
    changed = JobChanged(JobId(1))
    async with (
        open_line() as line,
        line.hearer.subscribe(JobCreated) as new,
        line.hearer.subscribe(JobCreated, JobChanged) as both,
    ):
        await publish(line, created(1), changed, created(2))
        assert [await anext(new) for _ in range(2)] == [created(1), created(2)]
        assert [await anext(both) for _ in range(3)] == [created(1), changed, created(2)]


async def test_events_when_thousands_are_published_then_all_arrive_once_and_in_order(open_line: Open) -> None:
    events = [created(number) for number in range(1000)]
    async with open_line() as line, line.hearer.subscribe(JobCreated) as new:
        await publish(line, *events)
        assert [await anext(new) for _ in events] == events
        await publish(line, created(7))
        assert await anext(new) == created(7)


async def test_event_when_it_comes_later_then_the_waiting_subscriber_wakes(open_line: Open) -> None:
    async with open_line() as line, line.hearer.subscribe(JobCreated) as new:
        waiting = asyncio.ensure_future(anext(new))
        await asyncio.sleep(0)
        await line.publisher.publish(created(7))
        assert await waiting == created(7)


async def test_subscriber_when_it_falls_behind_then_it_loses_the_oldest_and_the_log_says_so_once(
    open_line: Open,
) -> None:
    async with open_line(queue_events_max=3) as line, line.hearer.subscribe(JobCreated) as new:
        await publish(line, *(created(number) for number in range(10)))
        assert [await anext(new) for _ in range(3)] == [created(7), created(8), created(9)]
        assert line.log.events("warning") == ["subscriber fell behind"]


async def test_slow_subscriber_when_another_is_quick_then_the_quick_one_loses_nothing(open_line: Open) -> None:
    async with (
        open_line(queue_events_max=2) as line,
        line.hearer.subscribe(JobCreated),
        line.hearer.subscribe(JobCreated) as quick,
    ):
        for number in range(6):
            await line.publisher.publish(created(number))
            assert await anext(quick) == created(number)


async def test_subscription_when_it_ends_then_its_iteration_ends_and_later_events_are_not_kept(
    open_line: Open,
) -> None:
    async with open_line() as line:
        async with line.hearer.subscribe(JobCreated) as new:
            await publish(line, created(1))
        assert [event async for event in new] == []
        async with line.hearer.subscribe(JobCreated) as again:
            await publish(line, created(2))
            assert await anext(again) == created(2)


async def test_subscribe_when_no_type_is_named_then_it_is_refused(open_line: Open) -> None:
    async with open_line() as line:
        with pytest.raises(ValueError, match="at least one type"):
            async with line.hearer.subscribe():
                pass
