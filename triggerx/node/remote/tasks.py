"""What `triggerx tasks list`, `show` and `retry` do: they ask the API."""

from collections.abc import Sequence
from typing import Final

from triggerx.client.answers import TaskRow
from triggerx.node.options import UsageError
from triggerx.node.remote.jobs import asked, parse_job_id, shown
from triggerx.node.remote.output import print_raw, print_table, say
from triggerx.node.remote.place import Place

HEADINGS: Final = ("TASK", "JOB", "STATUS", "NUMBER", "PERFORMER", "FIRED", "ATTESTED", "ERROR")


def list_tasks(place: Place, job: str | None, *, is_dead: bool, limit: int | None, is_json: bool) -> None:
    """Print a job's tasks, or the newest of all, or those that somebody has to look at."""
    if job is not None:
        if is_dead or limit is not None:
            raise UsageError("JOB goes without --dead and --limit: all tasks of a job are shown")
        job_id = parse_job_id(job)
        answer = asked(place, lambda api: api.tasks_of(job_id))
        raw, rows = answer.raw, answer.value
    else:
        listed = asked(place, lambda api: api.dead_tasks(limit=limit) if is_dead else api.recent_tasks(limit=limit))
        raw, rows = listed.raw, listed.value.tasks
    if is_json:
        print_raw(raw)
    elif rows:
        print_table(HEADINGS, _cells(rows))
    elif job is not None:
        say(f"Job {job_id} has no task: triggerx jobs why {job_id} says why.")
    else:
        say("No task needs to be looked at." if is_dead else "There is no task yet.")


def show_task(place: Place, task_id: int, *, is_json: bool) -> None:
    """Print everything the API has of one task."""
    shown(asked(place, lambda api: api.task(task_id)), is_json=is_json)


def retry_task(place: Place, task_id: int, *, is_json: bool) -> None:
    """Let one more performer try a task that ended without an attestation."""
    shown(asked(place, lambda api: api.retry_task(task_id)), is_json=is_json)


def _cells(rows: Sequence[TaskRow]) -> list[tuple[object, ...]]:
    return [
        (
            row.task_id,
            row.job_id,
            row.task_status,
            row.task_number,
            row.task_performer_address,
            row.fired_at,
            row.attested_at,
            row.task_error,
        )
        for row in rows
    ]
