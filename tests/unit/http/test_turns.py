import asyncio

import pytest

from triggerx.http.turns import Turns


async def test_turns_when_all_are_taken_then_others_wait_in_their_order() -> None:
    turns = Turns(in_all=4, per_host=2)
    order: list[str] = []
    leave = asyncio.Event()

    async def ask(host: str, number: int) -> None:
        async with turns.turn(host):
            order.append(f"{host}{number}")
            await leave.wait()

    async with asyncio.TaskGroup() as group:
        for number in range(4):
            for host in "abc":
                group.create_task(ask(host, number))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert sorted(order) == ["a0", "a1", "b0", "c0"]
        leave.set()
    assert [name for name in order if name[0] == "a"] == ["a0", "a1", "a2", "a3"]
    assert (len(order), len(turns)) == (12, 0)


async def test_turn_when_given_back_then_who_waits_is_before_who_comes() -> None:
    turns, order = Turns(in_all=1, per_host=1), list[str]()

    async def ask(name: str, times: int) -> None:
        for _ in range(times):
            async with turns.turn("a"):
                order.append(name)

    async with asyncio.TaskGroup() as group:
        group.create_task(ask("busy", 3))
        async with turns.turn("a"):
            waiting = group.create_task(ask("waiting", 1))
            await asyncio.sleep(0)
        await waiting
    assert order[:2] == ["busy", "waiting"]


async def test_turn_when_its_waiter_is_cancelled_then_it_is_not_lost() -> None:
    turns = Turns(in_all=1, per_host=1)
    async with turns.turn("a"):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0), turns.turn("a"):
                pass
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0), turns.turn("b"):
                pass
    async with turns.turn("b"):
        assert len(turns) == 1
    assert len(turns) == 0
