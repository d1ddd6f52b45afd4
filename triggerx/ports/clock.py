"""Time and chance, so that a whole node can run on virtual time and seeded chance."""

from typing import Protocol


class Clock(Protocol):
    """Wall clock for what the world agrees on, monotonic for durations: a clock jump must not fire or alert twice."""

    def now(self) -> int:
        """Unix seconds, UTC."""
        ...

    def now_ms(self) -> int:
        """Unix milliseconds, UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds since some moment; never goes back."""
        ...

    async def sleep(self, duration_s: float) -> None:
        """Return after at least `duration_s` on the monotonic clock."""
        ...

    async def sleep_until(self, unix_ms: int) -> None:
        """Return when the wall clock shows `unix_ms` or later; wakes at least once a second to notice jumps."""
        ...


class Chance(Protocol):
    """Randomness for nonces and jitter; nothing that others must be able to repeat."""

    def token_bytes(self, length: int) -> bytes:
        """Return `length` unpredictable bytes."""
        ...

    def uniform(self, low: float, high: float) -> float:
        """Return a number in [low, high]."""
        ...
