"""ponder as a peer: its own program over `peers/ponder`, with the database that it takes by itself (PGlite).

Its start, which takes longer than its work, is left out: time counts from its first request for logs until it says that
it is ready, which is when all its rows are stored. What it stored is then read over its own API.
"""

import asyncio
import os
import shutil
import socket
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import aiohttp
import msgspec

from bench.emitter import Emitter
from bench.node_peers import FOLDER, node_program
from triggerx.evm.types import to_hex

FINAL_AFTER: Final = 30  # blocks after which it takes one of a chain it does not know for final; until then it polls
WITHIN_S: Final = 120.0
LOOK_S: Final = 0.01
_Row = tuple[int, str, int]
"""The log's number, its transaction and its index in the block."""
_rows: Final = msgspec.json.Decoder(list[_Row])


async def by_ponder(folder: Path, emitter: Emitter) -> tuple[float, Sequence[_Row]]:
    """Let it follow the emitter's chain from an empty database; returns the seconds and what it has stored."""
    project = folder / "project"
    shutil.copytree(FOLDER / "ponder", project)
    (project / "node_modules").symlink_to(FOLDER / "node_modules")
    port = _free_port()
    command = [node_program(), str(FOLDER / "node_modules" / "ponder" / "dist" / "esm" / "bin" / "ponder.js")]
    arguments = ["start", "--root", str(project), "--schema", "found", "--hostname", "127.0.0.1", "--port", str(port)]
    settings = {
        "BENCH_RPC_URL": emitter.rpc_url,
        "BENCH_ADDRESS": to_hex(emitter.address),
        "BENCH_FOLDER": str(folder),
        "PONDER_TELEMETRY_DISABLED": "true",
    }
    process = await asyncio.create_subprocess_exec(
        *command,
        *arguments,
        cwd=project,
        env={**os.environ, **settings},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(WITHIN_S), asyncio.TaskGroup() as group:
            asked = group.create_task(_asked(process))
            ready_s, rows = await _stored(f"http://127.0.0.1:{port}")
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
    return ready_s - asked.result(), rows


async def _asked(process: asyncio.subprocess.Process) -> float:
    """Read what it says until it is ended or has asked for logs; returns the unix second of that."""
    assert process.stdout is not None
    said: list[str] = []
    while line := (await process.stdout.readline()).decode():
        if line.startswith("asked "):
            return float(line.split()[1]) / 1000
        said.append(line)
    raise AssertionError(f"ponder ended before it asked for logs: {''.join(said[-20:])}")


async def _stored(url: str) -> tuple[float, Sequence[_Row]]:
    async with aiohttp.ClientSession() as session:
        while not await _is_ready(session, url):  # noqa: ASYNC110  it is another process
            await asyncio.sleep(LOOK_S)
        ready_s = time.time()
        async with session.get(f"{url}/found") as response:
            return ready_s, _rows.decode(await response.read())


async def _is_ready(session: aiohttp.ClientSession, url: str) -> bool:
    try:
        async with session.get(f"{url}/ready") as response:
            return response.status == 200
    except aiohttp.ClientError:
        return False


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])
