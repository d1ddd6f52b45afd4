"""The commands about the API's keys: `triggerx api-key create`, `list` and `revoke`."""

# ruff: noqa: PLC0415 - a command imports what it needs when it runs, so that --help answers at once

from typing import Annotated

import typer

from triggerx.cli.run import ConfigDir, ConfigFile, DataDir, NetworkName

app = typer.Typer(help="Give out, list and turn off keys of the librarian's API.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document on standard output.")]


@app.command("create", short_help="Make a key and print it.")
def create(  # noqa: PLR0913 - each argument is an option of the command
    *,
    owner: Annotated[
        str, typer.Option(metavar="ADDRESS|NAME", help="Whose key: a user's address, or an application's name.")
    ],
    scopes: Annotated[
        str, typer.Option(metavar="A,B", help="What it may do: some of read, write, keeper, admin.")
    ] = "read,write",
    rate_limit: Annotated[
        int | None, typer.Option(metavar="N", help="Requests a minute; 600 where it is not given.")
    ] = None,
    as_json: AsJson = False,
    config: ConfigFile = None,
    config_dir: ConfigDir = None,
    network: NetworkName = None,
    data_dir: DataDir = None,
) -> None:
    """Make a key in the configured store and print it: it is shown this once."""
    from triggerx.node.api_keys import KeyOrder, create_key
    from triggerx.node.config import ConfigSource

    order = KeyOrder.of(owner=owner, scopes=scopes, rate_limit=rate_limit)
    source = ConfigSource(config_file=config, config_dir=config_dir, network=network, data_dir=data_dir)
    create_key(source, order, is_json=as_json)


@app.command("list", short_help="Print every key's row.")
def list_(
    *,
    as_json: AsJson = False,
    config: ConfigFile = None,
    config_dir: ConfigDir = None,
    network: NetworkName = None,
    data_dir: DataDir = None,
) -> None:
    """Print every key's id, owner, scopes, limit and dates; a key itself is stored nowhere."""
    from triggerx.node.api_keys import list_keys
    from triggerx.node.config import ConfigSource

    source = ConfigSource(config_file=config, config_dir=config_dir, network=network, data_dir=data_dir)
    list_keys(source, is_json=as_json)


@app.command("revoke", short_help="Turn a key off.")
def revoke(
    *,
    api_key_id: Annotated[int, typer.Argument(metavar="ID", min=1, max=2**63 - 1, help="The id that `list` shows.")],
    config: ConfigFile = None,
    config_dir: ConfigDir = None,
    network: NetworkName = None,
    data_dir: DataDir = None,
) -> None:
    """Turn a key off; its row stays, because jobs refer to it."""
    from triggerx.node.api_keys import revoke_key
    from triggerx.node.config import ConfigSource

    source = ConfigSource(config_file=config, config_dir=config_dir, network=network, data_dir=data_dir)
    revoke_key(source, api_key_id)
