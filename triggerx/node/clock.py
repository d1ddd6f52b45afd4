"""The machine's time and chance, behind `ports.clock`."""

import asyncio
import random
import secrets
import time
from typing import Final

_LONGEST_SLEEP_S: Final = 1.0
"""How long a wait for the wall clock sleeps at most before it looks again: a jump is noticed within that time."""


class SystemClock:
    """Implements `ports.clock.Clock` on the machine's clocks."""

    def now(self) -> int:
        """Unix seconds, UTC."""
        return int(time.time())

    def now_ms(self) -> int:
        """Unix milliseconds, UTC."""
        return time.time_ns() // 1_000_000

    def monotonic(self) -> float:
        """Seconds since some moment; never goes back."""
        return time.monotonic()

    async def sleep(self, duration_s: float) -> None:
        """Return after at least `duration_s`; a negative duration is none."""
        await asyncio.sleep(max(0.0, duration_s))

    async def sleep_until(self, unix_ms: int) -> None:
        """Return when the wall clock shows `unix_ms` or later."""
        while (left_ms := unix_ms - self.now_ms()) > 0:  # noqa: ASYNC110 - nothing but the clock tells of a jump
            await asyncio.sleep(min(left_ms / 1000, _LONGEST_SLEEP_S))


class SystemChance:
    """Implements `ports.clock.Chance` on the operating system's randomness."""

    def __init__(self) -> None:
        self._random = random.SystemRandom()

    def token_bytes(self, length: int) -> bytes:
        """Return `length` unpredictable bytes."""
        return secrets.token_bytes(length)

    def uniform(self, low: float, high: float) -> float:
        """Return a number in [low, high]."""
        return self._random.uniform(low, high)
