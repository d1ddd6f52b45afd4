"""A look into the store of a node that may be running: its facts as they stand, without its lock.

Rule: in SQLite's file nothing is written. Postgres is opened as by every process of the network.
"""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import NoReturn

import aiosqlite

from triggerx.core.errors import ConfigurationError
from triggerx.ports.store import Queries
from triggerx.storage.queries import Bound
from triggerx.storage.schema import APPLICATION_ID, foreign, pending
from triggerx.storage.session import Row, Rows, Session, Value
from triggerx.storage.sqlite import translated
from triggerx.storage.statements import statements
from triggerx.storage.store import open_store


class _Reader:
    """A session over one connection that reads."""

    def __init__(self, connection: aiosqlite.Connection) -> None:
        self._connection = connection

    async def fetch_one(self, name: str, /, **parameters: Value) -> Row | None:
        """Run it and return the first row."""
        rows = await self.fetch_all(name, **parameters)
        return rows[0] if rows else None

    async def fetch_all(self, name: str, /, **parameters: Value) -> Sequence[Row]:
        """Run it and return every row."""
        statement = statements()[name]
        if not statement.is_read:
            self._refuse(name)
        statement.check(parameters)
        with translated(name):
            return [Row(row) for row in await self._connection.execute_fetchall(statement.sqlite, parameters)]

    async def execute(self, name: str, /, **parameters: Value) -> int:
        """Refuse."""
        del parameters
        self._refuse(name)

    async def execute_many(self, name: str, rows: Rows, /) -> int:
        """Refuse."""
        del rows
        self._refuse(name)

    def atomic(self) -> AbstractAsyncContextManager[Session]:
        """Refuse."""
        self._refuse("a transaction")

    @staticmethod
    def _refuse(name: str) -> NoReturn:
        raise RuntimeError(f"{name} was run on a store that is only looked into")


@asynccontextmanager
async def open_reading(address: str | Path, *, machine: str | None = None) -> AsyncIterator[Queries]:
    """Look into the store at a SQLite file's path or a `postgresql://` URL, of which `machine` is as for `open_store`.

    Raises `ConfigurationError` where there is none, or one of another program's or another version's.
    """
    if "://" in str(address):
        async with open_store(address, machine=machine) as store:
            yield store
        return
    path = Path(address)
    uri = await asyncio.to_thread(_readonly, path)
    async with aiosqlite.connect(uri, uri=True, isolation_level=None) as connection:
        connection.row_factory = sqlite3.Row
        await connection.create_function("from_hex", 1, bytes.fromhex, deterministic=True)
        await _check(connection, path)
        yield Bound(_Reader(connection))


def _readonly(path: Path) -> str:
    """The file as SQLite's URI. Without a journal beside it nobody writes, and then none is made for us either.

    One that root made would keep the node's own user out.
    """
    if not path.is_file():
        raise ConfigurationError(f"{path.parent} holds no store yet: name the node's directory, or start it once")
    has_journal = path.with_name(f"{path.name}-wal").exists()
    return f"{path.absolute().as_uri()}?mode=ro" + ("" if has_journal else "&immutable=1")


async def _check(connection: aiosqlite.Connection, path: Path) -> None:
    try:
        (row,) = await connection.execute_fetchall("PRAGMA application_id")
        if row[0] != APPLICATION_ID:
            raise foreign(str(path))
        rows = await connection.execute_fetchall(statements()["get_meta"].sqlite, {"key": "schema"})
    except sqlite3.DatabaseError as error:
        raise ConfigurationError(f"{path} cannot be read: {error}") from error
    schema = next((int(found["value"]) for found in rows), 0)
    if pending("sqlite", schema=schema, where=str(path)):
        raise ConfigurationError(
            f"{path} was made by an older triggerx (schema {schema}): start the node once with this"
        )
