"""Opening a SQLite store's file: is it ours, whole, of a schema we know, and this machine's? Then it is migrated.

Nothing is written before the file is known to be ours or empty.
"""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

from triggerx.core.errors import ConfigurationError, UnavailableError, UnrecoverableError
from triggerx.storage.refill import JOBS_AT_ONCE, TERMS_SCHEMA, filled
from triggerx.storage.schema import APPLICATION, APPLICATION_ID, check_machine, foreign, pending
from triggerx.storage.session import Row
from triggerx.storage.sqlite import connect
from triggerx.storage.statements import statements

CHECKED_BYTES_MAX: Final = 256 * 1024 * 1024  # a whole check reads the file, about a second for this much
SQLITE_MIN: Final = (3, 35, 0)  # RETURNING


def open_file(path: Path, *, machine: str, moved: bool) -> sqlite3.Connection:
    """Check, create or migrate; blocking. Raises `ConfigurationError`, `UnavailableError` or `UnrecoverableError`."""
    if sqlite3.sqlite_version_info < SQLITE_MIN:
        raise ConfigurationError(
            f"this Python comes with SQLite {sqlite3.sqlite_version}, {'.'.join(map(str, SQLITE_MIN))} is needed: "
            "use a newer Python, or Postgres"
        )
    with _said(path):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        connection = connect(path)
        try:
            _check_ours(connection, path)
            _use_wal(connection, path)
            _migrate(connection, path, machine=machine, moved=moved)
        except BaseException:
            connection.close()
            raise
        _sync_directory(path.parent)
        return connection


@contextmanager
def _said(path: Path) -> Iterator[None]:
    """Say what stands in the way of opening it, in words."""
    try:
        yield
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be opened: {error.strerror}") from error
    except sqlite3.DatabaseError as error:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code == sqlite3.SQLITE_NOTADB:
            raise ConfigurationError(f"{path} is not a SQLite database: name another file") from error
        if code == sqlite3.SQLITE_CORRUPT:
            raise UnrecoverableError(f"{path} is damaged: restore it from a backup ({error})") from error
        if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            raise UnavailableError(f"{path} is held by another program: stop it ({error})") from error
        raise ConfigurationError(f"{path} cannot be opened: {error}") from error


def _check_ours(connection: sqlite3.Connection, path: Path) -> None:
    application = connection.execute("PRAGMA application_id").fetchone()[0]
    tables = {row["name"] for row in connection.execute("SELECT name FROM sqlite_master")}
    if application not in (0, APPLICATION_ID) or (tables and application == 0):
        raise foreign(str(path))
    if application == APPLICATION_ID and "store_meta" not in tables:
        raise UnrecoverableError(f"{path} is a triggerx store without its tables: restore it from a backup")
    if path.stat().st_size <= CHECKED_BYTES_MAX:
        verdict = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
        if verdict != "ok":
            raise UnrecoverableError(f"{path} is damaged: restore it from a backup ({verdict})")


def _use_wal(connection: sqlite3.Connection, path: Path) -> None:
    if connection.execute("PRAGMA journal_mode = WAL").fetchone()[0] != "wal":
        raise ConfigurationError(f"{path} lies on a file system without shared memory: use a local disk")


def _migrate(connection: sqlite3.Connection, path: Path, *, machine: str, moved: bool) -> None:
    connection.execute("BEGIN IMMEDIATE")
    try:
        if connection.execute("PRAGMA application_id").fetchone()[0] == 0:
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute(statements()["create_meta"].sqlite)
            _set(connection, "application", APPLICATION)
        if _get(connection, "application") != APPLICATION:
            raise foreign(str(path))
        steps = pending("sqlite", schema=int(_get(connection, "schema") or 0), where=str(path))
        for migration in steps:
            for statement in _split(migration.script):
                connection.execute(statement)
            _set(connection, "schema", str(migration.number))
        if any(step.number == TERMS_SCHEMA for step in steps):
            _fill_terms(connection)
        check_machine(bound=_get(connection, "machine"), machine=machine, moved=moved, where=str(path))
        _set(connection, "machine", machine)
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def _fill_terms(connection: sqlite3.Connection) -> None:
    find, fill = statements()["jobs_without_terms"].sqlite, statements()["fill_job_terms"].sqlite
    after = 0
    while rows := [Row(row) for row in connection.execute(find, {"after": after, "limit": JOBS_AT_ONCE})]:
        connection.executemany(fill, filled(rows))
        after = rows[-1].integer("job_number")


def _split(script: str) -> Iterator[str]:
    """The single statements of a script (`executescript` would commit first)."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
    if statement.strip() and not all(line.startswith("--") for line in statement.strip().splitlines()):
        raise ValueError(f"a migration ends in the middle of a statement: {statement[:80]!r}")


def _get(connection: sqlite3.Connection, key: str) -> str | None:
    with closing(connection.execute(statements()["get_meta"].sqlite, {"key": key})) as cursor:
        row = cursor.fetchone()
    return None if row is None else str(row["value"])


def _set(connection: sqlite3.Connection, key: str, value: str) -> None:
    connection.execute(statements()["set_meta"].sqlite, {"key": key, "value": value})


def _sync_directory(directory: Path) -> None:
    """Make the file's name durable as well as its content."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
