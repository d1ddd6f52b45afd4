"""Pause, resume and delete: by whom, twice, and where they make no sense."""

from pathlib import Path

import pytest

from tests.roles.librarian.desk import NOW, Desk, job, open_desk
from triggerx.core.job import JobStatus
from triggerx.events import JobChanged

JOB = f"/api/jobs/{job()['job_id']}"


async def put(desk: Desk, what: str, key: str = "owner") -> tuple[int, str]:
    """Pause or resume; return the status, and the job's word or the problem's code."""
    status, answer = await desk.send("PUT", f"{JOB}/{what}", key=key, body={})
    return status, str(answer["status"] if status == 200 else answer["code"])


async def test_pause_when_it_is_sent_twice_then_the_second_changes_nothing(tmp_path: Path) -> None:
    async with open_desk(tmp_path) as desk, desk.services.bus.subscribe(JobChanged) as changed:
        job_id = await desk.taken_in(job())
        for what, word in (("pause", "paused"), ("resume", "scheduled")):
            assert await put(desk, what) == await put(desk, what) == (200, word)
        kinds = [event.kind for event in await desk.store.events.after(0, limit=9)]
        assert kinds == ["job_created", "job_paused", "job_resumed"]
        assert [await anext(changed), await anext(changed)] == [JobChanged(job_id)] * 2
        stored = await desk.stored(job())
        assert (stored.status, stored.is_paused, stored.status_reason) == (JobStatus.SCHEDULED, False, "")
        assert stored.next_due_at == NOW + 60


async def test_pause_when_an_admin_does_it_then_the_reason_says_so(tmp_path: Path) -> None:
    async with open_desk(tmp_path) as desk:
        await desk.taken_in(job())
        assert await put(desk, "pause", "admin") == (200, "paused")
        assert (await desk.stored(job())).status_reason == "paused by an admin"
        assert await put(desk, "resume", "owner") == (200, "scheduled")


@pytest.mark.parametrize("key", ["stranger", "app"])
async def test_pause_when_the_key_is_anothers_then_it_is_refused(tmp_path: Path, key: str) -> None:
    async with open_desk(tmp_path) as desk:
        await desk.taken_in(job())
        for what in ("pause", "resume"):
            assert await put(desk, what, key) == (403, "not-owner")
        cancelled = await desk.send("POST", f"{JOB}/cancel", key=key, body={})
        assert cancelled[0] == 403
        assert (await desk.stored(job())).status is JobStatus.SCHEDULED


async def test_pause_when_the_job_is_over_or_unknown_then_it_makes_no_sense(tmp_path: Path) -> None:
    async with open_desk(tmp_path) as desk:
        assert await put(desk, "pause") == (404, "not-found")
        job_id = await desk.taken_in(job())
        for status in (JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.STOPPED):
            await desk.store.jobs.set_status(job_id, status, reason="it is over")
            for what in ("pause", "resume"):
                assert await put(desk, what) == (409, "job-over")


async def test_resume_when_the_job_was_changed_on_chain_then_it_stays_paused(tmp_path: Path) -> None:
    async with open_desk(tmp_path) as desk:
        job_id = await desk.taken_in(job())
        await put(desk, "pause")
        desk.entries[job_id].version = NOW + 5
        assert await put(desk, "resume") == (409, "job-version")
        desk.entries[job_id].is_active = False
        assert await put(desk, "resume") == (409, "job-inactive")
        assert (await desk.stored(job())).is_paused


async def test_resume_when_the_job_is_linked_then_it_waits_until_the_one_before_is_over(tmp_path: Path) -> None:
    async with open_desk(tmp_path) as desk:
        waiting, before = job(chain_status=2), job(2, chain_status=1, link_job_id=job()["job_id"])
        for body in (waiting, before):
            await desk.taken_in(body)
        assert await put(desk, "pause") == (200, "paused")
        assert await put(desk, "resume") == (200, "created")
        await put(desk, "pause")
        await desk.store.jobs.set_status((await desk.stored(before)).job_id, JobStatus.COMPLETED, reason="")
        assert await put(desk, "resume") == (200, "scheduled")


async def test_cancel_when_the_owner_does_it_then_the_job_is_deleted(tmp_path: Path) -> None:
    async with open_desk(tmp_path) as desk:
        await desk.taken_in(job())
        await put(desk, "pause")
        for _ in range(2):
            assert (await desk.send("POST", f"{JOB}/cancel", key="owner", body={}))[1]["status"] == "deleted"
        stored = await desk.stored(job())
        assert (stored.status, stored.is_paused, stored.next_due_at) == (JobStatus.STOPPED, False, None)
        assert stored.status_reason.startswith("stopped by its owner")
