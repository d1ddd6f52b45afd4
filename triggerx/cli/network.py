"""The options that say which network a command acts on, and as whom; shared by `jobs`, `tasks` and `audit`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from triggerx.node.remote.place import Place

AsJson = Annotated[bool, typer.Option("--json", help="Print the API's JSON document on standard output.")]
ApiUrl = Annotated[
    str | None,
    typer.Option(
        "--api",
        metavar="URL",
        help="The network's API; else TRIGGERX_API, else that of triggerx run --all on this machine.",
    ),
]
ApiKeyFile = Annotated[
    Path | None,
    typer.Option(metavar="PATH", help="A file of mode 600 with the API's key; else TRIGGERX_API_KEY holds the key."),
]
KeyFile = Annotated[
    Path | None,
    typer.Option(
        metavar="PATH",
        help="A file of mode 600 with the owner's private key, or their keystore; on triggerx run --all it is the "
        "development user's.",
    ),
]
KeyPasswordFile = Annotated[
    Path | None,
    typer.Option(metavar="PATH", help="A file of mode 600 with the keystore's password; else the terminal is asked."),
]
Rpc = Annotated[str | None, typer.Option(metavar="URL", help="The chain's endpoint, where none is configured.")]
JobArgument = Annotated[str, typer.Argument(metavar="JOB", help="The job's id, as `triggerx jobs list` shows it.")]
FromBlock = Annotated[int, typer.Option("--from", min=0, metavar="BLOCK", help="The first block.")]
ToBlock = Annotated[int, typer.Option("--to", min=0, metavar="BLOCK", help="The last block.")]


def place(  # noqa: PLR0913 - each argument is an option of the commands
    *,
    api: str | None,
    api_key_file: Path | None,
    data_dir: Path | None,
    key_file: Path | None = None,
    key_password_file: Path | None = None,
    rpc: str | None = None,
    network: str | None = None,
    config: Path | None = None,
    config_dir: Path | None = None,
) -> "Place":
    """Gather the options."""
    from triggerx.node.config import ConfigSource  # noqa: PLC0415 - so that --help answers at once
    from triggerx.node.remote.place import Place  # noqa: PLC0415 - as above

    source = ConfigSource(config_file=config, config_dir=config_dir, network=network, data_dir=data_dir)
    return Place(
        api=api,
        api_key_file=api_key_file,
        key_file=key_file,
        key_password_file=key_password_file,
        rpc=rpc,
        source=source,
    )
