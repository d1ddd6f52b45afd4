"""Firings as the engine's batch writes them: an entry of the ledger that fired, and its task."""

from triggerx.core.admission import FIRES
from triggerx.core.evidence import Evidence
from triggerx.core.job import JobId
from triggerx.core.ledger import NewEntry, new_entry
from triggerx.core.task import Task
from triggerx.ports.store import Queries


async def fire(queries: Queries, job_id: JobId, evidence: Evidence, *, now_ms: int | None = None) -> Task:
    """Let an occurrence of a stored job fire, at its moment where nothing else is said; returns its task."""
    terms = await queries.jobs.terms_of(job_id)
    assert terms is not None
    return await put_fired(queries, new_entry(terms, evidence, FIRES, now_ms=now_ms or evidence.moment * 1000))


async def put_fired(queries: Queries, entry: NewEntry) -> Task:
    """Enter an occurrence that fired, where it is not entered yet, and make its task."""
    await queries.ledger.add_many([entry])
    await queries.tasks.insert_fired([entry])
    task = await queries.tasks.by_key(entry.task_key)
    assert task is not None
    return task
