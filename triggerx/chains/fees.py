"""What a transaction offers for gas: from the last blocks, by priority, under a cap.

Rule: a quote is fresh at every use, so that a cap reached in a spike does not stay; networks without EIP-1559 get
their legacy price.
"""

from __future__ import annotations

from typing import Final

from triggerx.chains import answers
from triggerx.chains.envelope import Fees
from triggerx.chains.rpc import NodeRefusal, Question, RpcClient
from triggerx.core.errors import RecoverableError
from triggerx.ports.clock import Clock

HISTORY_BLOCKS: Final = 5
PERCENTILES: Final = {1: 90, 2: 60, 3: 30}  # of the tips in those blocks, by priority (1 high, 3 low)
BASE_FEE_HEADROOM: Final = 2  # times the next base fee: holds through six full blocks in a row (each adds an eighth)
QUOTE_AGE_MAX_S: Final = 0.5  # shorter than any block time served
LEGACY_HEADROOM_PERCENT: Final = 20


class FeeQuotes:
    """Fees of one chain."""

    def __init__(self, client: RpcClient, clock: Clock, cap_wei: int) -> None:
        """Quote through `client`, never above `cap_wei` for one gas."""
        self._client = client
        self._clock = clock
        self.cap_wei = cap_wei
        self._quoted: dict[int, Fees] = {}
        self._quoted_at = float("-inf")

    async def quote(self, priority: int) -> Fees:
        """Return the fees to offer now. Raises RecoverableError."""
        if self._clock.monotonic() - self._quoted_at > QUOTE_AGE_MAX_S:
            self._quoted = await self._ask()
            self._quoted_at = self._clock.monotonic()
        nearest = min(self._quoted, key=lambda known: abs(known - priority))
        return self._quoted[nearest].capped(self.cap_wei)

    async def _ask(self) -> dict[int, Fees]:
        wanted = sorted(set(PERCENTILES.values()))
        history, suggested = await self._client.ask_all(
            [
                Question("eth_feeHistory", [hex(HISTORY_BLOCKS), "latest", wanted], answers.fee_history),
                Question("eth_maxPriorityFeePerGas", [], answers.quantity),
            ]
        )
        if isinstance(history, answers.FeeHistoryAnswer) and history.base_fee_per_gas and history.base_fee_per_gas[-1]:
            base = int(history.base_fee_per_gas[-1])
            least = 1 if isinstance(suggested, RecoverableError) else max(1, int(suggested))
            tips = {
                priority: _median([int(row[wanted.index(percentile)]) for row in history.reward])
                for priority, percentile in PERCENTILES.items()
            }
            tips = {priority: tip if tip > 0 else least for priority, tip in tips.items()}
            return {
                priority: Fees(max_wei=base * BASE_FEE_HEADROOM + tip, priority_wei=tip)
                for priority, tip in tips.items()
            }
        if isinstance(history, RecoverableError) and not isinstance(history, NodeRefusal):
            raise history
        answer = await self._client.call("eth_gasPrice", [], answers.quantity)
        price = int(answer)
        legacy = Fees(max_wei=price + price * LEGACY_HEADROOM_PERCENT // 100, priority_wei=None)
        return dict.fromkeys(PERCENTILES, legacy)


def _median(values: list[int]) -> int:
    """Take the middle value; blocks without transactions count as 0 and are left out."""
    paid = sorted(value for value in values if value > 0)
    return paid[len(paid) // 2] if paid else 0
