"""Opening a store on a Postgres server: does it answer, is the database ours and of a schema we know? Then migrate.

Checks and migrations are one transaction under an advisory lock, so nodes that start together do not meet half of one.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final
from urllib.parse import urlsplit

import asyncpg  # type: ignore[import-untyped]  # ships no types; what is used of it is small

from triggerx.core.errors import ConfigurationError, UnavailableError
from triggerx.storage.postgres import CLOSE_SECONDS_MAX, QUERY_SECONDS_MAX, TRANSACTION_SECONDS_MAX, PostgresSession
from triggerx.storage.refill import JOBS_AT_ONCE, TERMS_SCHEMA, filled
from triggerx.storage.schema import APPLICATION, check_machine, foreign, pending
from triggerx.storage.session import Row, Session
from triggerx.storage.statements import MIGRATION_LOCK, statements

CONNECTIONS_MAX: Final = 8  # a node waits for disks and peers, not for connections; servers often allow a hundred
CONNECT_SECONDS_MAX: Final = 10.0
MIGRATION_SECONDS_MAX: Final = 600.0  # a migration of large tables, and the wait for another node's


@asynccontextmanager
async def postgres_session(url: str, *, machine: str | None, moved: bool) -> AsyncIterator[Session]:
    """Serve the store of this URL; raises `UnavailableError` when no server answers, else `ConfigurationError`."""
    where = shown(url)
    try:
        pool = await asyncpg.create_pool(
            url,
            min_size=1,
            max_size=CONNECTIONS_MAX,
            timeout=CONNECT_SECONDS_MAX,
            command_timeout=QUERY_SECONDS_MAX,
            server_settings={
                "application_name": APPLICATION,
                "synchronous_commit": "on",
                "idle_in_transaction_session_timeout": str(int(TRANSACTION_SECONDS_MAX * 1000)),
            },
        )
    except (asyncpg.InvalidCatalogNameError, asyncpg.InvalidAuthorizationSpecificationError) as error:
        raise ConfigurationError(f"{where} refuses: {error}: make it so, or correct store.url") from error
    except (asyncpg.ClientConfigurationError, ValueError, OverflowError) as error:
        raise ConfigurationError(f"{where} is not a usable address: {error}: correct store.url") from error
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError) as error:
        raise UnavailableError(f"{where} does not answer: start Postgres, or correct store.url ({error})") from error
    try:
        async with pool.acquire() as connection:
            await _prepare(connection, where, machine=machine, moved=moved)
        yield PostgresSession(pool)
    finally:
        try:
            await asyncio.wait_for(pool.close(), CLOSE_SECONDS_MAX)
        except TimeoutError:
            pool.terminate()


def shown(url: str) -> str:
    """The address as it may be written into messages: without its password."""
    parts = urlsplit(url)
    return f"the Postgres database {parts.path.lstrip('/') or 'of this user'} at {parts.hostname or 'the local socket'}"


async def _prepare(connection: asyncpg.Connection, where: str, *, machine: str | None, moved: bool) -> None:
    try:
        async with connection.transaction():
            await connection.execute(f"SELECT pg_advisory_xact_lock({MIGRATION_LOCK})", timeout=MIGRATION_SECONDS_MAX)
            await _check_ours(connection, where)
            steps = pending("postgres", schema=int(await _get(connection, "schema") or 0), where=where)
            for migration in steps:
                await connection.execute(migration.script, timeout=MIGRATION_SECONDS_MAX)
                await _set(connection, "schema", str(migration.number))
            if any(step.number == TERMS_SCHEMA for step in steps):
                await _fill_terms(connection)
            present = machine or await _identity(connection)
            check_machine(bound=await _get(connection, "machine"), machine=present, moved=moved, where=where)
            await _set(connection, "machine", present)
    except asyncpg.InsufficientPrivilegeError as error:
        raise ConfigurationError(f"{where} does not let this user create tables: {error}") from error
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError) as error:
        raise UnavailableError(f"{where} could not be prepared: {error}") from error


async def _fill_terms(connection: asyncpg.Connection) -> None:
    find, fill = statements()["jobs_without_terms"], statements()["fill_job_terms"]
    after = 0
    while rows := [Row(record) for record in await connection.fetch(find.postgres, after, JOBS_AT_ONCE)]:
        parameters = [[each[name] for name in fill.parameters] for each in filled(rows)]
        await connection.executemany(fill.postgres, parameters)
        after = rows[-1].integer("job_number")


async def _check_ours(connection: asyncpg.Connection, where: str) -> None:
    tables = {
        record["table_name"]
        for record in await connection.fetch(
            "SELECT table_name FROM information_schema.tables "
            "WHERE table_schema = current_schema() AND table_type = 'BASE TABLE'"
        )
    }
    if not tables:
        await connection.execute(statements()["create_meta"].postgres)
        await _set(connection, "application", APPLICATION)
    elif "store_meta" not in tables or await _get(connection, "application") != APPLICATION:
        raise foreign(where)


async def _identity(connection: asyncpg.Connection) -> str:
    """What a dump that is restored elsewhere does not take along: the server's own number and the database's."""
    record = await connection.fetchrow(
        "SELECT system_identifier, oid FROM pg_control_system(), pg_database WHERE datname = current_database()"
    )
    facts = f"triggerx store\0postgres\0{record['system_identifier']}\0{record['oid']}"
    return hashlib.sha256(facts.encode()).hexdigest()[:32]


async def _get(connection: asyncpg.Connection, key: str) -> str | None:
    value: str | None = await connection.fetchval(statements()["get_meta"].postgres, key)
    return value


async def _set(connection: asyncpg.Connection, key: str, value: str) -> None:
    await connection.execute(statements()["set_meta"].postgres, key, value)
