import asyncio
from pathlib import Path

import pytest

from tests.roles.librarian.desk import open_desk
from triggerx.core.errors import UnavailableError
from triggerx_librarian.role import LibrarianConfig, LibrarianRole


async def test_run_when_started_then_the_api_answers_where_it_says(tmp_path: Path) -> None:
    async with open_desk(tmp_path) as desk:
        role, is_started = LibrarianRole(desk.services, LibrarianConfig(port=0)), asyncio.Event()
        running = asyncio.create_task(role.run(started=is_started.set))
        await asyncio.wait_for(is_started.wait(), timeout=5)
        url = desk.services.endpoints["api"]
        async with desk.client.get(f"{url}/livez") as response:
            assert response.status == 200
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running


async def test_run_when_the_port_is_in_use_then_it_is_unavailable(tmp_path: Path) -> None:
    async with open_desk(tmp_path) as desk:
        port = int(desk.url.rsplit(":", 1)[1])
        role = LibrarianRole(desk.services, LibrarianConfig(port=port))
        with pytest.raises(UnavailableError, match="in use"):
            await role.run(started=lambda: None)
