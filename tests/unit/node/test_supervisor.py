import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import ClassVar, NoReturn, cast

import pytest

from tests.fakes.clock import SeededChance, VirtualClock
from tests.fakes.log import RecordingLog
from triggerx.core.errors import ConfigurationError, RecoverableError, UnavailableError, UnrecoverableError
from triggerx.node.supervisor import PlannedRole, SupervisionLimits, Supervisor
from triggerx.role import Role, RoleConfig

Course = Callable[[Callable[[], None]], Awaitable[None]]


class Scripted:
    """A role that follows one course for each start, the last one again and again."""

    name: ClassVar[str] = "scripted"
    config_type: ClassVar[type[RoleConfig]] = RoleConfig

    def __init__(self, course: Course) -> None:
        self._course = course

    async def run(self, *, started: Callable[[], None]) -> None:
        await self._course(started)


class Stage:
    """Some roles under a supervisor on virtual time, and what happened to them."""

    def __init__(self, *, stop_s: float = 5.0) -> None:
        self.clock = VirtualClock()
        self.log = RecordingLog()
        self.events: list[str] = []
        self.is_ready = False
        limits = SupervisionLimits(start_s=30, stop_s=stop_s, backoff_first_s=1, backoff_most_s=8, steady_s=100)
        self.supervisor = Supervisor(clock=self.clock, chance=SeededChance(), log=self.log, limits=limits)

    def role(self, name: str, *courses: Course) -> PlannedRole:
        left = list(courses)

        def make() -> Role:
            self.events.append(f"{name} made")
            return cast("Role", Scripted(left.pop(0) if len(left) > 1 else left[0]))

        return PlannedRole(name=name, make=make)

    def steady(self, name: str, *, after_s: float = 0) -> PlannedRole:
        async def course(started: Callable[[], None]) -> None:
            await self.clock.sleep(after_s)
            self.events.append(f"{name} started")
            started()
            try:
                await asyncio.Event().wait()
            finally:
                await asyncio.sleep(0)
                self.events.append(f"{name} stopped")

        return self.role(name, course)

    def start(self, roles: Sequence[PlannedRole]) -> "asyncio.Task[NoReturn]":
        return asyncio.create_task(self.supervisor.run(roles, ready=self._note_ready), name="supervisor")

    def _note_ready(self) -> None:
        self.is_ready = True

    async def stop(self, task: "asyncio.Task[NoReturn]") -> None:
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


def failing(error: Exception, *, says_started: bool = True) -> Course:
    async def course(started: Callable[[], None]) -> None:
        if says_started:
            started()
        await asyncio.sleep(0)
        raise error

    return course


async def test_roles_when_started_then_one_waits_for_the_other_and_they_stop_in_reverse() -> None:
    stage = Stage()
    task = stage.start([stage.steady("a", after_s=2), stage.steady("b", after_s=1)])
    await stage.clock.advance(1)
    assert stage.events == ["a made"]
    await stage.clock.advance(2)
    assert (stage.events, stage.is_ready) == (["a made", "a started", "b made", "b started"], True)
    await stage.stop(task)
    assert stage.events[4:] == ["b stopped", "a stopped"]


async def test_role_when_the_outside_fails_then_it_is_made_anew_after_a_growing_wait() -> None:
    stage = Stage()
    task = stage.start([stage.role("a", failing(RecoverableError("rpc silent")))])
    for expected, passing_s in ((1, 0), (2, 1), (3, 2), (4, 4), (5, 8), (6, 8), (7, 8)):
        await stage.clock.advance(passing_s)
        assert stage.events.count("a made") >= expected
    assert stage.events.count("a made") <= 14
    assert stage.log.events("warning")[0] == "role failed and starts again"
    await stage.stop(task)


async def test_role_when_it_was_steady_before_a_failure_then_the_wait_is_short_again() -> None:
    stage = Stage()

    async def long_steady(started: Callable[[], None]) -> None:
        started()
        await stage.clock.sleep(200)
        raise RecoverableError("after a while")

    recoverable = failing(RecoverableError("at once"))
    task = stage.start([stage.role("a", recoverable, recoverable, recoverable, recoverable, long_steady)])
    await stage.clock.advance(230)
    waits = [cast("float", each.fields["in_s"]) for each in stage.log.records if each.level == "warning"]
    assert waits[3] > 2
    assert waits[4] <= 1
    await stage.stop(task)


async def test_role_when_a_group_of_it_fails_recoverably_then_it_starts_again() -> None:
    stage = Stage()
    group = ExceptionGroup("tasks", [RecoverableError("a"), ExceptionGroup("more", [RecoverableError("b")])])
    task = stage.start([stage.role("a", failing(group), failing(group))])
    await stage.clock.advance(1)
    assert stage.events.count("a made") == 2
    await stage.stop(task)


@pytest.mark.parametrize(
    "error",
    [UnrecoverableError("harm"), ValueError("a mistake"), ExceptionGroup("t", [RecoverableError(), KeyError()])],
)
async def test_role_when_it_fails_otherwise_then_the_node_stops_with_its_error(error: Exception) -> None:
    stage = Stage()
    task = stage.start([stage.steady("a"), stage.role("b", failing(error)), stage.steady("c")])
    with pytest.raises((UnrecoverableError, ValueError, KeyError)):
        await task
    assert stage.events[-1] == "a stopped"
    assert "role failed" in stage.log.events("error")


async def test_roles_when_one_asks_for_a_configuration_then_that_is_what_is_raised() -> None:
    stage = Stage()
    wrong = ExceptionGroup("tasks", [KeyError("x"), ConfigurationError("set the key")])
    with pytest.raises(ConfigurationError, match="set the key"):
        await stage.start([stage.role("a", failing(wrong, says_started=False))])


async def test_role_when_it_returns_then_the_node_stops() -> None:
    stage = Stage()

    async def course(started: Callable[[], None]) -> None:
        started()

    with pytest.raises(UnrecoverableError, match="role a returned"):
        await stage.start([stage.role("a", course)])


async def test_role_when_it_does_not_start_in_time_then_the_node_is_unavailable() -> None:
    stage = Stage()
    task = stage.start([stage.steady("a", after_s=31)])
    await stage.clock.advance(30)
    with pytest.raises(UnavailableError, match="role a did not start within 30 s"):
        await task


async def test_role_when_it_fails_until_its_start_deadline_then_the_last_failure_is_named() -> None:
    stage = Stage()
    task = stage.start([stage.role("a", failing(RecoverableError("rpc silent"), says_started=False))])
    await stage.clock.advance(30)
    with pytest.raises(UnavailableError, match="it failed last with RecoverableError: rpc silent"):
        await task


async def test_role_when_it_ignores_its_stop_then_the_others_are_stopped_all_the_same() -> None:
    stage = Stage(stop_s=0.01)
    release = asyncio.Event()

    async def stubborn(started: Callable[[], None]) -> None:
        started()
        while not release.is_set():
            try:
                await release.wait()
            except asyncio.CancelledError:
                stage.events.append("b refused")

    task = stage.start([stage.steady("a"), stage.role("b", stubborn)])
    await stage.clock.advance(1)
    await stage.stop(task)
    assert stage.events[-2:] == ["b refused", "a stopped"]
    assert stage.log.events("error") == ["role did not stop in time"]
    release.set()


async def test_stop_when_it_is_cancelled_again_then_the_roles_still_stop_in_order() -> None:
    stage = Stage()
    task = stage.start([stage.steady("a"), stage.steady("b")])
    await stage.clock.advance(1)
    task.cancel()
    await asyncio.sleep(0)
    await stage.stop(task)
    assert stage.events[-2:] == ["b stopped", "a stopped"]


async def test_tasks_when_they_run_then_each_has_its_role_as_a_name() -> None:
    stage = Stage()
    task = stage.start([stage.steady("a")])
    await stage.clock.advance(1)
    assert "role a" in {each.get_name() for each in asyncio.all_tasks()}
    await stage.stop(task)
