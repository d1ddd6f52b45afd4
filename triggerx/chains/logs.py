"""Confirmed logs without loss: contiguous ranges from a cursor, each once enough blocks are on top of it.

Rule: a range is handed out whole, in order, and once; the cursor's block is the parent of the next (`chains.ranges`).
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial

from triggerx.chains.answers import to_logs
from triggerx.chains.questions import Doubt, converted, header_question, range_question
from triggerx.chains.ranges import BLOCKS_PER_QUERY_MAX, SPAN_GROWTH, RangeReader, Span
from triggerx.chains.rpc import NodeRefusal, RpcClient
from triggerx.core.errors import RecoverableError
from triggerx.evm.types import to_hex
from triggerx.ports.chain import Block, Cursor, Log, LogBatch, LogFilter, ReorgBeyondConfirmations
from triggerx.ports.clock import Clock
from triggerx.ports.log import Log as Journal


async def read_all(client: RpcClient, wanted: LogFilter, first: int, last: int) -> list[Log]:
    """Read an inclusive range as the node has it now, halving what it refuses; ascending."""
    found: list[Log] = []
    span = BLOCKS_PER_QUERY_MAX
    while first <= last:
        to = min(last, first + span - 1)
        (answer,) = await client.ask_all([range_question(wanted, first, to)])
        if isinstance(answer, NodeRefusal) and to > first:
            span = (to - first + 1) // 2
            continue
        if isinstance(answer, RecoverableError):
            raise answer
        found += converted(client, partial(to_logs, answer))
        first = to + 1
        span = min(BLOCKS_PER_QUERY_MAX, span * SPAN_GROWTH)
    return found


class Follower:
    """Follows one filter on one chain, at a distance from its head."""

    def __init__(self, client: RpcClient, clock: Clock, wanted: LogFilter, *, log: Journal | None = None) -> None:
        """Read through `client`."""
        self._client = client
        self._wanted = wanted
        self._ranges = RangeReader(client, clock, log=log)

    async def follow(
        self, heads: AsyncIterator[Block], *, after: Cursor | None, start_block: int, confirmations: int
    ) -> AsyncIterator[LogBatch]:
        """Yield the batches after the cursor (from `start_block` without one), each once it is confirmed.

        Raises ReorgBeyondConfirmations when the cursor's block was replaced, RecoverableError when the endpoints fail
        or contradict each other for longer than DOUBTS_MAX attempts; go on from the stored cursor then.
        """
        cursor = after
        async for head in heads:
            while True:
                first = start_block if cursor is None else cursor.number + 1
                last = min(head.number - confirmations, first + self._ranges.span - 1)
                if last < first:
                    break
                batch = await self._read(cursor, first, last)
                cursor = batch.cursor
                yield batch

    async def _read(self, cursor: Cursor | None, first: int, last: int) -> LogBatch:
        async def replaced() -> None:
            if cursor is not None:
                await self._demand_canonical(cursor)

        asked = Span(first=first, last=last, parent=None if cursor is None else cursor.hash)
        found = await self._ranges.read(self._wanted, asked, replaced)
        end = found.blocks[-1]
        return LogBatch(logs=found.logs, cursor=Cursor(number=end.number, hash=end.hash))

    async def _demand_canonical(self, cursor: Cursor) -> None:
        """Decide, with a second endpoint where there is one, whether the cursor's block was replaced."""
        question = header_question(cursor.number)
        here = await self._client.ask_all([question])
        there = await self._client.ask_all([question], elsewhere=True)
        seen = [
            None if isinstance(found, RecoverableError) or found is None else found.to_block() for found in here + there
        ]
        if any(block is None or block.hash == cursor.hash for block in seen):
            raise Doubt(f"block {cursor.number + 1} is not the child of the cursor's block {cursor.number}")
        raise ReorgBeyondConfirmations(
            f"chain {self._client.chain_id}: block {cursor.number} was {to_hex(cursor.hash)} and is another one now: "
            "raise the confirmations of this chain, and audit what was done since that block"
        )
