"""What `ports.clock` promises, held against the machine's clock and the virtual one."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import pytest

from tests.fakes.clock import SeededChance, VirtualClock
from triggerx.node.clock import SystemChance, SystemClock
from triggerx.ports.clock import Chance, Clock


@dataclass(frozen=True)
class Timed:
    """A clock, and how time passes on it while something waits."""

    clock: Clock
    pass_time: Callable[[Awaitable[None]], Awaitable[None]]


def on_machine() -> Timed:
    async def pass_time(waiting: Awaitable[None]) -> None:
        await asyncio.wait_for(waiting, timeout=10)

    return Timed(SystemClock(), pass_time)


def on_virtual() -> Timed:
    clock = VirtualClock()

    async def pass_time(waiting: Awaitable[None]) -> None:
        task = asyncio.ensure_future(waiting)
        await clock.advance(5)
        await task

    return Timed(clock, pass_time)


@pytest.fixture(params=[on_machine, on_virtual])
def timed(request: pytest.FixtureRequest) -> Timed:
    made: Timed = request.param()
    return made


@pytest.fixture(params=[SystemChance, SeededChance])
def chance(request: pytest.FixtureRequest) -> Chance:
    made: Chance = request.param()
    return made


async def test_now_when_read_in_both_units_then_they_agree(timed: Timed) -> None:
    before = timed.clock.now()
    assert before * 1000 <= timed.clock.now_ms() < (before + 2) * 1000


async def test_sleep_when_it_returns_then_at_least_its_duration_has_passed(timed: Timed) -> None:
    before = timed.clock.monotonic()
    await timed.pass_time(timed.clock.sleep(0.02))
    assert timed.clock.monotonic() - before >= 0.02


@pytest.mark.parametrize("duration_s", [0, -3])
async def test_sleep_when_its_duration_is_nothing_then_it_returns_at_once(timed: Timed, duration_s: float) -> None:
    await asyncio.wait_for(timed.clock.sleep(duration_s), timeout=10)


async def test_sleep_until_when_it_returns_then_the_wall_clock_shows_the_moment(timed: Timed) -> None:
    moment_ms = timed.clock.now_ms() + 20
    await timed.pass_time(timed.clock.sleep_until(moment_ms))
    assert timed.clock.now_ms() >= moment_ms


async def test_sleep_until_when_the_moment_is_past_then_it_returns_at_once(timed: Timed) -> None:
    await asyncio.wait_for(timed.clock.sleep_until(timed.clock.now_ms() - 1000), timeout=10)


async def test_sleep_when_cancelled_then_it_ends_as_cancelled(timed: Timed) -> None:
    sleeping = asyncio.ensure_future(timed.clock.sleep(3600))
    await asyncio.sleep(0)
    sleeping.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sleeping


async def test_virtual_clock_when_advanced_then_sleepers_wake_in_the_order_of_their_moments() -> None:
    clock = VirtualClock()
    woken: list[tuple[str, float]] = []

    async def sleeper(name: str, first_s: float, second_s: float) -> None:
        for duration_s in (first_s, second_s):
            await clock.sleep(duration_s)
            woken.append((name, clock.monotonic()))

    async with asyncio.TaskGroup() as group:
        group.create_task(sleeper("a", 2, 3), name="a")
        group.create_task(sleeper("b", 1, 3), name="b")
        await clock.advance(10)
    assert woken == [("b", 1.0), ("a", 2.0), ("b", 4.0), ("a", 5.0)]


async def test_virtual_clock_when_the_wall_jumps_then_only_those_who_wait_for_it_wake() -> None:
    clock = VirtualClock(now=1_000)
    until = asyncio.ensure_future(clock.sleep_until(1_060_000))
    duration = asyncio.ensure_future(clock.sleep(60))
    await asyncio.sleep(0)
    await clock.jump(61)
    assert (until.done(), duration.done(), clock.now(), clock.monotonic()) == (True, False, 1_061, 0.0)
    await clock.advance(60)
    assert duration.done()


@pytest.mark.parametrize("jump_s", [3_600, -3_600, 86_400, -86_400])
async def test_machine_clock_when_the_wall_jumps_then_a_wait_for_it_notices_within_a_second(
    monkeypatch: pytest.MonkeyPatch, jump_s: int
) -> None:
    """The machine's time is played: it passes in the sleeps, and the wall clock jumps in the middle of the third."""
    clock = SystemClock()
    start_ms, ahead_s, jump_at_s = clock.now_ms(), 600, 2.5
    passed_s = longest_s = 0.0

    def wall_ms() -> int:
        return start_ms + round(1000 * (passed_s + (jump_s if passed_s > jump_at_s else 0)))

    async def sleep(duration_s: float) -> None:
        nonlocal passed_s, longest_s
        passed_s, longest_s = passed_s + duration_s, max(longest_s, duration_s)

    monkeypatch.setattr(clock, "now_ms", wall_ms)
    monkeypatch.setattr("triggerx.node.clock.asyncio.sleep", sleep)
    await clock.sleep_until(start_ms + 1000 * ahead_s)
    assert longest_s <= 1.0
    assert wall_ms() >= start_ms + 1000 * ahead_s
    # Forward, the moment has passed with the jump; back, it comes once the clock has made up for it, and not later.
    assert passed_s == pytest.approx(3.0 if jump_s > 0 else ahead_s - jump_s)


@pytest.mark.parametrize("jump_s", [3_600, 86_400])
async def test_virtual_clock_when_the_wall_goes_back_then_a_wait_for_it_lasts_until_it_is_made_up(jump_s: int) -> None:
    clock = VirtualClock(now=1_000_000)
    until = asyncio.ensure_future(clock.sleep_until(1_000_060_000))
    await clock.advance(30)
    await clock.jump(-jump_s)
    await clock.advance(jump_s + 29)
    assert not until.done()
    await clock.advance(1)
    assert until.done()


def test_chance_when_asked_for_bytes_then_they_have_the_length_and_differ(chance: Chance) -> None:
    assert len(chance.token_bytes(32)) == 32
    assert chance.token_bytes(32) != chance.token_bytes(32)


def test_chance_when_asked_for_a_number_then_it_lies_between(chance: Chance) -> None:
    assert all(2.0 <= chance.uniform(2.0, 3.0) <= 3.0 for _ in range(100))


def test_seeded_chance_when_the_seed_is_the_same_then_so_is_the_course() -> None:
    assert SeededChance(5).token_bytes(8) == SeededChance(5).token_bytes(8)
    assert SeededChance(5).token_bytes(8) != SeededChance(6).token_bytes(8)
