"""SQLite behind `Session`: one writer that commits in groups, and readers beside it that see the newest commit."""

import sqlite3
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from itertools import cycle
from pathlib import Path
from typing import Final

import aiosqlite

from triggerx.core.errors import Conflict, InvalidInput, NotFound, RecoverableError, TriggerxError, UnrecoverableError
from triggerx.storage.checkpoints import Checkpoints
from triggerx.storage.session import Row, Rows, Session, Value, in_transaction, refuse_inside
from triggerx.storage.statements import statements
from triggerx.storage.writer import Answer, Parameters, Turn, Writer

STATEMENTS_KEPT: Final = 256  # prepared once a connection; there are about 90
CACHE_KIB: Final = 64 * 1024  # a batch of a thousand jobs must not spill its pages before they are committed
READERS: Final = (
    2  # a long list must not keep a short look-up waiting; SQLite's readers are bound by the interpreter anyway
)


class SqliteSession:
    """The store's own session: reads go to the readers, each write is a transaction of its own."""

    def __init__(self, writer: Writer, readers: Sequence[aiosqlite.Connection]) -> None:
        self._writer = writer
        self._readers = cycle(readers)

    async def fetch_one(self, name: str, /, **parameters: Value) -> Row | None:
        """Run it and return the first row."""
        rows = await self.fetch_all(name, **parameters)
        return rows[0] if rows else None

    async def fetch_all(self, name: str, /, **parameters: Value) -> Sequence[Row]:
        """Run it and return every row."""
        statement = statements()[name]
        if not statement.is_read:
            return _rows(await self._write(name, parameters))
        statement.check(parameters)
        self._writer.check_open()
        with translated(name):
            return [Row(row) for row in await next(self._readers).execute_fetchall(statement.sqlite, parameters)]

    async def execute(self, name: str, /, **parameters: Value) -> int:
        """Run it and return how many rows it wrote."""
        return (await self._write(name, parameters)).written

    async def execute_many(self, name: str, rows: Rows, /) -> int:
        """Run it once for each row, as one."""
        refuse_inside(self._writer, name)
        statement = statements()[name]
        if not rows:
            return 0
        with translated(name):
            return (await self._writer.write(statement.sqlite_many, statement.rows(rows))).written

    @asynccontextmanager
    async def atomic(self) -> AsyncIterator[Session]:
        """Hold the writer for several statements; they share their commit with what waits behind them."""
        refuse_inside(self._writer, "a transaction")
        turn = self._writer.turn()
        session = _TransactionSession(self._writer, turn)
        try:
            with translated("transaction"):
                await turn.granted
            with in_transaction(self._writer):
                yield session
            session.check()
        except BaseException:
            turn.put(False)
            if not turn.committed.cancel() and not turn.committed.cancelled():
                turn.committed.exception()  # taken note of: what is raised here says the same
            raise
        turn.put(True)
        with translated("transaction"):
            await turn.committed

    async def _write(self, name: str, parameters: dict[str, Value]) -> Answer:
        refuse_inside(self._writer, name)
        statement = statements()[name]
        statement.check(parameters)
        with translated(name):
            return await self._writer.write(statement.sqlite, parameters)


class _TransactionSession:
    """A transaction's session: everything runs on the writer, and an error of the engine ends it."""

    def __init__(self, writer: Writer, turn: Turn) -> None:
        self._writer = writer
        self._turn = turn
        self._failed: TriggerxError | None = None

    async def fetch_one(self, name: str, /, **parameters: Value) -> Row | None:
        """Run it and return the first row."""
        rows = await self.fetch_all(name, **parameters)
        return rows[0] if rows else None

    async def fetch_all(self, name: str, /, **parameters: Value) -> Sequence[Row]:
        """Run it and return every row."""
        return _rows(await self._run(name, parameters))

    async def execute(self, name: str, /, **parameters: Value) -> int:
        """Run it and return how many rows it wrote."""
        return (await self._run(name, parameters)).written

    async def execute_many(self, name: str, rows: Rows, /) -> int:
        """Run it once for each row, as one."""
        statement = statements()[name]
        if not rows:
            return 0
        return (await self._written(name, statement.sqlite_many, statement.rows(rows))).written

    @asynccontextmanager
    async def atomic(self) -> AsyncIterator[Session]:
        """Join."""
        yield self

    def check(self) -> None:
        """Raise when a statement failed, so that the rest is not committed without it (as on Postgres)."""
        if self._failed is not None:
            raise RecoverableError(f"the transaction was rolled back: {self._failed}") from self._failed

    async def _run(self, name: str, parameters: dict[str, Value]) -> Answer:
        statement = statements()[name]
        statement.check(parameters)
        return await self._written(name, statement.sqlite, parameters)

    async def _written(self, name: str, sql: str, parameters: Parameters) -> Answer:
        self.check()
        try:
            with translated(name):
                return await self._writer.write_inside(self._turn, sql, parameters)
        except TriggerxError as error:
            self._failed = error
            raise


def connect(path: Path) -> sqlite3.Connection:
    """Open a connection as the store uses it; raises `sqlite3.Error`. The schema is not looked at."""
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, cached_statements=STATEMENTS_KEPT)
    try:
        connection.row_factory = sqlite3.Row
        connection.create_function("add_decimal", 2, _add_decimal, deterministic=True)
        connection.create_function("from_hex", 1, bytes.fromhex, deterministic=True)
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
        connection.execute("PRAGMA temp_store = MEMORY")  # what a savepoint would take back goes through no file
        connection.execute("PRAGMA foreign_keys = ON")
    except sqlite3.Error:
        connection.close()
        raise
    return connection


@asynccontextmanager
async def sqlite_session(path: Path, connection: sqlite3.Connection) -> AsyncIterator[Session]:
    """Serve a checked store; the connection becomes the writer's."""
    checkpoints = Checkpoints(path, own=connect(path), writers=connection)
    writer = Writer(connection, after_commit=checkpoints.committed)
    readers: list[aiosqlite.Connection] = []
    checkpoints.start()
    writer.start()
    try:
        for _ in range(READERS):
            reader = await aiosqlite.connect(path, isolation_level=None, cached_statements=STATEMENTS_KEPT)
            readers.append(reader)
            reader.row_factory = sqlite3.Row
            await reader.create_function("from_hex", 1, bytes.fromhex, deterministic=True)
            await reader.execute_fetchall("PRAGMA query_only = ON")
        yield SqliteSession(writer, readers)
    finally:
        await writer.close()
        for reader in readers:
            await reader.close()
        await checkpoints.close()
        connection.close()


@contextmanager
def translated(doing: str) -> Iterator[None]:
    """Turn the engine's errors into ours; `doing` is the query's name."""
    try:
        yield
    except sqlite3.IntegrityError as error:
        if error.sqlite_errorcode == sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY:
            raise NotFound(f"{doing}: it refers to something that is not in the store") from error
        raise Conflict(f"{doing}: it contradicts what is in the store: {error}") from error
    except (OverflowError, UnicodeEncodeError) as error:
        raise InvalidInput(doing, f"holds a value that cannot be stored: {error}") from error
    except sqlite3.DatabaseError as error:
        raise _outage(doing, error) from error


def _outage(doing: str, error: sqlite3.DatabaseError) -> TriggerxError:
    match getattr(error, "sqlite_errorcode", None):
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return RecoverableError(f"{doing}: another program holds the store's file: {error}")
        case sqlite3.SQLITE_CORRUPT | sqlite3.SQLITE_NOTADB:
            return UnrecoverableError(f"{doing}: the store's file is damaged: restore it from a backup ({error})")
        case sqlite3.SQLITE_FULL:
            return UnrecoverableError(f"{doing}: the disk of the store is full: make room and start again ({error})")
        case _:
            return UnrecoverableError(f"{doing}: the store's file cannot be used: {error}")


def _add_decimal(first: str, second: str) -> str:
    """Add exactly: SQLite's own numbers end at 64 bits."""
    return str(int(first) + int(second))


def _rows(answer: Answer) -> Sequence[Row]:
    return [Row(row) for row in answer.rows]
