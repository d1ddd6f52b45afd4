"""The commands about jobs: `triggerx jobs` with `create`, `list`, `show`, `update`, `run`, `why` and their like."""

# ruff: noqa: PLC0415 - a command imports what it needs when it runs, so that --help answers at once

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from triggerx.cli.network import (
    ApiKeyFile,
    ApiUrl,
    AsJson,
    FromBlock,
    JobArgument,
    KeyFile,
    KeyPasswordFile,
    Rpc,
    ToBlock,
    place,
)
from triggerx.cli.run import ConfigDir, ConfigFile, DataDir, NetworkName

if TYPE_CHECKING:
    from triggerx.node.remote.owner import CreateOrder

app = typer.Typer(help="Create, see, steer and explain jobs, over a network's API.", no_args_is_help=True)

JobFileArgument = Annotated[
    Path, typer.Argument(metavar="FILE", help="The job in TOML or JSON: the fields of POST /api/jobs.")
]
Runs = Annotated[
    int | None,
    typer.Option(
        min=1,
        max=2**32 - 1,
        metavar="N",
        help="Mandate: how often it may run; else limits.runs_max, 100, or once where it does not recur.",
    ),
]
FeeMax = Annotated[
    int | None,
    typer.Option(min=0, max=2**256 - 1, metavar="WEI", help="Mandate: the most an attempt may cost; else 0.01 ether."),
]
Attempts = Annotated[
    int | None, typer.Option(min=1, max=255, metavar="N", help="Mandate: the most attempts of a run; else 3.")
]
ValidFor = Annotated[
    int | None,
    typer.Option(
        min=1,
        max=2**62,
        metavar="SECONDS",
        help="Mandate: how long it holds; else as long as the job's time frame, 30 days at most.",
    ),
]
NoMandate = Annotated[
    bool, typer.Option("--no-mandate", help="Sign none: the execution hub then guards neither call nor cost.")
]


def _order(
    *,
    deposit: int | None,
    runs: int | None,
    fee_max: int | None,
    attempts: int | None,
    valid_for: int | None,
    no_mandate: bool,
) -> "CreateOrder":
    from triggerx.node.remote.owner import CreateOrder

    return CreateOrder.of(
        deposit=deposit,
        runs_max=runs,
        fee_max=fee_max,
        attempts_max=attempts,
        valid_s=valid_for,
        has_mandate=not no_mandate,
    )


@app.command("create", short_help="Create a job on chain, sign its mandate, and hand it in.")
def create(  # noqa: PLR0913 - each argument is an option of the command
    *,
    file: JobFileArgument,
    deposit: Annotated[
        int | None, typer.Option(min=1, max=2**256 - 1, metavar="WEI", help="Deposit this for gas before.")
    ] = None,
    runs: Runs = None,
    fee_max: FeeMax = None,
    attempts: Attempts = None,
    valid_for: ValidFor = None,
    no_mandate: NoMandate = False,
    key_file: KeyFile = None,
    key_password_file: KeyPasswordFile = None,
    rpc: Rpc = None,
    as_json: AsJson = False,
    api: ApiUrl = None,
    api_key_file: ApiKeyFile = None,
    config: ConfigFile = None,
    config_dir: ConfigDir = None,
    network: NetworkName = None,
    data_dir: DataDir = None,
) -> None:
    """Create the file's job on chain with the owner's key, sign its mandate, and hand both in.

    A job that is on chain already (its job_id is in the file) is handed in alone, and without a key as it stands.
    """
    from triggerx.node.remote.owner import create_job

    order = _order(
        deposit=deposit, runs=runs, fee_max=fee_max, attempts=attempts, valid_for=valid_for, no_mandate=no_mandate
    )
    there = place(
        api=api,
        api_key_file=api_key_file,
        key_file=key_file,
        key_password_file=key_password_file,
        rpc=rpc,
        network=network,
        config=config,
        config_dir=config_dir,
        data_dir=data_dir,
    )
    create_job(there, file, order, is_json=as_json)


@app.command("update", short_help="Change a job to what a file says.")
def update(  # noqa: PLR0913 - each argument is an option of the command
    *,
    file: JobFileArgument,
    runs: Runs = None,
    fee_max: FeeMax = None,
    attempts: Attempts = None,
    valid_for: ValidFor = None,
    no_mandate: NoMandate = False,
    key_file: KeyFile = None,
    key_password_file: KeyPasswordFile = None,
    rpc: Rpc = None,
    as_json: AsJson = False,
    api: ApiUrl = None,
    api_key_file: ApiKeyFile = None,
    config: ConfigFile = None,
    config_dir: ConfigDir = None,
    network: NetworkName = None,
    data_dir: DataDir = None,
) -> None:
    """Change the job of the file's job_id: on chain where the registry binds what changed, with a new mandate."""
    from triggerx.node.remote.owner import update_job

    order = _order(
        deposit=None, runs=runs, fee_max=fee_max, attempts=attempts, valid_for=valid_for, no_mandate=no_mandate
    )
    there = place(
        api=api,
        api_key_file=api_key_file,
        key_file=key_file,
        key_password_file=key_password_file,
        rpc=rpc,
        network=network,
        config=config,
        config_dir=config_dir,
        data_dir=data_dir,
    )
    update_job(there, file, order, is_json=as_json)


@app.command("delete", short_help="Stop a job for good.")
def delete(  # noqa: PLR0913 - each argument is an option of the command
    *,
    job: JobArgument,
    key_file: KeyFile = None,
    key_password_file: KeyPasswordFile = None,
    rpc: Rpc = None,
    as_json: AsJson = False,
    api: ApiUrl = None,
    api_key_file: ApiKeyFile = None,
    config: ConfigFile = None,
    config_dir: ConfigDir = None,
    network: NetworkName = None,
    data_dir: DataDir = None,
) -> None:
    """Stop a job for good: on chain with the owner's key, and by the API; without that key by the API alone."""
    from triggerx.node.remote.owner import delete_job

    there = place(
        api=api,
        api_key_file=api_key_file,
        key_file=key_file,
        key_password_file=key_password_file,
        rpc=rpc,
        network=network,
        config=config,
        config_dir=config_dir,
        data_dir=data_dir,
    )
    delete_job(there, job, is_json=as_json)


@app.command("run", short_help="Have a job run once now.")
def run(  # noqa: PLR0913 - each argument is an option of the command
    *,
    job: JobArgument,
    nonce: Annotated[
        int | None, typer.Option(min=0, max=2**63 - 1, metavar="N", help="Ask for the same run again, safely.")
    ] = None,
    key_file: KeyFile = None,
    key_password_file: KeyPasswordFile = None,
    as_json: AsJson = False,
    api: ApiUrl = None,
    api_key_file: ApiKeyFile = None,
    config: ConfigFile = None,
    config_dir: ConfigDir = None,
    network: NetworkName = None,
    data_dir: DataDir = None,
) -> None:
    """Have a job run once now, beside its trigger, by its owner's signature."""
    from triggerx.node.remote.owner import run_job

    there = place(
        api=api,
        api_key_file=api_key_file,
        key_file=key_file,
        key_password_file=key_password_file,
        network=network,
        config=config,
        config_dir=config_dir,
        data_dir=data_dir,
    )
    run_job(there, job, nonce=nonce, is_json=as_json)


@app.command("list", short_help="Print the jobs of your key, or of an owner.")
def list_(
    *,
    owner: Annotated[str | None, typer.Option(metavar="ADDRESS", help="Print this owner's jobs instead.")] = None,
    as_json: AsJson = False,
    api: ApiUrl = None,
    api_key_file: ApiKeyFile = None,
    data_dir: DataDir = None,
) -> None:
    """Print the jobs that belong to the API's key, or those of an owner."""
    from triggerx.node.remote.jobs import list_jobs

    list_jobs(place(api=api, api_key_file=api_key_file, data_dir=data_dir), owner=owner, is_json=as_json)


@app.command("show", short_help="Print everything about one job.")
def show(
    *,
    job: JobArgument,
    as_json: AsJson = False,
    api: ApiUrl = None,
    api_key_file: ApiKeyFile = None,
    data_dir: DataDir = None,
) -> None:
    """Print everything the API has of one job."""
    from triggerx.node.remote.jobs import show_job

    show_job(place(api=api, api_key_file=api_key_file, data_dir=data_dir), job, is_json=as_json)


@app.command("pause", short_help="Let nothing of a job fire until it is resumed.")
def pause(
    *,
    job: JobArgument,
    as_json: AsJson = False,
    api: ApiUrl = None,
    api_key_file: ApiKeyFile = None,
    data_dir: DataDir = None,
) -> None:
    """Let nothing of a job fire until it is resumed; what occurs meanwhile is skipped."""
    from triggerx.node.remote.jobs import pause_job

    pause_job(place(api=api, api_key_file=api_key_file, data_dir=data_dir), job, is_json=as_json)


@app.command("resume", short_help="Let a paused job fire again.")
def resume(
    *,
    job: JobArgument,
    as_json: AsJson = False,
    api: ApiUrl = None,
    api_key_file: ApiKeyFile = None,
    data_dir: DataDir = None,
) -> None:
    """Let a paused job fire again."""
    from triggerx.node.remote.jobs import resume_job

    resume_job(place(api=api, api_key_file=api_key_file, data_dir=data_dir), job, is_json=as_json)


@app.command("why", short_help="Say why a job did or did not run.")
def why(
    *,
    job: JobArgument,
    at: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="The moment: unix seconds or ISO 8601; without it, how the job stands now."),
    ] = None,
    as_json: AsJson = False,
    api: ApiUrl = None,
    api_key_file: ApiKeyFile = None,
    data_dir: DataDir = None,
) -> None:
    """Say why a job did or did not run: what was seen of its trigger, what holds it, who was asked to perform."""
    from triggerx.node.remote.jobs import why as explain

    explain(place(api=api, api_key_file=api_key_file, data_dir=data_dir), job, at=at, is_json=as_json)


@app.command("simulate", short_help="Run a job against past blocks, before a wei is spent.")
def simulate(  # noqa: PLR0913 - each argument is an option of the command
    *,
    file: JobFileArgument,
    from_block: FromBlock,
    to_block: ToBlock,
    as_json: AsJson = False,
    api: ApiUrl = None,
    api_key_file: ApiKeyFile = None,
    data_dir: DataDir = None,
) -> None:
    """Print every firing that the file's job would have had in these blocks, and what it would have cost."""
    from triggerx.node.remote.replays import simulate as try_out

    there = place(api=api, api_key_file=api_key_file, data_dir=data_dir)
    try_out(there, file, from_block=from_block, to_block=to_block, is_json=as_json)
