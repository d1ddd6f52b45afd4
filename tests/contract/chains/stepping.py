"""A clock on which a sleep takes no time but is counted, for adapters that speak over real sockets."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import NoReturn

from triggerx.node.clock import SystemClock


class SteppingClock(SystemClock):
    """The monotonic clock is the sum of what was slept; the wall clock is the machine's."""

    def __init__(self) -> None:
        self.slept_s = 0.0
        self._stepped = asyncio.Event()
        self._runs = asyncio.Event()
        self._runs.set()

    def monotonic(self) -> float:
        return self.slept_s

    async def sleep(self, duration_s: float) -> None:
        self.slept_s += max(0.0, duration_s)
        self._stepped.set()
        await asyncio.sleep(0)
        await self._runs.wait()

    async def until(
        self, holds: Callable[[], Awaitable[bool]], *, task: asyncio.Task[NoReturn], within_s: float
    ) -> bool:
        """Look after every pause of the task, which goes on when it was looked; False when it takes longer.

        What the machine takes, for the disk or another process, does not count, and no busy loop takes more of it.
        Raises what the task dies of.
        """
        until_s = self.slept_s + within_s
        while True:
            self._stepped.clear()
            self._runs.clear()
            try:
                if await holds():
                    return True
                if self.slept_s >= until_s:
                    return False
            finally:
                self._runs.set()
            step = asyncio.create_task(self._stepped.wait(), name="clock.step")
            await asyncio.wait({task, step}, return_when=asyncio.FIRST_COMPLETED)
            step.cancel()
            if task.done():
                task.result()
