"""Values at one block: what is read depends on the block alone, whatever was read before."""

from tests.fakes.chain import FakeChain
from triggerx.evm.abi import Function
from triggerx.evm.types import Address, ChainId
from triggerx.ports.chain import CallReverted
from triggerx.triggers.block_values import BlockValues, OnChain, is_on_chain
from triggerx.triggers.sources import FeedSource, HttpSource, ViewSource

CHAIN = ChainId(31337)
FEED, CONTRACT = Address(b"\xfe" * 20), Address(b"\xab" * 20)
ROUND = Function.parse("latestRoundData() returns (uint80, int256, uint256, uint256, uint80)")
DECIMALS = Function.parse("decimals() returns (uint8)")
SUPPLY = Function.parse("totalSupply() returns (uint256)")
PHASES = {0: 1, 1: 1, 2: 2}  # the aggregator at each block; a new one has other decimals


def chain_of_values() -> FakeChain:
    chain = FakeChain(CHAIN)
    chain.answer_at(FEED, ROUND, lambda block: ((PHASES[block] << 64) + 1, 500, 1, 1, 1))
    chain.answer_at(FEED, DECIMALS, lambda block: PHASES[block])
    chain.answer_at(CONTRACT, SUPPLY, lambda block: block + 7)
    return chain


WANTED: dict[str, OnChain] = {
    "feed": FeedSource(chain_id=CHAIN, feed=FEED),
    "view": ViewSource(chain_id=CHAIN, contract=CONTRACT, function="totalSupply()", arguments=(), route=""),
}


async def test_read_when_the_aggregator_changes_then_the_value_is_that_of_a_reader_who_knows_nothing() -> None:
    chain, known = chain_of_values(), BlockValues()
    await chain.mine(2)
    for number in range(3):
        block = await chain.block(number)
        assert block is not None
        found = await known.read(chain, block, WANTED)
        assert found == await BlockValues().read(chain, block, WANTED)
        assert [(each.source, each.fault) for each in found] == [("feed", ""), ("view", "")]
        assert [each.value for each in found] == [("50", "50", "5")[number], str(number + 7)]
        assert {(each.observed_at_ms, each.block_hash) for each in found} == {(block.timestamp * 1000, block.hash)}


async def test_read_when_the_decimals_are_known_then_they_are_not_asked_for_again() -> None:
    chain, values = chain_of_values(), BlockValues()
    await chain.mine()
    for number in (0, 1):
        block = await chain.block(number)
        assert block is not None
        await values.read(chain, block, WANTED)
    assert [call.block for call in chain.calls if call.data == DECIMALS.encode()] == [0]


async def test_read_when_a_source_cannot_be_read_then_is_a_fault_and_the_others_are_values() -> None:
    def fail() -> int:
        raise CallReverted("paused")

    chain = chain_of_values()
    chain.answer(CONTRACT, SUPPLY, fail)
    feed, view = await BlockValues().read(chain, await chain.head(), WANTED)
    assert (feed.value, feed.fault) == ("50", "")
    assert (view.response_hash, view.fault) == (None, "the read reverted: paused")


def test_sources_when_off_chain_then_nobody_can_read_their_past() -> None:
    assert [is_on_chain(source) for source in WANTED.values()] == [True, True]
    assert not is_on_chain(HttpSource(url="https://x.example", route=""))
