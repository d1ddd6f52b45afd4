"""P11: from firing to attested on chain, in blocks of one second, and how many tasks a second go through.

Five keepers, each a process of its own, over libp2p; a light load for the latency, a heavy one for the rate. Blocks are
counted on the chain, from the due second's block to the one with `TaskSubmitted`; a task that is not attested in time
counts as late for ever. CPU time a task is what tells how far the rate can go, whatever else the machine does.
"""

import math
import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.harness import Measure, percentile
from bench.load import LoadResult, run_load
from tests.e2e.apart import Apart, running_apart

KEEPERS: Final = 5
P50_LIMIT: Final = 3
P99_LIMIT: Final = 5
RATE_MIN: Final = 10.0
CPU_LIMIT_S: Final = 0.2  # of two cores at ten tasks a second


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """So many jobs, each firing every `interval_s`, `rounds` times."""

    jobs: int
    interval_s: int
    rounds: int


LIGHT: Final = Load(jobs=10, interval_s=5, rounds=10)  # two tasks a second, 100 in all
HEAVY: Final = Load(jobs=10, interval_s=1, rounds=30)  # ten tasks a second
LIGHT_QUICK: Final = Load(jobs=5, interval_s=5, rounds=3)
HEAVY_QUICK: Final = Load(jobs=5, interval_s=1, rounds=10)


async def measure(is_quick: bool) -> Sequence[Measure]:
    """Run both loads, each over a network of its own."""
    light, light_cpu = await _run(LIGHT_QUICK if is_quick else LIGHT)
    heavy, heavy_cpu = await _run(HEAVY_QUICK if is_quick else HEAVY)
    blocks = [float(task.blocks) for task in light.tasks] + [math.inf] * light.missing
    heavy_blocks = [float(task.blocks) for task in heavy.tasks] + [math.inf] * heavy.missing
    seen = f"{light.fired} tasks, {light.missing} missing; {_by_process(light_cpu)}"
    heavy_seen = (
        f"{heavy.fired} tasks fired, {heavy.missing} not attested in time, p50 {percentile(heavy_blocks, 0.5):g} and "
        f"p99 {percentile(heavy_blocks, 0.99):g} blocks; {_by_process(heavy_cpu)}"
    )
    return [
        Measure(
            key="P11",
            title="firing to attested, p50",
            ours=percentile(blocks, 0.5),
            limit=P50_LIMIT,
            unit="blocks",
            goal=f"≤ {P50_LIMIT}",
            note=seen,
        ),
        Measure(
            key="P11.p99",
            title="firing to attested, p99",
            ours=percentile(blocks, 0.99),
            limit=P99_LIMIT,
            unit="blocks",
            goal=f"≤ {P99_LIMIT}",
        ),
        Measure(
            key="P11.rate",
            title="tasks attested a second, sustained",
            ours=heavy.rate,
            limit=RATE_MIN,
            is_more_better=True,
            unit="tasks/s",
            goal=f"≥ {RATE_MIN:g}",
            note=heavy_seen,
        ),
        Measure(
            key="P11.cpu",
            title="CPU of all nodes and the chain, a task",
            ours=sum(heavy_cpu.values()) / max(1, len(heavy.tasks)),
            limit=CPU_LIMIT_S,
            unit="s",
            goal=f"≤ {CPU_LIMIT_S:g}",
        ),
        Measure(
            key="P11.doubles",
            title="tasks run or submitted twice",
            ours=light.doubles + heavy.doubles,
            limit=0,
            unit="tasks",
            goal="0",
        ),
    ]


async def _run(load: Load) -> tuple[LoadResult, dict[str, float]]:
    """Put the load on a fresh network; returns what came of it, and the CPU seconds of each process meanwhile."""
    with tempfile.TemporaryDirectory(prefix="triggerx-bench-") as folder:
        async with running_apart(Path(folder), keepers=KEEPERS) as (network, _):
            before = cpu_by_process(network)
            result = await run_load(network.customer, jobs=load.jobs, interval_s=load.interval_s, rounds=load.rounds)
            after = cpu_by_process(network)
    return result, {name: after[name] - before[name] for name in before}


def cpu_by_process(network: Apart) -> dict[str, float]:
    """CPU seconds that each node and each chain has used so far."""
    nodes = [network.core, *network.keepers.values()]
    found = {node.name: cpu_s(node.process.pid) for node in nodes}
    for chain in network.ground.chains:
        children = Path(f"/proc/{chain.process_id}/task/{chain.process_id}/children").read_text().split()
        processes = [chain.process_id, *map(int, children)]
        found[f"chain {chain.chain_id}"] = sum(map(cpu_s, processes))
    return found


def cpu_s(process_id: int) -> float:
    """CPU seconds of one process, its threads included (proc(5), utime and stime)."""
    fields = Path(f"/proc/{process_id}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _by_process(cpu: dict[str, float]) -> str:
    return "CPU seconds: " + ", ".join(f"{name} {seconds:.1f}" for name, seconds in cpu.items())
