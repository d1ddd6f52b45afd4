"""Which body may take another's place under the same job id, when, and what becomes of the old one's schedule."""

from dataclasses import replace
from typing import Final

from triggerx.core.canonical import Json
from triggerx.core.errors import Conflict
from triggerx.core.job import Job, JobBody, JobStatus, TimeTrigger
from triggerx.core.ledger import Outcome
from triggerx.core.schedule import dump_schedule
from triggerx.core.validation import RegistryEntry
from triggerx.http.problems import refuse
from triggerx.ports.store import Queries
from triggerx.triggers.handover import REPLACED, settle_schedule
from triggerx_librarian.acceptance import first_due
from triggerx_librarian.links import let_go
from triggerx_librarian.ownership import stored_job

WAITING: Final = (Outcome.CONFIRMING, Outcome.QUEUED, Outcome.HELD)
_OVER: Final = frozenset({JobStatus.COMPLETED, JobStatus.FAILED})


def is_same(known: JobBody, body: JobBody, *, is_owners: bool = False) -> bool:
    """Whether a body says nothing new: the same, or as posted again without the mandate that is there already."""
    return known == body or (not is_owners and body.mandate is None and replace(known, mandate=None) == body)


def is_deleted(job: Job) -> bool:
    """Whether a job was stopped for good, not paused."""
    return job.status is JobStatus.STOPPED and not job.is_paused


def has_same_schedule(known: JobBody, body: JobBody) -> bool:
    """Whether both bodies have the same due seconds, whatever becomes of late ones."""
    before, after = known.trigger, body.trigger
    if not isinstance(before, TimeTrigger) or not isinstance(after, TimeTrigger):
        return False
    return replace(before, misfire=after.misfire, misfire_within_s=after.misfire_within_s) == after


def check_replaces(known: Job, body: JobBody, entry: RegistryEntry, *, is_owners: bool) -> None:
    """Refuse a body that may not take the known one's place; a newer registry version always may.

    At the same version a new mandate contradicts nothing, and everything else is the owner's to change.
    """
    if entry.version > known.version:
        return
    job = f"job {body.job_id}"
    if entry.version < known.version:
        raise Conflict(f"{job} is known here at registry version {known.version}, the registry says {entry.version}")
    if is_deleted(known):
        detail = f"{job} was stopped ({known.status_reason}): update it on chain, or create another"
        raise refuse(409, "job-stopped", detail, field="job_id")
    if known.status in _OVER:
        detail = f"{job} has {known.status.name.lower()} ({known.status_reason}): update it on chain, or create another"
        raise refuse(409, "job-over", detail, field="job_id")
    if not is_owners and replace(known.body, mandate=body.mandate) != body:
        raise Conflict(
            f"{job} has another body already, at registry version {known.version}: update it on chain first, or send "
            f"PUT /api/jobs/update/{body.job_id} with its owner's key"
        )


async def check_settled(queries: Queries, known: Job, body: JobBody) -> None:
    """Refuse to change what keepers hold an occurrence against while one is on its way; used in the transaction.

    Orders take the job's body with them when they are sent, so an occurrence of the old trigger would be judged by the
    new one. A newer registry version voids what is on its way in any case.
    """
    terms = await queries.jobs.terms_of(known.job_id)
    if terms is None or _is_judged_alike(known.body, body):
        return
    counts = await queries.ledger.count(known.job_id)
    waiting = sum(counts.get(outcome, 0) for outcome in WAITING)
    if waiting or terms.open_runs:
        raise refuse(
            409,
            "occurrences-open",
            f"job {known.job_id} has {waiting} occurrences that wait and {terms.open_runs} open tasks, which its new "
            "trigger or call would contradict: pause it, wait until they are over, and update it then",
        )


async def check_present(queries: Queries, known: Job, body: JobBody, entry: RegistryEntry, *, is_owners: bool) -> None:
    """Refuse a body by the job as it is stored now, and what is on its way of it."""
    check_replaces(known, body, entry, is_owners=is_owners)
    if entry.version == known.version:
        await check_settled(queries, known, body)


async def replace_job(
    queries: Queries, known: Job, body: JobBody, entry: RegistryEntry, *, now_ms: int
) -> dict[str, Json] | None:
    """Write another body; a schedule that is the same goes on where it is, another begins where the old one is settled.

    A newer version lets a paused job go: the sentinel pauses every job whose new body is not there yet. Returns the
    schedule before, as `core.followers.SCHEDULE_BEFORE` has it.
    """
    before, stays = known.body, has_same_schedule(known.body, body)
    is_let_go = known.status is not JobStatus.SCHEDULED and not (known.is_paused and entry.version == known.version)
    settled = now_ms // 1000
    if not stays or is_let_go:
        settled = await settle_schedule(queries, known.job_id, now_ms=now_ms)
    if not stays and before.trigger != body.trigger:
        terms = await queries.jobs.terms_of(known.job_id)
        if terms is not None:
            await queries.ledger.end_waiting(terms.number, REPLACED, now_ms=now_ms)
    await queries.jobs.replace_body(body.job_id, body, job_hash=entry.job_hash, version=entry.version)
    if is_let_go:
        await let_go(queries, body)
    present = await stored_job(queries, body.job_id)
    due = present.next_due_at
    if due is None or not stays:
        due = first_due(body, after=settled)
    elif due > present.expires_at:
        due = None
    await queries.jobs.set_schedule(body.job_id, next_due_at=due)
    if not isinstance(before.trigger, TimeTrigger) or known.status in _OVER or is_deleted(known):
        return None
    return {**dump_schedule(before.trigger), "time_frame": before.time_frame_s, "until": settled}


def _is_judged_alike(known: JobBody, body: JobBody) -> bool:
    same_trigger = known.trigger == body.trigger or has_same_schedule(known, body)
    return same_trigger and known.action == body.action and known.is_guarded == body.is_guarded
