"""The time watcher: every due second has one entry in the ledger, and at most one task, whatever happens in between."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from tests.roles.scene import Node, Scene, open_scene, running
from tests.unit.core.sample import CHAIN, CREATED_AT, DUE, OWNER, job_body, with_mandate
from triggerx.core.errors import RecoverableError
from triggerx.core.job import (
    EventTrigger,
    Job,
    JobBody,
    JobId,
    JobStatus,
    Limits,
    Misfire,
    ScheduleType,
    TaskDefinition,
    TimeTrigger,
)
from triggerx.core.ledger import Outcome, Reason
from triggerx.core.task import RunChange, TaskStatus
from triggerx.evm.hub import Firing, task_key
from triggerx.evm.registry import pack_job_id
from triggerx.evm.types import Wei
from triggerx.ports.store.jobs import Move
from triggerx_engine.prices import Prices
from triggerx_engine.slots import AHEAD_JOBS_MIN, TimeWatcher

POLL_S = 1.0
ON_TIME_S = 5
END = CREATED_AT + 60
Row = tuple[int, int, int, Outcome, Reason]
"""First and last due second, how many, outcome and reason."""


def watcher_of(node: Node) -> TimeWatcher:
    return TimeWatcher(
        node.services, Prices(node.services, user_runs_per_day_max=100), on_time_s=ON_TIME_S, poll_s=POLL_S
    )


def mandated(**changes: object) -> JobBody:
    body = job_body()
    assert body.mandate is not None
    mandate = replace(body.mandate.mandate, **changes)  # type: ignore[arg-type]  # by field name
    return with_mandate(body, mandate, OWNER)


def policy(misfire: Misfire, within_s: int = 0) -> JobBody:
    body = job_body()
    assert isinstance(body.trigger, TimeTrigger)
    return replace(body, trigger=replace(body.trigger, misfire=misfire, misfire_within_s=within_s))


def another(number: int) -> JobBody:
    return replace(job_body(is_guarded=False), job_id=JobId(pack_job_id(CHAIN, CREATED_AT, number)))


async def job_of(node: Node, job: Job) -> Job:
    found = await node.store.jobs.get(job.job_id)
    assert found is not None
    return found


async def dues(node: Node, job: Job) -> list[int]:
    return [task.firing.index for task in await node.store.tasks.list_by_job(job.job_id)]


async def rows(node: Node, job: Job) -> list[Row]:
    entries = await node.store.ledger.list_by_job(job.job_id, since=0, until=END + 1, limit=100)
    return [(e.entry.moment, e.entry.last_moment, e.entry.count, e.outcome, e.entry.reason) for e in entries]


def fired(*moments: int) -> list[Row]:
    return [(moment, moment, 1, Outcome.FIRED, Reason.NONE) for moment in moments]


async def at(scene: Scene, moment: int) -> None:
    await scene.clock.advance(moment - scene.clock.now())


async def fire_at(scene: Scene, node: Node, *moments: int) -> None:
    for moment in moments:
        await at(scene, moment)
        await watcher_of(node).fire_due()


async def test_run_when_a_job_is_due_then_exactly_that_second_becomes_a_task(tmp_path: Path) -> None:
    async with open_scene(tmp_path) as scene:
        node = await scene.engine()
        job = await scene.store_job(node)
        async with running(watcher_of(node).run()):
            await scene.pass_time(9)
            assert await dues(node, job) == []
            await scene.pass_time(1)
            assert await dues(node, job) == [DUE]
            await scene.pass_time(10)
            assert await dues(node, job) == [DUE, DUE + 10]
        (task, _) = await node.store.tasks.list_by_job(job.job_id)
        assert task.task_key == task_key(job.job_id, Firing.time(DUE))
        assert (task.status, task.is_guarded, task.evidence) == (TaskStatus.CREATED, True, {"kind": "time", "due": DUE})
        assert (await job_of(node, job)).next_due_at == DUE + 20
        assert await rows(node, job) == fired(DUE, DUE + 10)


async def test_fire_due_when_the_engine_is_killed_in_between_then_each_second_fires_once(tmp_path: Path) -> None:
    async with open_scene(tmp_path) as scene:
        node = await scene.engine()
        job = await scene.store_job(node)
        for _ in range(3):
            await fire_at(scene, node, DUE)
            node = await scene.restarted(node)
        assert await dues(node, job) == [DUE]
        assert await rows(node, job) == fired(DUE)


async def test_fire_due_when_it_is_killed_before_the_commit_then_nothing_is_lost(tmp_path: Path) -> None:
    async with open_scene(tmp_path) as scene:
        node = await scene.engine()
        job = await scene.store_job(node)
        await at(scene, DUE)
        with pytest.raises(RecoverableError, match="killed"):
            async with node.store.transaction() as queries:
                (terms,) = await queries.jobs.claim_due(DUE, limit=10)
                await queries.jobs.move_on([Move(number=terms.number, user_id=terms.user_id, next_due_at=DUE + 10)])
                raise RecoverableError("killed")
        assert await rows(node, job) == []
        await fire_at(scene, node, DUE)
        assert await dues(node, job) == [DUE]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (policy(Misfire.ONE), [(DUE, DUE + 20, 3, Outcome.MISSED, Reason.MISFIRE), *fired(DUE + 30)]),
        (policy(Misfire.ALL), fired(DUE, DUE + 10, DUE + 20, DUE + 30)),
        (policy(Misfire.SKIP), [(DUE, DUE + 30, 4, Outcome.SKIPPED, Reason.MISFIRE)]),
        (
            policy(Misfire.WITHIN, 17),
            [(DUE, DUE + 10, 2, Outcome.SKIPPED, Reason.MISFIRE), *fired(DUE + 20, DUE + 30)],
        ),
    ],
)
async def test_fire_due_when_the_engine_was_away_then_the_misfire_policy_decides_about_every_due_second(
    tmp_path: Path, body: JobBody, expected: list[Row]
) -> None:
    async with open_scene(tmp_path) as scene:
        node = await scene.engine()
        job = await scene.store_job(node, body)
        await fire_at(scene, node, DUE + 37)
        assert await rows(node, job) == expected
        assert await dues(node, job) == [first for first, _, _, outcome, _ in expected if outcome is Outcome.FIRED]


async def test_fire_due_when_the_last_slot_has_fired_then_the_job_is_off_the_schedule(tmp_path: Path) -> None:
    async with open_scene(tmp_path) as scene:
        node = await scene.engine()
        job = await scene.store_job(node, next_due_at=END)
        await fire_at(scene, node, END)
        assert await dues(node, job) == [END]
        found = await node.store.jobs.get(job.job_id)
        assert found is not None
        assert (found.status, found.next_due_at) == (JobStatus.SCHEDULED, None)


async def test_fire_due_when_the_mandate_is_used_up_then_the_job_is_held_and_says_so(tmp_path: Path) -> None:
    async with open_scene(tmp_path) as scene:
        node = await scene.engine()
        job = await scene.store_job(node, mandated(runs_max=2))
        await fire_at(scene, node, DUE, DUE + 10, DUE + 20, DUE + 30)
        held = (DUE + 20, DUE + 30, 2, Outcome.HELD, Reason.RUNS)
        assert await rows(node, job) == [*fired(DUE, DUE + 10), held]
        (*_, last) = await node.store.ledger.list_by_job(job.job_id, since=0, until=END, limit=9)
        assert "all 2 runs are used" in last.entry.detail
        assert (await job_of(node, job)).next_due_at == DUE + 40


async def test_fire_due_when_a_run_failed_then_it_does_not_use_the_mandate_up(tmp_path: Path) -> None:
    async with open_scene(tmp_path) as scene:
        node = await scene.engine()
        job = await scene.store_job(node, mandated(runs_max=1))
        await fire_at(scene, node, DUE)
        await node.store.jobs.count_run(job.job_id, RunChange.GIVEN_BACK)
        await fire_at(scene, node, DUE + 10)
        assert await dues(node, job) == [DUE, DUE + 10]


async def test_fire_due_when_the_mandate_expired_then_the_job_is_held(tmp_path: Path) -> None:
    async with open_scene(tmp_path) as scene:
        node = await scene.engine()
        job = await scene.store_job(node, mandated(expiry=DUE + 5), next_due_at=DUE + 10)
        await fire_at(scene, node, DUE + 10)
        assert await rows(node, job) == [(DUE + 10, DUE + 10, 1, Outcome.HELD, Reason.MANDATE)]


@pytest.mark.parametrize(
    ("status", "is_paused", "reason"),
    [(JobStatus.STOPPED, True, Reason.PAUSED), (JobStatus.CREATED, False, Reason.LINKED)],
)
async def test_fire_due_when_the_job_takes_no_part_then_its_due_seconds_are_one_range_that_says_why(
    tmp_path: Path, status: JobStatus, is_paused: bool, reason: Reason
) -> None:
    async with open_scene(tmp_path) as scene:
        node = await scene.engine()
        job = await scene.store_job(node)
        await node.store.jobs.set_status(job.job_id, status, reason="", is_paused=is_paused)
        await fire_at(scene, node, DUE, DUE + 37)
        assert await rows(node, job) == [(DUE, DUE + 30, 4, Outcome.SKIPPED, reason)]
        await node.store.jobs.set_status(job.job_id, JobStatus.SCHEDULED, reason="")
        await fire_at(scene, node, DUE + 40)
        assert await rows(node, job) == [(DUE, DUE + 30, 4, Outcome.SKIPPED, reason), *fired(DUE + 40)]


async def test_fire_due_when_the_balance_is_too_small_then_the_job_is_held_with_the_amounts(tmp_path: Path) -> None:
    async with open_scene(tmp_path) as scene:
        node = await scene.engine()
        job = await scene.store_job(node)
        await node.store.deposits.set(CHAIN, job.body.owner, Wei(7), block_number=1, now=scene.clock.now())
        prices = Prices(node.services, user_runs_per_day_max=100)
        await prices.look()
        await at(scene, DUE)
        await TimeWatcher(node.services, prices, on_time_s=ON_TIME_S, poll_s=POLL_S).fire_due()
        (entry,) = await node.store.ledger.list_by_job(job.job_id, since=0, until=END, limit=9)
        assert (entry.outcome, entry.entry.reason) == (Outcome.HELD, Reason.BALANCE)
        assert "the deposit is 7 wei" in entry.entry.detail


async def test_fire_due_when_many_jobs_of_one_owner_are_due_then_the_owners_cap_holds_the_rest(tmp_path: Path) -> None:
    async with open_scene(tmp_path) as scene:
        node = await scene.engine()
        jobs = [await scene.store_job(node, another(number)) for number in range(1, 5)]
        prices = Prices(node.services, user_runs_per_day_max=3)
        await at(scene, DUE)
        await TimeWatcher(node.services, prices, on_time_s=ON_TIME_S, poll_s=POLL_S).fire_due()
        outcomes = [(await rows(node, job))[0][3:] for job in jobs]
        assert outcomes == [(Outcome.FIRED, Reason.NONE)] * 3 + [(Outcome.HELD, Reason.USER_CAP)]


async def test_fire_due_when_a_limit_a_day_is_reached_then_the_next_day_goes_on(tmp_path: Path) -> None:
    async with open_scene(tmp_path) as scene:
        node = await scene.engine()
        body = replace(another(1), limits=Limits(runs_per_day_max=1), time_frame_s=3 * 86_400)
        job = await scene.store_job(node, body)
        await fire_at(scene, node, DUE, DUE + 10)
        assert (await rows(node, job))[1][3:] == (Outcome.HELD, Reason.RUNS_TODAY)
        tomorrow = DUE + 86_400
        await node.store.jobs.set_schedule(job.job_id, next_due_at=tomorrow)
        await fire_at(scene, node, tomorrow)
        assert await dues(node, job) == [DUE, tomorrow]


async def test_fire_due_when_one_job_is_poisonous_then_it_is_set_aside_and_the_others_go_on(tmp_path: Path) -> None:
    async with open_scene(tmp_path) as scene:
        node = await scene.engine()
        event_job = replace(
            another(1),
            task_definition_id=TaskDefinition.EVENT_STATIC,
            trigger=EventTrigger(chain_id=another(1).action.chain_id, contract=another(1).owner, event="Moved()"),
        )
        trigger = TimeTrigger(schedule_type=ScheduleType.CRON, cron_expression="99 * * * *")
        poison = [event_job, replace(another(2), trigger=trigger)]
        bad = [await scene.store_job(node, body) for body in poison]
        good = await scene.store_job(node, another(3))
        await at(scene, DUE)
        assert await watcher_of(node).fire_due() == 3
        assert await dues(node, good) == [DUE]
        for job in bad:
            found = await job_of(node, job)
            assert (found.status, found.next_due_at) == (JobStatus.FAILED, None)
            assert found.status_reason
        subjects = {entry.subject for entry in await node.store.quarantine.list_all(limit=10)}
        assert subjects == {f"job:{job.job_id}" for job in bad}
        assert await watcher_of(node).fire_due() == 0


async def settle_readers(scene: Scene, node: Node) -> None:
    """Let the loops come to rest while one of them holds the store's writer, on which `Scene.settle` would wait."""
    for _ in range(60):
        await scene.clock.advance(0)
        await node.store.documents.get("none")


async def test_run_when_many_jobs_are_due_then_they_are_written_ahead_and_committed_in_their_second(
    tmp_path: Path,
) -> None:
    async with open_scene(tmp_path) as scene:
        node = await scene.engine()
        jobs = [await scene.store_job(node, another(number)) for number in range(1, AHEAD_JOBS_MIN + 1)]
        async with running(watcher_of(node).run()):
            await scene.settle()
            await scene.clock.advance(DUE - CREATED_AT - 0.005)
            await settle_readers(scene, node)
            assert await node.store.ledger.list_by_job(jobs[0].job_id, since=0, until=END, limit=9) == ()
            await scene.clock.advance(0.01)
            await scene.settle()
        assert [await rows(node, job) for job in jobs] == [fired(DUE)] * AHEAD_JOBS_MIN
        (task, *_) = await node.store.tasks.list_by_job(jobs[0].job_id)
        assert task.fired_at_ms == DUE * 1000


async def test_fire_due_when_the_clock_is_set_back_while_it_is_ready_then_nothing_has_fired(tmp_path: Path) -> None:
    async with open_scene(tmp_path) as scene:
        node = await scene.engine()
        job = await scene.store_job(node)
        await at(scene, DUE - 1)
        firing = asyncio.create_task(watcher_of(node).fire_due(at=DUE))
        await settle_readers(scene, node)
        await scene.clock.jump(-3_600)
        await scene.clock.advance(2)
        assert await firing == 0
        assert await rows(node, job) == []
