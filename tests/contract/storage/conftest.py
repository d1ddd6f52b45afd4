"""Both engines under one name: every test that takes `store` or `place` runs over SQLite and over Postgres."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.postgres import MACHINE, PostgresServer
from triggerx.ports.store import Store
from triggerx.storage import open_store


@dataclass(frozen=True)
class Place:
    """Where a test's store lies, and how to open it (again)."""

    engine: str
    address: str

    def open(self, *, machine: str = MACHINE, moved: bool = False) -> AbstractAsyncContextManager[Store]:
        return open_store(self.address, machine=machine, moved=moved)


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
