"""The command about one's own keeper: `triggerx keeper status`."""

# ruff: noqa: PLC0415 - a command imports what it needs when it runs, so that --help answers at once

from typing import Annotated

import typer

from triggerx.cli.network import KeyPasswordFile
from triggerx.cli.operators import AsJson, OperatorKeyFile
from triggerx.cli.run import ConfigDir, ConfigFile, DataDir, NetworkName

app = typer.Typer(help="See how one's own keeper is doing.", no_args_is_help=True)


@app.callback()
def keeper() -> None:
    """See how one's own keeper is doing."""


@app.command("status", short_help="Print a keeper's peers, votes, power, balances and points.")
def status(  # noqa: PLR0913 - each argument is an option of the command
    *,
    operator: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="The operator's address; then no key is read.")
    ] = None,
    key_file: OperatorKeyFile = None,
    key_password_file: KeyPasswordFile = None,
    api: Annotated[
        str | None, typer.Option("--api", metavar="URL", help="The network's API, for the points; else TRIGGERX_API.")
    ] = None,
    as_json: AsJson = False,
    config: ConfigFile = None,
    config_dir: ConfigDir = None,
    network: NetworkName = None,
    data_dir: DataDir = None,
) -> None:
    """Print what the keeper's store, the chains and the API say of it; the node may run meanwhile.

    Its store tells the peers it has heard and the votes it has cast, the chains its power and its balances.
    """
    from triggerx.node.config import ConfigSource
    from triggerx.node.remote.keeper import KeeperPlace, keeper_status
    from triggerx.node.remote.operators import OperatorPlace

    source = ConfigSource(config_file=config, config_dir=config_dir, network=network, data_dir=data_dir)
    place = OperatorPlace(key_file=key_file, key_password_file=key_password_file, source=source)
    keeper_status(KeeperPlace(operator=place, address=operator, api=api), is_json=as_json)
