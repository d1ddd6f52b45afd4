"""The block maker: the one thread that changes the chain, and the clock that tells it when to seal.

Rule: whatever executes bytecode runs in a thread, so that the server keeps answering; changes run in one thread, in
order, calls in others.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

from triggerx.chains.embedded.chain import EmbeddedChain, MinedBlock, PendingBlock
from triggerx.chains.embedded.pool import Waiting

CALL_THREADS: Final = 2  # Python executes one at a time anyway; the second lets a quick call pass a slow one

T = TypeVar("T")


class BlockMaker:
    """Serialises changes of a chain; made and closed in the server's event loop."""

    def __init__(self, chain: EmbeddedChain) -> None:
        """Start the threads."""
        self.chain = chain
        self._changes = ThreadPoolExecutor(1, "block-maker")
        self._calls = ThreadPoolExecutor(CALL_THREADS, "evm-call")
        self._arrivals: list[Waiting] = []
        self._growing = False

    async def change(self, work: Callable[[], T]) -> T:
        """Run a change of the chain in its thread."""
        return await asyncio.get_running_loop().run_in_executor(self._changes, work)

    async def call(self, work: Callable[[], T]) -> T:
        """Run something that only reads mined blocks and executes bytecode."""
        return await asyncio.get_running_loop().run_in_executor(self._calls, work)

    async def send(self, raw: bytes) -> bytes:
        """Take a signed transaction; answers its hash, after it was mined where blocks are made at each arrival.

        Raises PoolRefusal.
        """
        waiting, replaced = self.chain.take(raw)
        if replaced is not None:
            await self.change(self.chain.forget_pending)
        if self.chain.block_time_s == 0:
            await self.change(lambda: self.chain.seal_if_any([waiting]))
        else:
            self._arrivals.append(waiting)
            self._grow()
        return waiting.hash

    def _grow(self, grown: asyncio.Future[PendingBlock] | None = None) -> None:
        if grown is not None:
            self._growing = False
            if not grown.cancelled():
                grown.result()
        if self._growing or not self._arrivals:
            return
        arrivals, self._arrivals, self._growing = self._arrivals, [], True
        future = asyncio.get_running_loop().run_in_executor(self._changes, self.chain.grow, arrivals)
        future.add_done_callback(self._grow)

    async def drop(self, tx_hash: bytes) -> bool:
        """Forget a waiting transaction; answers whether there was one."""
        if not self.chain.pool.remove(tx_hash):
            return False
        await self.change(self.chain.forget_pending)
        return True

    async def mine(self, count: int, timestamp: int | None) -> MinedBlock:
        """Make blocks now; `timestamp` is the first one's."""
        block = await self.change(lambda: self.chain.seal(timestamp))
        for _ in range(count - 1):
            block = await self.change(self.chain.seal)
        return block

    async def keep_time(self) -> None:
        """Seal a block at each whole block time, for ever; returns at once when blocks are made at arrivals."""
        step_s = self.chain.block_time_s
        if step_s == 0:
            return
        due = time.monotonic() + step_s
        while True:
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            await self.change(self.chain.seal)
            due = max(due + step_s, time.monotonic())

    def close(self) -> None:
        """Stop the threads without waiting for what they execute."""
        self._changes.shutdown(wait=False, cancel_futures=True)
        self._calls.shutdown(wait=False, cancel_futures=True)
