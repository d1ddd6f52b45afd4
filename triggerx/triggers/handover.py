"""What becomes of due seconds that nobody has come to when a job's schedule is replaced, let go again, or ended.

Rule: whoever changes a schedule settles the old one first, in the same transaction, so that every due second has its
entry. None of them fires: an order takes the job's body with it, and keepers would hold an old due second against the
new one. So a job that took no part has them skipped for that reason, as the engine would have; of any other they are
missed, whatever its misfire policy says about late ones.
"""

from dataclasses import replace
from typing import Final

from triggerx.core.admission import stands_apart
from triggerx.core.errors import InvalidInput
from triggerx.core.evidence import TimeEvidence
from triggerx.core.job import JobId, TimeTrigger
from triggerx.core.ledger import Outcome, Reason, Ruling, new_entry
from triggerx.core.terms import JobTerms
from triggerx.evm.hub import FiringKind
from triggerx.ports.store import Queries
from triggerx.triggers.time import count_dues, next_due

REPLACED: Final = Ruling(
    outcome=Outcome.MISSED,
    reason=Reason.REPLACED,
    detail="the job's trigger was replaced before it could be fired, and keepers go by the new one",
)
STOPPED: Final = Ruling(
    outcome=Outcome.MISSED, reason=Reason.STOPPED, detail="the job was deleted before it could be fired"
)


async def settle_schedule(queries: Queries, job_id: JobId, *, now_ms: int, otherwise: Ruling = REPLACED) -> int:
    """Enter a job's due seconds up to now, and move its schedule past them; return the last second that is settled.

    `otherwise` is what becomes of them where the job's own state does not say so. Used in the transaction that changes
    the job, before the change. A schedule that can no longer be read has no due seconds.
    """
    now = now_ms // 1000
    terms = await queries.jobs.terms_of(job_id)
    if terms is None or not isinstance(terms.trigger, TimeTrigger):
        return now
    last = next(iter(await queries.ledger.last_of([terms.number])), None)
    if last is not None and last.entry.firing.kind == FiringKind.TIME:
        now = max(now, last.entry.last_moment)  # another node's clock may be ahead
    first = terms.next_due_at
    if first is None or first > now:
        return now
    try:
        count, last_due = _dues(terms, terms.trigger, first, now)
        following = next_due(terms.trigger, created_at=terms.created_at, expires_at=terms.expires_at, after=now)
    except InvalidInput:
        return now
    ruling = stands_apart(terms, now=now) or otherwise
    if last is not None and last.is_continued_by(ruling, first):
        total = last.entry.count + count
        await queries.ledger.extend(last.number, last_moment=last_due, count=total, detail=ruling.detail, now_ms=now_ms)
    else:
        entry = new_entry(terms, TimeEvidence(due=first), ruling, now_ms=now_ms)
        await queries.ledger.add_many([replace(entry, last_moment=last_due, count=count)])
    await queries.jobs.set_schedule(job_id, next_due_at=following)
    return now


def _dues(terms: JobTerms, trigger: TimeTrigger, first: int, until: int) -> tuple[int, int]:
    """How many due seconds there are from `first`, which is one, and the last of them."""
    frame = {"created_at": terms.created_at, "expires_at": terms.expires_at}
    count, last = count_dues(trigger, **frame, after=first - 1, until=until)
    return max(1, count), first if last is None else last
