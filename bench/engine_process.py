"""The engine's event half as a process of its own, to be killed: `python -m bench.engine_process FOLDER RPC_URL`."""

import asyncio
import sys
from pathlib import Path

from bench.emitter import reads_of
from bench.stage import beside, event_loops, stage
from tests.unit.core.sample import CHAIN


async def main(folder: Path, rpc_url: str) -> None:
    """Run until killed."""
    async with (
        reads_of(rpc_url) as reads,
        stage(folder, {CHAIN: reads}) as services,
        beside(*event_loops(services)),
    ):
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2]))
