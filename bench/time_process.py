"""The engine's time watcher as a process: `python -m bench.time_process FOLDER`; says when each task was durable.

The moment is taken where the commit has returned to the watcher, before it tells anybody: what this process takes to
hear and print a thousand words is not the engine's lateness.
"""

import asyncio
import sys
import time
from dataclasses import replace
from pathlib import Path

from bench.stage import ON_TIME_S, POLL_S, USER_RUNS_PER_DAY_MAX, beside, stage
from tests.fakes.chain import FakeChain
from tests.unit.core.sample import CHAIN
from triggerx.bus.local import LocalBus
from triggerx.events import Event, TaskCreated
from triggerx.evm.types import Hash32
from triggerx.ports.log import Log
from triggerx_engine.prices import Prices
from triggerx_engine.slots import TimeWatcher


class _Noting(LocalBus):
    """A bus that keeps, with each task that is told of, when the transaction before it was durable."""

    def __init__(self, log: Log) -> None:
        super().__init__(log)
        self.durable_ms: dict[Hash32, float] = {}
        self._committed_ms = 0.0

    def passed(self, name: str) -> None:
        """The watcher's crash point: a commit has returned."""
        if name == "engine.slots.after-commit":
            self._committed_ms = time.time() * 1000

    async def publish(self, event: Event) -> None:
        """Note it, and hand it on."""
        if isinstance(event, TaskCreated):
            self.durable_ms[event.task_key] = self._committed_ms
        await super().publish(event)


async def main(folder: Path) -> None:
    """Print `READY`, then a line for each task, its key and unix milliseconds; until killed."""
    async with stage(folder, {CHAIN: FakeChain()}) as given:
        bus = _Noting(given.log)
        services = replace(given, bus=bus, crash_point=bus.passed)
        prices = Prices(services, user_runs_per_day_max=USER_RUNS_PER_DAY_MAX)
        watcher = TimeWatcher(services, prices, on_time_s=ON_TIME_S, poll_s=POLL_S)
        async with bus.subscribe(TaskCreated) as fired, beside(prices.run(), watcher.run()):
            print("READY", flush=True)
            async for event in fired:
                sys.stdout.write(f"{event.task_key.hex()} {bus.durable_ms.pop(event.task_key):.3f}\n")
                sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
