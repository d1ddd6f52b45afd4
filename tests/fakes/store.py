"""A real store on a temporary file: what roles are tested over, so that no fake has to imitate SQL."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from triggerx.ports.store import Store
from triggerx.storage import open_store


@asynccontextmanager
async def temporary_store(tmp_path: Path, name: str = "store") -> AsyncIterator[Store]:
    """Open a SQLite store in a directory of its own below `tmp_path`; the same name opens the same store again."""
    async with open_store(tmp_path / name / "triggerx.sqlite", machine="a machine under test") as store:
        yield store
