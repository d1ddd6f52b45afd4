"""The canonical chain at zero confirmations: every block once, and again what a reorg replaced.

Rule: a block that was handed out stays in the window until it is dropped or old; a reorg is found by parent hashes
alone (some nodes never send `removed`), and its blocks are handed out as dropped before the new ones.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Final

from triggerx.chains import answers
from triggerx.chains.questions import Doubt, header_question
from triggerx.chains.ranges import RangeReader, Span, Stretch
from triggerx.chains.rpc import RpcClient
from triggerx.core.errors import RecoverableError
from triggerx.evm.types import to_hex
from triggerx.ports.chain import Block, BlockRange, LogFilter, ReorgBeyondConfirmations
from triggerx.ports.clock import Clock
from triggerx.ports.log import Log as Journal

WINDOW_BLOCKS: Final = 256  # handed out and remembered: no chain that is served reorganises deeper
FILTER_ADDRESSES_MAX: Final = 256  # above it a block's logs are asked for whole, at one price for any number of jobs
WALK_BLOCKS: Final = 32  # of the window, asked for together when the place where chains part is looked for


class _Reorganised(Exception):
    """The newest block that was handed out is no longer the parent of the next one."""


class CanonicalFollower:
    """Follows one chain; the window is what the caller has stored, as far as a reorg may reach."""

    def __init__(
        self,
        client: RpcClient,
        clock: Clock,
        *,
        known: Sequence[Block],
        start_block: int,
        log: Journal | None = None,
    ) -> None:
        """Go on after `known`, or at `start_block` where it is empty."""
        self._client = client
        self._start_block = start_block
        self._is_fresh = not known
        self._window = deque(known, maxlen=WINDOW_BLOCKS)
        self._ranges = RangeReader(client, clock, log=log)

    async def follow(
        self, heads: Callable[[], AsyncIterator[Block]], wanted: Callable[[], LogFilter]
    ) -> AsyncIterator[BlockRange]:
        """Yield a range after each new head; see `ports.chain.Chain.canonical_ranges`.

        A head that was gone as it was read may come back, and `heads` tells of none twice in a row: it is begun anew.
        """
        try:
            while True:
                async for head in heads():
                    newest = head
                    while self._is_news(newest):
                        found, newest = await self._step(newest, wanted())
                        if found is None:
                            continue
                        if found.blocks[-1].number < newest.number:
                            self._ask_ahead(newest, wanted())
                        yield found
                    if newest.hash != head.hash:
                        break
        finally:
            self._ranges.drop_ahead()

    def _is_news(self, head: Block) -> bool:
        """Whether the head is none that was handed out, and not before the start."""
        if not self._window:
            return head.number >= self._start_block
        return head.number > self._window[-1].number or (
            head.number >= self._window[0].number and all(head.hash != block.hash for block in self._window)
        )

    async def _step(self, head: Block, wanted: LogFilter) -> tuple[BlockRange | None, Block]:
        """Read the next range up to the head; without one, the head was no longer the newest block, which is given."""
        dropped: list[Block] = []
        kept = list(self._window)
        is_whole = _is_whole(wanted)
        doubts = 0
        while True:
            try:
                found = await self._ranges.read(LogFilter() if is_whole else wanted, self._above(kept, head), _replaced)
            except _Reorganised:
                count = await self._parted(kept)
                if count == len(kept):
                    doubts += 1
                    reason = f"block {head.number} does not follow on block {kept[-1].number}, which is canonical"
                    await self._ranges.pause(Doubt(reason), doubts, f"head {head.number}")
                    head = await self._newest()
                    if not self._is_news(head):
                        return None, head
                dropped += reversed(kept[count:])
                del kept[count:]
            else:
                return self._handed_out(dropped, kept, found, is_whole=is_whole), head

    def _above(self, kept: Sequence[Block], head: Block) -> Span:
        """The blocks to read next. Raises _Reorganised when the head is not above what is kept."""
        first = kept[-1].number + 1 if kept else self._start_block
        last = min(head.number, first + self._ranges.span - 1)
        if first > last:
            raise _Reorganised
        parent = kept[-1].hash if kept else None
        return Span(first=first, last=last, parent=parent, tip=head if last == head.number else None)

    def _ask_ahead(self, head: Block, wanted: LogFilter) -> None:
        """Let the next range be on its way while the one before it is handled."""
        asked = LogFilter() if _is_whole(wanted) else wanted
        self._ranges.ask_ahead(asked, self._above(self._window, head))

    async def _newest(self) -> Block:
        found = await self._client.call("eth_getBlockByNumber", ["latest", False], answers.block)
        if found is None:
            raise RecoverableError(f"chain {self._client.chain_id}: the node has no latest block: wait for it to sync")
        return found.to_block()

    def _handed_out(
        self, dropped: Sequence[Block], kept: Sequence[Block], found: Stretch, *, is_whole: bool
    ) -> BlockRange:
        self._window.clear()
        self._window.extend(kept)
        self._window.extend(found.blocks)
        return BlockRange(dropped=tuple(dropped), blocks=found.blocks, logs=found.logs, is_whole=is_whole)

    async def _parted(self, kept: Sequence[Block]) -> int:
        """Count how many of the blocks are canonical still: all before the first one that is not."""
        end = len(kept)
        while end:
            begin = max(0, end - WALK_BLOCKS)
            asked = kept[begin:end]
            answered = await self._client.ask_all([header_question(block.number) for block in asked])
            for position in reversed(range(len(asked))):
                answer = answered[position]
                if isinstance(answer, RecoverableError):
                    raise answer
                if answer is not None and answer.to_block().hash == asked[position].hash:
                    return begin + position + 1
            end = begin
        if self._is_fresh and kept and kept[0].number == self._start_block:
            return 0
        if kept and await self._is_canonical_elsewhere(kept[0]):
            self._client.distrust(f"block {kept[0].number} is another one than elsewhere")
            return len(kept)
        raise ReorgBeyondConfirmations(
            f"chain {self._client.chain_id}: block {kept[0].number if kept else self._start_block} was "
            f"{to_hex(kept[0].hash) if kept else 'known'} and is another one now, and so is every known one after it: "
            "keep more blocks, and audit what was done since that block"
        )

    async def _is_canonical_elsewhere(self, block: Block) -> bool:
        """Ask another endpoint, where there is one, before everything known is given up."""
        (found,) = await self._client.ask_all([header_question(block.number)], elsewhere=True)
        return isinstance(found, answers.BlockAnswer) and found.to_block().hash == block.hash


def _is_whole(wanted: LogFilter) -> bool:
    """Whether logs are asked for without a filter: where none is wanted, and where it would be too long."""
    return len(wanted.addresses) > FILTER_ADDRESSES_MAX or not (wanted.addresses or any(wanted.topics))


async def _replaced() -> None:
    raise _Reorganised
