"""Postgres behind `Session`: a pool of connections, each query prepared once a connection.

Outside of a transaction a query is its own one. Inside, reads of a single thing take its row (`-- lock:`), so that two
nodes that read, decide and write the same task follow each other. An error of the engine ends a transaction.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Final

import asyncpg  # type: ignore[import-untyped]  # ships no types; rows are checked column by column in Row

from triggerx.core.errors import Conflict, InvalidInput, NotFound, RecoverableError, TriggerxError, UnrecoverableError
from triggerx.storage.session import Row, Rows, Session, Value, in_transaction, refuse_inside
from triggerx.storage.statements import Statement, statements

QUERY_SECONDS_MAX: Final = 30.0  # no query of ours takes a second: past this the connection is taken for dead
TRANSACTION_SECONDS_MAX: Final = 10.0  # as in SQLite's writer: rows stay locked while its owner thinks
# The third is what asyncpg raises for a query between the server's farewell and the end of the connection.
LOST: Final = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError)
CLOSE_SECONDS_MAX: Final = 10.0  # then connections are cut; what was not committed was not answered either


class PostgresSession:
    """The store's own session: each query on whatever connection is free."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def fetch_one(self, name: str, /, **parameters: Value) -> Row | None:
        """Run it and return the first row."""
        rows = await self.fetch_all(name, **parameters)
        return rows[0] if rows else None

    async def fetch_all(self, name: str, /, **parameters: Value) -> Sequence[Row]:
        """Run it and return every row."""
        statement = self._statement(name, parameters)
        async with self._connection(name) as connection:
            if not statement.gate:
                return await _fetch(connection, statement.postgres, statement, parameters)
            async with connection.transaction():
                await connection.execute(statement.gate)
                return await _fetch(connection, statement.postgres, statement, parameters)

    async def execute(self, name: str, /, **parameters: Value) -> int:
        """Run it and return how many rows it wrote."""
        statement = self._statement(name, parameters)
        async with self._connection(name) as connection:
            return await _execute(connection, statement, parameters)

    async def execute_many(self, name: str, rows: Rows, /) -> int:
        """Run it once for each row, as one."""
        if not rows:
            return 0
        async with self.atomic() as session:
            return await session.execute_many(name, rows)

    @asynccontextmanager
    async def atomic(self) -> AsyncIterator[Session]:
        """Take a connection for several statements."""
        refuse_inside(self._pool, "a transaction")
        with translated("transaction"):
            connection = await self._pool.acquire(timeout=QUERY_SECONDS_MAX)
        try:
            transaction = connection.transaction(isolation="read_committed")
            with translated("transaction"):
                await transaction.start()
            session = _TransactionSession(connection)
            try:
                with in_transaction(self._pool):
                    yield session
                session.check()
            except BaseException:
                with suppress(*LOST):  # the server rolls back what a lost connection had begun
                    await transaction.rollback()
                raise
            with translated("transaction"):
                await transaction.commit()
        finally:
            await self._pool.release(connection)

    def _statement(self, name: str, parameters: dict[str, Value]) -> Statement:
        statement = statements()[name]
        statement.check(parameters)
        if not statement.is_read:
            refuse_inside(self._pool, name)
        return statement

    @asynccontextmanager
    async def _connection(self, doing: str) -> AsyncIterator[asyncpg.Connection]:
        with translated(doing):
            async with self._pool.acquire(timeout=QUERY_SECONDS_MAX) as connection:
                yield connection


class _TransactionSession:
    """A transaction's session: one connection, one statement at a time."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection
        self._turn = asyncio.Lock()
        self._failed: TriggerxError | None = None

    async def fetch_one(self, name: str, /, **parameters: Value) -> Row | None:
        """Run it and return the first row."""
        rows = await self.fetch_all(name, **parameters)
        return rows[0] if rows else None

    async def fetch_all(self, name: str, /, **parameters: Value) -> Sequence[Row]:
        """Run it and return every row."""
        statement = statements()[name]
        statement.check(parameters)
        async with self._statement(name):
            if statement.gate:
                await self._connection.execute(statement.gate)
            return await _fetch(self._connection, statement.postgres_locking, statement, parameters)

    async def execute(self, name: str, /, **parameters: Value) -> int:
        """Run it and return how many rows it wrote."""
        statement = statements()[name]
        statement.check(parameters)
        async with self._statement(name):
            return await _execute(self._connection, statement, parameters)

    async def execute_many(self, name: str, rows: Rows, /) -> int:
        """Run it once for each row, as one: a failing row ends the transaction."""
        statement = statements()[name]
        values = statement.rows(rows)
        async with self._statement(name):
            if statement.gate:
                await self._connection.execute(statement.gate)
            return len(await self._connection.fetchmany(f"{statement.postgres}\nRETURNING 1", values))

    @asynccontextmanager
    async def atomic(self) -> AsyncIterator[Session]:
        """Join."""
        yield self

    def check(self) -> None:
        """Raise when a statement failed: the server would answer COMMIT with a silent rollback."""
        if self._failed is not None:
            raise RecoverableError(f"the transaction was rolled back: {self._failed}") from self._failed

    @asynccontextmanager
    async def _statement(self, name: str) -> AsyncIterator[None]:
        async with self._turn:
            self.check()
            try:
                with translated(name):
                    yield
            except TriggerxError as error:
                self._failed = error
                raise


@contextmanager
def translated(doing: str) -> Iterator[None]:
    """Turn the engine's errors into ours; `doing` is the query's name."""
    try:
        yield
    except asyncpg.ForeignKeyViolationError as error:
        raise NotFound(f"{doing}: it refers to something that is not in the store") from error
    except asyncpg.IntegrityConstraintViolationError as error:
        raise Conflict(f"{doing}: it contradicts what is in the store: {error}") from error
    except asyncpg.DataError as error:
        raise InvalidInput(doing, f"holds a value that cannot be stored: {error}") from error
    except (asyncpg.DiskFullError, asyncpg.ReadOnlySQLTransactionError, asyncpg.DataCorruptedError) as error:
        raise UnrecoverableError(f"{doing}: Postgres cannot write any more: {error}") from error
    except TimeoutError as error:
        raise RecoverableError(f"{doing}: Postgres did not answer in {QUERY_SECONDS_MAX:.0f} s") from error
    except LOST as error:
        raise RecoverableError(f"{doing}: Postgres did not carry it out: {error}") from error


async def _fetch(
    connection: asyncpg.Connection, text: str, statement: Statement, parameters: dict[str, Value]
) -> Sequence[Row]:
    return [Row(record) for record in await connection.fetch(text, *_values(statement, parameters))]


async def _execute(connection: asyncpg.Connection, statement: Statement, parameters: dict[str, Value]) -> int:
    tag: str = await connection.execute(statement.postgres, *_values(statement, parameters))
    return int(tag.rpartition(" ")[2])


def _values(statement: Statement, parameters: Mapping[str, Value]) -> Sequence[Value]:
    return [parameters[name] for name in statement.parameters]
