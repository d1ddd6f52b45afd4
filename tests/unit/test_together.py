"""What is done together is done once, and each who asked has its own outcome."""

import asyncio
from collections.abc import Sequence

import pytest

from triggerx.core.errors import InvalidInput, RecoverableError
from triggerx.together import Together


class Doubler:
    """Doubles numbers, and notes which came together; some numbers are refused, or bring all down."""

    def __init__(self, *, items_max: int = 100) -> None:
        self.batches: list[list[int]] = []
        self.together = Together(self._double, key=lambda number: number % 10, items_max=items_max)

    async def _double(self, numbers: Sequence[int]) -> Sequence[int]:
        self.batches.append(list(numbers))
        await asyncio.sleep(0)
        if any(number >= 1_000 for number in numbers):
            raise RecoverableError("the store is away")
        if any(number < 0 for number in numbers):
            raise InvalidInput("number", "is negative")
        return [2 * number for number in numbers]


async def done(doubler: Doubler, *numbers: int) -> list[int | BaseException]:
    return await asyncio.gather(*map(doubler.together.do, numbers), return_exceptions=True)


async def test_do_when_many_ask_in_one_tick_then_those_of_one_key_are_done_by_one_call() -> None:
    doubler = Doubler()
    assert await done(doubler, 10, 20, 11, 30) == [20, 40, 22, 60]
    assert doubler.batches == [[10, 20, 30], [11]]
    assert await done(doubler, 10) == [20]
    assert doubler.batches[2:] == [[10]]


async def test_do_when_more_ask_than_one_call_may_take_then_there_are_several() -> None:
    doubler = Doubler(items_max=2)
    assert await done(doubler, 10, 20, 30, 40, 50) == [20, 40, 60, 80, 100]
    assert doubler.batches == [[10, 20], [30, 40], [50]]


async def test_do_when_one_item_is_refused_then_the_others_are_done_all_the_same() -> None:
    doubler = Doubler()
    first, bad, last = await done(doubler, 10, -10, 30)
    assert (first, last) == (20, 60)
    assert isinstance(bad, InvalidInput)
    assert doubler.batches == [[10, -10, 30], [10], [-10], [30]]


async def test_do_when_the_work_fails_then_each_who_asked_is_told() -> None:
    doubler = Doubler()
    assert [type(each) for each in await done(doubler, 10, 1_000)] == [RecoverableError, RecoverableError]
    assert doubler.batches == [[10, 1_000]]


@pytest.mark.parametrize("ticks", [0, 1])
async def test_do_when_who_does_the_work_is_cancelled_then_the_others_may_try_again(ticks: int) -> None:
    doubler = Doubler()
    asked = [asyncio.create_task(doubler.together.do(number)) for number in (10, 20)]
    for _ in range(1 + ticks):
        await asyncio.sleep(0)
    asked[0].cancel()
    outcomes = await asyncio.gather(*asked, return_exceptions=True)
    assert isinstance(outcomes[0], asyncio.CancelledError)
    assert isinstance(outcomes[1], RecoverableError)
    assert await done(doubler, 20) == [40]


async def test_do_when_another_who_asked_is_cancelled_then_the_work_goes_on() -> None:
    doubler = Doubler()
    asked = [asyncio.create_task(doubler.together.do(number)) for number in (10, 20, 30)]
    await asyncio.sleep(0)
    asked[1].cancel()
    outcomes = await asyncio.gather(*asked, return_exceptions=True)
    assert (outcomes[0], outcomes[2]) == (20, 60)
