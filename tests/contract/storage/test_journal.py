import asyncio

import pytest

from tests.contract.storage.nouns import BIG, CHAIN, NOW, address, fired, hash32, intent, job_id
from triggerx.core.errors import NotFound
from triggerx.evm.types import ChainId, to_hex
from triggerx.ports.chain import Cursor, TransactionStatus
from triggerx.ports.store import Store
from triggerx.ports.store.journal import LoggedEvent, Quarantined, SentTransaction, SignedBytes

SENDER = address(0x5E)


def form(number: int) -> SignedBytes:
    return SignedBytes(tx_hash=hash32(number), raw=b"\x02raw", max_fee_per_gas=BIG, signed_at=NOW + number)


async def test_events_when_appended_are_read_after_a_sequence_in_order(store: Store) -> None:
    first = await store.events.append("job created", "job:1", {"job_id": "1", "n": [1, None]}, now_ms=1)
    second = await store.events.append("job created", "job:2", {}, now_ms=2)
    third = await store.events.append("job stopped", "job:1", {}, now_ms=3)
    assert first < second < third
    everything = await store.events.after(0, limit=9)
    assert [event.sequence for event in everything] == [first, second, third]
    assert everything[0] == LoggedEvent(
        sequence=first, kind="job created", subject="job:1", payload={"job_id": "1", "n": [1, None]}, recorded_at_ms=1
    )
    assert [event.sequence for event in await store.events.after(first, limit=1)] == [second]
    assert [event.sequence for event in await store.events.after(0, limit=9, subject="job:1")] == [first, third]
    assert [event.sequence for event in await store.events.after(first, limit=9, subject="job:1")] == [third]


async def test_firings_when_appended_are_in_the_log_and_not_among_their_jobs_own(store: Store) -> None:
    created = await store.events.append("job created", f"job:{job_id(1)}", {}, now_ms=1)
    await store.events.append_fired([fired(1), fired(2)], now_ms=2)
    await store.events.append_fired([], now_ms=3)
    one, _ = [event for event in await store.events.after(0, limit=9) if event.kind == "fired"]
    payload = {"moment": NOW, "task_key": to_hex(hash32(1))}
    assert (one.subject, one.payload, one.recorded_at_ms) == (f"job:{job_id(1)}", payload, 2)
    assert [each.sequence for each in await store.events.after(0, limit=9, subject=one.subject)] == [created]


async def test_events_when_a_transaction_is_rolled_back_never_reuse_a_sequence(store: Store) -> None:
    before = await store.events.append("a", "s", {}, now_ms=1)
    with pytest.raises(LookupError):
        async with store.transaction() as queries:
            await queries.events.append("b", "s", {}, now_ms=2)
            raise LookupError
    after = await store.events.append("c", "s", {}, now_ms=3)
    assert after > before
    assert [event.kind for event in await store.events.after(0, limit=9)] == ["a", "c"]


async def test_events_when_followed_while_many_append_are_seen_once_each(store: Store) -> None:
    """Nobody who reads on from the last sequence it saw misses an entry that was given a lower one."""
    seen: list[int] = []
    done = asyncio.Event()

    async def append(number: int) -> None:
        async with store.transaction() as queries:
            await queries.events.append("fired", f"task:{number}", {}, now_ms=number)
            await queries.users.ensure(address(number), now=NOW)

    async def follow() -> None:
        while True:
            is_last = done.is_set()
            entries = await store.events.after(seen[-1] if seen else 0, limit=1000)
            seen.extend(entry.sequence for entry in entries)
            if is_last:
                return

    async with asyncio.TaskGroup() as group:
        group.create_task(follow(), name="follow")
        await asyncio.gather(*(append(number) for number in range(100)))
        done.set()
    assert len(seen) == len(set(seen)) == 100


async def test_a_cursor_when_set_again_has_moved(store: Store) -> None:
    assert await store.cursors.get("sentinel l1") is None
    await store.cursors.set("sentinel l1", Cursor(number=5, hash=hash32(5)))
    await store.cursors.set("sentinel l2", Cursor(number=6, hash=hash32(6)))
    await store.cursors.set("sentinel l1", Cursor(number=4, hash=hash32(4)))
    assert await store.cursors.get("sentinel l1") == Cursor(number=4, hash=hash32(4))
    assert await store.cursors.get("sentinel l2") == Cursor(number=6, hash=hash32(6))


async def test_an_intent_when_inserted_is_pending_without_a_nonce(store: Store) -> None:
    assert await store.transactions.insert(intent(), sender=SENDER, now=NOW)
    assert not await store.transactions.insert(intent(chain_id=ChainId(1)), sender=address(1), now=NOW)
    assert await store.transactions.get("check-in") == SentTransaction(
        intent=intent(), sender=SENDER, nonce=None, status=TransactionStatus.PENDING, forms=()
    )
    assert await store.transactions.get("another") is None


async def test_forms_when_added_are_kept_oldest_first_with_the_nonce(store: Store) -> None:
    await store.transactions.insert(intent(), sender=SENDER, now=NOW)
    for added in (form(2), form(1), form(2)):
        await store.transactions.add_form("check-in", nonce=7, form=added)
    sent = await store.transactions.get("check-in")
    assert sent is not None
    assert (sent.nonce, sent.forms) == (7, (form(2), form(1)))


async def test_an_outcome_when_settled_leaves_the_pending_ones(store: Store) -> None:
    for name in ("a", "b", "c", "d"):
        await store.transactions.insert(intent(name), sender=SENDER, now=NOW)
    await store.transactions.insert(intent("other chain", chain_id=ChainId(1)), sender=SENDER, now=NOW)
    await store.transactions.insert(intent("other sender"), sender=address(1), now=NOW)
    await store.transactions.add_form("c", nonce=1, form=form(1))
    await store.transactions.add_form("b", nonce=2, form=form(2))
    await store.transactions.add_form("b", nonce=2, form=form(3))
    await store.transactions.settle("c", TransactionStatus.REVERTED, mined_hash=hash32(1), reason="out of gas")
    pending = await store.transactions.list_pending(CHAIN, SENDER)
    assert [(sent.intent.intent_id, sent.nonce, len(sent.forms)) for sent in pending] == [
        ("b", 2, 2),
        ("a", None, 0),
        ("d", None, 0),
    ]
    settled = await store.transactions.get("c")
    assert settled is not None
    assert (settled.status, settled.mined_hash, settled.reason) == (
        TransactionStatus.REVERTED,
        hash32(1),
        "out of gas",
    )


async def test_the_next_nonce_when_forms_were_stored_follows_the_highest(store: Store) -> None:
    assert await store.transactions.next_nonce(CHAIN, SENDER) is None
    for name, nonce in (("a", 4), ("b", 9), ("c", 2)):
        await store.transactions.insert(intent(name), sender=SENDER, now=NOW)
        await store.transactions.add_form(name, nonce=nonce, form=form(nonce))
    await store.transactions.settle("b", TransactionStatus.MINED, mined_hash=hash32(9), reason="")
    assert await store.transactions.next_nonce(CHAIN, SENDER) == 10
    assert await store.transactions.next_nonce(ChainId(1), SENDER) is None
    assert await store.transactions.next_nonce(CHAIN, address(1)) is None


async def test_an_unknown_intent_when_changed_is_not_found(store: Store) -> None:
    with pytest.raises(NotFound, match="check-in"):
        await store.transactions.add_form("check-in", nonce=1, form=form(1))
    with pytest.raises(NotFound, match="check-in"):
        await store.transactions.settle("check-in", TransactionStatus.REFUSED, mined_hash=None, reason="")


async def test_quarantine_when_the_same_subject_comes_again_has_one_newest_entry(store: Store) -> None:
    for number, subject in enumerate(("job:1", "job:2", "job:1")):
        await store.quarantine.add(
            kind="job", subject=subject, reason=f"reason {number}", content=bytes([number]), now=NOW + number
        )
    entries = await store.quarantine.list_all(limit=9)
    assert [(entry.subject, entry.reason) for entry in entries] == [("job:1", "reason 2"), ("job:2", "reason 1")]
    assert entries[0] == Quarantined(
        quarantine_id=entries[0].quarantine_id,
        kind="job",
        subject="job:1",
        reason="reason 2",
        content=b"\x02",
        recorded_at=NOW + 2,
    )
    assert await store.quarantine.list_all(limit=1) == entries[:1]
