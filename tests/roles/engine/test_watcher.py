"""The time watcher: every due second becomes one task or a noted miss, whatever happens in between."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.roles.scene import Node, Scene, open_scene, running
from tests.unit.core.sample import CHAIN, CREATED_AT, DUE, OWNER, job_body, with_mandate
from triggerx.core.errors import RecoverableError
from triggerx.core.job import EventTrigger, Job, JobBody, JobId, JobStatus, ScheduleType, TaskDefinition, TimeTrigger
from triggerx.core.task import TaskStatus
from triggerx.evm.hub import Firing, task_key
from triggerx.evm.registry import pack_job_id
from triggerx.ports.store.journal import LoggedEvent
from triggerx_engine.watcher import TimeWatcher

POLL_S = 1.0
END = CREATED_AT + 60


def mandated(**changes: object) -> JobBody:
    body = job_body()
    assert body.mandate is not None
    mandate = replace(body.mandate.mandate, **changes)  # type: ignore[arg-type]  # by field name
    return with_mandate(body, mandate, OWNER)


def another(number: int) -> JobBody:
    return replace(job_body(is_guarded=False), job_id=JobId(pack_job_id(CHAIN, CREATED_AT, number)))


async def events_of(node: Node, kind: str) -> list[LoggedEvent]:
    return [event for event in await node.store.events.after(0, limit=1000) if event.kind == kind]


async def job_of(node: Node, job: Job) -> Job:
    found = await node.store.jobs.get(job.job_id)
    assert found is not None
    return found


async def dues(node: Node, job: Job) -> list[int]:
    return [task.firing.index for task in await node.store.tasks.list_by_job(job.job_id)]


async def at(scene: Scene, moment: int) -> None:
    await scene.clock.advance(moment - scene.clock.now())


async def test_run_when_a_job_is_due_then_exactly_that_second_becomes_a_task(tmp_path: Path) -> None:
    async with open_scene(tmp_path) as scene:
        node = await scene.engine()
        job = await scene.store_job(node)
        async with running(TimeWatcher(node.services, poll_s=POLL_S).run()):
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
        assert len(await events_of(node, "fired")) == 2


async def test_fire_due_when_the_engine_is_killed_in_between_then_each_second_fires_once(tmp_path: Path) -> None:
    async with open_scene(tmp_path) as scene:
        node = await scene.engine()
        job = await scene.store_job(node)
        await at(scene, DUE)
        for _ in range(3):
            await TimeWatcher(node.services, poll_s=POLL_S).fire_due()
            node = await scene.restarted(node)
        assert await dues(node, job) == [DUE]
        assert len(await events_of(node, "fired")) == 1


async def test_fire_due_when_it_is_killed_before_the_commit_then_nothing_is_lost(tmp_path: Path) -> None:
    async with open_scene(tmp_path) as scene:
        node = await scene.engine()
        job = await scene.store_job(node)
        await at(scene, DUE)
        firing = Firing.time(DUE)
        with pytest.raises(RecoverableError, match="killed"):
            async with node.store.transaction() as queries:
                await queries.jobs.set_schedule(job.job_id, next_due_at=DUE + 10)
                raise RecoverableError("killed")
        assert await node.store.tasks.by_key(task_key(job.job_id, firing)) is None
        await TimeWatcher(node.services, poll_s=POLL_S).fire_due()
        assert await dues(node, job) == [DUE]


async def test_fire_due_when_slots_were_missed_then_the_latest_fires_and_the_others_are_counted(tmp_path: Path) -> None:
    async with open_scene(tmp_path) as scene:
        node = await scene.engine()
        job = await scene.store_job(node)
        await at(scene, DUE + 35)
        await TimeWatcher(node.services, poll_s=POLL_S).fire_due()
        assert await dues(node, job) == [DUE + 30]
        (missed,) = await events_of(node, "slots_missed")
        assert missed.payload == {"first_due": DUE, "before": DUE + 30, "count": 3}
        assert missed.subject == f"job:{job.job_id}"
        assert "due seconds missed" in node.log.events("warning")


async def test_fire_due_when_the_last_slot_has_fired_then_the_job_is_off_the_schedule(tmp_path: Path) -> None:
    async with open_scene(tmp_path) as scene:
        node = await scene.engine()
        job = await scene.store_job(node, next_due_at=END)
        await at(scene, END)
        await TimeWatcher(node.services, poll_s=POLL_S).fire_due()
        assert await dues(node, job) == [END]
        assert [each.job_id for each in await node.store.jobs.list_unscheduled()] == [job.job_id]


async def test_fire_due_when_the_mandate_is_used_up_then_the_schedule_ends_with_the_reason(tmp_path: Path) -> None:
    async with open_scene(tmp_path) as scene:
        node = await scene.engine()
        job = await scene.store_job(node, mandated(runs_max=2))
        for moment in (DUE, DUE + 10, DUE + 20):
            await at(scene, moment)
            await TimeWatcher(node.services, poll_s=POLL_S).fire_due()
        assert await dues(node, job) == [DUE, DUE + 10]
        ended = await job_of(node, job)
        assert (ended.next_due_at, ended.status) == (None, JobStatus.SCHEDULED)
        assert "2 runs are used" in ended.status_reason
        (event,) = await events_of(node, "schedule_ended")
        assert event.payload["due"] == DUE + 20


async def test_fire_due_when_a_run_failed_then_it_does_not_use_the_mandate_up(tmp_path: Path) -> None:
    async with open_scene(tmp_path) as scene:
        node = await scene.engine()
        job = await scene.store_job(node, mandated(runs_max=1))
        await at(scene, DUE)
        await TimeWatcher(node.services, poll_s=POLL_S).fire_due()
        (task,) = await node.store.tasks.list_by_job(job.job_id)
        await node.store.tasks.save(replace(task, status=TaskStatus.FAILED))
        await at(scene, DUE + 10)
        await TimeWatcher(node.services, poll_s=POLL_S).fire_due()
        assert await dues(node, job) == [DUE, DUE + 10]


async def test_fire_due_when_the_mandate_expired_then_the_schedule_ends_with_the_reason(tmp_path: Path) -> None:
    async with open_scene(tmp_path) as scene:
        node = await scene.engine()
        job = await scene.store_job(node, mandated(expiry=DUE + 5), next_due_at=DUE + 10)
        await at(scene, DUE + 10)
        await TimeWatcher(node.services, poll_s=POLL_S).fire_due()
        assert await dues(node, job) == []
        assert f"expired at {DUE + 5}" in (await job_of(node, job)).status_reason


async def test_fire_due_when_the_mandate_expired_while_the_engine_was_down_then_the_missed_slots_are_counted(
    tmp_path: Path,
) -> None:
    async with open_scene(tmp_path) as scene:
        node = await scene.engine()
        job = await scene.store_job(node, mandated(expiry=DUE + 15))
        await at(scene, DUE + 25)
        await TimeWatcher(node.services, poll_s=POLL_S).fire_due()
        assert await dues(node, job) == []
        assert f"expired at {DUE + 15}" in (await job_of(node, job)).status_reason
        (missed,) = await events_of(node, "slots_missed")
        assert (missed.payload["first_due"], missed.payload["count"]) == (DUE, 3)


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
        assert await TimeWatcher(node.services, poll_s=POLL_S).fire_due() == 3
        assert await dues(node, good) == [DUE]
        for job in bad:
            found = await job_of(node, job)
            assert (found.status, found.next_due_at) == (JobStatus.FAILED, None)
            assert found.status_reason
        subjects = {entry.subject for entry in await node.store.quarantine.list_all(limit=10)}
        assert subjects == {f"job:{job.job_id}" for job in bad}
        assert await TimeWatcher(node.services, poll_s=POLL_S).fire_due() == 0


class _Stale:
    """The job table as a slow reader saw it: the list is old, everything else is the present."""

    def __init__(self, node: Node, jobs: list[Job]) -> None:
        self._jobs = node.store.jobs
        self._listed = jobs

    def __getattr__(self, name: str) -> object:
        return getattr(self._jobs, name)

    async def list_due(self, now: int, *, limit: int) -> list[Job]:
        return self._listed


class _StaleStore:
    def __init__(self, node: Node, jobs: list[Job]) -> None:
        self._store = node.store
        self.jobs = _Stale(node, jobs)

    def __getattr__(self, name: str) -> object:
        return getattr(self._store, name)


@pytest.mark.parametrize("runs_max", [10, 0])
async def test_fire_due_when_the_job_is_stopped_meanwhile_then_it_stays_stopped_and_does_not_fire(
    tmp_path: Path, runs_max: int
) -> None:
    async with open_scene(tmp_path) as scene:
        node = await scene.engine()
        job = await scene.store_job(node, mandated(runs_max=runs_max))
        await node.store.jobs.set_status(job.job_id, JobStatus.STOPPED, reason="deleted on chain")
        await at(scene, DUE)
        stale = replace(node.services, store=_StaleStore(node, [job]))  # type: ignore[arg-type]  # delegates
        await TimeWatcher(stale, poll_s=POLL_S).fire_due()
        assert await dues(node, job) == []
        found = await job_of(node, job)
        assert (found.status, found.status_reason) == (JobStatus.STOPPED, "deleted on chain")
