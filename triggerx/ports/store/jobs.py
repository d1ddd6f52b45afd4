"""Jobs in the store."""

from collections.abc import Sequence
from typing import Protocol

from triggerx.core.job import Job, JobBody, JobId, JobStatus
from triggerx.evm.types import Address, ChainId


class Jobs(Protocol):
    """The job table. Lists are ascending by the order of acceptance."""

    async def insert(self, job: Job, *, api_key_id: int | None) -> bool:
        """Add the job; False when the id exists (nothing is changed then). Raises `NotFound` without its user."""
        ...

    async def replace_body(self, job_id: JobId, body: JobBody, *, job_hash: bytes, version: int) -> None:
        """Put the body of a newer registry version in; raises `NotFound`."""
        ...

    async def get(self, job_id: JobId) -> Job | None:
        """Return the job."""
        ...

    async def list_by_owner(self, owner: Address, *, chain_id: ChainId | None = None) -> Sequence[Job]:
        """Return an owner's jobs, of one creation chain or all."""
        ...

    async def list_by_api_key(self, api_key_id: int) -> Sequence[Job]:
        """Return the jobs that were posted with this key."""
        ...

    async def list_due(self, now: int, *, limit: int) -> Sequence[Job]:
        """Return scheduled, unpaused jobs whose `next_due_at` ≤ now, the longest due first, higher priority first."""
        ...

    async def next_due_at(self) -> int | None:
        """Return the earliest `next_due_at` of any scheduled, unpaused job."""
        ...

    async def list_unscheduled(self) -> Sequence[Job]:
        """Return the jobs with status SCHEDULED, not paused, that have no `next_due_at` any more."""
        ...

    async def set_schedule(self, job_id: JobId, *, next_due_at: int | None) -> None:
        """Set when it fires next; None takes it off the schedule. Raises `NotFound`."""
        ...

    async def advance(self, job_id: JobId, *, due: int, next_due_at: int | None) -> bool:
        """Move a job from this due second on; False when it is not scheduled for it any more, or is paused.

        Nothing is changed then: somebody stopped, paused or moved it after it was read.
        """
        ...

    async def set_status(self, job_id: JobId, status: JobStatus, *, reason: str, is_paused: bool = False) -> None:
        """Set status and the sentence that explains it; raises `NotFound`."""
        ...

    async def record_execution(self, job_id: JobId, *, executed_at: int, cost_wei: int) -> None:
        """Note an execution: `last_executed_at` moves up only, the cost is added to what was spent.

        Raises `NotFound`.
        """
        ...
