"""How a job stands: what it has used of its limits, what became of its occurrences, and what holds it."""

from triggerx.core.evidence import SECOND_MAX
from triggerx.core.job import Job
from triggerx.core.ledger import Outcome
from triggerx.core.terms import DAY_S
from triggerx.ports.store import Store
from triggerx.role import Services

HOLDS_LOOKED_AT = 100  # entries back from the newest; what is held is among the newest, for it is let go at once


async def standing_of(services: Services, job: Job) -> dict[str, object]:
    """Return the fields of `GET /api/jobs/:id` that are counted: amounts in wei as decimal strings, days in UTC.

    `outcomes` has every outcome, also those that never were; `hold` is null while nothing is held.
    """
    store, today = services.store, services.clock.now() // DAY_S
    counts = await store.ledger.count(job.job_id)
    outcomes = {outcome.value: counts.get(outcome, 0) for outcome in Outcome}
    terms = await store.jobs.terms_of(job.job_id)
    if terms is None:
        return {"outcomes": outcomes, "hold": None}
    is_today = terms.usage_day == today
    return {
        "outcomes": outcomes,
        "hold": await _hold(store, job) if counts.get(Outcome.HELD) else None,
        "runs": terms.runs,
        "open_runs": terms.open_runs,
        "runs_today": terms.runs_today if is_today else 0,
        "spent_today_wei": str(terms.spent_today_wei if is_today else 0),
        "run_gas": terms.run_gas,
        "deposit_wei": None if terms.balance_wei is None else str(terms.balance_wei),
        "watched_from": terms.watched_from,
    }


async def _hold(store: Store, job: Job) -> dict[str, object] | None:
    entries = await store.ledger.list_by_job(job.job_id, since=0, until=SECOND_MAX, limit=HOLDS_LOOKED_AT)
    for stored in reversed(entries):
        if stored.outcome is Outcome.HELD:
            return {"reason": stored.entry.reason.value, "detail": stored.entry.detail, "since": stored.entry.moment}
    return None
