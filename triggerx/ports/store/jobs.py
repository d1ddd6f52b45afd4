"""Jobs in the store."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from triggerx.core.job import Job, JobBody, JobId, JobStatus
from triggerx.core.task import RunChange
from triggerx.core.terms import JobTerms
from triggerx.evm.types import Address, ChainId


class TriggerKind(StrEnum):
    """What makes a job fire; custom scripts fire by time."""

    TIME = "time"
    EVENT = "event"
    CONDITION = "condition"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fired:
    """How many runs of a job were let through at once, on this UTC day (days since 1970); `user_id` is its owner."""

    number: int
    user_id: int
    runs: int
    day: int


@dataclass(frozen=True, slots=True, kw_only=True)
class IdleJob:
    """A job that may be over, and has no open run; `reason` is the sentence that explains its present status."""

    number: int
    job_id: JobId
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """When a job is due next, None for never again, and how many of its runs were let through on this UTC day.

    `user_id` is its owner, in whose count the runs are too.
    """

    number: int
    user_id: int
    next_due_at: int | None
    runs: int = 0
    day: int = 0


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

    async def get_many(self, job_ids: Sequence[JobId]) -> Sequence[Job]:
        """Return the jobs of these ids that there are."""
        ...

    async def list_by_owner(self, owner: Address, *, chain_id: ChainId | None = None) -> Sequence[Job]:
        """Return an owner's jobs, of one creation chain or all."""
        ...

    async def list_by_api_key(self, api_key_id: int) -> Sequence[Job]:
        """Return the jobs that were posted with this key."""
        ...

    async def list_page(self, *, after: JobId | None, limit: int) -> Sequence[Job]:
        """Return jobs of every status that were accepted after this one, or from the first on."""
        ...

    async def claim_due(self, now: int, *, limit: int) -> Sequence[JobTerms]:
        """Return the jobs whose `next_due_at` ≤ now, the longest due first, higher priority first.

        Those that are paused or wait for a link too: their due seconds get entries that say so. Used in a transaction:
        they stay claimed until its end, and what others have claimed is left out.
        """
        ...

    async def next_due_at(self) -> int | None:
        """Return the earliest `next_due_at` of any job."""
        ...

    async def terms(self, numbers: Sequence[int]) -> Sequence[JobTerms]:
        """Return the terms of these jobs, by number; inside a transaction they stay locked until its end."""
        ...

    async def terms_of(self, job_id: JobId) -> JobTerms | None:
        """Return a job's terms by its id; locked likewise."""
        ...

    async def list_watched(
        self, kind: TriggerKind, *, chain_id: ChainId | None, after: int, limit: int
    ) -> Sequence[JobTerms]:
        """Return jobs of this kind that are not over (CREATED, SCHEDULED or paused), by number, beyond `after`.

        With `chain_id`, only those whose event is on this chain.
        """
        ...

    async def list_expired(self, now: int, *, after: int, limit: int) -> Sequence[IdleJob]:
        """Return event and condition jobs that are SCHEDULED or paused and whose `expires_at` < now.

        Without an open run, by number, beyond `after`.
        """
        ...

    async def list_linked(self, *, limit: int) -> Sequence[tuple[Job, Job]]:
        """Return each job that waits (CREATED, `chain_status` 2) with the job that names it as its `link_job_id`.

        Only where that one is of the same owner, and over: COMPLETED, FAILED, or STOPPED and not paused.
        """
        ...

    async def list_naming(self, job_id: JobId, *, owner: Address, limit: int) -> Sequence[JobId]:
        """Return the jobs of this owner, of every status, that name it as their `link_job_id`."""
        ...

    async def count_due(self, until: int, *, limit: int) -> int:
        """Return how many jobs are due at or before a second, counting no further than `limit`."""
        ...

    async def move_on(self, moves: Sequence[Move]) -> None:
        """Set when many jobs are due next, and count their runs as `count_fired` does."""
        ...

    async def count_fired(self, fired: Sequence[Fired]) -> None:
        """Add runs that were let through to the counts of job and owner; a new day starts its counts at zero."""
        ...

    async def count_run(self, job_id: JobId, change: RunChange) -> None:
        """Keep the counts of runs true when a task of the job moved (`core.task.run_changes`).

        ENDED: one run less is open. GIVEN_BACK: one run less, and one less open, but none less of its day. TAKEN_AGAIN:
        the reverse. OPENED: one more is open.
        """
        ...

    async def set_watched_from(self, number: int, block_number: int) -> None:
        """Note the first block from which a chain's watcher covers the job."""
        ...

    async def list_unscheduled(self, *, after: int, limit: int) -> Sequence[IdleJob]:
        """Return the time jobs with status SCHEDULED, not paused, that have no `next_due_at` any more, nor an open run.

        By number, beyond `after`.
        """
        ...

    async def list_finished(self, *, after: int, limit: int) -> Sequence[IdleJob]:
        """Return event and condition jobs that do not recur, are SCHEDULED, and whose run was let through and is over.

        By number, beyond `after`.
        """
        ...

    async def set_schedule(self, job_id: JobId, *, next_due_at: int | None) -> None:
        """Set when it fires next; None takes it off the schedule. Raises `NotFound`."""
        ...

    async def set_status(self, job_id: JobId, status: JobStatus, *, reason: str, is_paused: bool = False) -> None:
        """Set status and the sentence that explains it; raises `NotFound`."""
        ...

    async def record_execution(self, job_id: JobId, *, executed_at: int, gas: int) -> None:
        """Note an execution: `last_executed_at` moves up only.

        `gas` is what the run took, expected of the next one of a job without a mandate; 0 when it is not known. Raises
        `NotFound`.
        """
        ...

    async def record_charge(self, job_id: JobId, *, charged_at: int, cost_wei: int) -> None:
        """Add what the owner was charged at this second to what was spent, in all and on its day; raises `NotFound`."""
        ...
