"""One way to move a task, for every role: what changes with it is written in the caller's transaction.

That is its row, its job's counts of runs, and its line in the event log; the wake-ups are for after the commit.
"""

from collections.abc import Sequence
from dataclasses import replace

from triggerx.core.canonical import Json
from triggerx.core.task import FINAL, ReportTaskEnded, Step, Task, TaskStatus, run_changes, transition
from triggerx.core.task_inputs import TaskInput
from triggerx.events import TaskChanged, TaskEnded
from triggerx.evm.types import to_hex
from triggerx.ports.store import Queries
from triggerx.ports.store.journal import NewEvent


async def move_task(
    queries: Queries, task: Task, event: TaskInput, *, attempts_max: int, now_ms: int
) -> Sequence[TaskChanged | TaskEnded]:
    """Apply one input; returns the bus events to publish once the transaction is durable, none if nothing changed."""
    step = transition(task, event, attempts_max=attempts_max)
    if step.state == task:
        return ()
    await save_move(queries, task, step.state)
    line = _line(event, step.state)
    await queries.events.append(line.kind, line.subject, line.payload, now_ms=now_ms)
    return _wake_ups(step)


async def move_tasks(
    queries: Queries, moves: Sequence[tuple[Task, TaskInput]], *, attempts_max: int, now_ms: int
) -> Sequence[Sequence[TaskChanged | TaskEnded]]:
    """Apply one input to each of several tasks by a few statements, whatever their number; as `move_task`.

    For inputs that leave the attesters as they are.
    """
    steps = [transition(task, event, attempts_max=attempts_max) for task, event in moves]
    changed = [(task, event, step) for (task, event), step in zip(moves, steps, strict=True) if step.state != task]
    if changed:
        await queries.tasks.save_many([step.state for _, _, step in changed])
        for task, _, step in changed:
            await _count_run(queries, task, step.state)
        await queries.events.append_many([_line(event, step.state) for _, event, step in changed], now_ms=now_ms)
    return [_wake_ups(step) if step.state != task else () for (task, _), step in zip(moves, steps, strict=True)]


async def fail_task(queries: Queries, task: Task, reason: str, *, now_ms: int) -> Sequence[TaskChanged | TaskEnded]:
    """End a task that cannot be handled at all as FAILED, with the reason; one that is over stays as it is."""
    if task.status in FINAL:
        return ()
    await save_move(queries, task, replace(task, status=TaskStatus.FAILED, task_error=reason, deadline_at=None))
    details: dict[str, Json] = {"input": "failed", "status": TaskStatus.FAILED.value, "error": reason}
    await queries.events.append("task_moved", f"task:{to_hex(task.task_key)}", details, now_ms=now_ms)
    return (TaskChanged(task.task_key, TaskStatus.FAILED), TaskEnded(task.task_key, TaskStatus.FAILED))


async def save_move(queries: Queries, before: Task, after: Task) -> None:
    """Write a task's new state, and what its move means for its job's counts of runs."""
    await queries.tasks.save(after)
    await _count_run(queries, before, after)


async def _count_run(queries: Queries, before: Task, after: Task) -> None:
    for change in run_changes(before.status, after.status):
        await queries.jobs.count_run(after.job_id, change)


def _line(event: TaskInput, after: Task) -> NewEvent:
    """The move's line in the event log."""
    details: dict[str, Json] = {
        "input": type(event).__name__,
        "status": after.status.value,
        "attempt": after.attempt,
        "error": after.task_error,
    }
    return NewEvent(kind="task_moved", subject=f"task:{to_hex(after.task_key)}", payload=details)


def _wake_ups(step: Step) -> Sequence[TaskChanged | TaskEnded]:
    key = step.state.task_key
    ended = [TaskEnded(key, effect.status) for effect in step.effects if isinstance(effect, ReportTaskEnded)]
    return [TaskChanged(key, step.state.status), *ended]
