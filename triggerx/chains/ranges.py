"""Ranges of blocks with their logs, read until what was read holds together: what both followers stand on.

Rule: a range is given whole or asked for again; nothing is ever skipped. Each block's parent is the one before it; each
log lies in the block that its header names. Another endpoint in good standing must show the same logs; without one, a
block is asked for again by its hash where its bloom or a gap in its logs says that some are missing: there are nodes
that answer an empty list for a block with logs.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from triggerx.chains import bloom
from triggerx.chains.opinions import Opinion, Unsettled
from triggerx.chains.questions import (
    Doubt,
    block_question,
    converted,
    header_question,
    range_question,
    sorted_logs,
)
from triggerx.chains.rpc import Asked, EndpointsFailed, NodeRefusal, RpcClient
from triggerx.core.errors import RecoverableError
from triggerx.evm.types import Hash32
from triggerx.ports.chain import Block, Log, LogFilter
from triggerx.ports.clock import Clock
from triggerx.ports.log import Log as Journal

BLOCKS_FIRST: Final = 4  # of a follower: how many logs there are in a block is known after them
LOGS_PER_RANGE: Final = 10_000  # wanted in one answer: some 6 MB, and a tenth of a second's work
BLOCKS_PER_QUERY_MAX: Final = 500  # most providers allow it, and its headers fit five batches
SPAN_GROWTH: Final = 2  # of the range after a success, up to the maximum
DOUBTS_MAX: Final = 6  # contradicting answers in a row before the caller is told: about 6 s
DOUBTS_TO_DISTRUST: Final = 2  # one alone may be a reorganisation in the middle of reading
LAGS_MAX: Final = 3  # rounds in which another endpoint does not know a block, before it is left behind: 0.6 s
DOUBT_PAUSE_S: Final = 0.1  # doubled at each doubt: nodes behind one address agree again within seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """An inclusive range that is wanted; its first block must be the child of `parent`, where that is known.

    `tip` is the last block where it is known already, so that it need not be asked for again.
    """

    first: int
    last: int
    parent: Hash32 | None
    tip: Block | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """What was read: blocks one upon the other, and all matching logs of them, ascending by block and index."""

    blocks: tuple[Block, ...]
    logs: tuple[Log, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sent:
    """What a range was asked for by, and of whom."""

    span: Span
    wanted: LogFilter
    opinion: Opinion
    first: Asked
    second: Asked


Replaced = Callable[[], Awaitable[None]]
"""Asked where the first block is not the child of the parent: raises what that means, or Doubt to have it reread."""


class RangeReader:
    """Reads for one follower; holds no fact but the span that the node accepts."""

    def __init__(self, client: RpcClient, clock: Clock, *, log: Journal | None = None) -> None:
        """Read through `client`."""
        self.client = client
        self.span = BLOCKS_FIRST
        self._ahead: _Sent | None = None
        self._clock = clock
        self._log = log
        self._lagging = 0
        self._wanted = LogFilter()
        self._may_hold = bloom.matcher(self._wanted)

    async def read(self, wanted: LogFilter, asked: Span, replaced: Replaced) -> Stretch:
        """Read the range, or the part of it that the node does not refuse.

        Raises what `replaced` does, and RecoverableError when the endpoints fail or contradict each other for longer
        than DOUBTS_MAX attempts.
        """
        if wanted != self._wanted:
            self._wanted, self._may_hold = wanted, bloom.matcher(wanted)
        doubts, last, tip = 0, asked.last, asked.tip
        while True:
            known_tip = tip if last == asked.last else None
            try:
                found = await self._read(replace(asked, last=last, tip=known_tip), replaced)
            except NodeRefusal as refusal:
                if last == asked.first:
                    if known_tip is None:
                        raise
                    tip = None  # it may have been replaced: its number is asked for instead
                    continue
                last = asked.first + (last - asked.first + 1) // 2 - 1
                self.span = last - asked.first + 1
                self.note("log range refused", blocks=self.span, reason=refusal.message)
            except EndpointsFailed:
                self.span = max(1, (last - asked.first + 1) // 2)  # the range may be what was too slow
                raise
            except Doubt as doubt:
                doubts, tip = doubts + 1, None
                await self.pause(doubt, doubts, f"blocks {asked.first} to {last}")
            else:
                self.span = self._following(found)
                return found

    def ask_ahead(self, wanted: LogFilter, asked: Span) -> None:
        """Ask for what will be read next; when something else is read instead, the answers are dropped."""
        if wanted == self._wanted:
            self._ahead = self._sent(asked)

    def drop_ahead(self) -> None:
        """Want what was asked for ahead no more, if anything was."""
        if self._ahead is not None:
            self._ahead.first.drop()
            self._ahead.second.drop()
            self._ahead = None

    def _following(self, found: Stretch) -> int:
        """How many blocks to read next: more than before, but about as many as have `LOGS_PER_RANGE` logs."""
        count = len(found.blocks)
        grown = min(BLOCKS_PER_QUERY_MAX, max(self.span, count * SPAN_GROWTH))
        return min(grown, max(1, count * LOGS_PER_RANGE // max(1, len(found.logs))))

    async def pause(self, doubt: Doubt, doubts: int, where: str) -> None:
        """Wait before asking again. Raises RecoverableError when the doubts are too many."""
        if doubts >= DOUBTS_TO_DISTRUST and doubt.suspects_current:
            self.client.distrust(str(doubt))
        self.note("log range in doubt", where=where, reason=str(doubt))
        if doubts == DOUBTS_MAX:
            raise RecoverableError(
                f"chain {self.client.chain_id}, {where}: {doubt} ({doubts} times): "
                "check its endpoints, and add another one"
            ) from doubt
        await self._clock.sleep(DOUBT_PAUSE_S * 2**doubts)

    async def _read(self, asked: Span, replaced: Replaced) -> Stretch:
        sent = self._ahead
        if sent is None or sent.span != asked or sent.wanted != self._wanted:
            self.drop_ahead()
            sent = self._sent(asked)
        self._ahead = None
        (found_logs, *found_headers), second = await asyncio.gather(sent.first.answers(), sent.second.answers())
        for answer in (found_logs, *found_headers):
            if isinstance(answer, RecoverableError):
                raise answer
        known = [None if found is None else found.to_block() for found in found_headers]
        blocks = await self._linked(asked, [*known, *([] if asked.tip is None else [asked.tip])], replaced)
        logs = converted(self.client, lambda: sorted_logs(found_logs, blocks))
        if not await self._is_confirmed(sent.opinion, second, logs, blocks):
            await self._demand_complete(logs, blocks)
        return Stretch(blocks=tuple(blocks), logs=tuple(logs))

    def _sent(self, asked: Span) -> _Sent:
        end = asked.last if asked.tip is not None else asked.last + 1
        headers = [header_question(number) for number in range(asked.first, end)]
        if asked.tip is not None and not headers:
            question = block_question(self._wanted, asked.tip.hash)
        else:
            question = range_question(self._wanted, asked.first, asked.last)
        opinion = Opinion(self.client)
        return _Sent(
            span=asked,
            wanted=self._wanted,
            opinion=opinion,
            first=self.client.ask_ahead([question, *headers]),
            second=opinion.ask(question),
        )

    async def _linked(self, asked: Span, found: Sequence[Block | None], replaced: Replaced) -> list[Block]:
        """Demand that the blocks are there and each is the child of the one before, the first of the parent."""
        blocks: list[Block] = []
        parent = asked.parent
        for number, block in enumerate(found, start=asked.first):
            if block is None or block.number != number:
                raise Doubt(f"block {number} is missing below the head")
            if parent is not None and block.parent_hash != parent:
                if not blocks:
                    await replaced()
                raise Doubt(f"block {number} is not the child of block {number - 1}")
            parent = block.hash
            blocks.append(block)
        return blocks

    async def _is_confirmed(
        self, opinion: Opinion, second: Sequence[object], logs: Sequence[Log], blocks: Sequence[Block]
    ) -> bool:
        """Demand that the second opinion, where there is one, is the same; False where there is none."""
        try:
            is_confirmed = await opinion.confirms(second, logs, blocks)
        except Unsettled as unsettled:
            self._lagging += 1
            if self._lagging < LAGS_MAX or opinion.witness is None:
                raise Doubt(str(unsettled), suspects_current=False) from unsettled
            self.client.distrust(str(unsettled), opinion.witness)
            is_confirmed = False
        self._lagging = 0
        return is_confirmed

    async def _demand_complete(self, logs: Sequence[Log], blocks: Sequence[Block]) -> None:
        """Ask again, by hash and elsewhere, for each block whose bloom or logs say that some may be missing."""
        places: dict[int, set[int]] = {}
        for log in logs:
            places.setdefault(log.block_number, set()).add(log.log_index)
        unsure = [block for block in blocks if self._is_unsure(block, places.get(block.number, set()))]
        if not unsure:
            return
        asked = [block_question(self._wanted, block.hash) for block in unsure]
        has_other = self.client.witness() is not None  # one that has just failed would only cost its deadline again
        for block, answer in zip(unsure, await self.client.ask_all(asked, elsewhere=has_other), strict=True):
            if isinstance(answer, EndpointsFailed):
                raise answer
            if isinstance(answer, RecoverableError):
                raise Doubt(f"block {block.number} cannot be asked for by its hash: {answer}")
            if len({log.log_index for log in answer}) != len(places.get(block.number, ())):
                raise Doubt(f"block {block.number} holds {len(answer)} logs that the range did not show")

    def _is_unsure(self, block: Block, places: set[int]) -> bool:
        if not places:
            return self._may_hold(block.logs_bloom)
        is_whole = not self._wanted.addresses and not any(self._wanted.topics)
        return is_whole and len(places) != max(places) + 1

    def note(self, event: str, **fields: object) -> None:
        """Log a warning with the chain's id."""
        if self._log is not None:
            self._log.warning(event, chain_id=self.client.chain_id, **fields)
