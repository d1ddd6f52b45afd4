"""The commands about being an operator: `triggerx operator register`, `status` and `unregister`."""

# ruff: noqa: PLC0415 - a command imports what it needs when it runs, so that --help answers at once

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from triggerx.cli.network import KeyPasswordFile
from triggerx.cli.run import ConfigDir, ConfigFile, DataDir, NetworkName

if TYPE_CHECKING:
    from triggerx.node.remote.operators import OperatorPlace

app = typer.Typer(help="Become an operator of a network, see how it stands, and leave.", no_args_is_help=True)

OperatorKeyFile = Annotated[
    Path | None,
    typer.Option(metavar="PATH", help="The operator's key or keystore, of mode 600; else keys.keeper_file."),
]
Wait = Annotated[
    float,
    typer.Option(
        "--wait", min=0, max=86_400, metavar="SECONDS", help="How long to wait for the other chain; 0 does not wait."
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document on standard output.")]


@app.command("register", short_help="Register on L1, and wait until L2 knows it.")
def register(  # noqa: PLR0913 - each argument is an option of the command
    *,
    rewards: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="Who receives the rewards; else the operator itself.")
    ] = None,
    auth_token: Annotated[
        str | None, typer.Option(metavar="HEX", help="What the network gave to those whom it admits, where it does so.")
    ] = None,
    wait: Wait = 1_800,
    key_file: OperatorKeyFile = None,
    key_password_file: KeyPasswordFile = None,
    as_json: AsJson = False,
    config: ConfigFile = None,
    config_dir: ConfigDir = None,
    network: NetworkName = None,
    data_dir: DataDir = None,
) -> None:
    """Register with the key's BLS key and the proof that it is held, and wait until the other chain has its id.

    Who is registered already is told so, and nothing is sent.
    """
    from triggerx.node.remote.operators import RegisterOrder
    from triggerx.node.remote.operators import register as do_register

    order = RegisterOrder.of(rewards=rewards, auth_token=auth_token, wait_s=wait)
    do_register(_place(key_file, key_password_file, config, config_dir, network, data_dir), order, is_json=as_json)


@app.command("status", short_help="Print what both chains say of an operator.")
def status(  # noqa: PLR0913 - each argument is an option of the command
    *,
    key_file: OperatorKeyFile = None,
    key_password_file: KeyPasswordFile = None,
    as_json: AsJson = False,
    config: ConfigFile = None,
    config_dir: ConfigDir = None,
    network: NetworkName = None,
    data_dir: DataDir = None,
) -> None:
    """Print what both chains say of the operator, and what it lacks to work.

    The exit status is 0 only when nothing is missing.
    """
    from triggerx.node.remote.operators import status as show

    there = _place(key_file, key_password_file, config, config_dir, network, data_dir)
    raise typer.Exit(show(there, is_json=as_json))


@app.command("unregister", short_help="Leave the network.")
def unregister(  # noqa: PLR0913 - each argument is an option of the command
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask whether it is meant.")] = False,
    wait: Wait = 1_800,
    key_file: OperatorKeyFile = None,
    key_password_file: KeyPasswordFile = None,
    as_json: AsJson = False,
    config: ConfigFile = None,
    config_dir: ConfigDir = None,
    network: NetworkName = None,
    data_dir: DataDir = None,
) -> None:
    """Leave the network: no tasks and no votes any more. It may be registered again later."""
    from triggerx.node.remote.operators import unregister as leave

    there = _place(key_file, key_password_file, config, config_dir, network, data_dir)
    leave(there, is_confirmed=yes, wait_s=wait, is_json=as_json)


def _place(
    key_file: Path | None,
    key_password_file: Path | None,
    config: Path | None,
    config_dir: Path | None,
    network: str | None,
    data_dir: Path | None,
) -> "OperatorPlace":
    from triggerx.node.config import ConfigSource
    from triggerx.node.remote.operators import OperatorPlace

    source = ConfigSource(config_file=config, config_dir=config_dir, network=network, data_dir=data_dir)
    return OperatorPlace(key_file=key_file, key_password_file=key_password_file, source=source)
