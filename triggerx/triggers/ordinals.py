"""A log's ordinal in its transaction's receipt: the part of a firing's identity that outlives a reorg.

A transaction that is mined again in another block has another log index, but the same logs in the same order.
"""

from collections.abc import Sequence

from triggerx.evm.types import Hash32
from triggerx.ports.chain import Log, Receipt


def ordinals(logs: Sequence[Log]) -> dict[tuple[Hash32, int], int]:
    """Return the ordinal of each log, by transaction hash and log index, from 0.

    `logs` must be all logs of their blocks, unfiltered (`BlockRange.is_whole`), in any order, each transaction in one
    block.
    """
    following: dict[Hash32, int] = {}
    found: dict[tuple[Hash32, int], int] = {}
    for tx_hash, log_index in sorted({(log.tx_hash, log.log_index) for log in logs}):
        ordinal = following.get(tx_hash, 0)
        found[(tx_hash, log_index)] = ordinal
        following[tx_hash] = ordinal + 1
    return found


def ordinal_in(receipt: Receipt, log_index: int) -> int | None:
    """Return the ordinal of the log of this index in the block, None when the transaction did not emit it."""
    indexes = sorted(log.log_index for log in receipt.logs)
    return indexes.index(log_index) if log_index in indexes else None
