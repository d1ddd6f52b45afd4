"""The core on Postgres: in one process, and in two that meet in the database alone."""

from pathlib import Path

from tests.e2e.apart import CoreShape, first_api_key, running_apart
from tests.e2e.test_apart import attested_once, one_job
from tests.postgres import PostgresServer

FIRED_WITHIN_S = 30.0
NEVER_S = 3_600.0
"""A poll interval that no test outlives."""


async def test_core_when_its_store_is_postgres_then_a_job_is_attested_once(
    tmp_path: Path, postgres_server: PostgresServer
) -> None:
    url = await postgres_server.new_database(is_empty=True)
    async with running_apart(tmp_path, core=CoreShape(store_url=url)) as (network, _):
        task = await attested_once(network, await one_job(network))
        assert task["attesters_ids"] == [1, 2, 3, 4]
        stores = {path.parent.name for path in tmp_path.glob("*/triggerx.db")}
        assert stores == {"keeper-1", "keeper-2", "keeper-3", "keeper-4"}
        while_it_runs = await first_api_key(tmp_path / "core", network.ground.user)
        assert while_it_runs.startswith("tgx_")


async def test_core_when_it_is_two_processes_then_a_job_posted_at_one_wakes_the_engine_in_the_other(
    tmp_path: Path, postgres_server: PostgresServer
) -> None:
    url = await postgres_server.new_database(is_empty=True)
    shape = CoreShape(store_url=url, has_own_librarian=True, engine_poll_s=NEVER_S)
    async with running_apart(tmp_path, core=shape) as (network, _):
        assert network.librarian is not network.core
        job = await one_job(network)
        # The engine's next poll is an hour away: only the event from the other process tells it of the job.
        await network.core.logged("jobs due", fired=1, within_s=FIRED_WITHIN_S)
        task = await attested_once(network, job)
        assert task["attesters_ids"] == [1, 2, 3, 4]
        # Announcements reached the core, although the librarian's node hears them too, over the same database.
        assert [file.name for file in (tmp_path / "librarian").glob("*.key")] == ["peer.key"]
        assert await network.core.stop() == 0
        assert await network.librarian.stop() == 0
        for node in (network.core, network.librarian):
            assert [line for line in node.lines if line.get("level") == "error"] == []
