"""Completion: a job ends when nothing is scheduled for it and none of its tasks is open, and says how it went."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from tests.fakes.firings import fire
from tests.roles.engine.test_slots import another
from tests.roles.scene import Node, Scene, open_scene, running
from tests.unit.core.sample import BALANCE_ABOVE_100, CHAIN, DUE, PAID, job_body
from triggerx.core.evidence import TimeEvidence
from triggerx.core.followers import chain_follower, views_follower
from triggerx.core.job import Job, JobStatus, Trigger
from triggerx.core.ledger import Outcome, Reason, Ruling
from triggerx.core.task import TaskStatus
from triggerx.events import JobChanged, TaskEnded
from triggerx.ports.chain import Cursor
from triggerx.ports.store.jobs import Fired
from triggerx_engine.batch import Batch
from triggerx_engine.completion import LOOK_PAUSE_S, SEEN_WITHIN_S, Completion

POLL_S = 1.0


async def put_task(node: Node, job: Job, due: int, status: TaskStatus) -> None:
    task = await fire(node.store, job.job_id, TimeEvidence(due=due))
    await node.store.tasks.save(replace(task, status=status, task_error="" if status == "attested" else f"it {status}"))


async def job_of(node: Node) -> Job:
    found = await node.store.jobs.get(job_body().job_id)
    assert found is not None
    return found


async def complete(scene: Scene, node: Node) -> Job:
    async with running(Completion(node.services, poll_s=POLL_S).run()):
        await scene.settle()
    return await job_of(node)


@pytest.mark.parametrize(
    ("statuses", "expected", "reason"),
    [
        ([], JobStatus.COMPLETED, "its time frame is over"),
        ([TaskStatus.ATTESTED], JobStatus.COMPLETED, "its time frame is over"),
        (
            [TaskStatus.ATTESTED, TaskStatus.FAILED],
            JobStatus.COMPLETED,
            "its time frame is over; 1 of 2 tasks did not succeed, the last one: it failed",
        ),
        (
            [TaskStatus.REJECTED, TaskStatus.UNKNOWN],
            JobStatus.FAILED,
            "its time frame is over; 2 of 2 tasks did not succeed, the last one: it unknown",
        ),
    ],
)
async def test_run_when_every_task_is_over_then_the_job_ends_with_what_became_of_them(
    tmp_path: Path, statuses: Sequence[TaskStatus], expected: JobStatus, reason: str
) -> None:
    async with open_scene(tmp_path) as scene:
        node = await scene.engine()
        job = await scene.store_job(node, next_due_at=None)
        for number, status in enumerate(statuses):
            await put_task(node, job, DUE + 10 * number, status)
        ended = await complete(scene, node)
        assert (ended.status, ended.status_reason) == (expected, reason)
        (event,) = await node.store.events.after(0, limit=5)
        assert (event.kind, event.payload["reason"]) == ("job_ended", reason)


@pytest.mark.parametrize(
    "status", [TaskStatus.CREATED, TaskStatus.ASSIGNED, TaskStatus.ACKNOWLEDGED, TaskStatus.PERFORMED]
)
async def test_run_when_a_task_is_open_then_the_job_waits_for_it(tmp_path: Path, status: TaskStatus) -> None:
    async with open_scene(tmp_path) as scene:
        node = await scene.engine()
        job = await scene.store_job(node, next_due_at=None)
        await put_task(node, job, DUE, TaskStatus.ATTESTED)
        await put_task(node, job, DUE + 10, status)
        assert (await complete(scene, node)).status is JobStatus.SCHEDULED


async def test_run_when_the_last_task_ends_then_the_job_ends_at_once(tmp_path: Path) -> None:
    async with open_scene(tmp_path) as scene:
        node = await scene.engine()
        job = await scene.store_job(node, next_due_at=None)
        await put_task(node, job, DUE, TaskStatus.PERFORMED)
        async with (
            node.services.bus.subscribe(JobChanged) as changes,
            running(Completion(node.services, poll_s=POLL_S).run()),
        ):
            await scene.settle()
            (task,) = await node.store.tasks.list_by_job(job.job_id)
            await node.store.tasks.save(replace(task, status=TaskStatus.ATTESTED))
            await node.services.bus.publish(TaskEnded(task.task_key, TaskStatus.ATTESTED))
            await scene.clock.advance(LOOK_PAUSE_S)
            await scene.settle()
            assert await anext(aiter(changes)) == JobChanged(job.job_id)
        assert (await job_of(node)).status is JobStatus.COMPLETED


async def test_run_when_the_schedule_ended_for_a_reason_then_the_job_keeps_it(tmp_path: Path) -> None:
    async with open_scene(tmp_path) as scene:
        node = await scene.engine()
        job = await scene.store_job(node, next_due_at=None)
        await node.store.jobs.set_status(job.job_id, JobStatus.SCHEDULED, reason="the mandate's 10 runs are used")
        assert (await complete(scene, node)).status_reason == "the mandate's 10 runs are used"


@pytest.mark.parametrize(
    ("status", "is_paused"), [(JobStatus.STOPPED, False), (JobStatus.SCHEDULED, True), (JobStatus.FAILED, False)]
)
async def test_run_when_the_job_was_stopped_or_paused_then_it_is_left_alone(
    tmp_path: Path, status: JobStatus, is_paused: bool
) -> None:
    async with open_scene(tmp_path) as scene:
        node = await scene.engine()
        job = await scene.store_job(node, next_due_at=None)
        await node.store.jobs.set_status(job.job_id, status, reason="its owner asked", is_paused=is_paused)
        ended = await complete(scene, node)
        assert (ended.status, ended.status_reason) == (status, "its owner asked")


async def test_run_when_the_job_is_on_the_schedule_then_it_is_left_alone(tmp_path: Path) -> None:
    async with open_scene(tmp_path) as scene:
        node = await scene.engine()
        await scene.store_job(node)
        assert (await complete(scene, node)).status is JobStatus.SCHEDULED


async def test_run_when_a_new_mandate_put_the_job_back_meanwhile_then_it_does_not_end(tmp_path: Path) -> None:
    async with open_scene(tmp_path) as scene:
        node = await scene.engine()
        job = await scene.store_job(node, next_due_at=None)
        completion = Completion(node.services, poll_s=POLL_S)
        (idle,) = await node.store.jobs.list_unscheduled(after=0, limit=9)
        await node.store.jobs.set_schedule(job.job_id, next_due_at=DUE + 10)
        await completion._end(idle, "its time frame is over")
        found = await job_of(node)
        assert (found.status, found.next_due_at) == (JobStatus.SCHEDULED, DUE + 10)


async def test_look_when_many_jobs_cannot_end_yet_then_their_tasks_are_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_scene(tmp_path) as scene:
        node = await scene.engine()
        running_jobs = 3
        for number in range(running_jobs):
            job = await scene.store_job(node, another(number), next_due_at=None)
            await put_task(node, job, DUE, TaskStatus.ACKNOWLEDGED)
            terms = await node.store.jobs.terms_of(job.job_id)
            assert terms is not None
            await node.store.jobs.count_fired([Fired(number=terms.number, user_id=terms.user_id, runs=1, day=1)])
        asked: list[str] = []
        session = type(node.store.tasks._session)  # type: ignore[attr-defined]  # every query goes through it
        fetch_all = session.fetch_all

        async def counted(self: object, name: str, **values: object) -> object:
            asked.append(name)
            return await fetch_all(self, name, **values)

        monkeypatch.setattr(session, "fetch_all", counted)
        await Completion(node.services, poll_s=POLL_S).look()
        assert asked == ["unscheduled_jobs", "finished_jobs", "expired_jobs"]


async def test_look_when_more_jobs_are_held_than_a_page_has_then_one_behind_them_ends_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("triggerx_engine.completion.JOBS_PER_READ", 2)
    async with open_scene(tmp_path) as scene:
        node = await scene.engine()
        for number in range(4):
            job = await scene.store_job(node, another(number), next_due_at=None)
            terms = await node.store.jobs.terms_of(job.job_id)
            assert terms is not None
            held = Ruling(outcome=Outcome.HELD, reason=Reason.BALANCE, detail="balance 0 wei")
            entry = Batch({}, now_ms=DUE * 1000).entry(terms, TimeEvidence(due=DUE), held)
            await node.store.ledger.add_many([entry])
        last = await scene.store_job(node, another(9), next_due_at=None)
        await Completion(node.services, poll_s=POLL_S).look()
        found = await node.store.jobs.get(last.job_id)
        assert found is not None
        assert found.status is JobStatus.COMPLETED
        assert len(await node.store.jobs.list_unscheduled(after=0, limit=9)) == 4


@pytest.mark.parametrize("trigger", [PAID, BALANCE_ABOVE_100], ids=["event", "condition"])
async def test_run_when_blocks_of_the_time_frame_are_unseen_then_the_job_waits_for_them(
    tmp_path: Path, trigger: Trigger
) -> None:
    async with open_scene(tmp_path) as scene:
        node = await scene.engine()
        job = await scene.store_job(node, job_body(trigger=trigger), next_due_at=None)
        await scene.clock.advance(job.expires_at + 1 - scene.clock.now())
        for second, expected in ((job.expires_at, JobStatus.SCHEDULED), (job.expires_at + 1, JobStatus.COMPLETED)):
            block = await scene.chain.mine(timestamp=second)
            await node.store.blocks.move(chain_follower(CHAIN), dropped=[], added=[block], keep=9)
            await node.store.cursors.set(views_follower(CHAIN), Cursor(number=block.number, hash=block.hash))
            assert (await complete(scene, node)).status is expected


async def test_run_when_a_chain_is_away_for_a_day_then_the_job_ends_all_the_same(tmp_path: Path) -> None:
    async with open_scene(tmp_path) as scene:
        node = await scene.engine()
        job = await scene.store_job(node, job_body(trigger=PAID), next_due_at=None)
        await scene.clock.advance(job.expires_at + SEEN_WITHIN_S + 1 - scene.clock.now())
        assert (await complete(scene, node)).status is JobStatus.COMPLETED
