"""The command `triggerx`, and the one place where an error becomes a message and an exit status.

Every command imports what it needs when it runs, so that `triggerx --help` answers at once.
"""

# ruff: noqa: PLC0415 - a command imports what it needs when it runs, so that --help answers at once

import sys

import typer

from triggerx.cli import api_key, audit, config, jobs, keeper, keys, operators, run, script, tasks
from triggerx.core.errors import RecoverableError, TriggerxError, UnrecoverableError

_UNAVAILABLE = 69

app = typer.Typer(
    name="triggerx",
    help=(
        "An automation (keeper) network for smart contracts: one process, pluggable roles. To see it work, run: "
        "triggerx demo. To have a network of your own on this machine, run: triggerx run --all."
    ),
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    rich_markup_mode=None,  # rich's panels alone cost 180 ms of the 200 that --help may take
)
app.command(
    "run",
    context_settings={"allow_extra_args": True},
    short_help="Run a node's roles, or a whole development network (--all).",
)(run.run)
app.command("demo", short_help="See one job go from deposit to attestation, in half a minute.")(run.demo)
app.add_typer(jobs.app, name="jobs")
app.add_typer(tasks.app, name="tasks")
app.command("audit", short_help="Hold what happened against what should have.")(audit.audit)
app.add_typer(config.app, name="config")
app.add_typer(keys.app, name="keys")
app.add_typer(operators.app, name="operator")
app.add_typer(keeper.app, name="keeper")
app.add_typer(api_key.app, name="api-key")
app.add_typer(script.app, name="script")


@app.command("version")
def version() -> None:
    """Print the version."""
    from triggerx import __version__

    typer.echo(__version__)


def main() -> None:
    """Run the command line.

    Exit statuses: 0, 1 found or failed, 2 usage, 69 unavailable, 70 software, 78 configuration, 130 interrupted.
    """
    try:
        app()
    except UnrecoverableError as error:
        _end(str(error), error.exit_status)
    except RecoverableError as error:
        _end(str(error), _UNAVAILABLE)
    except TriggerxError as error:
        _end(str(error), UnrecoverableError.exit_status)
    except Exception as error:  # noqa: BLE001 - the process's last line: a person gets one sentence and a file
        from triggerx.node.crash import as_crash

        _end(str(as_crash(error)), UnrecoverableError.exit_status)


def _end(message: str, exit_status: int) -> None:
    sys.stderr.write(f"triggerx: {message}\n")
    sys.exit(exit_status)
