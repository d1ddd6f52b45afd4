"""The logs of a span of blocks that a job waits for, found by looking at each, with their places in their receipts.

Used for the past: the engine's catch-up, simulations, and audits. It needs no index and follows nothing.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Final

from triggerx.core.errors import RecoverableError
from triggerx.evm.types import Hash32
from triggerx.ports.chain import Block, Chain, Log, LogFilter, Receipt
from triggerx.triggers.event import EventSpec
from triggerx.triggers.occurrence import SeenLog
from triggerx.triggers.ordinals import ordinal_in

BLOCKS_PER_QUERY: Final = 2_000  # what many endpoints answer at once; bounds the memory of a busy contract's logs
ASKED_AT_ONCE: Final = 50  # receipts and blocks: half of an RPC batch


async def seen_logs(chain: Chain, spec: EventSpec, *, first: int, last: int, by_topic: bool) -> AsyncIterator[SeenLog]:
    """Yield the matching logs of the blocks `first` to `last`, as they stand now, in their order.

    `by_topic` asks the chain for the event alone; without it every log of the contract is asked for and looked at.
    Raises `RecoverableError` when a block was replaced meanwhile, or the endpoints are out of step: begin again.
    """
    topics = ((spec.topic0,),) if by_topic and spec.topic0 is not None else ()
    wanted = LogFilter(addresses=(spec.contract,), topics=topics)
    for start in range(first, last + 1, BLOCKS_PER_QUERY):
        end = min(last, start + BLOCKS_PER_QUERY - 1)
        found = await chain.logs(wanted, from_block=start, to_block=end)
        matching = [log for log in found if spec.matches(log)]
        for place in range(0, len(matching), ASKED_AT_ONCE):
            for seen in await _located(chain, matching[place : place + ASKED_AT_ONCE]):
                yield seen


async def blocks_of(chain: Chain, numbers: Iterable[int]) -> dict[int, Block]:
    """Return the canonical blocks of these numbers; raises `RecoverableError` when one is missing."""
    wanted = list(dict.fromkeys(numbers))
    found: dict[int, Block] = {}
    for start in range(0, len(wanted), ASKED_AT_ONCE):
        asked = wanted[start : start + ASKED_AT_ONCE]
        for number, block in zip(asked, await asyncio.gather(*map(chain.block, asked)), strict=True):
            if block is None:
                raise RecoverableError(f"chain {chain.chain_id} shows no block {number}: ask again when it has synced")
            found[number] = block
    return found


async def _located(chain: Chain, logs: Sequence[Log]) -> list[SeenLog]:
    blocks = await blocks_of(chain, (log.block_number for log in logs))
    hashes = list(dict.fromkeys(log.tx_hash for log in logs))
    answers = await asyncio.gather(*map(chain.receipt, hashes))
    receipts: dict[Hash32, Receipt | None] = dict(zip(hashes, answers, strict=True))
    return [_seen(log, blocks[log.block_number], receipts[log.tx_hash]) for log in logs]


def _seen(log: Log, block: Block, receipt: Receipt | None) -> SeenLog:
    is_there = receipt is not None and receipt.block_hash == log.block_hash == block.hash
    ordinal = ordinal_in(receipt, log.log_index) if receipt is not None and is_there else None
    if ordinal is None:
        raise RecoverableError(f"block {log.block_number} was replaced while it was read: ask again")
    return SeenLog(log=log, block=block, ordinal=ordinal)
