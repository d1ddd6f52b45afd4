import asyncio
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from triggerx.core.errors import RecoverableError
from triggerx.storage import writer as writer_module
from triggerx.storage.sqlite import SqliteSession, connect
from triggerx.storage.writer import Writer

INSERT = "INSERT INTO t (x) VALUES (:x) RETURNING x"


class Bench:
    """A writer on a table of its own, with the statements that reached the engine."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.connection = connect(path)
        self.connection.execute("PRAGMA journal_mode = WAL")
        self.connection.execute("CREATE TABLE parents (x INTEGER PRIMARY KEY)")
        self.connection.execute(
            "CREATE TABLE t (x UNIQUE, parent INTEGER REFERENCES parents (x) DEFERRABLE INITIALLY DEFERRED)"
        )
        self.seen: list[str] = []
        self.connection.set_trace_callback(self.seen.append)
        self.commits = 0
        self.writer = Writer(self.connection, after_commit=self.count)

    def count(self) -> None:
        self.commits += 1

    def stored(self) -> list[object]:
        """What another connection reads, so what was committed."""
        reader = sqlite3.connect(self.path)
        rows = [row[0] for row in reader.execute("SELECT x FROM t ORDER BY rowid")]
        reader.close()
        return rows


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    one = Bench(tmp_path / "t.sqlite")
    one.writer.start()
    yield one
    await one.writer.close()
    one.connection.close()


async def test_the_connection_when_made_syncs_each_commit_and_checks_keys(bench: Bench) -> None:
    assert bench.connection.execute("PRAGMA synchronous").fetchone()[0] == 2
    assert bench.connection.execute("PRAGMA foreign_keys").fetchone()[0] == 1


async def test_a_write_when_answered_is_committed(bench: Bench) -> None:
    answer = await bench.writer.write(INSERT, {"x": 1})
    assert [row["x"] for row in answer.rows] == [1]
    assert bench.stored() == [1]


async def test_writes_when_they_wait_together_share_a_commit(bench: Bench) -> None:
    turn = bench.writer.turn()
    await turn.granted
    answers = [bench.writer.write(INSERT, {"x": number}) for number in range(100)]
    turn.put(True)
    await asyncio.gather(turn.committed, *answers)
    assert bench.stored() == list(range(100))
    assert bench.seen.count("COMMIT") <= 2


async def test_each_group_when_it_is_over_is_followed_by_the_call_that_was_asked_for(bench: Bench) -> None:
    await bench.writer.write(INSERT, {"x": 1})
    with pytest.raises(sqlite3.IntegrityError):
        await bench.writer.write(INSERT, {"x": 1})
    await bench.writer.close()
    assert bench.commits == 2


async def test_a_failing_statement_when_in_a_group_fails_alone(bench: Bench) -> None:
    turn = bench.writer.turn()
    await turn.granted
    answers = [bench.writer.write(INSERT, {"x": number}) for number in (1, 2, 1, 3)]
    turn.put(True)
    results = await asyncio.gather(*answers, return_exceptions=True)
    assert [isinstance(result, sqlite3.IntegrityError) for result in results] == [False, False, True, False]
    assert bench.stored() == [1, 2, 3]


async def test_rows_when_one_of_them_fails_are_taken_back_alone(bench: Bench) -> None:
    turn = bench.writer.turn()
    await turn.granted
    rows = "INSERT INTO t (x) VALUES (?)"
    answers = [bench.writer.write(rows, values) for values in ([(1,), (2,)], [(3,), (4,), (1,)], [(5,)])]
    turn.put(True)
    results = await asyncio.gather(*answers, return_exceptions=True)
    assert [isinstance(result, sqlite3.IntegrityError) for result in results] == [False, True, False]
    assert bench.stored() == [1, 2, 5]


async def test_rows_when_written_in_a_turn_are_one_hop_and_no_savepoint(bench: Bench) -> None:
    turn = bench.writer.turn()
    await turn.granted
    answer = await bench.writer.write_inside(turn, "INSERT INTO t (x) VALUES (?)", [(number,) for number in range(9)])
    turn.put(True)
    await turn.committed
    assert answer.written == 9
    assert bench.stored() == list(range(9))
    assert not [statement for statement in bench.seen if "SAVEPOINT" in statement]


async def test_the_first_turn_when_rolled_back_lets_the_next_of_its_group_commit(bench: Bench) -> None:
    first, second, third = bench.writer.turn(), bench.writer.turn(), bench.writer.turn()
    for turn, value, is_kept in ((first, 1, False), (second, 2, True), (third, 3, False)):
        await turn.granted
        await bench.writer.write_inside(turn, INSERT, {"x": value})
        turn.put(is_kept)
    await asyncio.gather(first.committed, second.committed, third.committed)
    assert bench.stored() == [2]


async def test_a_commit_when_it_fails_fails_its_whole_group_and_the_next_goes_on(bench: Bench) -> None:
    turn = bench.writer.turn()
    await turn.granted
    await bench.writer.write_inside(turn, "INSERT INTO t (x, parent) VALUES (9, 404)", {})
    beside = bench.writer.write(INSERT, {"x": 1})
    turn.put(True)
    results = await asyncio.gather(turn.committed, beside, return_exceptions=True)
    assert isinstance(results[0], sqlite3.IntegrityError)
    stored = bench.stored()
    assert stored == ([] if isinstance(results[1], sqlite3.IntegrityError) else [1])
    await bench.writer.write(INSERT, {"x": 2})
    assert bench.stored() == [*stored, 2]


async def test_a_full_disk_when_met_by_a_group_answers_as_the_file_stands(bench: Bench) -> None:
    pages = bench.connection.execute("PRAGMA page_count").fetchone()[0]
    bench.connection.execute(f"PRAGMA max_page_count = {pages + 4}")
    turn = bench.writer.turn()
    await turn.granted
    values: list[int | bytes] = [1, bytes(200_000), 2]
    answers = [bench.writer.write(INSERT, {"x": value}) for value in values]
    turn.put(True)
    results = await asyncio.gather(*answers, return_exceptions=True)
    assert isinstance(results[1], sqlite3.OperationalError)
    kept = [value for value, result in zip(values, results, strict=True) if not isinstance(result, BaseException)]
    assert bench.stored() == kept
    await bench.writer.write(INSERT, {"x": 3})
    assert bench.stored() == [*kept, 3]


async def test_a_group_when_another_program_holds_the_file_fails_in_words_and_the_next_goes_on(bench: Bench) -> None:
    bench.connection.execute("PRAGMA busy_timeout = 0")
    session = SqliteSession(bench.writer, [])
    other = sqlite3.connect(bench.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(RecoverableError, match="another program holds the store's file"):
        async with session.atomic():
            raise AssertionError("the transaction must not begin")
    answer = bench.writer.write(INSERT, {"x": 1})
    with pytest.raises(sqlite3.OperationalError, match="locked"):
        await answer
    other.close()
    await bench.writer.write(INSERT, {"x": 2})
    assert bench.stored() == [2]


async def test_a_turn_when_rolled_back_leaves_nothing_and_the_others(bench: Bench) -> None:
    turn = bench.writer.turn()
    await turn.granted
    await bench.writer.write_inside(turn, INSERT, {"x": 1})
    after = bench.writer.write(INSERT, {"x": 2})
    turn.put(False)
    await asyncio.gather(after, turn.committed)
    assert bench.stored() == [2]


async def test_a_turn_when_held_too_long_is_ended_and_its_owner_told(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer_module, "TRANSACTION_SECONDS_MAX", 0.01)
    session = SqliteSession(bench.writer, [])
    granted, waits = asyncio.Event(), asyncio.Event()

    async def hold() -> None:
        async with session.atomic():
            granted.set()
            await waits.wait()

    task = asyncio.create_task(hold(), name="hold")
    await granted.wait()
    await bench.writer.write(INSERT, {"x": 2})  # waits until the turn before it is ended
    waits.set()
    with pytest.raises(RecoverableError, match="held the store"):
        await task
    assert bench.stored() == [2]


async def test_a_late_statement_when_its_turn_is_over_is_refused(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer_module, "TRANSACTION_SECONDS_MAX", 0.01)
    turn = bench.writer.turn()
    await turn.granted
    await bench.writer.write_inside(turn, INSERT, {"x": 1})
    await bench.writer.write(INSERT, {"x": 2})
    with pytest.raises(RecoverableError, match="held the store"):
        await bench.writer.write_inside(turn, INSERT, {"x": 3})
    with pytest.raises(RecoverableError, match="held the store"):
        await turn.committed
    assert bench.stored() == [2]


async def test_a_caller_when_cancelled_while_waiting_harms_nobody(bench: Bench) -> None:
    turn = bench.writer.turn()
    await turn.granted
    first, second = bench.writer.write(INSERT, {"x": 1}), bench.writer.write(INSERT, {"x": 2})
    first.cancel()
    turn.put(True)
    await second
    assert bench.stored() == [1, 2]


async def test_a_writer_when_closed_has_committed_what_was_handed_over(tmp_path: Path) -> None:
    one = Bench(tmp_path / "t.sqlite")
    one.writer.start()
    answers = [one.writer.write(INSERT, {"x": number}) for number in range(5)]
    await one.writer.close()
    assert one.stored() == list(range(5))
    await asyncio.gather(*answers)
    with pytest.raises(RecoverableError, match="closed"):
        one.writer.write(INSERT, {"x": 9})
    one.connection.close()
