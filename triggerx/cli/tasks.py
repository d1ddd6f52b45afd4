"""The commands about tasks: `triggerx tasks list`, `show` and `retry`."""

# ruff: noqa: PLC0415 - a command imports what it needs when it runs, so that --help answers at once

from typing import Annotated

import typer

from triggerx.cli.network import ApiKeyFile, ApiUrl, AsJson, place
from triggerx.cli.run import DataDir

app = typer.Typer(help="See tasks, and have one tried again.", no_args_is_help=True)

TaskArgument = Annotated[
    int, typer.Argument(metavar="TASK", min=1, max=2**63 - 1, help="The task's id, as `triggerx tasks list` shows it.")
]


@app.command("list", short_help="Print a job's tasks, the newest of all, or the dead ones.")
def list_(  # noqa: PLR0913 - each argument is an option of the command
    *,
    job: Annotated[str | None, typer.Argument(metavar="[JOB]", help="The job whose tasks are meant.")] = None,
    dead: Annotated[bool, typer.Option("--dead", help="Print those that somebody has to look at.")] = False,
    limit: Annotated[int | None, typer.Option(min=1, metavar="N", help="How many at most.")] = None,
    as_json: AsJson = False,
    api: ApiUrl = None,
    api_key_file: ApiKeyFile = None,
    data_dir: DataDir = None,
) -> None:
    """Print a job's tasks; without a job the newest of all, or those that ended without an attestation."""
    from triggerx.node.remote.tasks import list_tasks

    there = place(api=api, api_key_file=api_key_file, data_dir=data_dir)
    list_tasks(there, job, is_dead=dead, limit=limit, is_json=as_json)


@app.command("show", short_help="Print everything about one task.")
def show(
    *,
    task: TaskArgument,
    as_json: AsJson = False,
    api: ApiUrl = None,
    api_key_file: ApiKeyFile = None,
    data_dir: DataDir = None,
) -> None:
    """Print everything the API has of one task."""
    from triggerx.node.remote.tasks import show_task

    show_task(place(api=api, api_key_file=api_key_file, data_dir=data_dir), task, is_json=as_json)


@app.command("retry", short_help="Have a dead task tried once more.")
def retry(
    *,
    task: TaskArgument,
    as_json: AsJson = False,
    api: ApiUrl = None,
    api_key_file: ApiKeyFile = None,
    data_dir: DataDir = None,
) -> None:
    """Have a task that ended without an attestation tried by one more keeper.

    Of one whose end nobody knows, look at the target's chain first: its action may have happened.
    """
    from triggerx.node.remote.tasks import retry_task

    retry_task(place(api=api, api_key_file=api_key_file, data_dir=data_dir), task, is_json=as_json)
