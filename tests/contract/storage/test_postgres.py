"""What happens to a store on Postgres when its server, or another node, gets in the way."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg  # type: ignore[import-untyped]  # ships no types
import pytest

from tests.contract.storage.conftest import Place
from tests.contract.storage.nouns import NOW, OWNER, address
from tests.postgres import PostgresServer
from triggerx.core.errors import ConfigurationError, RecoverableError
from triggerx.ports.store import Store
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
