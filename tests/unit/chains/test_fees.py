"""What a transaction offers: the higher its priority, the more; from the last blocks, fresh, and under the cap."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from tests.fakes.clock import VirtualClock
from triggerx.chains import answers
from triggerx.chains.answers import FeeHistoryAnswer, Quantity
from triggerx.chains.envelope import Fees
from triggerx.chains.fees import BASE_FEE_HEADROOM, QUOTE_AGE_MAX_S, FeeQuotes
from triggerx.chains.rpc import EndpointsFailed, NodeRefusal, Question, RpcClient
from triggerx.core.errors import RecoverableError

GWEI = 10**9
CAP = 500 * GWEI
PRIORITIES = (1, 2, 3)


@dataclass
class Node:
    """An endpoint that says what a test set; it counts how often it was asked for the last blocks."""

    history: FeeHistoryAnswer | RecoverableError
    suggested: Quantity | RecoverableError = Quantity(GWEI)  # noqa: RUF009 - it is an integer
    gas_price: Quantity = Quantity(3 * GWEI)  # noqa: RUF009 - it is an integer
    asked: list[str] = field(default_factory=list)

    async def ask_all(self, questions: Sequence[Question[Any]]) -> list[Any]:
        self.asked += [question.method for question in questions]
        return [self.history, self.suggested]

    async def call(self, method: str, params: Sequence[Any], decoder: object) -> Quantity:
        assert (method, decoder) == ("eth_gasPrice", answers.quantity)
        return self.gas_price


def history(*tips: Sequence[int], base: int = 10 * GWEI) -> FeeHistoryAnswer:
    """Of each block the tips at the percentiles 30, 60 and 90."""
    return FeeHistoryAnswer(
        base_fee_per_gas=[Quantity(base)] * (len(tips) + 1),
        reward=[[Quantity(tip) for tip in block] for block in tips],
    )


async def quoted(node: Node, *, cap_wei: int = CAP) -> list[Fees]:
    """The quotes of priorities 1, 2 and 3."""
    quotes = FeeQuotes(cast("RpcClient", node), VirtualClock(), cap_wei)
    return [await quotes.quote(priority) for priority in PRIORITIES]


async def test_quote_when_blocks_paid_tips_then_the_priority_sets_the_percentile() -> None:
    fees = await quoted(Node(history([1, 2, 9], [3, 5, 7], [2, 4, 8])))
    assert [each.priority_wei for each in fees] == [8, 4, 2]
    assert [each.max_wei for each in fees] == [BASE_FEE_HEADROOM * 10 * GWEI + tip for tip in (8, 4, 2)]


async def test_quote_when_some_blocks_were_empty_then_they_do_not_pull_the_tip_down() -> None:
    fees = await quoted(Node(history([0, 0, 0], [0, 0, 0], [3, 5, 7])))
    assert [each.priority_wei for each in fees] == [7, 5, 3]


@pytest.mark.parametrize(
    ("suggested", "tips"), [(Quantity(100), [150, 120, 105]), (RecoverableError("no such method"), [2, 2, 2])]
)
async def test_quote_when_no_block_paid_a_tip_then_the_nodes_own_word_counts_by_priority(
    suggested: Quantity | RecoverableError, tips: list[int]
) -> None:
    fees = await quoted(Node(history([0, 0, 0]), suggested=suggested))
    assert [each.priority_wei for each in fees] == tips


async def test_quote_when_the_network_has_no_base_fee_then_the_legacy_price_is_offered_by_priority() -> None:
    fees = await quoted(Node(NodeRefusal("eth_feeHistory", "here", -32601, "no such method"), gas_price=Quantity(1000)))
    assert fees == [Fees(max_wei=price, priority_wei=None) for price in (1500, 1200, 1050)]


async def test_quote_when_every_endpoint_failed_then_nothing_is_guessed() -> None:
    with pytest.raises(EndpointsFailed):
        await quoted(Node(EndpointsFailed("every endpoint failed")))


async def test_quote_when_a_spike_is_over_the_cap_then_it_is_cut_to_it_and_is_lower_again_afterwards() -> None:
    clock, node = VirtualClock(), Node(history([5 * GWEI] * 3, base=2 * CAP))
    quotes = FeeQuotes(cast("RpcClient", node), clock, CAP)
    assert await quotes.quote(1) == Fees(max_wei=CAP, priority_wei=5 * GWEI)
    node.history = history([GWEI] * 3)
    assert await quotes.quote(2) == Fees(max_wei=CAP, priority_wei=5 * GWEI)
    await clock.advance(QUOTE_AGE_MAX_S * 2)
    assert await quotes.quote(1) == Fees(max_wei=21 * GWEI, priority_wei=GWEI)
    assert node.asked.count("eth_feeHistory") == 2
