"""The wall clock is set by an hour or a day, or the process stands still: no due second twice, none lost, no burst."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.rigs.causes import due_causes
from tests.rigs.judge import Done, History, judge
from tests.roles.engine.test_slots import another
from tests.roles.engine.test_values import condition_job, outcomes
from tests.roles.scene import Node, Scene, open_scene, running
from tests.unit.core.sample import CREATED_AT, job_body
from triggerx.core.job import ConditionMode, ConditionTrigger, Job, Misfire, ScheduleType, TimeTrigger
from triggerx.core.ledger import Outcome
from triggerx.ports.store.ledger import Observation
from triggerx_engine.prices import Prices
from triggerx_engine.slots import TimeWatcher
from triggerx_engine.values import ConditionJobs

JUMPS = [3_600, -3_600, 86_400, -86_400]
INTERVAL_S = 5
ON_TIME_S = 15
ONE_JUMP_FIRES_MAX = ON_TIME_S // INTERVAL_S + 1
"""Those that are on time still, and the one late one that the policy lets through."""
Disturb = Callable[[Scene], Awaitable[int | None]]
"""Returns the highest second that the clock showed, where it does not show it any more."""


async def ledger_of(node: Node, job: Job) -> History:
    rows = await node.store.ledger.list_by_job(job.job_id, since=0, until=1 << 40, limit=10_000)
    tasks = await node.store.tasks.list_by_job(job.job_id)
    entries = [row.entry for row in rows]
    return History(causes=(), entries=entries, tasks=[Done(task_key=task.task_key) for task in tasks])


async def course(tmp_path: Path, disturb: Disturb, *, misfire: Misfire = Misfire.ONE) -> int:
    """Let a job run, disturb the clock, and let it run on; returns how many due seconds fired within the next one."""
    async with open_scene(tmp_path) as scene:
        node = await scene.engine()
        trigger = TimeTrigger(schedule_type=ScheduleType.INTERVAL, interval_s=INTERVAL_S, misfire=misfire)
        body = replace(another(1), trigger=trigger, time_frame_s=10**6)
        job = await scene.store_job(node, body, next_due_at=CREATED_AT + INTERVAL_S)
        prices = Prices(node.services, user_runs_per_day_max=10**6)
        async with running(TimeWatcher(node.services, prices, on_time_s=ON_TIME_S, poll_s=1.0).run()):
            await scene.pass_time(12)
            before = len((await ledger_of(node, job)).tasks)
            highest = scene.clock.now()
            highest = max(highest, await disturb(scene) or 0)
            await scene.settle()
            await scene.clock.advance(1)
            await scene.settle()
            at_once = len((await ledger_of(node, job)).tasks) - before
            for _ in range(20):
                await scene.clock.advance(1)
                await scene.settle()
            highest = max(highest, scene.clock.now())
        causes = due_causes(job.job_id, created_at=CREATED_AT, interval_s=INTERVAL_S, after=CREATED_AT, until=highest)
        assert judge(replace(await ledger_of(node, job), causes=causes, on_time_s=ON_TIME_S)) == []
        return at_once


@pytest.mark.parametrize("misfire", [Misfire.ONE, Misfire.SKIP])
@pytest.mark.parametrize("jump_s", JUMPS)
async def test_due_seconds_when_the_wall_clock_jumps_then_each_has_one_entry_and_few_fire_at_once(
    tmp_path: Path, jump_s: int, misfire: Misfire
) -> None:
    assert await course(tmp_path, lambda scene: scene.clock.jump(jump_s), misfire=misfire) <= ONE_JUMP_FIRES_MAX


@pytest.mark.parametrize("jump_s", JUMPS)
async def test_due_seconds_when_the_clock_is_set_and_set_right_again_then_each_has_one_entry(
    tmp_path: Path, jump_s: int
) -> None:
    async def there_and_back(scene: Scene) -> int:
        await scene.clock.jump(jump_s)
        await scene.settle()
        await scene.clock.advance(3)
        await scene.settle()
        shown = scene.clock.now()
        await scene.clock.jump(-jump_s)
        return shown

    assert await course(tmp_path, there_and_back) <= ONE_JUMP_FIRES_MAX


async def test_due_seconds_when_the_process_stands_still_for_a_minute_then_the_policy_decides_once(
    tmp_path: Path,
) -> None:
    assert await course(tmp_path, lambda scene: scene.clock.freeze(60)) <= ONE_JUMP_FIRES_MAX


@pytest.mark.parametrize("mode", ConditionMode)
@pytest.mark.parametrize("jump_s", JUMPS)
async def test_cool_down_when_the_wall_clock_jumps_then_the_job_does_not_rest_for_as_long(
    tmp_path: Path, jump_s: int, mode: ConditionMode
) -> None:
    async with open_scene(tmp_path, now=CREATED_AT + 2 * 86_400) as scene:
        node = await scene.engine()
        trigger = ConditionTrigger(
            condition_type="greater_than",
            source_type="static",
            source_url="7",
            upper_limit="5",
            mode=mode,
            cooldown_s=60,
        )
        body = replace(job_body(is_guarded=False, trigger=trigger), time_frame_s=10**6)
        job = await condition_job(scene, node, body)
        values = ConditionJobs(node.services, Prices(node.services, user_runs_per_day_max=9))
        await values.refresh()
        (source,) = values.sources()
        for value, wait_s in (("7", 0), ("1", 61), ("7", 0)):
            await values.take([Observation(source=source, value=value, observed_at_ms=scene.clock.now_ms())])
            if value == "7" and wait_s == 0 and len(await outcomes(node, job)) == 1:
                await scene.clock.jump(jump_s)
            await scene.clock.advance(wait_s)
        assert [outcome for outcome, _ in await outcomes(node, job)] == [Outcome.FIRED] * 2
