"""What a transaction offers for gas: from the last blocks, by priority, under a cap.

Rule: a quote is fresh at every use, so that a cap reached in a spike does not stay. Networks without EIP-1559 get their
legacy price, and where the last blocks tell no tips, the node's word counts: both times the priority's percentage.
"""

from __future__ import annotations

from typing import Final

from triggerx.chains import answers
from triggerx.chains.envelope import Fees
from triggerx.chains.rpc import NodeRefusal, Question, RpcClient
from triggerx.core.budget import FEE_PERCENT
from triggerx.core.errors import RecoverableError
from triggerx.ports.clock import Clock

HISTORY_BLOCKS: Final = 5
PERCENTILES: Final = {1: 90, 2: 60, 3: 30}  # of the tips in those blocks, by priority (1 high, 3 low)
BASE_FEE_HEADROOM: Final = 2  # times the next base fee: holds through six full blocks in a row (each adds an eighth)
QUOTE_AGE_MAX_S: Final = 0.5  # shorter than any block time served


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
            tips = {priority: tip if tip > 0 else _share(least, priority) for priority, tip in tips.items()}
            return {
                priority: Fees(max_wei=base * BASE_FEE_HEADROOM + tip, priority_wei=tip)
                for priority, tip in tips.items()
            }
        if isinstance(history, RecoverableError) and not isinstance(history, NodeRefusal):
            raise history
        answer = await self._client.call("eth_gasPrice", [], answers.quantity)
        return {priority: Fees(max_wei=_share(int(answer), priority), priority_wei=None) for priority in PERCENTILES}


def _share(wei: int, priority: int) -> int:
    """Take the priority's percentage of an amount, rounded up: of one wei too, more is more."""
    return -(-wei * FEE_PERCENT[priority] // 100)


def _median(values: list[int]) -> int:
    """Take the middle value; blocks without transactions count as 0 and are left out."""
    paid = sorted(value for value in values if value > 0)
    return paid[len(paid) // 2] if paid else 0
