"""The commands about users' scripts: `triggerx script run` and `publish`."""

# ruff: noqa: PLC0415 - a command imports what it needs when it runs, so that --help answers at once

from pathlib import Path
from typing import Annotated

import typer

from triggerx.cli.network import ApiKeyFile, ApiUrl, AsJson, place
from triggerx.cli.run import ConfigDir, ConfigFile, DataDir, NetworkName

app = typer.Typer(help="Try out a job's script, and publish it.", no_args_is_help=True)


@app.command("run", short_help="Run a function of a script, as a node would.")
def run(  # noqa: PLR0913 - each argument is an option of the command
    *,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The script.")],
    function: Annotated[str, typer.Option(metavar="NAME", help="The function to call.")],
    language: Annotated[str, typer.Option(metavar="NAME", help="The script's language, python or wasm.")] = "python",
    argument: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=VALUE", help="An argument by name, as JSON or as text; may be repeated."),
    ] = None,
    now: Annotated[
        int | None, typer.Option(metavar="SECONDS", help="The moment, in unix seconds; else it is now.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document on standard output.")] = False,
    config: ConfigFile = None,
    config_dir: ConfigDir = None,
    network: NetworkName = None,
    data_dir: DataDir = None,
) -> None:
    """Run a function of a script in the sandbox, under a node's limits, and print its value, output and requests."""
    from triggerx.node.config import ConfigSource
    from triggerx.node.script import ScriptOrder, run_script

    order = ScriptOrder.of(file, function=function, language=language, arguments=argument or (), now=now)
    source = ConfigSource(config_file=config, config_dir=config_dir, network=network, data_dir=data_dir)
    run_script(source, order, is_json=as_json)


@app.command("publish", short_help="Have the network keep a script, and print its URL.")
def publish(
    *,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The script.")],
    as_json: AsJson = False,
    api: ApiUrl = None,
    api_key_file: ApiKeyFile = None,
    data_dir: DataDir = None,
) -> None:
    """Have the network keep a script by its content, and print the URL that a job's file names it by.

    What is published cannot be changed or taken back; the same script has the same URL.
    """
    from triggerx.node.remote.scripts import publish_script

    publish_script(place(api=api, api_key_file=api_key_file, data_dir=data_dir), file, is_json=as_json)
