"""What a transaction promises, and that those who share a commit do not share a fate."""

import asyncio
from dataclasses import replace

import pytest

from tests.contract.storage.nouns import NOW, OWNER, address, fired, hash32, job, job_id, stored_job, stored_task
from triggerx.core.errors import InvalidInput, NotFound, RecoverableError
from triggerx.core.keeper import Keeper
from triggerx.core.ledger import Outcome
from triggerx.ports.store import Store
from triggerx.ports.store.journal import NewEvent


async def test_a_transaction_when_it_ends_has_stored_everything(store: Store) -> None:
    async with store.transaction() as queries:
        user = await queries.users.ensure(OWNER, now=NOW)
        await queries.jobs.insert(job(user_id=user.user_id), api_key_id=None)
        sequence = await queries.events.append("job created", "job:1", {}, now_ms=NOW)
    assert await store.jobs.get(job_id(1)) == job(user_id=user.user_id)
    assert [event.sequence for event in await store.events.after(0, limit=9)] == [sequence]


async def test_a_transaction_when_it_raises_has_stored_nothing_and_raises_the_same(store: Store) -> None:
    with pytest.raises(TimeoutError, match="its own"):
        async with store.transaction() as queries:
            await queries.users.ensure(OWNER, now=NOW)
            raise TimeoutError("its own")
    assert await store.users.by_address(OWNER) is None


async def test_a_transaction_when_it_is_cancelled_has_stored_nothing(store: Store) -> None:
    inside = asyncio.Event()

    async def hold() -> None:
        async with store.transaction() as queries:
            await queries.users.ensure(OWNER, now=NOW)
            inside.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(hold(), name="hold")
    await inside.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await store.users.by_address(OWNER) is None
    await store.users.ensure(OWNER, now=NOW)


async def test_a_transaction_when_open_sees_its_own_writes_and_nobody_else_does(store: Store) -> None:
    async with store.transaction() as queries:
        user = await queries.users.ensure(OWNER, now=NOW)
        assert await queries.users.by_address(OWNER) == user
        assert await store.users.by_address(OWNER) is None
    assert await store.users.by_address(OWNER) == user


async def test_a_query_when_it_spans_statements_is_one_with_its_transaction(store: Store) -> None:
    await stored_job(store)
    task = await stored_task(store)
    with pytest.raises(LookupError):
        async with store.transaction() as queries:
            await queries.tasks.save(replace(task, task_performer=address(9), task_attester_ids=(1, 2)))
            raise LookupError
    assert await store.tasks.get(task.task_id) == task
    assert await store.keepers.by_address(address(9)) is None


async def test_a_write_when_it_returned_is_seen_by_every_read_after_it(store: Store) -> None:
    async def write_and_read(number: int) -> None:
        await store.keepers.ensure(address(number))
        assert await store.keepers.by_address(address(number)) is not None

    await asyncio.gather(*(write_and_read(number) for number in range(50)))


async def test_many_rows_when_one_fails_are_none_and_the_store_goes_on(store: Store) -> None:
    await stored_job(store)
    with pytest.raises(NotFound, match="insert_entry"):
        await store.ledger.add_many([fired(1), fired(2), fired(3, of=404)])
    assert await store.ledger.count(job_id(1)) == {}
    await store.ledger.add_many([fired(1), fired(2), fired(1)])
    assert await store.ledger.count(job_id(1)) == {Outcome.FIRED: 2}
    await store.ledger.add_many([])


async def test_many_rows_when_one_fails_end_their_transaction(store: Store) -> None:
    await stored_job(store)
    with pytest.raises(RecoverableError, match="rolled back"):
        async with store.transaction() as queries:
            await stored_task(queries)
            with pytest.raises(NotFound):
                await queries.ledger.add_many([fired(2), fired(3, of=404)])
    assert await store.ledger.count(job_id(1)) == {}


async def test_many_rows_when_written_are_seen_by_their_transaction_alone(store: Store) -> None:
    await stored_job(store)
    events = [NewEvent(kind="seen", subject=f"n:{number}", payload={"n": number}) for number in range(500)]
    async with store.transaction() as queries:
        await queries.ledger.add_many([fired(number) for number in range(1, 4)])
        await queries.events.append_many(events, now_ms=NOW)
        assert await queries.ledger.count(job_id(1)) == {Outcome.FIRED: 3}
        assert await store.ledger.count(job_id(1)) == {}
    assert [event.subject for event in await store.events.after(0, limit=999)] == [each.subject for each in events]


async def test_many_rows_when_written_beside_ones_own_transaction_are_refused(store: Store) -> None:
    async with store.transaction():
        with pytest.raises(RuntimeError, match="inside a transaction"):
            await store.ledger.add_many([fired(1)])


async def test_a_failing_write_when_committed_with_others_does_not_take_them_along(store: Store) -> None:
    await stored_job(store)
    writes = [store.ledger.add_many([fired(number, of=1 if number % 2 else 404)]) for number in range(40)]
    results = await asyncio.gather(*writes, return_exceptions=True)
    assert [isinstance(result, NotFound) for result in results] == [number % 2 == 0 for number in range(40)]
    assert await store.ledger.count(job_id(1)) == {Outcome.FIRED: 20}


async def test_a_failing_transaction_when_committed_with_others_does_not_take_them_along(store: Store) -> None:
    async def enter(number: int) -> None:
        async with store.transaction() as queries:
            await queries.keepers.ensure(address(number))
            await queries.events.append("entered", f"keeper:{number}", {}, now_ms=number)
            if number % 2:
                raise LookupError(number)

    results = await asyncio.gather(*(enter(number) for number in range(40)), return_exceptions=True)
    assert [isinstance(result, LookupError) for result in results] == [number % 2 == 1 for number in range(40)]
    kept = [address(number) for number in range(0, 40, 2)]
    assert sorted(keeper.keeper_address for keeper in await store.keepers.list_all()) == kept
    assert len(await store.events.after(0, limit=99)) == 20


async def test_a_transaction_when_a_query_in_it_failed_cannot_be_committed(store: Store) -> None:
    with pytest.raises(RecoverableError, match="rolled back"):
        async with store.transaction() as queries:
            await queries.users.ensure(OWNER, now=NOW)
            with pytest.raises(NotFound):
                await queries.ledger.add_many([fired()])
    assert await store.users.by_address(OWNER) is None


async def test_a_transaction_when_a_look_up_in_it_found_nothing_goes_on(store: Store) -> None:
    async with store.transaction() as queries:
        with pytest.raises(NotFound):
            await queries.keepers.save(Keeper(keeper_id=9, keeper_address=address(9)))
        await queries.users.ensure(OWNER, now=NOW)
    assert await store.users.by_address(OWNER) is not None


async def test_a_write_beside_ones_own_transaction_when_tried_is_refused_at_once(store: Store) -> None:
    async with store.transaction() as queries:
        with pytest.raises(RuntimeError, match="inside a transaction"):
            await store.keepers.set_online(address(1), is_online=True)
        with pytest.raises(RuntimeError, match="inside a transaction"):
            async with store.transaction():
                pass
        await queries.keepers.ensure(address(1))
    await store.keepers.set_online(address(1), is_online=True)


async def test_a_task_of_a_transaction_when_it_outlives_it_may_write(store: Store) -> None:
    is_over = asyncio.Event()

    async def later() -> None:
        await is_over.wait()
        await store.users.ensure(OWNER, now=NOW)

    async with store.transaction():
        task = asyncio.create_task(later(), name="later")
    is_over.set()
    await task
    assert await store.users.by_address(OWNER) is not None


async def test_two_queries_of_one_transaction_when_run_at_once_follow_each_other(store: Store) -> None:
    async with store.transaction() as queries:
        await asyncio.gather(*(queries.keepers.ensure(address(number)) for number in range(10)))
    assert len(await store.keepers.list_all()) == 10


@pytest.mark.parametrize("text", ["half \ud800", "nul \0"])
async def test_text_when_it_cannot_be_stored_is_the_senders_fault(store: Store, text: str) -> None:
    with pytest.raises(InvalidInput):
        await store.documents.put(text, b"", now=NOW)
    await store.documents.put("bafk", b"", now=NOW)


async def test_a_number_when_it_has_more_than_64_bits_is_the_senders_fault(store: Store) -> None:
    with pytest.raises(InvalidInput):
        await store.documents.put("bafk", b"", now=2**63)
    await store.messages.keep(b"", digest=hash32(1), expires_at=2**63 - 1)
