import shutil
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.fakes.store import temporary_store
from triggerx.evm.types import Address
from triggerx.storage import checkpoints as checkpoints_module
from triggerx.storage.checkpoints import Checkpoints
from triggerx.storage.sqlite import connect
from triggerx.storage.sqlite_file import open_file
from triggerx.storage.writer import Writer

BLOB_BYTES = 100_000
BOUND_BYTES = 1_000_000
INSERT = "INSERT INTO t (x) VALUES (:x)"


class Bench:
    """A writer on a table of its own whose commits are followed by checkpoints."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.connection = open_file(path, machine="here", moved=False)
        self.connection.execute("CREATE TABLE t (x)")
        self.checkpoints = Checkpoints(path, own=connect(path), writers=self.connection)
        self.writer = Writer(self.connection, after_commit=self.checkpoints.committed)

    @property
    def wal_path(self) -> Path:
        return self.path.with_name(f"{self.path.name}-wal")

    async def fill(self, rows: int) -> None:
        for _ in range(rows):
            await self.writer.write(INSERT, {"x": bytes(BLOB_BYTES)})

    def in_file(self) -> int:
        """How many rows the file alone holds, whatever is in the WAL; nobody may be copying."""
        with closing(sqlite3.connect(f"file:{self.path}?immutable=1", uri=True)) as reader:
            try:
                return int(reader.execute("SELECT COUNT(*) FROM t").fetchone()[0])
            except sqlite3.OperationalError:  # not even the table
                return 0

    async def close(self) -> None:
        await self.writer.close()
        await self.checkpoints.close()


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    """The thread of the checkpoints is not started yet."""
    one = Bench(tmp_path / "t.sqlite")
    one.writer.start()
    yield one
    await one.close()
    one.connection.close()


async def test_a_commit_when_made_leaves_the_checkpoint_to_another(bench: Bench) -> None:
    await bench.fill(20)
    assert bench.connection.execute("PRAGMA wal_autocheckpoint").fetchone()[0] == 0
    assert bench.in_file() == 0


async def test_what_was_committed_when_the_thread_has_had_its_turn_is_in_the_file(bench: Bench) -> None:
    bench.checkpoints.start()
    await bench.fill(20)
    await bench.close()
    assert bench.in_file() == 20


async def test_a_wal_when_nobody_empties_it_is_emptied_by_its_writer_at_the_bound(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoints_module, "WAL_BYTES_MAX", BOUND_BYTES)
    largest = 0
    for _ in range(50):
        await bench.fill(1)
        largest = max(largest, bench.wal_path.stat().st_size)
    await bench.writer.close()
    assert BOUND_BYTES < largest < BOUND_BYTES + 3 * BLOB_BYTES
    assert bench.in_file() > 20


async def test_a_wal_when_a_reader_holds_it_grows_and_is_emptied_once_the_reader_is_gone(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoints_module, "WAL_BYTES_MAX", BOUND_BYTES)
    await bench.fill(1)
    with closing(sqlite3.connect(bench.path, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        assert reader.execute("SELECT COUNT(*) FROM t").fetchone()[0] == 1
        await bench.fill(20)
        assert bench.wal_path.stat().st_size > 20 * BLOB_BYTES
        assert reader.execute("SELECT COUNT(*) FROM t").fetchone()[0] == 1
    await bench.fill(1)
    grown = bench.wal_path.stat().st_size
    await bench.fill(15)
    await bench.writer.close()
    assert bench.wal_path.stat().st_size <= grown
    assert bench.in_file() >= 21


async def test_a_checkpoint_when_it_fails_fails_no_commit_and_is_made_the_next_time(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoints_module, "WAL_BYTES_MAX", BOUND_BYTES)
    with monkeypatch.context() as patched:
        patched.setattr(checkpoints_module, "CHECKPOINT", "PRAGMA no such thing")
        bench.checkpoints.start()
        await bench.fill(20)
        assert bench.in_file() == 0
    await bench.fill(1)
    await bench.close()
    assert bench.in_file() == 21


async def test_a_store_when_cut_off_before_its_checkpoint_has_all_that_was_committed(
    bench: Bench, tmp_path: Path
) -> None:
    await bench.fill(3)
    copy = tmp_path / "copy.sqlite"
    shutil.copyfile(bench.path, copy)
    shutil.copyfile(bench.wal_path, copy.with_name("copy.sqlite-wal"))
    with closing(connect(copy)) as connection:
        assert connection.execute("SELECT COUNT(*) FROM t").fetchone()[0] == 3


async def test_a_store_when_closed_leaves_one_file_with_everything(tmp_path: Path) -> None:
    async with temporary_store(tmp_path) as store:
        for number in range(30):
            await store.users.ensure(Address(bytes([number]) * 20), now=1)
    assert [path.name for path in tmp_path.rglob("*sqlite*")] == ["triggerx.sqlite"]
    with closing(sqlite3.connect(f"file:{next(tmp_path.rglob('*.sqlite'))}?immutable=1", uri=True)) as reader:
        assert reader.execute("SELECT COUNT(*) FROM users").fetchone()[0] == 30
