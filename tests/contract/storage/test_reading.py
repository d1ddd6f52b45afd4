"""Whoever looks into a store sees its newest commit, keeps nobody out, and leaves nothing behind."""

import asyncio
import os
import signal
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import pytest

from tests.contract.storage.conftest import Place
from tests.contract.storage.nouns import vote
from tests.postgres import MACHINE
from triggerx.core.errors import ConfigurationError
from triggerx.storage import open_store
from triggerx.storage.lock import holder_of, locked
from triggerx.storage.reading import open_reading


async def test_reading_when_a_node_has_the_store_then_its_newest_commit_is_seen(place: Place) -> None:
    async with place.open() as store:
        await store.votes.bind(vote(key=1, task_hash=1))
        async with open_reading(place.address, machine=MACHINE) as seen:
            assert [count.votes for count in await seen.votes.tally("attestation")] == [1]
            await store.votes.bind(vote(key=2, task_hash=2))
            assert [count.votes for count in await seen.votes.tally("attestation")] == [2]


async def test_reading_when_the_node_has_ended_then_no_file_is_made(tmp_path: Path) -> None:
    file = tmp_path / "triggerx.sqlite"
    async with open_store(file, machine=MACHINE) as store:
        await store.votes.bind(vote())
    before = sorted(tmp_path.iterdir())
    assert not any(path.name.endswith(("-wal", "-shm")) for path in before)
    async with open_reading(file) as seen:
        assert len(await seen.votes.tally("attestation")) == 1
        assert sorted(tmp_path.iterdir()) == before
    assert sorted(tmp_path.iterdir()) == before


async def test_reading_when_the_node_was_killed_then_what_it_committed_is_seen(tmp_path: Path) -> None:
    file = tmp_path / "triggerx.sqlite"
    code = (
        "import asyncio, os, sys\n"
        "from tests.contract.storage.nouns import vote\n"
        "from triggerx.storage import open_store\n"
        "async def main():\n"
        "    async with open_store(sys.argv[1], machine=sys.argv[2]) as store:\n"
        "        await store.votes.bind(vote())\n"
        "        os.kill(os.getpid(), 9)\n"
        "asyncio.run(main())\n"
    )
    root = Path(__file__).resolve().parents[3]
    environ = {**os.environ, "PYTHONPATH": f"{root}:{root / 'roles'}"}
    command = [sys.executable, "-c", code, str(file), MACHINE]
    process = await asyncio.create_subprocess_exec(*command, env=environ)
    async with asyncio.timeout(60):
        assert await process.wait() == -signal.SIGKILL
    async with open_reading(file) as seen:
        assert len(await seen.votes.tally("attestation")) == 1


async def test_reading_when_something_is_to_be_written_then_it_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "triggerx.sqlite"
    async with open_store(file, machine=MACHINE):
        pass
    async with open_reading(file) as seen:
        with pytest.raises(RuntimeError, match="only looked into"):
            await seen.documents.put("bafk", b"x", now=1)
        with pytest.raises(RuntimeError, match="only looked into"):
            await seen.votes.bind(vote())


async def test_reading_when_there_is_no_store_of_ours_then_it_is_said_and_none_is_made(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="holds no store yet"):
        async with open_reading(tmp_path / "triggerx.sqlite"):
            pass
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "letter").write_bytes(b"a letter to a friend" * 100)
    with pytest.raises(ConfigurationError, match="cannot be read"):
        async with open_reading(tmp_path / "letter"):
            pass
    with closing(sqlite3.connect(tmp_path / "recipes")) as recipes:
        recipes.execute("CREATE TABLE recipes (name TEXT)")
    with pytest.raises(ConfigurationError, match="holds something else"):
        async with open_reading(tmp_path / "recipes"):
            pass


@pytest.mark.parametrize(
    ("schema", "message"), [("1", "made by an older triggerx"), ("9999", "made by a newer triggerx")]
)
async def test_reading_when_the_schema_is_another_then_it_is_said(tmp_path: Path, schema: str, message: str) -> None:
    file = tmp_path / "triggerx.sqlite"
    async with open_store(file, machine=MACHINE):
        pass
    with closing(sqlite3.connect(file, isolation_level=None)) as store:
        store.execute("UPDATE store_meta SET value = ? WHERE key = 'schema'", (schema,))
    with pytest.raises(ConfigurationError, match=message):
        async with open_reading(file):
            pass


def test_holder_when_a_process_has_the_directory_then_it_is_named(tmp_path: Path) -> None:
    assert holder_of(tmp_path) is None
    with locked(tmp_path):
        assert holder_of(tmp_path) == os.getpid()
        assert holder_of(tmp_path, locks=tmp_path / "absent") is None
    assert holder_of(tmp_path) is None
