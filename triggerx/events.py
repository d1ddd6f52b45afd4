"""Every event of the bus on one page; frozen, and ids only: the store holds the facts."""

from dataclasses import dataclass
from typing import TypeAlias

from triggerx.core.job import JobId
from triggerx.core.task import TaskStatus
from triggerx.evm.types import Address, Hash32


@dataclass(frozen=True, slots=True)
class JobCreated:
    """A job was accepted and can be scheduled."""

    job_id: JobId


@dataclass(frozen=True, slots=True)
class JobChanged:
    """A job was updated, paused, resumed or deleted."""

    job_id: JobId


@dataclass(frozen=True, slots=True)
class OccurrenceQueued:
    """An occurrence of the job's trigger is in the ledger and waits for the engine."""

    job_id: JobId


@dataclass(frozen=True, slots=True)
class DepositChanged:
    """An owner's deposit changed."""

    owner: Address


@dataclass(frozen=True, slots=True)
class TaskCreated:
    """A firing became a task."""

    task_key: Hash32


@dataclass(frozen=True, slots=True)
class TaskChanged:
    """A task moved to this status."""

    task_key: Hash32
    status: TaskStatus


@dataclass(frozen=True, slots=True)
class TaskEnded:
    """A task reached a final status."""

    task_key: Hash32
    status: TaskStatus


@dataclass(frozen=True, slots=True)
class AssignmentReceived:
    """This keeper took a task on."""

    task_key: Hash32


@dataclass(frozen=True, slots=True)
class DocumentAnnounced:
    """A performer's announcement is stored and waits to be judged."""

    task_key: Hash32
    cid: str


@dataclass(frozen=True, slots=True)
class VoteHeard:
    """A vote on this task hash is stored."""

    task_hash: Hash32


@dataclass(frozen=True, slots=True)
class KeeperCheckedIn:
    """An operator's check-in is stored."""

    operator: Address


@dataclass(frozen=True, slots=True)
class KeeperRegistered:
    """An operator became active or inactive on chain."""

    operator: Address


Event: TypeAlias = (
    JobCreated
    | JobChanged
    | OccurrenceQueued
    | DepositChanged
    | TaskCreated
    | TaskChanged
    | TaskEnded
    | AssignmentReceived
    | DocumentAnnounced
    | VoteHeard
    | KeeperCheckedIn
    | KeeperRegistered
)
