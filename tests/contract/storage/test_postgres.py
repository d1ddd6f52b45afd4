"""What happens to a store on Postgres when its server, or another node, gets in the way."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace

import asyncpg  # type: ignore[import-untyped]  # ships no types
import pytest

from tests.contract.storage.conftest import Place
from tests.contract.storage.nouns import CHAIN, NOW, OWNER, address, entry, event_entry, stored_job
from tests.postgres import PostgresServer
from triggerx.core.errors import ConfigurationError, RecoverableError
from triggerx.core.ledger import EntryNumber, Outcome
from triggerx.evm.types import ChainId, Wei
from triggerx.ports.store import Queries, Store
from triggerx.ports.store.jobs import Fired, Move
from triggerx.storage import open_store
from triggerx.storage.postgres import translated
from triggerx.storage.postgres_server import shown


@pytest.fixture
async def place(postgres_server: PostgresServer) -> Place:
    return Place("postgres", await postgres_server.new_database())


@pytest.fixture
async def store(place: Place) -> AsyncIterator[Store]:
    async with place.open() as opened:
        yield opened


async def cut_connections(place: Place) -> None:
    """End every other connection of this database at the server."""
    other = await asyncpg.connect(place.address)
    try:
        await other.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    finally:
        await other.close()


async def test_a_connection_when_cut_inside_a_transaction_is_recoverable_and_stored_nothing(
    place: Place, store: Store
) -> None:
    with pytest.raises(RecoverableError, match="Postgres"):
        async with store.transaction() as queries:
            await queries.users.ensure(OWNER, now=NOW)
            await cut_connections(place)
            await queries.users.ensure(address(1), now=NOW)
    assert await store.users.by_address(OWNER) is None


async def test_connections_when_cut_while_idle_are_made_again(place: Place, store: Store) -> None:
    await asyncio.gather(*(store.users.ensure(address(number), now=NOW) for number in range(8)))
    await cut_connections(place)
    for number in range(20):
        try:
            await store.users.ensure(address(number), now=NOW)
        except RecoverableError:
            continue
    assert await store.users.by_address(address(19)) is not None


async def test_transactions_when_they_lock_each_other_out_end_with_one_to_retry(store: Store) -> None:
    first = await store.keepers.ensure(address(1))
    second = await store.keepers.ensure(address(2))
    both = asyncio.Barrier(2)

    async def lock(one: int, other: int) -> bool:
        try:
            async with store.transaction() as queries:
                await queries.keepers.get(one)
                await both.wait()
                await queries.keepers.get(other)
        except RecoverableError:
            return False
        return True

    ended = await asyncio.gather(lock(first.keeper_id, second.keeper_id), lock(second.keeper_id, first.keeper_id))
    assert sorted(ended) == [False, True]


async def claim(queries: Queries) -> list[int]:
    return [terms.number for terms in await queries.jobs.claim_due(NOW + 60, limit=3)]


async def list_queued(queries: Queries) -> list[int]:
    return [entry.number for entry in await queries.ledger.list_queued(limit=3)]


async def list_held(queries: Queries) -> list[int]:
    return [entry.number for entry in await queries.ledger.list_held(after=EntryNumber(0), limit=3)]


async def list_confirmed(queries: Queries) -> list[int]:
    return [entry.number for entry in await queries.ledger.list_confirmed(CHAIN, head=99, limit=3)]


@pytest.mark.parametrize("take", [claim, list_queued, list_held, list_confirmed])
async def test_what_a_transaction_has_taken_when_another_asks_is_left_out(
    place: Place, store: Store, take: Callable[[Queries], Awaitable[list[int]]]
) -> None:
    for number in range(1, 6):
        await stored_job(store, number)
    queued = [entry(number, job_number=1) for number in range(1, 6)]
    held = [replace(entry(number, job_number=1), outcome=Outcome.HELD) for number in range(11, 16)]
    await store.ledger.add_many([*queued, *held, *(event_entry(number, job_number=1) for number in range(21, 26))])
    async with place.open() as other, store.transaction() as first, other.transaction() as second:
        taken = await take(first)
        left = await take(second)
        assert len(taken) == 3
        assert len(left) == 2
        assert not set(taken) & set(left)
        assert await take(second) == left


async def test_due_jobs_when_two_nodes_claim_them_at_once_fire_once(place: Place, store: Store) -> None:
    for number in range(1, 61):
        await stored_job(store, number)
    fired: list[int] = []

    async def fire(node: Store) -> None:
        while True:
            async with node.transaction() as queries:
                claimed = await queries.jobs.claim_due(NOW + 60, limit=7)
                await queries.jobs.move_on(
                    [Move(number=terms.number, user_id=terms.user_id, next_due_at=NOW + 120) for terms in claimed]
                )
                await queries.jobs.count_fired(
                    [Fired(number=terms.number, user_id=terms.user_id, runs=1, day=1) for terms in claimed]
                )
            fired.extend(terms.number for terms in claimed)
            if not claimed:
                return

    async with place.open() as other:
        await asyncio.gather(fire(store), fire(other), fire(store))
    assert sorted(fired) == sorted(set(fired))
    assert len(fired) == 60
    terms = await store.jobs.terms(sorted(fired))
    assert {(each.runs, each.user_runs_today) for each in terms} == {(1, 60)}


async def test_terms_when_read_in_a_transaction_wait_for_whoever_has_them(place: Place, store: Store) -> None:
    await stored_job(store)

    async def add_run(node: Store) -> None:
        for _ in range(10):
            async with node.transaction() as queries:
                (terms,) = await queries.jobs.terms([1])
                await queries.jobs.move_on([Move(number=1, user_id=1, next_due_at=(terms.next_due_at or 0) + 1)])

    async with place.open() as other:
        await asyncio.gather(add_run(store), add_run(other))
    assert await store.jobs.next_due_at() == NOW + 80


async def test_deposits_when_two_chains_report_at_once_add_up(place: Place, store: Store) -> None:
    async with place.open() as other:
        for block_number in range(1, 11):
            await asyncio.gather(
                *(
                    node.deposits.set(ChainId(chain), OWNER, Wei(block_number), block_number=block_number, now=NOW)
                    for chain, node in enumerate((store, other, store), start=1)
                )
            )
    user = await store.users.by_address(OWNER)
    assert user is not None
    assert user.token_balance == 30


async def test_a_reader_of_the_log_when_a_lower_sequence_is_on_its_way_waits_for_it(store: Store) -> None:
    has_lower, has_higher = asyncio.Event(), asyncio.Event()

    async def append_higher() -> int:
        await has_lower.wait()
        return await store.events.append("higher", "s", {}, now_ms=2)

    async def read() -> list[str]:
        await has_higher.wait()
        return [entry.kind for entry in await store.events.after(0, limit=9)]

    higher = asyncio.create_task(append_higher(), name="append")
    reader = asyncio.create_task(read(), name="read")
    async with store.transaction() as queries:
        lower = await queries.events.append("lower", "s", {}, now_ms=1)
        has_lower.set()
        assert await higher > lower
        has_higher.set()
        done, _ = await asyncio.wait({reader}, timeout=0.2)  # a reader that does not wait is done in a millisecond
        assert not done
    assert await reader == ["lower", "higher"]


async def test_a_body_when_it_raises_on_a_lost_connection_raises_its_own(place: Place, store: Store) -> None:
    with pytest.raises(LookupError):
        async with store.transaction() as queries:
            await queries.users.ensure(OWNER, now=NOW)
            await cut_connections(place)
            raise LookupError
    assert await store.users.by_address(OWNER) is None


async def test_a_user_when_not_allowed_to_make_tables_is_told(place: Place, postgres_server: PostgresServer) -> None:
    empty = await postgres_server.new_database(is_empty=True)
    other = await asyncpg.connect(empty)
    try:
        await other.execute("CREATE USER onlooker")
    finally:
        await other.close()
    with pytest.raises(ConfigurationError, match="does not let this user create tables"):
        async with open_store(empty.replace("postgres:@", "onlooker:@")):
            pass


async def test_an_ordinary_user_when_owner_of_the_database_can_open_it(postgres_server: PostgresServer) -> None:
    empty = await postgres_server.new_database(is_empty=True)
    other = await asyncpg.connect(empty)
    try:
        await other.execute("CREATE USER node; GRANT CREATE ON SCHEMA public TO node")
    finally:
        await other.close()
    async with open_store(empty.replace("postgres:@", "node:@")) as store:
        await store.users.ensure(OWNER, now=NOW)


def test_an_address_when_shown_has_no_password() -> None:
    text = shown("postgresql://me:secret@db.example.org:5432/triggerx")
    assert text == "the Postgres database triggerx at db.example.org"
    assert shown("postgresql://") == "the Postgres database of this user at the local socket"


def test_a_timeout_when_translated_names_the_query() -> None:
    with pytest.raises(RecoverableError, match="get_job: Postgres did not answer"), translated("get_job"):
        raise TimeoutError
