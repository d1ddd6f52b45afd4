"""The engine's time watcher as a process: `python -m bench.time_process FOLDER`; says when each task is durable."""

import asyncio
import sys
import time
from pathlib import Path

from bench.stage import ON_TIME_S, POLL_S, USER_RUNS_PER_DAY_MAX, beside, stage
from tests.fakes.chain import FakeChain
from tests.unit.core.sample import CHAIN
from triggerx.events import TaskCreated
from triggerx_engine.prices import Prices
from triggerx_engine.slots import TimeWatcher


async def main(folder: Path) -> None:
    """Print `READY`, then a line for each task, its key and unix milliseconds, once it is committed; until killed."""
    async with stage(folder, {CHAIN: FakeChain()}) as services:
        prices = Prices(services, user_runs_per_day_max=USER_RUNS_PER_DAY_MAX)
        watcher = TimeWatcher(services, prices, on_time_s=ON_TIME_S, poll_s=POLL_S)
        async with services.bus.subscribe(TaskCreated) as fired, beside(prices.run(), watcher.run()):
            print("READY", flush=True)
            async for event in fired:
                sys.stdout.write(f"{event.task_key.hex()} {time.time() * 1000:.3f}\n")
                sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
