"""The ledger: one entry an occurrence, in the order the engine asks for, and what a reorg finds."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from tests.contract.storage.nouns import (
    CHAIN,
    NOW,
    entry,
    event_entry,
    hash32,
    job_id,
    number_of,
    stored_job,
)
from triggerx.core.errors import NotFound
from triggerx.core.evidence import ConditionEvidence, ManualEvidence, firing_of
from triggerx.core.ledger import (
    QUEUED,
    Decision,
    EntryNumber,
    LedgerEntry,
    LogEntries,
    NewEntry,
    Outcome,
    Reason,
    Ruling,
)
from triggerx.evm.types import ChainId
from triggerx.ports.chain import Block
from triggerx.ports.store import Store

LATER_MS = NOW * 1000 + 5_000


def entries(found: Sequence[LedgerEntry]) -> list[NewEntry]:
    return [each.entry for each in found]


async def one_by_key(store: Store, key: int) -> LedgerEntry:
    (found,) = await store.ledger.by_keys([hash32(key)])
    return found


def block(number: int) -> Block:
    """The block in which `event_entry` puts a log."""
    return Block(
        number=number,
        hash=hash32(1000 + number),
        parent_hash=hash32(999 + number),
        timestamp=NOW + number,
        logs_bloom=bytes(256),
    )


def log_entries(number: int, *logs: int, job_number: int, ruling: Ruling = QUEUED) -> LogEntries:
    """Entries of logs in the block of this number, each with a transaction and a task key of its own."""
    lying = block(number)
    found = LogEntries(
        chain_id=CHAIN,
        block_number=number,
        block_hash=lying.hash,
        moment=lying.timestamp,
        ruling=ruling,
        ready_block=number + 2,
        decided_at_ms=NOW * 1000,
    )
    for log in logs:
        found.logs.append((job_number, job_id(1), 1 + log % 3, hash32(log), hash32(log + 500), log % 7))
    return found


def condition_entry(number: int, *, job_number: int) -> NewEntry:
    evidence = ConditionEvidence(
        edge=4,
        source="view:1:0x11:get()",
        value="-12.5",
        observed_at_ms=NOW * 1000 + 7,
        block_number=8,
        block_hash=hash32(80),
        response_hash=hash32(81),
    )
    return replace(entry(number, job_number=job_number), firing=firing_of(evidence), evidence=evidence)


def manual_entry(number: int, *, job_number: int) -> NewEntry:
    evidence = ManualEvidence(nonce=2**60, requested_at=NOW, signature=bytes(range(65)))
    return replace(entry(number, job_number=job_number), firing=firing_of(evidence), evidence=evidence)


async def test_entries_when_added_read_back_as_they_were(store: Store) -> None:
    await stored_job(store)
    number = await number_of(store)
    time_range = replace(entry(1, job_number=number), last_moment=NOW + 500, count=9, detail="ünïcode", priority=1)
    new = [
        time_range,
        event_entry(2, job_number=number),
        condition_entry(3, job_number=number),
        manual_entry(4, job_number=number),
    ]
    await store.ledger.add_many(new)
    found = await store.ledger.by_keys([hash32(key) for key in (4, 3, 2, 1, 77)])
    assert entries(found) == new
    assert [each.number for each in found] == sorted(each.number for each in found)
    assert {each.noted_at_ms for each in found} == {NOW * 1000}
    assert await store.ledger.by_keys([]) == ()


async def test_an_entry_when_its_key_is_known_is_left_as_it_is(store: Store) -> None:
    await stored_job(store)
    first = entry(1, job_number=1)
    await store.ledger.add_many([first])
    again = replace(first, outcome=Outcome.MISSED, decided_at_ms=LATER_MS)
    await store.ledger.add_many([again, entry(2, job_number=1), entry(2, job_number=1)])
    assert entries(await store.ledger.by_keys([hash32(1), hash32(2)])) == [first, entry(2, job_number=1)]


async def test_entries_of_logs_when_added_read_back_as_each_is_written_out(store: Store) -> None:
    await stored_job(store)
    number = await number_of(store)
    waiting = Ruling(outcome=Outcome.CONFIRMING, reason=Reason.UNCONFIRMED, detail="2 blocks are to lie on top")
    new = [log_entries(10, 1, 2, 3, job_number=number), log_entries(11, 4, job_number=number, ruling=waiting)]
    expected = [entry for each in new for entry in each.written_out()]
    assert {firing_of(each.evidence) for each in expected} == {each.firing for each in expected}
    assert await store.ledger.add_logs(new) == 4
    found = await store.ledger.by_keys([hash32(key) for key in (4, 3, 2, 1)])
    assert entries(found) == expected
    assert {each.noted_at_ms for each in found} == {NOW * 1000}
    assert entries(await store.ledger.in_blocks(CHAIN, [block(11)])) == expected[3:]
    assert entries(await store.ledger.list_confirmed(CHAIN, head=13, limit=9)) == expected[3:]
    assert await store.ledger.add_logs([]) == 0
    assert await store.ledger.add_logs([log_entries(12, job_number=number)]) == 0


async def test_entries_of_logs_when_some_are_known_leave_those_and_count_the_others(store: Store) -> None:
    await stored_job(store)
    first = log_entries(10, 1, 2, job_number=1)
    await store.ledger.add_logs([first])
    again = log_entries(12, 2, 3, job_number=1)
    async with store.transaction() as queries:
        assert await queries.ledger.add_logs([again]) == 1
        assert await queries.ledger.add_logs([again]) == 0
    found = await store.ledger.by_keys([hash32(1), hash32(2), hash32(3)])
    assert entries(found) == [*first.written_out(), *list(again.written_out())[1:]]
    with pytest.raises(NotFound, match="insert_log_entry"):
        await store.ledger.add_logs([log_entries(13, 5, job_number=1), log_entries(13, 6, job_number=404)])
    assert await store.ledger.by_keys([hash32(5)]) == ()


async def test_entries_when_one_names_no_job_are_all_refused(store: Store) -> None:
    await stored_job(store)
    with pytest.raises(NotFound, match="insert_entry"):
        await store.ledger.add_many([entry(1, job_number=1), entry(2, job_number=404)])
    assert await store.ledger.queue_length() == 0


async def test_an_entry_when_put_back_has_the_new_standing_and_its_first_note(store: Store) -> None:
    await stored_job(store)
    await store.ledger.add_many([event_entry(1, job_number=1)])
    before = await one_by_key(store, 1)
    await store.ledger.decide_many([Decision(number=before.number, outcome=Outcome.WITHDRAWN)], now_ms=LATER_MS)
    again = replace(event_entry(1, job_number=1, block=12), decided_at_ms=LATER_MS + 1)
    await store.ledger.put_back([again, event_entry(2, job_number=1)])
    after = await one_by_key(store, 1)
    assert after == LedgerEntry(number=before.number, entry=again, noted_at_ms=before.noted_at_ms)
    assert await store.ledger.by_keys([hash32(2)]) == ()
    assert await store.ledger.in_blocks(CHAIN, [block(10)]) == ()
    assert entries(await store.ledger.in_blocks(CHAIN, [block(12)])) == [again]


async def test_entries_when_decided_have_outcome_reason_and_the_time(store: Store) -> None:
    await stored_job(store)
    await store.ledger.add_many([entry(number, job_number=1) for number in (1, 2, 3)])
    first, second, third = await store.ledger.list_queued(limit=9)
    held = Decision(number=second.number, outcome=Outcome.HELD, reason=Reason.BALANCE, detail="balance 1, needs 2")
    fired = Decision(number=first.number, outcome=Outcome.FIRED)
    unknown = Decision(number=EntryNumber(4711), outcome=Outcome.FIRED)
    await store.ledger.decide_many([held, fired, unknown], now_ms=LATER_MS)
    assert await store.ledger.list_queued(limit=9) == (third,)
    (found,) = await store.ledger.list_held(after=EntryNumber(0), limit=9)
    assert found.entry == replace(
        second.entry,
        outcome=Outcome.HELD,
        reason=Reason.BALANCE,
        detail="balance 1, needs 2",
        decided_at_ms=LATER_MS,
    )
    assert (await one_by_key(store, 1)).outcome is Outcome.FIRED


async def test_a_range_when_extended_ends_later_and_counts_more(store: Store) -> None:
    await stored_job(store)
    await store.ledger.add_many([replace(entry(1, job_number=1), outcome=Outcome.HELD)])
    number = (await one_by_key(store, 1)).number
    await store.ledger.extend(number, last_moment=NOW + 99, count=12, detail="12 due seconds", now_ms=LATER_MS)
    found = (await one_by_key(store, 1)).entry
    assert (found.moment, found.last_moment, found.count, found.detail) == (NOW + 1, NOW + 99, 12, "12 due seconds")
    assert found.decided_at_ms == LATER_MS
    with pytest.raises(NotFound, match="4711"):
        await store.ledger.extend(EntryNumber(4711), last_moment=1, count=1, detail="", now_ms=1)


async def test_last_entries_when_asked_are_each_jobs_with_the_highest_moment(store: Store) -> None:
    await stored_job(store, 1)
    await stored_job(store, 2)
    await stored_job(store, 3)
    await store.ledger.add_many(
        [
            entry(1, job_number=2, of=2, moment=NOW + 50),
            entry(2, job_number=2, of=2, moment=NOW + 10),
            entry(3, job_number=1, moment=NOW + 5),
            entry(4, job_number=1, moment=NOW + 5),
        ]
    )
    assert [each.entry.task_key for each in await store.ledger.last_of([3, 2, 1, 404])] == [hash32(4), hash32(1)]
    assert await store.ledger.last_of([]) == ()


async def test_a_jobs_entries_when_listed_lie_in_the_span_or_reach_into_it(store: Store) -> None:
    await stored_job(store, 1)
    await stored_job(store, 2)
    spans = ((1, 10, 10), (2, 20, 39), (3, 40, 40), (4, 50, 70), (5, 80, 80))
    await store.ledger.add_many(
        [
            replace(
                entry(number, job_number=1, moment=NOW + first),
                last_moment=NOW + last,
                count=1 if first == last else last - first,
            )
            for number, first, last in spans
        ]
        + [entry(6, job_number=2, of=2, moment=NOW + 40)]
    )

    async def keys(since: int, until: int, limit: int = 9) -> list[int]:
        found = await store.ledger.list_by_job(job_id(1), since=NOW + since, until=NOW + until, limit=limit)
        return [int.from_bytes(each.entry.task_key, "big") for each in found]

    assert await keys(0, 100) == [1, 2, 3, 4, 5]
    assert await keys(39, 60) == [2, 3, 4]
    assert await keys(60, 60) == [4]
    assert await keys(71, 79) == []
    assert await keys(0, 100, limit=2) == [4, 5]
    assert await store.ledger.list_by_job(job_id(9), since=0, until=NOW * 2, limit=9) == ()


async def test_queued_entries_when_listed_come_by_priority_then_as_stored(store: Store) -> None:
    await stored_job(store)
    await store.ledger.add_many(
        [
            replace(entry(number, job_number=1), priority=priority)
            for number, priority in ((1, 3), (2, 2), (3, 1), (4, 2))
        ]
    )
    queued = [each.entry.task_key for each in await store.ledger.list_queued(limit=9)]
    assert queued == [hash32(3), hash32(2), hash32(4), hash32(1)]
    assert len(await store.ledger.list_queued(limit=2)) == 2
    assert await store.ledger.queue_length() == 4


async def test_held_entries_when_listed_come_in_pages(store: Store) -> None:
    await stored_job(store)
    await store.ledger.add_many([replace(entry(number, job_number=1), outcome=Outcome.HELD) for number in (1, 2, 3)])
    first, second = await store.ledger.list_held(after=EntryNumber(0), limit=2)
    (third,) = await store.ledger.list_held(after=second.number, limit=2)
    assert [first.entry.task_key, second.entry.task_key, third.entry.task_key] == [hash32(1), hash32(2), hash32(3)]


async def test_confirming_entries_when_listed_have_their_ready_block(store: Store) -> None:
    await stored_job(store)
    await store.ledger.add_many(
        [
            event_entry(1, job_number=1, block=12),
            event_entry(2, job_number=1, block=10),
            event_entry(3, job_number=1, block=11),
            event_entry(4, job_number=1, block=10, chain=ChainId(1)),
        ]
    )

    async def ready(head: int, limit: int = 9) -> list[bytes]:
        found = await store.ledger.list_confirmed(CHAIN, head=head, limit=limit)
        return [each.entry.task_key for each in found]

    assert await ready(11) == []
    assert await ready(13) == [hash32(2), hash32(3)]
    assert await ready(14) == [hash32(1), hash32(2), hash32(3)]
    assert await ready(14, limit=1) == [hash32(1)]


async def test_a_blocks_entries_when_asked_are_those_of_its_chain(store: Store) -> None:
    await stored_job(store)
    here, later = event_entry(1, job_number=1), event_entry(2, job_number=1, block=11)
    await store.ledger.add_many([here, later, event_entry(3, job_number=1, chain=ChainId(1)), entry(4, job_number=1)])
    assert entries(await store.ledger.in_blocks(CHAIN, [block(10), block(11), block(7)])) == [here, later]
    assert entries(await store.ledger.in_blocks(CHAIN, [block(10)])) == [here]
    assert await store.ledger.in_blocks(CHAIN, [replace(block(10), hash=hash32(7))]) == ()
    assert await store.ledger.in_blocks(CHAIN, []) == ()


async def test_outcomes_when_counted_give_a_range_its_number(store: Store) -> None:
    await stored_job(store, 1)
    await stored_job(store, 2)
    await store.ledger.add_many(
        [
            replace(entry(1, job_number=1), outcome=Outcome.MISSED, count=2**40),
            replace(entry(2, job_number=1), outcome=Outcome.MISSED),
            replace(entry(3, job_number=1), outcome=Outcome.FIRED),
            entry(4, job_number=2, of=2),
        ]
    )
    assert await store.ledger.count(job_id(1)) == {Outcome.MISSED: 2**40 + 1, Outcome.FIRED: 1}
    assert await store.ledger.count(job_id(9)) == {}


async def test_jobs_when_an_occurrence_waits_are_told_from_the_others(store: Store) -> None:
    for number in range(1, 5):
        await stored_job(store, number)
    await store.ledger.add_many(
        [
            replace(entry(1, job_number=1), outcome=Outcome.FIRED),
            replace(entry(2, job_number=2, of=2), outcome=Outcome.HELD),
            replace(entry(3, job_number=2, of=2), outcome=Outcome.FIRED, moment=NOW + 99),
            replace(entry(4, job_number=3, of=3), outcome=Outcome.CONFIRMING),
        ]
    )
    assert await store.ledger.waiting([1, 2, 3, 4, 99]) == {2, 3}
    assert await store.ledger.waiting([1]) == frozenset()
    assert await store.ledger.waiting([]) == frozenset()


async def test_end_waiting_when_called_then_a_job_has_nothing_left_to_decide_about(store: Store) -> None:
    for number in (1, 2):
        await stored_job(store, number)
    outcomes = (Outcome.CONFIRMING, Outcome.QUEUED, Outcome.HELD, Outcome.FIRED)
    await store.ledger.add_many([replace(entry(n, job_number=1), outcome=each) for n, each in enumerate(outcomes)])
    await store.ledger.add_many([replace(entry(9, job_number=2, of=2), outcome=Outcome.HELD)])
    ruling = Ruling(outcome=Outcome.MISSED, reason=Reason.REPLACED, detail="so")
    await store.ledger.end_waiting(1, ruling, now_ms=77)
    assert await store.ledger.waiting([1, 2]) == {2}
    assert await store.ledger.count(job_id(1)) == {Outcome.MISSED: 3, Outcome.FIRED: 1}
    (first, *_) = await store.ledger.list_by_job(job_id(1), since=0, until=1 << 40, limit=9)
    assert (first.entry.reason, first.entry.detail, first.entry.decided_at_ms) == (Reason.REPLACED, "so", 77)


async def test_entries_when_added_in_a_transaction_are_seen_in_it_and_gone_when_it_fails(store: Store) -> None:
    await stored_job(store)
    with pytest.raises(LookupError):
        async with store.transaction() as queries:
            await queries.ledger.add_many([entry(1, job_number=1)])
            assert await queries.ledger.queue_length() == 1
            raise LookupError
    assert await store.ledger.queue_length() == 0
