"""P10: what it costs to have triggerx there: the answer to `--help`, a keeper's way to ready, and its memory.

The keeper is a real process over an empty data directory on a running network; it is ready when it says that it started
and has told the network so (its first check-in). Memory is the peak of its resident set, the worst it ever was.
"""

import asyncio
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final

from bench.harness import PAIRS_MIN, PAIRS_QUICK, Measure, finished, interleaved
from tests.e2e.apart import Apart, running_apart, start_node

HELP_LIMIT_MS: Final = 200.0
READY_LIMIT_S: Final = 3.0
MEMORY_LIMIT_MB: Final = 150.0
KEEPERS: Final = 2
STORE_FILES: Final = "triggerx.db*"
IMPORT_PEER: Final = "import web3, resource; print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"


async def measure(is_quick: bool) -> Sequence[Measure]:
    """Measure the three, the command line against importing web3 alone."""
    pairs = PAIRS_QUICK if is_quick else PAIRS_MIN
    first = await _help(pairs)
    with tempfile.TemporaryDirectory(prefix="triggerx-bench-") as folder:
        async with running_apart(Path(folder), keepers=KEEPERS) as (network, _):
            starts = [await _keeper_start(network) for _ in range(pairs)]
    ready, memory = [start[0] for start in starts], [start[1] for start in starts]
    _, out, _ = await finished(sys.executable, "-c", IMPORT_PEER)
    return [
        first,
        Measure(
            key="P10.ready",
            title="keeper process to its first check-in",
            ours=statistics.median(ready),
            limit=READY_LIMIT_S,
            unit="s",
            goal=f"≤ {READY_LIMIT_S:g} s",
            note=f"median of {len(ready)} first starts, from {min(ready):.2f} to {max(ready):.2f} s",
        ),
        Measure(
            key="P10.memory",
            title="keeper's peak resident set",
            ours=max(memory),
            peer=int(out) / 1024,
            limit=MEMORY_LIMIT_MB,
            unit="MB",
            goal=f"≤ {MEMORY_LIMIT_MB:g} MB",
            note="the largest of the starts; the peer is a process that imported web3 and nothing else",
        ),
    ]


async def _help(pairs: int) -> Measure:
    command = str(Path(sys.executable).with_name("triggerx"))

    async def ours() -> float:
        return await _wall(command, "--help")

    async def peer() -> float:
        return await _wall(sys.executable, "-c", "import web3")

    status, out, _ = await finished(command, "--help")
    assert status == 0
    assert b"demo" in out
    found = await interleaved(ours, peer, pairs=pairs)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    await finished(command, "--help")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Measure(
        key="P10",
        title="triggerx --help, the whole process",
        ours=found.ours_median * 1000,
        peer=found.peer_median * 1000,
        limit=HELP_LIMIT_MS,
        ratios=found.ratios,
        unit="ms",
        goal=f"≤ {HELP_LIMIT_MS:g} ms",
        note=f"{cpu_s * 1000:.0f} ms of CPU; the peer is a process that imports web3",
    )


async def _wall(*command: str) -> float:
    started = time.perf_counter()
    status, _, _ = await finished(*command)
    assert status == 0
    return time.perf_counter() - started


async def _keeper_start(network: Apart) -> tuple[float, float]:
    """Stop a keeper, empty its store, start it again; returns seconds to its check-in and its peak memory in MB."""
    operator, keeper = next(iter(network.keepers.items()))
    await keeper.stop()
    data_dir = network.folder / keeper.name
    for file in data_dir.glob(STORE_FILES):
        file.unlink()
    async with AsyncExitStack() as stack:
        started = time.perf_counter()
        again = await start_node(stack, data_dir, keeper.name, roles="keeper")
        await again.logged("node started")
        await again.logged("keeper checked in", operator=operator)
        ready_s = time.perf_counter() - started
        await asyncio.sleep(1.0)  # connections to the others are made, and gossip begins
        return ready_s, peak_memory_mb(again.process.pid)


def peak_memory_mb(process_id: int) -> float:
    """The peak resident set of a process (proc(5), VmHWM)."""
    lines = Path(f"/proc/{process_id}/status").read_text().splitlines()
    (kilobytes,) = (line.split()[1] for line in lines if line.startswith("VmHWM:"))
    return int(kilobytes) / 1024
