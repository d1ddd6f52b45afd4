"""Logs of the past, each looked at: in chunks, with their places in their receipts."""

from dataclasses import replace

import pytest

from tests.fakes.chain import FakeChain
from tests.fakes.mining import log_of, mine_transaction, transaction
from tests.unit.core.sample import CHAIN, HUB, OWNER, PAID, STRANGER, TOKEN
from triggerx.core.errors import RecoverableError
from triggerx.evm.abi import Event
from triggerx.evm.keccak import keccak256
from triggerx.ports.chain import Log, LogFilter
from triggerx.triggers.block_logs import BLOCKS_PER_QUERY, blocks_of, seen_logs
from triggerx.triggers.event import event_spec

TRANSFER = Event.parse("Transfer(address indexed from, address indexed to, uint256 value)")
APPROVAL = Event.parse("Approval(address indexed from, address indexed to, uint256 value)")
SPEC = event_spec(PAID)


class WatchedChain(FakeChain):
    """Notes what logs were asked for."""

    asked: list[tuple[LogFilter, int, int]]

    async def logs(self, wanted: LogFilter, *, from_block: int, to_block: int) -> tuple[Log, ...]:
        self.asked.append((wanted, from_block, to_block))
        return await super().logs(wanted, from_block=from_block, to_block=to_block)


async def chain_with_payments() -> WatchedChain:
    """Three blocks, in each a transaction whose second log is a payment to the owner."""
    chain = WatchedChain(CHAIN)
    chain.asked = []
    for number in range(3):
        parties = {"from": HUB, "value": 1}
        logs = [
            log_of(TOKEN, APPROVAL, **parties, to=OWNER.address),
            log_of(TOKEN, TRANSFER, **parties, to=OWNER.address),
            log_of(TOKEN, TRANSFER, **parties, to=STRANGER.address),
        ]
        sent = transaction(keccak256(bytes([number])), sender=HUB, to=TOKEN, data=b"")
        await mine_transaction(chain, sent, logs)
    return chain


@pytest.mark.parametrize("by_topic", [True, False])
async def test_logs_when_of_a_span_then_are_those_that_match_with_their_places(by_topic: bool) -> None:
    chain = await chain_with_payments()
    found = [seen async for seen in seen_logs(chain, SPEC, first=2, last=3, by_topic=by_topic)]
    assert [(seen.block.number, seen.log.log_index, seen.ordinal) for seen in found] == [(2, 1, 1), (3, 1, 1)]
    ((wanted, _, _),) = chain.asked
    assert wanted == LogFilter(addresses=(TOKEN,), topics=((TRANSFER.topic,),) if by_topic else ())


async def test_logs_when_the_span_is_long_then_are_asked_for_in_parts() -> None:
    chain = await chain_with_payments()
    last = 2 * BLOCKS_PER_QUERY
    assert len([seen async for seen in seen_logs(chain, SPEC, first=0, last=last, by_topic=True)]) == 3
    assert [asked[1:] for asked in chain.asked] == [
        (0, BLOCKS_PER_QUERY - 1),
        (BLOCKS_PER_QUERY, last - 1),
        (last, last),
    ]


async def test_logs_when_their_block_was_replaced_meanwhile_then_must_be_asked_for_again() -> None:
    chain = await chain_with_payments()
    receipt = next(iter(chain.receipts_by_hash.values()))
    chain.receipts_by_hash[receipt.tx_hash] = replace(receipt, block_hash=keccak256(b"another"))
    with pytest.raises(RecoverableError, match="was replaced while it was read"):
        _ = [seen async for seen in seen_logs(chain, SPEC, first=0, last=3, by_topic=True)]


async def test_blocks_when_one_is_missing_then_says_which() -> None:
    chain = FakeChain(CHAIN)
    assert list(await blocks_of(chain, [0, 0])) == [0]
    with pytest.raises(RecoverableError, match="shows no block 9"):
        await blocks_of(chain, [0, 9])
