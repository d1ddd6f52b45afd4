"""The commands about configuration: `triggerx config check` and `triggerx config example`."""

# ruff: noqa: PLC0415 - a command imports what it needs when it runs, so that --help answers at once

import typer

from triggerx.cli.run import ConfigDir, ConfigFile, DataDir, NetworkName

app = typer.Typer(help="Check a configuration, or print an example.", no_args_is_help=True)


@app.command("check")
def check(
    config: ConfigFile = None,
    config_dir: ConfigDir = None,
    network: NetworkName = None,
    data_dir: DataDir = None,
) -> None:
    """Read the configuration with every role's table, and say what is in force; nothing is started."""
    from triggerx.node.config import ConfigSource
    from triggerx.node.run import check_config

    for line in check_config(
        ConfigSource(config_file=config, config_dir=config_dir, network=network, data_dir=data_dir)
    ):
        typer.echo(line)


@app.command("example")
def example() -> None:
    """Print an example configuration with every key and its default."""
    from triggerx.node.example import example as text

    typer.echo(text(), nl=False)
