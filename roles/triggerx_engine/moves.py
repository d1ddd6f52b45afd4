"""One way to move a task: transition, row and event-log entry in the caller's transaction; wake-ups for after it."""

from collections.abc import Sequence
from dataclasses import replace

from triggerx.core.canonical import Json
from triggerx.core.task import FINAL, ReportTaskEnded, Task, TaskInput, TaskStatus, run_changes, transition
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
    await queries.tasks.save(step.state)
    for change in run_changes(task.status, step.state.status):
        await queries.jobs.count_run(task.job_id, change)
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
    await queries.tasks.save(replace(task, status=TaskStatus.FAILED, task_error=reason, deadline_at=None))
    for change in run_changes(task.status, TaskStatus.FAILED):
        await queries.jobs.count_run(task.job_id, change)
    details: dict[str, Json] = {"input": "failed", "status": TaskStatus.FAILED.value, "error": reason}
    await queries.events.append("task_moved", f"task:{to_hex(task.task_key)}", details, now_ms=now_ms)
    return (TaskChanged(task.task_key, TaskStatus.FAILED), TaskEnded(task.task_key, TaskStatus.FAILED))
