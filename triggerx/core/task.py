"""The task: one firing of one job on its way to attestation, with its state machine.

`transition` is pure: the time is in the inputs, nothing is sent from here. The engine stores the new state first and
then carries the effects out; each effect is idempotent by task key and attempt.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import NewType, TypeAlias, assert_never

from triggerx.core.canonical import Json
from triggerx.core.job import JobId, TaskDefinition
from triggerx.core.task_inputs import (
    ChainLogMinedAgain,
    ChainTaskDecided,
    ClockDeadlinePassed,
    EngineAssigned,
    OwnerRetried,
    PeerAcknowledged,
    PeerDeclined,
    PeerPerformed,
    PeerRefused,
    PeerSilent,
    TaskInput,
)
from triggerx.evm.hub import Assignment, Firing
from triggerx.evm.types import Address, Hash32, Wei

TaskId = NewType("TaskId", int)
"""The number of a task's occurrence in the ledger; `task_number` is the Attestation Center's."""


class TaskStatus(StrEnum):
    """Where a task stands. ATTESTED, REJECTED, FAILED, UNKNOWN and DECLINED are final."""

    CREATED = "created"
    ASSIGNED = "assigned"
    ACKNOWLEDGED = "acknowledged"
    PERFORMED = "performed"
    ATTESTED = "attested"
    REJECTED = "rejected"
    FAILED = "failed"
    UNKNOWN = "unknown"
    """It may have happened: unguarded, taken on and not attested; or attested by less power than its job demands."""
    DECLINED = "declined"
    """The job's script had nothing to do; so several keepers said, each for itself."""


NOT_ANNOUNCED = "the performer took an unguarded task on and fell silent"
NOT_ATTESTED = "performed, but not attested in time"
FINAL = frozenset(
    {TaskStatus.ATTESTED, TaskStatus.REJECTED, TaskStatus.FAILED, TaskStatus.UNKNOWN, TaskStatus.DECLINED}
)
DEAD = FINAL - {TaskStatus.ATTESTED, TaskStatus.DECLINED}
"""A dead letter: a person looks at it, and may have it tried once more."""
DECLINES_MIN = 2
"""So many keepers have to say that a script declines, so that none alone can keep a job from running."""
RUN = frozenset({TaskStatus.ATTESTED, TaskStatus.UNKNOWN})
"""What counts as a run of its job: it happened, or may have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedAssignment:
    """The engine's order to one performer, with what anybody needs to repeat the draw behind it.

    `roster` holds the operator ids the draw was made over, ascending; `seed_block` is the block the firing fixes.
    `signature` is the engine's 65 bytes over the assignment's EIP-712 digest under the hub's domain.
    """

    assignment: Assignment
    job_id: JobId
    firing: Firing
    seed_block: int
    seed_block_hash: Hash32
    roster: tuple[int, ...]
    signature: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One row of the task table (the user's schema), with the node's own columns at the end.

    Times are unix seconds; `execution_timestamp` is the action's block time. `task_cost` is what the action cost its
    performer in wei. Fields are None until they are known.
    """

    task_id: TaskId
    task_key: Hash32
    job_id: JobId
    task_definition_id: TaskDefinition
    created_at: int
    firing: Firing
    is_guarded: bool
    status: TaskStatus = TaskStatus.CREATED
    attempt: int = 0
    evidence: Mapping[str, Json]
    task_number: int | None = None
    task_cost: Wei | None = None
    execution_timestamp: int | None = None
    execution_tx_hash: Hash32 | None = None
    task_performer: Address | None = None
    proof_of_task: str | None = None
    action_data_cid: str | None = None
    task_attester_ids: tuple[int, ...] = ()
    is_approved: bool | None = None
    tp_signature: bytes | None = None
    ta_signature: bytes | None = None
    task_submission_tx_hash: Hash32 | None = None
    is_successful: bool | None = None
    task_error: str = ""
    deadline_at: int | None = None
    """When the present attempt is over, unix seconds."""
    fired_at_ms: int = 0
    executed_at_ms: int | None = None
    attested_at_ms: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AssignNextPerformer:
    """Draw the performer of the next attempt and send it its order."""

    attempt: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportTaskEnded:
    """Say on the bus that the task is over."""

    status: TaskStatus


TaskEffect: TypeAlias = AssignNextPerformer | ReportTaskEnded


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What a transition decided: the new state, and the effects to carry out once it is stored."""

    state: Task
    effects: tuple[TaskEffect, ...] = ()


class RunChange(StrEnum):
    """What a task's move means for its job's count of runs."""

    ENDED = "ended"
    """An open run is over, and counts."""
    GIVEN_BACK = "given_back"
    """An open run is over, and may be had again."""
    TAKEN_AGAIN = "taken_again"
    """A run that was given back is open again."""
    OPENED = "opened"
    """A run that was counted is open again."""


def run_changes(before: TaskStatus, after: TaskStatus) -> tuple[RunChange, ...]:
    """Return what moving a task between two statuses changes in its job's counts, in order."""
    if before not in FINAL:
        if after not in FINAL:
            return ()
        return (RunChange.ENDED,) if after in RUN else (RunChange.GIVEN_BACK,)
    if after not in FINAL:
        return (RunChange.OPENED,) if before in RUN else (RunChange.TAKEN_AGAIN,)
    return (RunChange.TAKEN_AGAIN, RunChange.ENDED) if before not in RUN and after in RUN else ()


def transition(task: Task, event: TaskInput, *, attempts_max: int) -> Step:
    """Move one task by one input; an input that is late, repeated or about another attempt changes nothing.

    `attempts_max` is how many performers may be tried before the task is FAILED (a dead letter; each retry by hand adds
    one more).
    """
    match event:
        case ChainTaskDecided():
            return _decided(task, event)
        case OwnerRetried():
            return _again(task) if task.status in DEAD else Step(state=task)
        case ChainLogMinedAgain():
            return _again(task) if task.status is TaskStatus.FAILED else Step(state=task)
        case _:
            return Step(state=task) if task.status in FINAL else _moved(task, event, attempts_max)


def _moved(
    task: Task,
    event: EngineAssigned
    | PeerAcknowledged
    | PeerRefused
    | PeerDeclined
    | PeerSilent
    | ClockDeadlinePassed
    | PeerPerformed,
    attempts_max: int,
) -> Step:
    match event:
        case EngineAssigned():
            return _assigned(task, event)
        case ClockDeadlinePassed():
            return _deadline(task, event, attempts_max)
        case PeerPerformed():
            return _performed(task, event)
        case PeerAcknowledged() | PeerRefused() | PeerDeclined() | PeerSilent():
            if event.attempt != task.attempt or task.status is not TaskStatus.ASSIGNED:
                return Step(state=task)
            return _answered(task, event, attempts_max)
        case _:
            assert_never(event)


def _answered(task: Task, event: PeerAcknowledged | PeerRefused | PeerDeclined | PeerSilent, attempts_max: int) -> Step:
    match event:
        case PeerAcknowledged():
            return Step(state=replace(task, status=TaskStatus.ACKNOWLEDGED))
        case PeerRefused():
            return _next(replace(task, task_error=event.reason), attempts_max)
        case PeerDeclined():
            return _declined(task, event, attempts_max)
        case PeerSilent():
            return Step(state=replace(task, status=TaskStatus.ACKNOWLEDGED, task_error="no answer to the assignment"))
        case _:
            assert_never(event)


def _declined(task: Task, event: PeerDeclined, attempts_max: int) -> Step:
    """End once enough keepers agree, or when there is nobody left to ask: a script that declines is no failure."""
    said = replace(task, task_error=event.reason)
    if event.others + 1 < DECLINES_MIN and task.attempt < attempts_max:
        return _next(said, attempts_max)
    ended = replace(said, status=TaskStatus.DECLINED, deadline_at=None)
    return Step(state=ended, effects=(ReportTaskEnded(status=TaskStatus.DECLINED),))


def _assigned(task: Task, event: EngineAssigned) -> Step:
    if task.status is not TaskStatus.CREATED:
        return Step(state=task)
    return Step(
        state=replace(
            task,
            status=TaskStatus.ASSIGNED,
            attempt=task.attempt + 1,
            task_performer=event.performer,
            deadline_at=event.deadline_at,
        )
    )


def _deadline(task: Task, event: ClockDeadlinePassed, attempts_max: int) -> Step:
    if event.attempt != task.attempt or task.deadline_at is None or event.now < task.deadline_at:
        return Step(state=task)
    if task.status is TaskStatus.ASSIGNED and not task.is_guarded:
        return Step(state=task)  # whether it was taken on, its performer alone can say
    was_performed = task.status is TaskStatus.PERFORMED
    if task.is_guarded:
        # An action that was announced is never done again: whoever is next finds it done, and announces it anew.
        silent = task.task_error or "the performer was silent"
        return _next(replace(task, task_error=NOT_ATTESTED if was_performed else silent), attempts_max)
    ended = replace(
        task,
        status=TaskStatus.UNKNOWN,
        deadline_at=None,
        task_error=f"{NOT_ATTESTED if was_performed else NOT_ANNOUNCED}: look at the target's chain before a retry",
    )
    return Step(state=ended, effects=(ReportTaskEnded(status=TaskStatus.UNKNOWN),))


def _next(task: Task, attempts_max: int) -> Step:
    if task.attempt >= attempts_max:
        ended = replace(task, status=TaskStatus.FAILED, deadline_at=None)
        return Step(state=ended, effects=(ReportTaskEnded(status=TaskStatus.FAILED),))
    waiting = replace(task, status=TaskStatus.CREATED, deadline_at=None)
    return Step(state=waiting, effects=(AssignNextPerformer(attempt=task.attempt + 1),))


def _performed(task: Task, event: PeerPerformed) -> Step:
    """Wait for the attestation of this document; what is heard again, or beside it, does not prolong the wait."""
    if task.status is TaskStatus.PERFORMED or event.cid == task.action_data_cid:
        return Step(state=task)
    if task.action_data_cid is not None and task.task_performer != event.performer:
        return Step(state=task)
    return Step(
        state=replace(
            task,
            status=TaskStatus.PERFORMED,
            task_performer=event.performer,
            action_data_cid=event.cid,
            execution_tx_hash=event.execution_tx_hash,
            executed_at_ms=task.executed_at_ms or event.now_ms,
            deadline_at=event.deadline_at,
        )
    )


def _again(task: Task) -> Step:
    waiting = replace(task, status=TaskStatus.CREATED, deadline_at=None)
    return Step(state=waiting, effects=(AssignNextPerformer(attempt=task.attempt + 1),))


def _decided(task: Task, event: ChainTaskDecided) -> Step:
    """The chain's word overrules every other: it also ends a task that was given up too early.

    A task has as many documents as performers announced one: the approval of one stands, whatever became of others.
    """
    if task.status is TaskStatus.ATTESTED or (task.status in DEAD and task.is_approved is event.is_approved is False):
        return Step(state=task)
    if task.is_approved and (not event.is_approved or event.submission_tx_hash == task.task_submission_tx_hash):
        return Step(state=task)
    status, error = TaskStatus.REJECTED, "the attesters rejected it"
    if event.is_approved:
        status, error = (TaskStatus.UNKNOWN if event.shortfall else TaskStatus.ATTESTED), event.shortfall
    ended = replace(
        task,
        status=status,
        deadline_at=None,
        task_number=event.task_number,
        task_performer=event.performer,
        task_attester_ids=event.attester_ids,
        task_submission_tx_hash=event.submission_tx_hash,
        proof_of_task=event.proof_of_task,
        action_data_cid=event.cid,
        tp_signature=event.tp_signature,
        ta_signature=event.ta_signature,
        is_approved=event.is_approved,
        is_successful=status is TaskStatus.ATTESTED,
        attested_at_ms=event.now_ms,
        task_error=error,
    )
    return Step(state=ended, effects=(ReportTaskEnded(status=status),))
