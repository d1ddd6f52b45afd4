"""The newest block, looked at once for all who wait, and the alarm when it stands still.

Rule: it is looked at in its interval whatever happens; a wake-up may only make a look earlier. A head that stands still
is held against another endpoint's within seconds, and said aloud within the most that a head may lag, at each such span
anew.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Final

from triggerx.chains import answers
from triggerx.chains.rpc import Question, RpcClient
from triggerx.core.errors import RecoverableError
from triggerx.evm.types import Hash32
from triggerx.ports.chain import Block
from triggerx.ports.clock import Clock
from triggerx.ports.log import Log

POLL_INTERVAL_S: Final = 0.25  # between two looks at the head, for all who wait for heads together
HEAD_LAG_MAX_S: Final = 15.0  # a head that stands still longer is taken for a dead endpoint
HEAD_TIMEOUT_S: Final = 5.0  # of a look at the head, fail-over included: who waits is told long before the alarm
STILL_MIN_S: Final = 2.0  # before a head that stands still is held against another endpoint's
STILL_INTERVALS: Final = 2  # or so many times the distance of the last two heads, on slower chains
VAIN_MAX: Final = 8  # wake-ups in a row without a new head; then the next new one is left to the interval


class HeadWatch:
    """One chain's head; `read` asks for it, and `client` knows the other endpoints."""

    def __init__(
        self,
        client: RpcClient,
        clock: Clock,
        read: Callable[[], Awaitable[Block]],
        *,
        poll_interval_s: float,
        head_lag_max_s: float,
        log: Log | None = None,
    ) -> None:
        """Begin with no head; the time of standing still counts from now."""
        self._client = client
        self._clock = clock
        self._read = read
        self._log = log
        self._poll_interval_s = poll_interval_s
        self._lag_max_s = head_lag_max_s
        self._head: Block | None = None
        self._read_at = float("-inf")
        self._moved_at = self._compared_at = self._alarmed_at = clock.monotonic()
        self._interval_s = 0.0
        self._is_seconded = False
        self._woken = self._answered = asyncio.Event()  # the next wake-up, and the one that was next at the last look
        self._vain = 0
        self._begun = self._ended = 0  # the numbers of the last look that began, and of the last that ended
        self._failure: RecoverableError | None = None  # of the last look that ended
        self._lock = asyncio.Lock()

    @property
    def age_s(self) -> float:
        """Seconds since the head last moved."""
        return self._clock.monotonic() - self._moved_at

    async def heads(self) -> AsyncIterator[Block]:
        """Yield the newest block whenever it changes: a wake-up; blocks between may be left out."""
        last: Hash32 | None = None
        while True:
            woken = self._woken  # taken before the look: what is new from here on may not be in it
            head = await self.look()
            if head.hash != last:
                last = head.hash
                yield head
            await self._interval_or(woken)

    def wake(self) -> None:
        """Let the next look happen now, for all who wait; not heeded while such looks found nothing new."""
        if self._vain < VAIN_MAX:
            self._woken.set()
            self._woken = asyncio.Event()

    async def _interval_or(self, woken: asyncio.Event) -> None:
        sleeper = asyncio.create_task(self._clock.sleep(self._poll_interval_s), name="heads.interval")
        waker = asyncio.create_task(woken.wait(), name="heads.wake-up")
        try:
            await asyncio.wait({sleeper, waker}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            sleeper.cancel()
            waker.cancel()

    async def look(self) -> Block:
        """Look at the head unless another waiter did within the poll interval and since the last wake-up.

        Nobody waits for more than two looks, the one that is under way and the next: a look's head is for all who came
        before it began, its failure for all who came before it ended.
        """
        begun, ended = self._begun, self._ended
        async with self._lock:
            if self._ended > ended and self._failure is not None:
                raise self._failure.with_traceback(None)
            if self._head is not None and self._ended > begun:
                return self._head
            woken, now = self._woken, self._clock.monotonic()
            if self._head is not None and now - self._read_at < self._poll_interval_s * 0.9:
                if self._answered is woken:
                    return self._head
                self._vain += 1
            number = self._begun = self._begun + 1
            try:
                head = await self._read()
                self._answered = woken
                if self._head is not None and (head.hash == self._head.hash or head.number < self._head.number):
                    head = await self._compared(head, self._head)
            except RecoverableError as error:
                self._failure, self._ended = error, number
                raise
            self._failure, self._ended = None, number
            self._take(head)
            return head

    def _take(self, head: Block) -> None:
        now = self._read_at = self._clock.monotonic()
        last = self._head
        if last is None or head.number > last.number or (head.number == last.number and head.hash != last.hash):
            if last is not None:
                self._interval_s = now - self._moved_at
            self._moved_at = self._compared_at = self._alarmed_at = now
            self._is_seconded = False
            self._vain = 0
        elif now - self._alarmed_at >= self._lag_max_s:
            self._alarmed_at = now
            self._warn("chain head stands still", block=head.number, for_s=round(self.age_s))
            if not self._is_seconded:  # else it is the chain that stands, and both would be lost as witnesses
                self._client.distrust(f"its head {head.number} stands still for {self.age_s:.0f} s")
        self._head = head

    async def _compared(self, head: Block, last: Block) -> Block:
        """Hold a head that stands still or went back against another endpoint's; the higher one counts."""
        now = self._clock.monotonic()
        patience_s = max(STILL_MIN_S, STILL_INTERVALS * self._interval_s) if head.hash == last.hash else 0.0
        witness = self._client.witness()
        if witness is None or now - self._compared_at < patience_s:
            return head
        self._compared_at = now
        question = Question("eth_getBlockByNumber", ["latest", False], answers.block)
        (answer,) = await self._client.ask_all([question], at=witness)
        self._is_seconded = answer is not None and not isinstance(answer, RecoverableError)
        if answer is None or isinstance(answer, RecoverableError) or answer.number <= head.number:
            return head
        higher: Block = answer.to_block()
        self._client.distrust(f"its head {head.number} is behind: {witness.name} has {higher.number}")
        return higher

    def _warn(self, event: str, **fields: object) -> None:
        if self._log is not None:
            self._log.warning(event, chain_id=self._client.chain_id, **fields)
