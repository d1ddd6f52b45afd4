"""P5: from a trigger to its transaction: 50 logs in a block, for 50 of 1,000 event jobs at zero confirmations.

A real chain with blocks of one second, its contracts, the core's node and one keeper's, once in one process and once in
two; they speak over libp2p in either case. Time counts from the moment at which a node is told of the head whose block
holds the logs to the one at which the keeper hands its transaction in, both as a proxy before the chain sees them.
What was not sent counts as late for ever.

The chain's own work is left out: from each time is taken the CPU time that the chain used meanwhile. The note has the
times with it.
"""

import io
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

from bench.event_load import Acted, EventLoad, event_load
from bench.harness import Measure, percentile
from bench.rpc_recorder import Records, recording
from tests.e2e.apart import running_apart_on
from tests.fakes.log import RecordingLog
from triggerx.node.clock import SystemClock
from triggerx.node.devnet.ground import Ground, development_ground
from triggerx.node.devnet.network import running_nodes
from triggerx.node.log import NodeLog
from triggerx.node.options import ChainChoice, DevnetOptions
from triggerx.node.process import collect_seldom

JOBS: Final = 1_000
TRIGGERS: Final = 50
ROUNDS: Final = 10
OPTIONS: Final = DevnetOptions(chain=ChainChoice.ANVIL, keepers=1, api_port=0)
P50_LIMIT_MS: Final = 25.0
P99_LIMIT_MS: Final = 100.0
APART_LIMIT_MS: Final = 150.0
NEXT_MIN: Final = 0.99


async def measure(is_quick: bool) -> Sequence[Measure]:
    """Both shapes, each over a network of its own."""
    rounds = 2 if is_quick else ROUNDS
    jobs = 2 * TRIGGERS if is_quick else JOBS
    with tempfile.TemporaryDirectory(prefix="triggerx-bench-") as folder:
        async with _in_one_process(Path(folder), jobs) as load:
            together = await _rounds(load, rounds)
    with tempfile.TemporaryDirectory(prefix="triggerx-bench-") as folder:
        async with _apart(Path(folder), jobs) as load:
            apart = await _rounds(load, rounds)
    return [
        _time("P5", f"head to action, p50, {TRIGGERS} of {jobs:,} jobs at once", together, 0.5, P50_LIMIT_MS),
        _time("P5.p99", "the same, p99", together, 0.99, P99_LIMIT_MS),
        _share("P5.next", "of them mined in the next block", together),
        _time("P5.libp2p", "the same in two processes, p99", apart, 0.99, APART_LIMIT_MS),
        _share("P5.libp2p.next", "of them mined in the next block", apart),
    ]


def _time(key: str, title: str, acted: Sequence[Acted], share: float, limit: float) -> Measure:
    raw_ms, chain_ms = [each.late_s * 1000 for each in acted], [each.chain_cpu_s * 1000 for each in acted]
    return Measure(
        key=key,
        title=title,
        ours=percentile([each.ours_s * 1000 for each in acted], share),
        limit=limit,
        unit="ms",
        goal=f"≤ {limit:g} ms",
        note=f"with the chain {percentile(raw_ms, share):.0f} ms (p50 {percentile(raw_ms, 0.5):.0f}, worst "
        f"{max(raw_ms):.0f}); its CPU {percentile(chain_ms, share):.0f} ms; {len(acted)} triggers",
    )


def _share(key: str, title: str, acted: Sequence[Acted]) -> Measure:
    blocks = Counter(each.blocks for each in acted)
    return Measure(
        key=key,
        title=title,
        ours=blocks[1] / len(acted),
        limit=NEXT_MIN,
        is_more_better=True,
        unit="",
        goal=f"≥ {NEXT_MIN:.0%}",
        note="blocks later: " + ", ".join(f"{block}: {count}" for block, count in sorted(blocks.items(), key=str)),
    )


async def _rounds(load: EventLoad, rounds: int) -> list[Acted]:
    """One round uncounted, so that nobody pays for warming, then so many; each with jobs of its own."""
    acted: list[Acted] = []
    for number in range(rounds + 1):
        first = number * TRIGGERS
        found = await load.fire([(first + place) % len(load.jobs) for place in range(TRIGGERS)])
        acted += found if number else []
    return acted


@asynccontextmanager
async def _ground() -> AsyncIterator[tuple[Ground, Records]]:
    """Ground whose nodes reach the chain by a recorder."""
    async with development_ground(OPTIONS, SystemClock(), RecordingLog()) as ground:
        (chain,) = ground.chains
        async with recording(chain) as records:
            yield replace(ground, chains=(replace(chain, rpc_url=records.url),)), records


@asynccontextmanager
async def _in_one_process(folder: Path, jobs: int) -> AsyncIterator[EventLoad]:
    collect_seldom()  # as every node's process does
    log = NodeLog(SystemClock(), lines="json", stream=io.StringIO())
    async with (
        _ground() as (ground, records),
        running_nodes(OPTIONS, ground, folder, log) as devnet,
        event_load(ground, records, devnet.api_url, devnet.api_key, jobs=jobs) as load,
    ):
        yield load


@asynccontextmanager
async def _apart(folder: Path, jobs: int) -> AsyncIterator[EventLoad]:
    async with (
        _ground() as (ground, records),
        running_apart_on(ground, folder) as (network, _),
        event_load(ground, records, network.api_url, network.api_key, jobs=jobs) as load,
    ):
        yield load
