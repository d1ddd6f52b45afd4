from contextlib import aclosing

import pytest

from tests.contract.chains.canonical import ALL_DEPTHS, follow_reorganisations, follow_what_changes_between_looks
from tests.fakes.chain import FILTER_ADDRESSES_MAX, FakeChain
from tests.fakes.mining import log_of, mine_transaction, transaction
from triggerx.core.errors import RecoverableError
from triggerx.evm.contracts import GasRegistry, JobRegistry
from triggerx.evm.types import ZERO_HASH, Address
from triggerx.ports.chain import CallReverted, Chain, Log, LogFilter, ReorgBeyondConfirmations, View

REGISTRY = Address(b"\x11" * 20)
OTHER = Address(b"\x22" * 20)


def _log(topic: int, address: Address = REGISTRY) -> Log:
    topics = (topic.to_bytes(32, "big"),)
    return Log(
        address=address, topics=topics, data=b"", block_number=0, block_hash=ZERO_HASH, tx_hash=ZERO_HASH, log_index=0
    )


async def test_call_when_an_answer_is_registered_then_it_is_encoded() -> None:
    chain: Chain = FakeChain()
    assert isinstance(chain, FakeChain)
    chain.answer(REGISTRY, JobRegistry.getJob, lambda job_id: (job_id, REGISTRY, ZERO_HASH, 5, True))
    chain.answer(REGISTRY, GasRegistry.getBalance, lambda user: int.from_bytes(user[:1], "big"))
    answer = JobRegistry.getJob.decode_output(await chain.call(REGISTRY, JobRegistry.getJob.encode(7)))
    assert answer == ((7, REGISTRY, ZERO_HASH, 5, True),)
    assert int.from_bytes(await chain.call(REGISTRY, GasRegistry.getBalance.encode(REGISTRY)), "big") == 0x11
    with pytest.raises(CallReverted):
        await chain.call(OTHER, JobRegistry.getJob.encode(7))


async def test_confirmed_logs_when_blocks_come_then_every_log_comes_once_and_in_order() -> None:
    chain = FakeChain()
    await chain.mine(logs=[_log(1), _log(2), _log(1, OTHER)])
    wanted = LogFilter(addresses=(REGISTRY,))
    async with aclosing(chain.confirmed_logs(wanted, after=None, start_block=0, confirmations=1)) as batches:
        first = await anext(batches)
        assert (first.logs, first.cursor.number) == ((), 0)
        await chain.mine()
        second = await anext(batches)
        assert [log.topics[0][-1] for log in second.logs] == [1, 2]
        await chain.reorganise(2)
        with pytest.raises(ReorgBeyondConfirmations):
            await anext(batches)


async def test_reads_when_the_endpoints_are_down_then_they_raise() -> None:
    chain = FakeChain()
    chain.fault = RecoverableError("down")
    with pytest.raises(RecoverableError):
        await chain.head()


async def test_block_at_when_asked_for_a_time_then_the_newest_not_later_is_given() -> None:
    chain = FakeChain(now=100, block_time_s=10)
    await chain.mine(2)
    found = [await chain.block_at(moment) for moment in (99, 100, 119, 500)]
    assert [block and block.number for block in found] == [None, 0, 1, 2]


class FakeCourse:
    """The fake as `canonical_ranges` is tried on it."""

    def __init__(self) -> None:
        self.fake = FakeChain()
        self.chain: Chain = self.fake
        self.wanted = LogFilter(addresses=(REGISTRY,))

    async def mine(self, *topics: int) -> None:
        await self.fake.mine(logs=[_log(topic) for topic in topics])

    async def reorganise(self, depth: int) -> None:
        await self.fake.reorganise(depth)


FILTERS = {
    "address": LogFilter(addresses=(REGISTRY,)),
    "whole": LogFilter(),
    "many": LogFilter(addresses=(REGISTRY, *[OTHER] * FILTER_ADDRESSES_MAX)),
}


@pytest.mark.parametrize("wanted", FILTERS)
async def test_ranges_when_1_to_64_blocks_are_replaced_then_hold_the_canonical_logs_once(wanted: str) -> None:
    await follow_reorganisations(FakeCourse(), lambda: FILTERS[wanted], ALL_DEPTHS)


@pytest.mark.parametrize("seed", range(20))
async def test_ranges_when_much_changes_between_two_looks_then_end_canonical(seed: int) -> None:
    await follow_what_changes_between_looks(FakeCourse(), seed=seed)


async def test_ranges_when_nothing_known_is_canonical_then_stop() -> None:
    chain = FakeChain()
    known = [await chain.mine(), await chain.mine()]
    await chain.reorganise(2)
    with pytest.raises(ReorgBeyondConfirmations):
        await anext(chain.canonical_ranges(LogFilter, known=known, start_block=1))


async def test_receipts_when_a_block_was_replaced_then_are_refused() -> None:
    chain = FakeChain()
    sent = transaction(ZERO_HASH, sender=OTHER, to=REGISTRY, data=b"")
    deposit = log_of(REGISTRY, GasRegistry.ETHDeposited, user=OTHER, ethAmount=5)
    receipt = await mine_transaction(chain, sent, [deposit])
    block = await chain.head()
    assert await chain.receipts(block) == (receipt,)
    assert await chain.ordinals(block) == {(receipt.tx_hash, receipt.logs[0].log_index): 0}
    await chain.reorganise(1)
    with pytest.raises(RecoverableError):
        await chain.receipts(block)


async def test_call_many_when_some_revert_then_each_has_its_outcome() -> None:
    chain = FakeChain()
    chain.answer(REGISTRY, GasRegistry.getBalance, lambda user: 7)
    data = GasRegistry.getBalance.encode(OTHER)
    good, bad = await chain.call_many([View(to=REGISTRY, data=data), View(to=OTHER, data=data)], block=0)
    assert good == (7).to_bytes(32, "big")
    assert isinstance(bad, CallReverted)
