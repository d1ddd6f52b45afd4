import sqlite3
from pathlib import Path

import pytest

from triggerx.core.errors import ConfigurationError, UnavailableError, UnrecoverableError
from triggerx.storage import sqlite_file
from triggerx.storage.schema import APPLICATION_ID, Migration, migrations
from triggerx.storage.sqlite import connect
from triggerx.storage.sqlite_file import open_file


def opened(path: Path) -> sqlite3.Connection:
    return open_file(path, machine="here", moved=False)


def test_a_new_file_when_opened_is_ours_private_and_in_wal_mode(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    connection = opened(path)
    assert connection.execute("PRAGMA application_id").fetchone()[0] == APPLICATION_ID
    assert connection.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
    assert connection.execute("SELECT value FROM store_meta WHERE key = 'schema'").fetchone()[0] == str(
        migrations("sqlite")[-1].number
    )
    connection.close()
    assert path.stat().st_mode & 0o077 == 0


def test_an_older_file_when_opened_gets_the_later_migrations_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "store.sqlite"
    opened(path).close()
    last = migrations("sqlite")[-1].number
    script = "-- Later.\nCREATE TABLE later (x TEXT);\nINSERT INTO later VALUES (';');\n"
    later = Migration(number=last + 1, script=script)
    monkeypatch.setattr(sqlite_file, "pending", lambda _engine, *, schema, where: (later,) if schema == last else ())
    connection = opened(path)
    assert connection.execute("SELECT x FROM later").fetchone()[0] == ";"
    connection.close()
    opened(path).close()


def test_a_migration_when_it_fails_leaves_the_file_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "store.sqlite"
    opened(path).close()
    broken = Migration(number=99, script="CREATE TABLE later (x TEXT);\nCREATE TABLE later (x TEXT);\n")
    with monkeypatch.context() as patched:
        patched.setattr(sqlite_file, "pending", lambda _engine, *, schema, where: (broken,))
        with pytest.raises(ConfigurationError, match="later already exists"):
            opened(path)
    connection = opened(path)
    assert connection.execute("SELECT count(*) FROM sqlite_master WHERE name = 'later'").fetchone()[0] == 0
    connection.close()


def test_a_migration_when_it_ends_in_the_middle_is_a_mistake_of_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    half = Migration(number=99, script="CREATE TABLE later (x TEXT)")
    monkeypatch.setattr(sqlite_file, "pending", lambda _engine, *, schema, where: (half,))
    with pytest.raises(ValueError, match="in the middle of a statement"):
        opened(tmp_path / "store.sqlite")


def test_a_store_when_its_tables_are_gone_is_not_made_anew(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    connection = opened(path)
    connection.execute("DROP TABLE store_meta")
    connection.close()
    with pytest.raises(UnrecoverableError, match="without its tables"):
        opened(path)


def test_a_sqlite_when_too_old_is_refused_before_anything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 34, 1))
    with pytest.raises(ConfigurationError, match=r"3\.35\.0 is needed"):
        opened(tmp_path / "store.sqlite")
    assert list(tmp_path.iterdir()) == []


def test_a_file_when_another_program_holds_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "store.sqlite"
    opened(path).close()
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    def impatient(where: Path) -> sqlite3.Connection:
        connection = connect(where)
        connection.execute("PRAGMA busy_timeout = 0")
        return connection

    monkeypatch.setattr(sqlite_file, "connect", impatient)
    with pytest.raises(UnavailableError, match="held by another program"):
        opened(path)
    other.close()
