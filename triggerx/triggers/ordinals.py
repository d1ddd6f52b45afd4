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


def proven_ordinals(logs: Sequence[Log]) -> dict[tuple[Hash32, int], int]:
    """Return the ordinals that the logs of a filter show by themselves, for others the receipts must be asked.

    `logs` are all that pass the filter, ascending by block and index. A transaction's first log is known where it is
    the block's first, or where the log before it is there and is another transaction's; what follows on it without a
    gap is counted.
    """
    found: dict[tuple[Hash32, int], int] = {}
    block, index, tx_hash, ordinal = -1, -1, None, None
    for log in logs:
        is_next = log.block_number == block and log.log_index == index + 1
        block, index = log.block_number, log.log_index
        if log.tx_hash != tx_hash:
            tx_hash, ordinal = log.tx_hash, 0 if is_next or index == 0 else None
        elif ordinal is not None:
            ordinal = ordinal + 1 if is_next else None
        if ordinal is not None:
            found[tx_hash, index] = ordinal
    return found


def ordinal_in(receipt: Receipt, log_index: int) -> int | None:
    """Return the ordinal of the log of this index in the block, None when the transaction did not emit it."""
    indexes = sorted(log.log_index for log in receipt.logs)
    return indexes.index(log_index) if log_index in indexes else None
