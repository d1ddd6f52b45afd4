"""A clock on which a sleep takes no time but is counted, for adapters that speak over real sockets."""

import asyncio

from triggerx.node.clock import SystemClock


class SteppingClock(SystemClock):
    """The monotonic clock is the sum of what was slept; the wall clock is the machine's."""

    def __init__(self) -> None:
        self.slept_s = 0.0
        self._stepped = asyncio.Event()

    def monotonic(self) -> float:
        return self.slept_s

    async def sleep(self, duration_s: float) -> None:
        self.slept_s += max(0.0, duration_s)
        self._stepped.set()
        await asyncio.sleep(0)

    async def stepped(self) -> None:
        """Wait until somebody sleeps on it."""
        self._stepped.clear()
        await self._stepped.wait()
