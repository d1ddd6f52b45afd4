"""Which body may take another's place under the same job id, and when."""

from dataclasses import replace
from typing import Final

from triggerx.core.errors import Conflict
from triggerx.core.job import Job, JobBody, JobStatus, TimeTrigger
from triggerx.core.ledger import Outcome
from triggerx.core.validation import RegistryEntry
from triggerx.http.problems import refuse
from triggerx.ports.store import Queries

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


def _is_judged_alike(known: JobBody, body: JobBody) -> bool:
    same_trigger = known.trigger == body.trigger or has_same_schedule(known, body)
    return same_trigger and known.action == body.action and known.is_guarded == body.is_guarded
