"""Virtual time and seeded chance: the same test takes the same course every time, and no time at all."""

import asyncio
import heapq
import itertools
import random

_SETTLE_PASSES = 64
"""Passes of the event loop after each step: enough for a chain of that many tasks to wake one another."""


class VirtualClock:
    """Implements `ports.clock.Clock`; time moves only in `advance` and `freeze`, and the wall clock alone in `jump`."""

    def __init__(self, *, now: int = 1_700_000_000) -> None:
        self._wall_ns = now * 1_000_000_000
        self._monotonic_ns = 0
        self._order = itertools.count()
        self._monotonic_sleepers: list[tuple[int, int, asyncio.Future[None]]] = []
        self._wall_sleepers: list[tuple[int, int, asyncio.Future[None]]] = []

    def now(self) -> int:
        return self._wall_ns // 1_000_000_000

    def now_ms(self) -> int:
        return self._wall_ns // 1_000_000

    def monotonic(self) -> float:
        return self._monotonic_ns / 1e9

    async def sleep(self, duration_s: float) -> None:
        due_ns = self._monotonic_ns + max(0, round(duration_s * 1e9))
        await self._wait(self._monotonic_sleepers, due_ns, self._monotonic_ns)

    async def sleep_until(self, unix_ms: int) -> None:
        await self._wait(self._wall_sleepers, unix_ms * 1_000_000, self._wall_ns)

    async def advance(self, duration_s: float) -> None:
        """Let `duration_s` pass, sleeper after sleeper in the order of their moments, and let the woken tasks run."""
        await self._settle()
        left_ns = round(duration_s * 1e9)
        while (step_ns := self._next_ns()) is not None and step_ns <= left_ns:
            self._pass(step_ns)
            left_ns -= step_ns
            await self._settle()
        self._pass(left_ns)
        await self._settle()

    async def jump(self, duration_s: float) -> None:
        """Set the wall clock forward (or back) without time having passed."""
        self._wall_ns += round(duration_s * 1e9)
        self._wake()
        await self._settle()

    async def freeze(self, duration_s: float) -> None:
        """Let `duration_s` pass in which nobody runs, as for a process that was stopped and goes on."""
        self._pass(round(duration_s * 1e9))
        await self._settle()

    async def _wait(self, sleepers: list[tuple[int, int, asyncio.Future[None]]], due_ns: int, now_ns: int) -> None:
        if due_ns <= now_ns:
            await asyncio.sleep(0)
            return
        woken = asyncio.get_running_loop().create_future()
        heapq.heappush(sleepers, (due_ns, next(self._order), woken))
        await woken

    def _next_ns(self) -> int | None:
        """How long until the next sleeper's moment, leaving out those that were cancelled."""
        steps = []
        for sleepers, now_ns in ((self._monotonic_sleepers, self._monotonic_ns), (self._wall_sleepers, self._wall_ns)):
            while sleepers and sleepers[0][2].done():
                heapq.heappop(sleepers)
            if sleepers:
                steps.append(max(0, sleepers[0][0] - now_ns))
        return min(steps, default=None)

    def _pass(self, duration_ns: int) -> None:
        self._monotonic_ns += duration_ns
        self._wall_ns += duration_ns
        self._wake()

    def _wake(self) -> None:
        for sleepers, now_ns in ((self._monotonic_sleepers, self._monotonic_ns), (self._wall_sleepers, self._wall_ns)):
            while sleepers and sleepers[0][0] <= now_ns:
                _, _, woken = heapq.heappop(sleepers)
                if not woken.done():
                    woken.set_result(None)

    async def _settle(self) -> None:
        for _ in range(_SETTLE_PASSES):
            await asyncio.sleep(0)


class SeededChance:
    """Implements `ports.clock.Chance`; the same seed gives the same course."""

    def __init__(self, seed: int = 0) -> None:
        self._random = random.Random(seed)  # noqa: S311 - repeatable on purpose, and for tests alone

    def token_bytes(self, length: int) -> bytes:
        return self._random.randbytes(length)

    def uniform(self, low: float, high: float) -> float:
        return self._random.uniform(low, high)
