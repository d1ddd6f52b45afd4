"""Poisonous jobs are set aside with the reason, so that the others go on; a person looks at them."""

from triggerx.core.errors import InvalidInput
from triggerx.core.terms import JobTerms
from triggerx.ports.store import Queries


async def set_aside(queries: Queries, terms: JobTerms, error: InvalidInput, *, now: int) -> None:
    """Put a job into the quarantine; again replaces the reason."""
    await queries.quarantine.add(kind="job", subject=f"job:{terms.job_id}", reason=str(error), content=b"", now=now)
