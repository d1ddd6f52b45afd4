"""Which databases a store opens, and what it says about the others; durability across a killed process."""

import asyncio
import os
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import asyncpg  # type: ignore[import-untyped]  # ships no types
import pytest

from tests.contract.storage.conftest import Place
from tests.contract.storage.nouns import NOW, OWNER, address
from tests.postgres import PostgresServer
from triggerx.core.errors import ConfigurationError, RecoverableError, UnavailableError, UnrecoverableError
from triggerx.storage import open_store
from triggerx.storage.schema import migrations

ROOT = Path(__file__).resolve().parents[3]


async def run(place: Place, command: str) -> None:
    """Run SQL beside the store."""
    if place.engine == "sqlite":
        with closing(sqlite3.connect(place.address, isolation_level=None)) as connection:
            connection.execute(command)
    else:
        other = await asyncpg.connect(place.address)
        try:
            await other.execute(command)
        finally:
            await other.close()


async def empty_place(place: Place, postgres_server: PostgresServer) -> Place:
    if place.engine == "sqlite":
        return place
    return Place("postgres", await postgres_server.new_database(is_empty=True))


async def test_a_store_when_opened_again_has_what_was_stored(place: Place) -> None:
    async with place.open() as store:
        user = await store.users.ensure(OWNER, now=NOW)
    async with place.open() as store:
        assert await store.users.by_address(OWNER) == user


async def test_a_store_when_used_after_closing_says_so(place: Place) -> None:
    async with place.open() as store:
        pass
    with pytest.raises(RecoverableError, match="clos"):
        await store.users.ensure(OWNER, now=NOW)


async def test_a_new_database_when_nodes_open_it_together_is_migrated_once(
    place: Place, postgres_server: PostgresServer
) -> None:
    place = await empty_place(place, postgres_server)

    async def use(number: int) -> bool:
        try:
            async with place.open() as store:
                await store.users.ensure(address(number), now=NOW)
        except UnavailableError:
            return False
        return True

    opened = await asyncio.gather(*(use(number) for number in range(4)))
    assert opened.count(True) == (1 if place.engine == "sqlite" else 4)


async def test_a_newer_store_when_opened_says_to_upgrade(place: Place) -> None:
    async with place.open():
        pass
    await run(place, "UPDATE store_meta SET value = '9999' WHERE key = 'schema'")
    known = migrations("sqlite")[-1].number
    with pytest.raises(ConfigurationError, match=rf"newer triggerx \(schema 9999, .* knows {known}\): upgrade"):
        async with place.open():
            pass


async def test_a_foreign_database_when_opened_is_refused_and_not_changed(
    place: Place, postgres_server: PostgresServer
) -> None:
    place = await empty_place(place, postgres_server)
    Path(place.address).parent.mkdir(parents=True, exist_ok=True)
    await run(place, "CREATE TABLE orders (id INTEGER)")
    with pytest.raises(ConfigurationError, match="something else than a triggerx store: nothing was changed"):
        async with place.open():
            pass
    with pytest.raises((sqlite3.OperationalError, asyncpg.UndefinedTableError)):
        await run(place, "SELECT * FROM store_meta")


async def test_another_applications_marker_when_found_is_foreign(place: Place) -> None:
    async with place.open():
        pass
    await run(place, "UPDATE store_meta SET value = 'other' WHERE key = 'application'")
    with pytest.raises(ConfigurationError, match="something else"):
        async with place.open():
            pass


async def test_another_machine_when_it_opens_the_store_must_say_moved(
    place: Place, postgres_server: PostgresServer
) -> None:
    place = await empty_place(place, postgres_server)
    async with place.open(machine="here"):
        pass
    with pytest.raises(ConfigurationError, match="--moved"):
        async with place.open(machine="there"):
            pass
    async with place.open(machine="there", moved=True) as store:
        await store.users.ensure(OWNER, now=NOW)
    async with place.open(machine="there"):
        pass
    with pytest.raises(ConfigurationError, match="another machine"):
        async with place.open(machine="here"):
            pass


async def test_the_machine_when_not_named_is_this_one(place: Place, postgres_server: PostgresServer) -> None:
    place = await empty_place(place, postgres_server)
    for _ in range(2):
        async with open_store(place.address) as store:
            await store.users.ensure(OWNER, now=NOW)


async def test_a_data_directory_when_in_use_names_the_process(tmp_path: Path) -> None:
    async with open_store(tmp_path / "triggerx.sqlite"):
        with pytest.raises(UnavailableError, match=f"in use by the process {os.getpid()}") as caught:
            async with open_store(tmp_path / "triggerx.sqlite"):
                pass
    assert caught.value.exit_status == 69
    async with open_store(tmp_path / "triggerx.sqlite"):
        pass


async def test_a_file_when_it_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("remember the milk\n" * 100)
    with pytest.raises(ConfigurationError, match=r"notes\.txt is not a SQLite database"):
        async with open_store(tmp_path / "notes.txt"):
            pass
    assert (tmp_path / "notes.txt").read_text() == "remember the milk\n" * 100


async def test_another_programs_sqlite_file_when_it_has_a_header_is_refused(tmp_path: Path) -> None:
    await run(Place("sqlite", str(tmp_path / "other.sqlite")), "PRAGMA application_id = 77")
    with pytest.raises(ConfigurationError, match="something else"):
        async with open_store(tmp_path / "other.sqlite"):
            pass


async def test_a_damaged_file_when_opened_says_to_restore_it(tmp_path: Path) -> None:
    path = tmp_path / "triggerx.sqlite"
    async with open_store(path) as store:
        for number in range(50):
            await store.documents.put(str(number), bytes(4000), now=NOW)
    content = bytearray(path.read_bytes())
    content[8192:40960] = b"\xa5" * (40960 - 8192)
    path.write_bytes(content)
    with pytest.raises(UnrecoverableError, match=r"damaged: restore it from a backup"):
        async with open_store(path):
            pass


async def test_a_directory_when_given_for_the_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="Is a directory"):
        async with open_store(tmp_path):
            pass


async def test_an_address_when_of_another_kind_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="neither a path nor a postgresql:// URL"):
        async with open_store("mysql://localhost/triggerx"):
            pass


async def test_postgres_when_it_does_not_answer_is_unavailable_and_keeps_the_password_quiet() -> None:
    with pytest.raises(UnavailableError, match=r"triggerx at 127\.0\.0\.1 does not answer") as caught:
        async with open_store("postgresql://me:secret@127.0.0.1:1/triggerx"):
            pass
    assert caught.value.exit_status == 69
    assert "secret" not in str(caught.value)


async def test_postgres_when_its_port_is_none_names_the_key_to_correct() -> None:
    with pytest.raises(ConfigurationError, match=r"is not a usable address: .*: correct store\.url") as caught:
        async with open_store("postgresql://me:secret@127.0.0.1:99999/triggerx"):
            pass
    assert "secret" not in str(caught.value)


async def test_postgres_when_the_database_is_missing_says_so(postgres_server: PostgresServer) -> None:
    with pytest.raises(ConfigurationError, match="nowhere"):
        async with open_store(postgres_server.url("nowhere")):
            pass


WRITER = """
import asyncio, sys
from tests.contract.storage.nouns import NOW, address, vote
from tests.postgres import MACHINE
from triggerx.storage import open_store

async def main():
    async with open_store(sys.argv[1], machine=MACHINE) as store:
        for number in range(1_000_000):
            async with store.transaction() as queries:
                await queries.keepers.ensure(address(number))
                await queries.events.append("seen", f"keeper:{number}", {}, now_ms=number)
            print(number, flush=True)

asyncio.run(main())
"""


async def test_what_was_answered_when_the_process_is_killed_is_there(place: Place) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", WRITER, place.address, cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    answered = [int(await process.stdout.readline()) for _ in range(20)]
    process.kill()
    answered += [int(line) for line in (await process.stdout.read()).split()]
    await process.wait()
    async with place.open() as store:
        keepers = {keeper.keeper_address for keeper in await store.keepers.list_all()}
        events = [event.subject for event in await store.events.after(0, limit=1_000_000)]
    assert keepers >= {address(number) for number in answered}
    assert len(events) == len(keepers)  # each transaction is there as a whole, the last one too
    assert events[: len(answered)] == [f"keeper:{number}" for number in answered]
