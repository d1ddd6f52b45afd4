"""The command `triggerx audit`."""

# ruff: noqa: PLC0415 - a command imports what it needs when it runs, so that --help answers at once

from typing import Annotated

import typer

from triggerx.cli.network import ApiKeyFile, ApiUrl, AsJson, FromBlock, ToBlock, place
from triggerx.cli.run import DataDir


def audit(  # noqa: PLR0913 - each argument is an option of the command
    *,
    job: Annotated[str | None, typer.Argument(metavar="[JOB]", help="One job; without it, all.")] = None,
    from_block: FromBlock,
    to_block: ToBlock,
    chain: Annotated[
        int | None,
        typer.Option(min=1, max=2**32 - 1, metavar="ID", help="Whose blocks, where the network has several chains."),
    ] = None,
    as_json: AsJson = False,
    api: ApiUrl = None,
    api_key_file: ApiKeyFile = None,
    data_dir: DataDir = None,
) -> None:
    """Recompute from the chain what should have fired in these blocks, and hold the ledger against it.

    The exit status is 0 only when nothing was found, and 1 when something was.
    """
    from triggerx.node.remote.replays import audit as check

    there = place(api=api, api_key_file=api_key_file, data_dir=data_dir)
    raise typer.Exit(check(there, job, from_block=from_block, to_block=to_block, chain=chain, is_json=as_json))
