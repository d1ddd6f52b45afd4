"""Replays over a chain in memory: parts add up, frames and beginnings hold, records are read page by page."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.fakes.chain import FakeChain
from tests.fakes.store import temporary_store
from tests.unit.core.sample import BALANCE_ABOVE_100, CHAIN, CREATED_AT, TOKEN, job_body
from triggerx.core.errors import InvalidInput, RecoverableError
from triggerx.core.evidence import ConditionEvidence
from triggerx.core.job import JobBody
from triggerx.evm.abi import Function
from triggerx.ports.chain import Block
from triggerx.ports.store.ledger import Observation
from triggerx.triggers import replay as replays
from triggerx.triggers.condition import ConditionState
from triggerx.triggers.replay import Beginning, Span, recorded_values, replay, span_of

BALANCE_OF = Function.parse("balanceOf(address) returns (uint256)")
VALUES = (0, 150, 0, 150, 150, 0, 150)
EDGES = {1: 1, 3: 2, 6: 3}  # by block


async def chain_of_values(*, before_s: int = 0) -> FakeChain:
    """A block a second from `before_s` before the job's creation on."""
    chain = FakeChain(CHAIN, now=CREATED_AT - before_s)
    chain.answer_at(TOKEN, BALANCE_OF, lambda block, _: VALUES[block])
    await chain.mine(len(VALUES) - 1)
    return chain


async def edges(
    chain: FakeChain,
    *,
    first: int = 0,
    last: int = len(VALUES) - 1,
    beginning: Beginning | None = None,
    unread: tuple[range, ...] = (),
    body: JobBody | None = None,
) -> dict[int, int]:
    """The edges of the sample's condition, by their blocks."""
    span = await span_of(chain, first=first, last=last)
    body = body or job_body(trigger=BALANCE_ABOVE_100)
    found: dict[int, int] = {}
    async for occurrence in replay(body, chain, span, conditions=None, beginning=beginning, unread=unread):
        evidence = occurrence.evidence
        assert isinstance(evidence, ConditionEvidence)
        found[evidence.block_number or 0] = evidence.edge
    return found


async def test_condition_when_replayed_then_every_block_is_read_and_edges_are_numbered() -> None:
    assert await edges(await chain_of_values()) == EDGES


async def test_condition_when_read_a_few_blocks_at_a_time_then_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replays, "READS_AT_ONCE", 2)
    assert await edges(await chain_of_values()) == EDGES


async def test_condition_when_blocks_are_older_than_the_job_then_they_are_not_seen() -> None:
    assert await edges(await chain_of_values(before_s=2)) == {3: 1, 6: 2}


async def test_condition_when_its_time_frame_ends_then_no_occurrence_is_later() -> None:
    body = replace(job_body(trigger=BALANCE_ABOVE_100), time_frame_s=4)
    assert await edges(await chain_of_values(), body=body) == {1: 1, 3: 2}


async def test_condition_when_it_begins_in_a_state_then_goes_on_from_there() -> None:
    chain = await chain_of_values()
    beginning = Beginning(state=ConditionState(is_true=True, edge=7))
    assert await edges(chain, first=4, beginning=beginning) == {6: 8}
    assert await edges(chain, beginning=Beginning(since_block=4)) == {4: 1, 6: 2}
    assert await edges(chain, beginning=Beginning(since_ms=(CREATED_AT + 4) * 1000)) == {4: 1, 6: 2}


async def test_condition_when_blocks_were_not_read_then_they_change_nothing() -> None:
    assert await edges(await chain_of_values(), unread=(range(2, 3), range(6, 9))) == {1: 1}


async def test_condition_when_a_block_is_replaced_while_it_is_read_then_must_be_begun_again() -> None:
    chain = await chain_of_values()
    replaced: list[Block] = []

    async def block(number: int) -> Block | None:
        found = await FakeChain.block(chain, number)
        if found is None or number != 6 or len(replaced) < 2:
            replaced.extend([found] if found and number == 6 else [])
            return found
        return replace(found, hash=found.parent_hash)

    chain.block = block  # type: ignore[method-assign]  # the third look at block 6 finds another
    with pytest.raises(RecoverableError, match="block 6 was replaced"):
        await edges(chain)


async def test_span_when_it_ends_before_it_begins_then_is_refused() -> None:
    chain = await chain_of_values()
    with pytest.raises(InvalidInput) as raised:
        await span_of(chain, first=4, last=3)
    assert raised.value.field == "to_block"
    with pytest.raises(InvalidInput, match="is 7, the newest block of chain 31337 is 6"):
        await span_of(chain, first=4, last=7)


async def test_span_when_it_begins_with_block_0_then_has_every_second_before_it() -> None:
    chain = await chain_of_values()
    span = await span_of(chain, first=0, last=2)
    assert (span.before, span.after, span.until, span.count) == (None, -1, CREATED_AT + 2, 3)
    later = await span_of(chain, first=2, last=2)
    assert isinstance(later, Span)
    assert (later.after, later.until, later.count) == (CREATED_AT + 1, CREATED_AT + 2, 1)


@pytest.mark.parametrize("page", [2, 3, 100])
async def test_records_when_read_in_pages_then_each_comes_once_and_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, page: int
) -> None:
    monkeypatch.setattr(replays, "RECORDS_PER_READ", page)
    values = [
        Observation(source="s", value=str(number), observed_at_ms=at_ms)
        for number, at_ms in enumerate((1, 2, 2, 3, 4, 4, 6))
    ]
    async with temporary_store(tmp_path) as store:
        await store.conditions.record([*values, Observation(source="other", value="9", observed_at_ms=3)])
        if page == 2:
            with pytest.raises(RecoverableError, match="more than 2 values of one millisecond"):
                _ = [each async for each in recorded_values(store.conditions, "s", since_ms=0, until_ms=9)]
            return
        assert [each async for each in recorded_values(store.conditions, "s", since_ms=0, until_ms=9)] == values
        assert [each async for each in recorded_values(store.conditions, "s", since_ms=2, until_ms=4)] == values[1:6]
