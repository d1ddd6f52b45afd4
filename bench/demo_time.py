"""The demonstration's wall time, as a newcomer sees it: the whole process `triggerx demo --json`, on both chains."""

import json
import statistics
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from bench.harness import Measure, finished

LIMITS_S: Final = {"anvil": 30.0, "embedded": 90.0}
RUNS: Final = 3


async def measure(is_quick: bool) -> Sequence[Measure]:
    """Run it a few times on each chain; a run that does not say `ok` counts for nothing."""
    return [await _measured(chain, 1 if is_quick else RUNS) for chain in LIMITS_S]


async def _measured(chain: str, runs: int) -> Measure:
    times = [await _run(chain) for _ in range(runs)]
    return Measure(
        key=f"DEMO.{chain}",
        title=f"triggerx demo on {chain}",
        ours=statistics.median(times),
        limit=LIMITS_S[chain],
        unit="s",
        goal=f"≤ {LIMITS_S[chain]:g} s",
        note=f"median of {runs}, from {min(times):.1f} to {max(times):.1f} s",
    )


async def _run(chain: str) -> float:
    started = time.perf_counter()
    command = str(Path(sys.executable).with_name("triggerx"))
    status, out, err = await finished(command, "demo", "--json", "--chain", chain, within_s=4 * LIMITS_S[chain])
    took_s = time.perf_counter() - started
    assert status == 0, err.decode(errors="replace")[-2000:]
    document = json.loads(out)
    assert document["ok"] is True
    assert document["chain"] == chain
    return took_s
