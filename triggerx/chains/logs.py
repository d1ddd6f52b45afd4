"""Logs without loss: contiguous confirmed ranges from a cursor, checked against headers and blooms.

Rule: a range is handed out whole or asked for again; nothing is ever skipped. Each block's parent is the one before it,
the first one's is the cursor; each log lies in the block that its header names; where a bloom says that logs may be
missing, the block is asked for by its hash, at another endpoint if there is one (PITFALLS: an RPC that answers an empty
list for a block with logs lost events for good).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any, Final, TypeVar

from triggerx.chains import answers, bloom
from triggerx.chains.rpc import EndpointsFailed, NodeRefusal, Question, RpcClient
from triggerx.core.errors import RecoverableError
from triggerx.evm.types import to_hex
from triggerx.ports.chain import Block, Cursor, Log, LogBatch, LogFilter, ReorgBeyondConfirmations
from triggerx.ports.clock import Clock
from triggerx.ports.log import Log as Journal

BLOCKS_PER_QUERY_MAX: Final = 500  # most providers allow it, and its headers fit five batches
SPAN_GROWTH: Final = 2  # of the range after a success, up to the maximum
DOUBTS_MAX: Final = 6  # contradicting answers in a row before the caller is told: about 6 s
DOUBT_PAUSE_S: Final = 0.1  # doubled at each doubt: nodes behind one address agree again within seconds

T = TypeVar("T")


class _Doubt(Exception):
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
        found += converted(client, lambda answer=answer: [log.to_log() for log in answer])  # type: ignore[misc]  # mypy cannot infer a lambda's default
        first = to + 1
        span = min(BLOCKS_PER_QUERY_MAX, span * SPAN_GROWTH)
    return found


class Follower:
    """Follows one filter on one chain; holds no fact but the span that the node accepts."""

    def __init__(self, client: RpcClient, clock: Clock, wanted: LogFilter, *, log: Journal | None = None) -> None:
        """Read through `client`."""
        self._client = client
        self._clock = clock
        self._wanted = wanted
        self._may_hold = bloom.matcher(wanted)
        self._log = log
        self._span = BLOCKS_PER_QUERY_MAX

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
                last = min(head.number - confirmations, first + self._span - 1)
                if last < first:
                    break
                batch = await self._read_surely(cursor, first, last)
                cursor = batch.cursor
                yield batch

    async def _read_surely(self, cursor: Cursor | None, first: int, last: int) -> LogBatch:
        doubts = 0
        while True:
            try:
                batch = await self._read(cursor, first, last)
            except NodeRefusal as refusal:
                if last == first:
                    raise
                last = first + (last - first + 1) // 2 - 1
                self._span = last - first + 1
                self._note("log range refused", blocks=self._span, reason=refusal.message)
            except EndpointsFailed:
                self._span = max(1, (last - first + 1) // 2)  # the range may be what was too slow
                raise
            except _Doubt as doubt:
                doubts += 1
                self._client.distrust(str(doubt))
                self._note("log range in doubt", first=first, last=last, reason=str(doubt))
                if doubts == DOUBTS_MAX:
                    raise RecoverableError(
                        f"chain {self._client.chain_id}, blocks {first} to {last}: {doubt} ({doubts} times): "
                        "check its endpoints, and add another one"
                    ) from doubt
                await self._clock.sleep(DOUBT_PAUSE_S * 2**doubts)
            else:
                self._span = min(BLOCKS_PER_QUERY_MAX, max(self._span, (last - first + 1) * SPAN_GROWTH))
                return batch

    async def _read(self, cursor: Cursor | None, first: int, last: int) -> LogBatch:
        headers = [Question("eth_getBlockByNumber", [hex(n), False], answers.block) for n in range(first, last + 1)]
        found_logs, *found_headers = await self._client.ask_all([range_question(self._wanted, first, last), *headers])
        for answer in (found_logs, *found_headers):
            if isinstance(answer, RecoverableError):
                raise answer
        blocks = [None if found is None else found.to_block() for found in found_headers]
        chain = await self._linked(cursor, first, blocks)
        logs = converted(self._client, lambda: self._sorted(found_logs, chain))
        await self._demand_complete(logs, chain)
        return LogBatch(logs=tuple(logs), cursor=Cursor(number=chain[-1].number, hash=chain[-1].hash))

    async def _linked(self, cursor: Cursor | None, first: int, blocks: Sequence[Block | None]) -> list[Block]:
        """Demand that the blocks are there and each is the child of the one before, the first of the cursor."""
        chain: list[Block] = []
        parent = None if cursor is None else cursor.hash
        for number, block in enumerate(blocks, start=first):
            if block is None or block.number != number:
                raise _Doubt(f"block {number} is missing below the head")
            if parent is not None and block.parent_hash != parent:
                if chain or cursor is None:
                    raise _Doubt(f"block {number} is not the child of block {number - 1}")
                await self._demand_canonical(cursor)
            parent = block.hash
            chain.append(block)
        return chain

    async def _demand_canonical(self, cursor: Cursor) -> None:
        """Decide, with a second endpoint where there is one, whether the cursor's block was replaced."""
        question = Question("eth_getBlockByNumber", [hex(cursor.number), False], answers.block)
        here = await self._client.ask_all([question])
        there = await self._client.ask_all([question], elsewhere=True)
        seen = [
            None if isinstance(found, RecoverableError) or found is None else found.to_block() for found in here + there
        ]
        if any(block is None or block.hash == cursor.hash for block in seen):
            raise _Doubt(f"block {cursor.number + 1} is not the child of the cursor's block {cursor.number}")
        raise ReorgBeyondConfirmations(
            f"chain {self._client.chain_id}: block {cursor.number} was {to_hex(cursor.hash)} and is another one now: "
            "raise the confirmations of this chain, and audit what was done since that block"
        )

    def _sorted(self, found: Sequence[answers.LogAnswer], chain: Sequence[Block]) -> list[Log]:
        """Order the logs, drop repetitions, and demand that each lies in the block that its header names."""
        hashes = {block.number: block.hash for block in chain}
        by_place: dict[tuple[int, int], Log] = {}
        for answer in found:
            log = answer.to_log()
            if answer.removed or hashes.get(log.block_number) != log.block_hash:
                raise _Doubt(f"a log of block {log.block_number} lies in a block that is not canonical")
            by_place[(log.block_number, log.log_index)] = log
        return [by_place[place] for place in sorted(by_place)]

    async def _demand_complete(self, logs: Sequence[Log], chain: Sequence[Block]) -> None:
        """Ask again, by hash and elsewhere, for each block without logs whose bloom says there may be some."""
        with_logs = {log.block_number for log in logs}
        unsure = [block for block in chain if block.number not in with_logs and self._may_hold(block.logs_bloom)]
        if not unsure:
            return
        asked = [
            Question("eth_getLogs", [filter_json(self._wanted) | {"blockHash": to_hex(block.hash)}], answers.logs)
            for block in unsure
        ]
        for block, answer in zip(unsure, await self._client.ask_all(asked, elsewhere=True), strict=True):
            if isinstance(answer, EndpointsFailed):
                raise answer
            if isinstance(answer, RecoverableError):
                raise _Doubt(f"block {block.number} cannot be asked for by its hash: {answer}")
            if answer:
                raise _Doubt(f"block {block.number} holds {len(answer)} logs that the range did not show")

    def _note(self, event: str, **fields: object) -> None:
        if self._log is not None:
            self._log.warning(event, chain_id=self._client.chain_id, **fields)
