"""Fees of the embedded chain: what eth_feeHistory and the two price methods answer.

Rule: the figures come from mined blocks and from the base fee that EIP-1559 gives the next one.
"""

from __future__ import annotations

from typing import Any, Final

from triggerx.chains.embedded.chain import EmbeddedChain, MinedBlock
from triggerx.chains.embedded.encoding import price_paid
from triggerx.chains.embedded.evm import expected_base_fee
from triggerx.chains.embedded.logs import quantity

PRIORITY_FEE_WEI: Final = 10**9  # suggested tip, as anvil suggests
HISTORY_BLOCKS_MAX: Final = 1024  # the limit that geth keeps


def fee_history(chain: EmbeddedChain, count: int, newest: int, percentiles: list[float]) -> dict[str, Any]:
    """Write base fees (the next block's too), fullness and tips of up to `count` blocks that end at `newest`."""
    last = min(newest, chain.head.number)
    first = max(0, last + 1 - min(count, HISTORY_BLOCKS_MAX))
    blocks = chain.blocks[first : last + 1]
    base_fees = [block.header.base_fee_per_gas for block in blocks]
    base_fees.append(expected_base_fee(blocks[-1].header))
    history: dict[str, Any] = {
        "oldestBlock": quantity(first),
        "baseFeePerGas": [quantity(fee) for fee in base_fees],
        "gasUsedRatio": [block.header.gas_used / block.header.gas_limit for block in blocks],
        "baseFeePerBlobGas": ["0x1"] * len(base_fees),
        "blobGasUsedRatio": [0.0] * len(blocks),
    }
    if percentiles:
        history["reward"] = [[quantity(_tip_at(block, percentile)) for percentile in percentiles] for block in blocks]
    return history


def _tip_at(block: MinedBlock, percentile: float) -> int:
    base_fee = block.header.base_fee_per_gas
    tips = sorted((price_paid(block.header, item.transaction) - base_fee, item.gas_used) for item in block.executed)
    threshold = block.header.gas_used * percentile / 100
    covered = 0
    for tip, gas_used in tips:
        covered += gas_used
        if covered >= threshold:
            return int(tip)
    return 0
