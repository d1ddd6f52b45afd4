"""Tasks and their assignments in the store, as the engine's side keeps them."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from triggerx.core.job import JobId
from triggerx.core.ledger import NewEntry
from triggerx.core.task import SignedAssignment, Task, TaskId, TaskStatus
from triggerx.evm.types import Address, Hash32


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Place:
    """Where a task stands among those that wait for the engine: higher priority (1) first, then the oldest."""

    priority: int
    task_id: TaskId


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkableTask:
    """A task that waits for the engine, without what is in it."""

    task_key: Hash32
    place: Place


@dataclass(frozen=True, slots=True, kw_only=True)
class PerformerLoad:
    """One keeper's tasks by how they stand; `replaced` counts its assignments that ended without a performance.

    `failed` counts the UNKNOWN ones too.
    """

    performer: Address
    open: int
    attested: int
    rejected: int
    failed: int
    replaced: int


class AssignmentStatus(StrEnum):
    """How far one assignment came."""

    SENT = "sent"
    ACKNOWLEDGED = "acknowledged"
    REFUSED = "refused"
    DECLINED = "declined"
    UNREACHABLE = "unreachable"
    SILENT = "silent"
    EXPIRED = "expired"
    PERFORMED = "performed"


@dataclass(frozen=True, slots=True, kw_only=True)
class AssignmentRow:
    """One attempt of one task, and how it went."""

    signed: SignedAssignment
    status: AssignmentStatus
    reason: str = ""


class Tasks(Protocol):
    """The task table: one row for each entry of the ledger that fired, under the entry's number."""

    async def insert_fired(self, entries: Sequence[NewEntry]) -> None:
        """Make the tasks of these occurrences, which are in the ledger by their keys; those that have one keep it.

        The evidence is the one given here; everything else is the ledger's and the job's: a task fired when its entry
        was decided about. Without an entry that is FIRED none is made.
        """
        ...

    async def save(self, task: Task) -> None:
        """Write what may change of a task that exists: not its job, firing and key, nor what it was created with.

        Raises `NotFound`. A performer not seen before becomes a keeper.
        """
        ...

    async def save_many(self, tasks: Sequence[Task]) -> None:
        """Write every column of tasks that exist, but not their attesters; a performer not seen before as in `save`."""
        ...

    async def get(self, task_id: TaskId) -> Task | None:
        """Return a task by its number."""
        ...

    async def by_key(self, task_key: Hash32) -> Task | None:
        """Return a task by its key; inside a transaction the row stays locked until its end."""
        ...

    async def by_keys(self, task_keys: Sequence[Hash32]) -> Sequence[Task]:
        """Return the tasks of these keys that there are, oldest first; locked inside a transaction as by `by_key`."""
        ...

    async def by_cid(self, cid: str) -> Task | None:
        """Return the task whose document has this CID."""
        ...

    async def list_by_job(self, job_id: JobId) -> Sequence[Task]:
        """Return a job's tasks, oldest first."""
        ...

    async def count_by_status(self, job_id: JobId) -> dict[TaskStatus, int]:
        """Return how many tasks of a job have each status; those that none has are left out."""
        ...

    async def last_dead(self, job_id: JobId) -> Task | None:
        """Return a job's newest task that is FAILED, REJECTED or UNKNOWN."""
        ...

    async def list_by_owner(self, owner: Address, *, limit: int) -> Sequence[Task]:
        """Return the tasks of an owner's jobs, newest first."""
        ...

    async def list_recent(self, *, limit: int) -> Sequence[Task]:
        """Return the newest tasks, newest first."""
        ...

    async def list_open(self) -> Sequence[Task]:
        """Return the tasks without a final status, oldest first."""
        ...

    async def list_workable(self, now: int, *, after: Place | None, limit: int) -> Sequence[WorkableTask]:
        """Return the tasks that wait for the engine, ascending by their places, beyond `after`.

        That are those CREATED or ASSIGNED, and those taken on whose `deadline_at` ≤ now.
        """
        ...

    async def list_dead(self, owner: Address | None, *, limit: int) -> Sequence[Task]:
        """Return the tasks FAILED, REJECTED or UNKNOWN, of one owner or all, newest first."""
        ...

    async def loads(self) -> Sequence[PerformerLoad]:
        """Return each performer's record, by address: what it has open, and how its tasks ended.

        It counts every task there is, by an index: keep it for a while.
        """
        ...


class Assignments(Protocol):
    """The orders an engine signed: one row a task key and attempt."""

    async def insert(self, signed: SignedAssignment) -> None:
        """Add an order as SENT, before it is sent; idempotent by key and attempt. Not in the ledger: `NotFound`."""
        ...

    async def insert_many(self, signed: Sequence[SignedAssignment]) -> None:
        """Add several, as `insert`."""
        ...

    async def set_status(self, task_key: Hash32, attempt: int, status: AssignmentStatus, reason: str = "") -> None:
        """Note how it went; raises `NotFound`."""
        ...

    async def list_by_task(self, task_key: Hash32) -> Sequence[AssignmentRow]:
        """Return a task's orders by attempt."""
        ...
