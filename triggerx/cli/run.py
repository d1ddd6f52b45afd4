"""The commands that run something: `triggerx run` and `triggerx demo`."""

# ruff: noqa: PLC0415 - a command imports what it needs when it runs, so that --help answers at once

from pathlib import Path
from typing import Annotated, Literal

import typer

Chain = Literal["auto", "anvil", "embedded"]
ConfigFile = Annotated[
    Path | None,
    typer.Option("--config", metavar="FILE", help="The configuration, instead of /etc/triggerx/triggerx.toml."),
]
ConfigDir = Annotated[
    Path | None, typer.Option(metavar="DIR", help="Where network profiles are looked up first, in networks/NAME.toml.")
]
NetworkName = Annotated[
    str | None, typer.Option(metavar="NAME", help="The network's profile, instead of the configured one.")
]
DataDir = Annotated[
    Path | None, typer.Option(metavar="DIR", help="Where the data lies, instead of the configured place.")
]
DevChain = Annotated[Chain, typer.Option(help="Development network: which chain; auto takes anvil when it is found.")]
BlockTime = Annotated[
    int | None,
    typer.Option(min=0, max=60, metavar="SECONDS", help="Development network: time between two blocks; 0: on demand."),
]
Keepers = Annotated[int, typer.Option(min=1, max=16, help="Development network: how many keepers.")]
ApiPort = Annotated[
    int | None, typer.Option(min=0, max=65535, help="Development network: the API's port; 0 takes a free one.")
]


def run(  # noqa: PLR0913 - each argument is an option of the command
    *,
    run_all: Annotated[bool, typer.Option("--all", help="Run every role.")] = False,
    roles: Annotated[str | None, typer.Option(metavar="A,B", help="Run these roles, e.g. keeper.")] = None,
    config: ConfigFile = None,
    config_dir: ConfigDir = None,
    network: NetworkName = None,
    data_dir: DataDir = None,
    moved: Annotated[
        bool, typer.Option("--moved", help="The data directory was moved here from another machine.")
    ] = False,
    chain: DevChain = "auto",
    block_time: BlockTime = None,
    keepers: Keepers = 4,
    api_port: ApiPort = None,
) -> None:
    """Run roles of a network's node; with --all and no network configured, a whole development network."""
    from triggerx.node.config import ConfigSource
    from triggerx.node.options import ChainChoice, DevnetOptions, RunOptions, chosen_roles
    from triggerx.node.run import run_roles

    devnet = DevnetOptions(
        chain=ChainChoice(chain), block_time_s=block_time, keepers=keepers, api_port=api_port, data_dir=data_dir
    )
    source = ConfigSource(config_file=config, config_dir=config_dir, network=network, data_dir=data_dir)
    wanted = chosen_roles(run_all=run_all, roles=roles)
    raise typer.Exit(run_roles(RunOptions(source=source, roles=wanted, has_moved=moved, devnet=devnet)))


def demo(
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document on standard output.")] = False,
    data_dir: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Keep the data there; a temporary place else.")
    ] = None,
    chain: DevChain = "auto",
    block_time: BlockTime = None,
    keepers: Keepers = 4,
    api_port: ApiPort = 0,
) -> None:
    """Run a development network in a temporary place and take one job through it, as a user would."""
    from triggerx.node.options import ChainChoice, DevnetOptions
    from triggerx.node.run import run_demo

    options = DevnetOptions(
        chain=ChainChoice(chain),
        block_time_s=block_time,
        keepers=keepers,
        api_port=api_port,
        data_dir=data_dir,
        is_json=as_json,
    )
    raise typer.Exit(run_demo(options))
