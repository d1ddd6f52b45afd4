"""One way to move a task, for every role: what changes with it is written in the caller's transaction.

That is its row, its job's counts of runs, and its line in the event log; the wake-ups are for after the commit.
"""

from collections.abc import Sequence
from dataclasses import replace

from triggerx.core.canonical import Json
from triggerx.core.task import FINAL, ReportTaskEnded, Task, TaskStatus, run_changes, transition
from triggerx.core.task_inputs import TaskInput
from triggerx.events import TaskChanged, TaskEnded
from triggerx.evm.types import to_hex
from triggerx.ports.store import Queries


async def move_task(
    queries: Queries, task: Task, event: TaskInput, *, attempts_max: int, now_ms: int
) -> Sequence[TaskChanged | TaskEnded]:
    """Apply one input; returns the bus events to publish once the transaction is durable, none if nothing changed."""
    step = transition(task, event, attempts_max=attempts_max)
    if step.state == task:
        return ()
    await save_move(queries, task, step.state)
    details: dict[str, Json] = {
        "input": type(event).__name__,
        "status": step.state.status.value,
        "attempt": step.state.attempt,
        "error": step.state.task_error,
    }
    await queries.events.append("task_moved", f"task:{to_hex(task.task_key)}", details, now_ms=now_ms)
    events: list[TaskChanged | TaskEnded] = [TaskChanged(task.task_key, step.state.status)]
    events += [TaskEnded(task.task_key, e.status) for e in step.effects if isinstance(e, ReportTaskEnded)]
    return events


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
    for change in run_changes(before.status, after.status):
        await queries.jobs.count_run(after.job_id, change)
