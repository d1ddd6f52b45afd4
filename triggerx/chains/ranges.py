"""Ranges of blocks with their logs, read until what was read holds together: what both followers stand on.

Rule: a range is given whole or asked for again; nothing is ever skipped. Each block's parent is the one before it; each
log lies in the block that its header names; where a bloom says that logs may be missing, the block is asked for by its
hash, at another endpoint if there is one (PITFALLS: an RPC that answers an empty list for a block with logs lost events
for good).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from triggerx.chains import answers, bloom
from triggerx.chains.rpc import EndpointsFailed, NodeRefusal, Question, RpcClient
from triggerx.core.errors import RecoverableError
from triggerx.evm.types import Hash32, to_hex
from triggerx.ports.chain import Block, Log, LogFilter
from triggerx.ports.clock import Clock
from triggerx.ports.log import Log as Journal

BLOCKS_PER_QUERY_MAX: Final = 500  # most providers allow it, and its headers fit five batches
SPAN_GROWTH: Final = 2  # of the range after a success, up to the maximum
DOUBTS_MAX: Final = 6  # contradicting answers in a row before the caller is told: about 6 s
DOUBT_PAUSE_S: Final = 0.1  # doubled at each doubt: nodes behind one address agree again within seconds

T = TypeVar("T")


class Doubt(Exception):
    """Answers that cannot all be true; the range is asked for again."""


def converted(client: RpcClient, conversion: Callable[[], T]) -> T:
    """Convert an answer's text. Raises EndpointsFailed, and prefers another endpoint, when it is not hexadecimal."""
    try:
        return conversion()
    except ValueError as error:
        client.distrust(f"its answer is malformed: {error}")
        raise EndpointsFailed(
            f"chain {client.chain_id}: an endpoint's answer is malformed: {error}: ask again"
        ) from error


def filter_json(wanted: LogFilter) -> dict[str, Any]:
    """Write addresses and topics as eth_getLogs takes them."""
    shape: dict[str, Any] = {}
    if wanted.addresses:
        shape["address"] = [to_hex(address) for address in wanted.addresses]
    if wanted.topics:
        shape["topics"] = [
            None if not position else [to_hex(topic) for topic in position] for position in wanted.topics
        ]
    return shape


def range_question(wanted: LogFilter, first: int, last: int) -> Question[list[answers.LogAnswer]]:
    """Ask for the logs of an inclusive range."""
    asked = filter_json(wanted) | {"fromBlock": hex(first), "toBlock": hex(last)}
    return Question("eth_getLogs", [asked], answers.logs)


def header_question(number: int) -> Question[answers.BlockAnswer | None]:
    """Ask for a header by its number."""
    return Question("eth_getBlockByNumber", [hex(number), False], answers.block)


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """An inclusive range that is wanted; its first block must be the child of `parent`, where that is known."""

    first: int
    last: int
    parent: Hash32 | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """What was read: blocks one upon the other, and all matching logs of them, ascending by block and index."""

    blocks: tuple[Block, ...]
    logs: tuple[Log, ...]


Replaced = Callable[[], Awaitable[None]]
"""Asked where the first block is not the child of the parent: raises what that means, or Doubt to have it read again."""


class RangeReader:
    """Reads for one follower; holds no fact but the span that the node accepts."""

    def __init__(self, client: RpcClient, clock: Clock, *, log: Journal | None = None) -> None:
        """Read through `client`."""
        self.client = client
        self.span = BLOCKS_PER_QUERY_MAX
        self._clock = clock
        self._log = log
        self._wanted = LogFilter()
        self._may_hold = bloom.matcher(self._wanted)

    async def read(self, wanted: LogFilter, asked: Span, replaced: Replaced) -> Stretch:
        """Read the range, or the part of it that the node does not refuse.

        Raises what `replaced` does, and RecoverableError when the endpoints fail or contradict each other for longer
        than DOUBTS_MAX attempts.
        """
        if wanted != self._wanted:
            self._wanted, self._may_hold = wanted, bloom.matcher(wanted)
        doubts, first, last = 0, asked.first, asked.last
        while True:
            try:
                found = await self._read(Span(first=first, last=last, parent=asked.parent), replaced)
            except NodeRefusal as refusal:
                if last == first:
                    raise
                last = first + (last - first + 1) // 2 - 1
                self.span = last - first + 1
                self.note("log range refused", blocks=self.span, reason=refusal.message)
            except EndpointsFailed:
                self.span = max(1, (last - first + 1) // 2)  # the range may be what was too slow
                raise
            except Doubt as doubt:
                doubts += 1
                self.client.distrust(str(doubt))
                self.note("log range in doubt", first=first, last=last, reason=str(doubt))
                if doubts == DOUBTS_MAX:
                    raise RecoverableError(
                        f"chain {self.client.chain_id}, blocks {first} to {last}: {doubt} ({doubts} times): "
                        "check its endpoints, and add another one"
                    ) from doubt
                await self._clock.sleep(DOUBT_PAUSE_S * 2**doubts)
            else:
                self.span = min(BLOCKS_PER_QUERY_MAX, max(self.span, (last - first + 1) * SPAN_GROWTH))
                return found

    async def _read(self, asked: Span, replaced: Replaced) -> Stretch:
        headers = [header_question(number) for number in range(asked.first, asked.last + 1)]
        question = range_question(self._wanted, asked.first, asked.last)
        found_logs, *found_headers = await self.client.ask_all([question, *headers])
        for answer in (found_logs, *found_headers):
            if isinstance(answer, RecoverableError):
                raise answer
        blocks = await self._linked(asked, [None if found is None else found.to_block() for found in found_headers], replaced)
        logs = converted(self.client, lambda: _sorted(found_logs, blocks))
        await self._demand_complete(logs, blocks)
        return Stretch(blocks=tuple(blocks), logs=tuple(logs))

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

    async def _demand_complete(self, logs: Sequence[Log], blocks: Sequence[Block]) -> None:
        """Ask again, by hash and elsewhere, for each block without logs whose bloom says there may be some."""
        with_logs = {log.block_number for log in logs}
        unsure = [block for block in blocks if block.number not in with_logs and self._may_hold(block.logs_bloom)]
        if not unsure:
            return
        asked = [
            Question("eth_getLogs", [filter_json(self._wanted) | {"blockHash": to_hex(block.hash)}], answers.logs)
            for block in unsure
        ]
        for block, answer in zip(unsure, await self.client.ask_all(asked, elsewhere=True), strict=True):
            if isinstance(answer, EndpointsFailed):
                raise answer
            if isinstance(answer, RecoverableError):
                raise Doubt(f"block {block.number} cannot be asked for by its hash: {answer}")
            if answer:
                raise Doubt(f"block {block.number} holds {len(answer)} logs that the range did not show")

    def note(self, event: str, **fields: object) -> None:
        """Log a warning with the chain's id."""
        if self._log is not None:
            self._log.warning(event, chain_id=self.client.chain_id, **fields)


def _sorted(found: Sequence[answers.LogAnswer], blocks: Sequence[Block]) -> list[Log]:
    """Order the logs, drop repetitions, and demand that each lies in the block that its header names."""
    hashes = {block.number: block.hash for block in blocks}
    by_place: dict[tuple[int, int], Log] = {}
    for answer in found:
        log = answer.to_log()
        if answer.removed or hashes.get(log.block_number) != log.block_hash:
            raise Doubt(f"a log of block {log.block_number} lies in a block that is not canonical")
        by_place[(log.block_number, log.log_index)] = log
    return [by_place[place] for place in sorted(by_place)]
