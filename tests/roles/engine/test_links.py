"""Links: a job starts when the one before it has completed, and what happens otherwise is as its chain says."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.roles.engine.test_slots import another
from tests.roles.scene import Node, Scene, open_scene, running
from tests.unit.core.sample import DUE
from triggerx.core.job import Job, JobStatus, OnLinkFailure
from triggerx.core.ledger import Outcome, Reason
from triggerx.events import JobChanged
from triggerx_engine.links import Links


async def chain_of(scene: Scene, node: Node, on_failure: OnLinkFailure = OnLinkFailure.STOP) -> tuple[Job, Job]:
    """A head and the job that it links to, which waits."""
    second = another(2)
    head = replace(another(1), link_job_id=second.job_id, chain_status=1, link_on_failure=on_failure)
    first = await scene.store_job(node, head)
    waiting = await scene.store_job(node, replace(second, chain_status=2))
    await node.store.jobs.set_status(waiting.job_id, JobStatus.CREATED, reason="")
    return first, waiting


async def end(node: Node, job: Job, status: JobStatus) -> None:
    await node.store.jobs.set_status(job.job_id, status, reason="so it was")
    await node.store.jobs.set_schedule(job.job_id, next_due_at=None)
    await node.services.bus.publish(JobChanged(job.job_id))


async def found(node: Node, job: Job) -> Job:
    present = await node.store.jobs.get(job.job_id)
    assert present is not None
    return present


async def test_run_when_the_job_before_completes_then_the_linked_one_is_scheduled(tmp_path: Path) -> None:
    async with open_scene(tmp_path) as scene:
        node = await scene.engine()
        first, waiting = await chain_of(scene, node)
        async with running(Links(node.services, poll_s=1.0).run()):
            await scene.settle()
            assert (await found(node, waiting)).status is JobStatus.CREATED
            await end(node, first, JobStatus.COMPLETED)
            await scene.settle()
        started = await found(node, waiting)
        assert (started.status, started.next_due_at) == (JobStatus.SCHEDULED, DUE)


@pytest.mark.parametrize("status", [JobStatus.FAILED, JobStatus.STOPPED])
async def test_run_when_the_job_before_failed_then_the_linked_one_fails_and_says_why(
    tmp_path: Path, status: JobStatus
) -> None:
    async with open_scene(tmp_path) as scene:
        node = await scene.engine()
        first, waiting = await chain_of(scene, node)
        async with running(Links(node.services, poll_s=1.0).run()):
            await end(node, first, status)
            await scene.settle()
        ended = await found(node, waiting)
        assert (ended.status, ended.next_due_at) == (JobStatus.FAILED, None)
        assert str(first.job_id) in ended.status_reason
        assert "so it was" in ended.status_reason


async def test_run_when_the_chain_goes_on_after_a_failure_then_the_linked_job_starts(tmp_path: Path) -> None:
    async with open_scene(tmp_path) as scene:
        node = await scene.engine()
        first, waiting = await chain_of(scene, node, OnLinkFailure.START)
        async with running(Links(node.services, poll_s=1.0).run()):
            await end(node, first, JobStatus.FAILED)
            await scene.settle()
        assert (await found(node, waiting)).status is JobStatus.SCHEDULED


async def test_run_when_the_job_before_is_only_paused_then_the_linked_one_waits(tmp_path: Path) -> None:
    async with open_scene(tmp_path) as scene:
        node = await scene.engine()
        first, waiting = await chain_of(scene, node)
        await node.store.jobs.set_status(first.job_id, JobStatus.STOPPED, reason="", is_paused=True)
        async with running(Links(node.services, poll_s=1.0).run()):
            await scene.pass_time(2)
        assert (await found(node, waiting)).status is JobStatus.CREATED


@pytest.mark.parametrize("status", [JobStatus.COMPLETED, JobStatus.FAILED])
async def test_run_when_the_engine_was_away_meanwhile_then_what_was_due_before_is_skipped_as_linked(
    tmp_path: Path, status: JobStatus
) -> None:
    async with open_scene(tmp_path) as scene:
        node = await scene.engine()
        first, waiting = await chain_of(scene, node)
        await end(node, first, status)
        await scene.clock.advance(DUE + 20 - scene.clock.now())
        async with running(Links(node.services, poll_s=1.0).run()):
            await scene.settle()
        (left,) = await node.store.ledger.list_by_job(waiting.job_id, since=0, until=DUE * 2, limit=9)
        assert (left.entry.moment, left.entry.last_moment, left.entry.count) == (DUE, DUE + 20, 3)
        assert (left.outcome, left.entry.reason) == (Outcome.SKIPPED, Reason.LINKED)
        assert (await found(node, waiting)).next_due_at == (DUE + 30 if status is JobStatus.COMPLETED else None)
