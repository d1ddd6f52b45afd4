"""The store: every query over an engine's session, and transactions; and how it is opened by its address."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from triggerx.core.errors import ConfigurationError
from triggerx.ports.store import Queries, Store
from triggerx.storage.lock import locked
from triggerx.storage.machine import machine_identity
from triggerx.storage.queries import Bound
from triggerx.storage.session import Session
from triggerx.storage.sqlite import sqlite_session
from triggerx.storage.sqlite_file import open_file

POSTGRES_SCHEMES = ("postgresql://", "postgres://")


class SessionStore(Bound, Store):
    """A store over one session."""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._session = session

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Queries]:
        """Run several queries as one; see `ports.store.Store`."""
        async with self._session.atomic() as session:
            yield Bound(session)


@asynccontextmanager
async def open_store(address: str | Path, *, machine: str | None = None, moved: bool = False) -> AsyncIterator[Store]:
    """Open the store at a SQLite file's path or a `postgresql://` URL, made or migrated where that is needed.

    `machine` overrides what it is bound to (else the machine id, or the Postgres server's), `moved` binds it anew.
    Raises `ConfigurationError` for a database that is not ours, newer, or another machine's, `UnavailableError` for one
    that is in use or does not answer, `UnrecoverableError` for a damaged one.
    """
    if str(address).startswith(POSTGRES_SCHEMES):
        from triggerx.storage.postgres_server import postgres_session  # noqa: PLC0415  # only who uses it loads asyncpg

        opened = postgres_session(str(address), machine=machine, moved=moved)
    elif "://" in str(address):
        raise ConfigurationError("the store's address is neither a path nor a postgresql:// URL")
    else:
        opened = _sqlite_file(Path(address), machine=machine or machine_identity(), moved=moved)
    async with opened as session:
        yield SessionStore(session)


@asynccontextmanager
async def _sqlite_file(path: Path, *, machine: str, moved: bool) -> AsyncIterator[Session]:
    path = await asyncio.to_thread(_prepared, path)
    with locked(path.parent):
        connection = await asyncio.to_thread(open_file, path, machine=machine, moved=moved)
        async with sqlite_session(path, connection) as session:
            yield session


def _prepared(path: Path) -> Path:
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise ConfigurationError(f"the data directory {path.parent} cannot be made: {error.strerror}") from error
    return path.absolute()
