"""The commands that run something: `triggerx run` and `triggerx demo`."""

# ruff: noqa: PLC0415 - a command imports what it needs when it runs, so that --help answers at once

from pathlib import Path
from typing import Annotated, Literal

import typer

Chain = Literal["auto", "anvil", "embedded"]
ConfigFile = Annotated[
    Path | None,
    typer.Option("--config", metavar="FILE", help="Read this configuration instead of /etc/triggerx/triggerx.toml."),
]
ConfigDir = Annotated[
    Path | None, typer.Option(metavar="DIR", help="Look for network profiles here first, as networks/NAME.toml.")
]
NetworkName = Annotated[
    str | None, typer.Option(metavar="NAME", help="Join the network of this profile instead of the configured one.")
]
DataDir = Annotated[
    Path | None, typer.Option(metavar="DIR", help="Keep the data here instead of in the configured place.")
]
DevChain = Annotated[
    Chain,
    typer.Option(help="Development network: which chain; auto is anvil where there is one, else embedded."),
]
BlockTime = Annotated[
    int | None,
    typer.Option(
        min=0,
        max=60,
        metavar="SECONDS",
        help="Development network: time between two blocks, 1 unless given; 0 mines on demand.",
    ),
]
Keepers = Annotated[int, typer.Option(min=1, max=16, metavar="N", help="Development network: how many keepers.")]
ApiPort = Annotated[
    int | None,
    typer.Option(
        min=0, max=65535, metavar="PORT", help="Development network: the API's port, 9002 unless given; 0: a free one."
    ),
]
DemoPort = Annotated[
    int, typer.Option(min=0, max=65535, metavar="PORT", help="The API's port while it lasts; 0: a free one.")
]


def run(  # noqa: PLR0913 - each argument is an option of the command
    *,
    context: typer.Context,
    run_all: Annotated[bool, typer.Option("--all", help="Run every installed role.")] = False,
    roles: Annotated[
        list[str] | None,
        typer.Option(metavar="A,B", help="Run these roles: engine, sentinel, pulse, librarian, keeper, or others."),
    ] = None,
    config: ConfigFile = None,
    config_dir: ConfigDir = None,
    network: NetworkName = None,
    data_dir: DataDir = None,
    moved: Annotated[
        bool, typer.Option("--moved", help="Accept a data directory that another machine made: the node there is gone.")
    ] = False,
    chain: DevChain = "auto",
    block_time: BlockTime = None,
    keepers: Keepers = 4,
    api_port: ApiPort = None,
) -> None:
    """Run roles of a network's node.

    With --all and no network configured, a whole development network runs on this machine: chain, contracts, roles and
    keepers. It says how to use it when it is ready.
    """
    from triggerx.node.config import ConfigSource
    from triggerx.node.options import ChainChoice, DevnetOptions, RunOptions, chosen_roles
    from triggerx.node.run import run_roles

    devnet = DevnetOptions(
        chain=ChainChoice(chain), block_time_s=block_time, keepers=keepers, api_port=api_port, data_dir=data_dir
    )
    source = ConfigSource(config_file=config, config_dir=config_dir, network=network, data_dir=data_dir)
    wanted = chosen_roles(run_all=run_all, roles=roles or (), words=context.args)
    raise typer.Exit(run_roles(RunOptions(source=source, roles=wanted, has_moved=moved, devnet=devnet)))


def demo(
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document on standard output.")] = False,
    data_dir: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Keep data and log here; else in a temporary folder that is removed."),
    ] = None,
    chain: DevChain = "auto",
    block_time: BlockTime = None,
    keepers: Keepers = 4,
    api_port: DemoPort = 0,
) -> None:
    """Run a development network in a temporary folder and take one job through it, as a user would.

    The job is deposited for, created on chain and posted; a keeper executes it, the others attest it, and what the API
    shows is held against the chain. The exit status is 0 only when both agree.
    """
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
