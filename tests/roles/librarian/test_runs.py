"""Run now: only the owner's fresh signature counts, and each nonce once."""

import asyncio
from pathlib import Path

import pytest

from tests.roles.librarian.desk import CHAIN, HUB, NOW, OWNER, STRANGER, event_job, job, open_desk
from triggerx.core.evidence import ManualEvidence
from triggerx.core.job import JobStatus
from triggerx.core.ledger import Outcome
from triggerx.events import OccurrenceQueued
from triggerx.evm.hub import Firing, run_digest, task_key
from triggerx.evm.keys import PrivateKey
from triggerx.evm.types import to_hex

JOB_ID = int(str(job()["job_id"]))
RUN = f"/api/jobs/{JOB_ID}/run"


def wish(
    *, nonce: int = 7, requested_at: int = NOW, version: int = NOW, signer: PrivateKey = OWNER, job_id: int = JOB_ID
) -> dict[str, object]:
    """A wish to run, signed."""
    signature = signer.sign_digest(run_digest(job_id, version, nonce, requested_at, CHAIN, HUB))
    return {"nonce": str(nonce), "requested_at": requested_at, "signature": to_hex(signature)}


async def test_run_when_the_owner_signed_it_then_one_occurrence_is_queued(tmp_path: Path) -> None:
    async with open_desk(tmp_path) as desk, desk.services.bus.subscribe(OccurrenceQueued) as queued:
        job_id = await desk.taken_in(event_job(priority=1))
        status, answer = await desk.send("POST", RUN, key="stranger", body=wish())
        key = task_key(job_id, Firing.manual(7))
        assert (status, answer["task_key"], answer["outcome"]) == (201, to_hex(key), "queued")
        assert await anext(queued) == OccurrenceQueued(job_id)
        (stored,) = await desk.store.ledger.list_queued(limit=9)
        assert (stored.entry.task_key, stored.entry.moment, stored.entry.priority) == (key, NOW, 1)
        assert isinstance(stored.entry.evidence, ManualEvidence)
        assert to_hex(stored.entry.evidence.signature) == wish()["signature"]
        assert [event.kind for event in await desk.store.events.after(0, limit=9)] == ["job_created", "run_requested"]


async def test_run_when_the_nonce_comes_again_then_it_is_the_same_run(tmp_path: Path) -> None:
    async with open_desk(tmp_path) as desk:
        job_id = await desk.taken_in(job())
        answers = await asyncio.gather(*(desk.send("POST", RUN, body=wish()) for _ in range(4)))
        assert sorted(status for status, _ in answers) == [200, 200, 200, 201]
        later = await desk.send("POST", RUN, body=wish(requested_at=NOW - 5))
        await desk.clock.jump(4_000)
        await desk.store.jobs.set_status(job_id, JobStatus.COMPLETED, reason="")
        late = await desk.send("POST", RUN, body=wish())
        assert {status for status, _ in (later, late)} == {200}
        assert len({answer["task_key"] for _, answer in (*answers, later, late)}) == 1
        assert (await desk.store.ledger.count(job_id))[Outcome.QUEUED] == 1


async def test_run_when_the_nonce_is_another_then_it_is_another_run(tmp_path: Path) -> None:
    async with open_desk(tmp_path) as desk:
        job_id = await desk.taken_in(job())
        for nonce in (7, 8):
            assert (await desk.send("POST", RUN, body=wish(nonce=nonce)))[0] == 201
        assert (await desk.store.ledger.count(job_id))[Outcome.QUEUED] == 2


@pytest.mark.parametrize("key", ["owner", "admin", "app"])
async def test_run_when_the_signature_is_not_the_owners_then_no_key_makes_up_for_it(tmp_path: Path, key: str) -> None:
    forged = {**wish(), "signature": "0x" + "11" * 65}
    async with open_desk(tmp_path) as desk:
        job_id = await desk.taken_in(job())
        others = (wish(signer=STRANGER), wish(version=NOW + 1), wish(job_id=JOB_ID + 1), {**wish(), "nonce": 8}, forged)
        for body in others:
            status, problem = await desk.send("POST", RUN, key=key, body=body)
            assert (status, problem["field"]) == (403, "signature")
        for missing in ("nonce", "requested_at", "signature"):
            status, problem = await desk.send("POST", RUN, key=key, body={**wish(), missing: None})
            assert (status, problem["field"]) == (400, missing)
        assert (await desk.send("POST", RUN, key=key, body={**wish(), "signature": "0x12"}))[0] == 400
        assert await desk.store.ledger.count(job_id) == {}


@pytest.mark.parametrize(
    ("at", "status"), [(NOW - 1, 400), (NOW, 400), (NOW + 100, 201), (NOW + 3_700, 201), (NOW + 3_731, 400)]
)
async def test_run_when_the_wish_is_old_or_early_then_it_is_refused(tmp_path: Path, at: int, status: int) -> None:
    async with open_desk(tmp_path) as desk:
        await desk.taken_in(event_job(time_frame=10_000))
        await desk.clock.jump(3_700)
        found, problem = await desk.send("POST", RUN, body=wish(requested_at=at))
        assert found == status
        assert status == 201 or problem["field"] == "requested_at"


async def test_run_when_the_job_does_not_run_then_it_is_refused(tmp_path: Path) -> None:
    async with open_desk(tmp_path) as desk:
        job_id = await desk.taken_in(job())
        for status, is_paused in ((JobStatus.STOPPED, True), (JobStatus.STOPPED, False), (JobStatus.CREATED, False)):
            await desk.store.jobs.set_status(job_id, status, reason="", is_paused=is_paused)
            found, problem = await desk.send("POST", RUN, body=wish())
            assert (found, problem["code"]) == (409, "job-not-scheduled")
        await desk.store.jobs.set_status(job_id, JobStatus.SCHEDULED, reason="")
        desk.entries[job_id].version = NOW + 9
        assert (await desk.send("POST", RUN, body=wish()))[1]["code"] == "job-version"
        desk.entries[job_id].is_active = False
        assert (await desk.send("POST", RUN, body=wish()))[1]["code"] == "job-inactive"
        assert (await desk.send("POST", "/api/jobs/7/run", body=wish()))[0] == 404
