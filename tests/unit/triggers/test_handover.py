"""Settling a schedule: up to which second, and what a schedule that cannot be read any more leaves."""

from dataclasses import replace
from pathlib import Path

from tests.fakes.store import temporary_store
from tests.unit.core.sample import CREATED_AT, DUE, job_body
from triggerx.core.evidence import TimeEvidence
from triggerx.core.job import Job, JobStatus, ScheduleType, TimeTrigger
from triggerx.core.job_body import expected_job_hash
from triggerx.core.ledger import Outcome, Reason, Ruling, new_entry
from triggerx.ports.store import Store
from triggerx.triggers.handover import settle_schedule

NO_CRON = TimeTrigger(schedule_type=ScheduleType.CRON, cron_expression="99 * * * *")
BODY = job_body()


async def stored(store: Store, *, trigger: TimeTrigger | None = None, next_due_at: int | None = DUE) -> Job:
    body = BODY if trigger is None else replace(BODY, trigger=trigger)
    user = await store.users.ensure(body.owner, now=CREATED_AT)
    job = Job(
        body=body,
        user_id=user.user_id,
        job_hash=expected_job_hash(body),
        version=CREATED_AT,
        status=JobStatus.SCHEDULED,
        created_at=CREATED_AT,
        accepted_at=CREATED_AT,
        next_due_at=next_due_at,
    )
    assert await store.jobs.insert(job, api_key_id=None)
    return job


async def test_settle_when_nothing_is_due_yet_then_nothing_is_written(tmp_path: Path) -> None:
    async with temporary_store(tmp_path) as store:
        job = await stored(store)
        assert await settle_schedule(store, job.job_id, now_ms=DUE * 1000 - 1) == DUE - 1
        assert await store.ledger.count(job.job_id) == {}


async def test_settle_when_another_clock_is_ahead_then_what_it_settled_stays_settled(tmp_path: Path) -> None:
    async with temporary_store(tmp_path) as store:
        job = await stored(store, next_due_at=DUE + 10)
        terms = await store.jobs.terms_of(job.job_id)
        assert terms is not None
        fired = new_entry(terms, TimeEvidence(due=DUE), Ruling(outcome=Outcome.FIRED), now_ms=DUE * 1000)
        await store.ledger.add_many([fired])
        assert await settle_schedule(store, job.job_id, now_ms=DUE * 1000 - 1) == DUE


async def test_settle_when_the_time_frame_was_over_then_its_due_seconds_say_so(tmp_path: Path) -> None:
    async with temporary_store(tmp_path) as store:
        job = await stored(store)
        await settle_schedule(store, job.job_id, now_ms=(job.expires_at + 5) * 1000)
        (left,) = await store.ledger.list_by_job(job.job_id, since=0, until=DUE * 2, limit=9)
        assert (left.outcome, left.entry.reason, left.entry.count) == (Outcome.MISSED, Reason.EXPIRED, 6)
        present = await store.jobs.get(job.job_id)
        assert present is not None and present.next_due_at is None


async def test_settle_when_the_schedule_is_none_then_the_change_is_not_kept_up_by_it(tmp_path: Path) -> None:
    async with temporary_store(tmp_path) as store:
        job = await stored(store, trigger=NO_CRON)
        assert await settle_schedule(store, job.job_id, now_ms=(DUE + 5) * 1000) == DUE + 5
        assert await store.ledger.count(job.job_id) == {}
