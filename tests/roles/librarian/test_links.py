"""Linked jobs: both orders of posting, and every link that would never be followed."""

from pathlib import Path

from tests.roles.librarian.desk import NOW, OWNER, STRANGER, Desk, event_job, job, open_desk
from triggerx.core.job import JobStatus
from triggerx.evm.types import checksum

FIRST, SECOND, THIRD = (str(job(number)["job_id"]) for number in (1, 2, 3))


def head(link: str = SECOND) -> dict[str, object]:
    return job(1, chain_status=1, link_job_id=link)


def block(number: int = 2, link: str = "-1") -> dict[str, object]:
    return job(number, chain_status=2, link_job_id=link)


async def refusal(desk: Desk, body: dict[str, object]) -> str:
    desk.register(body)
    status, problem = await desk.send("POST", "/api/jobs", body=body)
    assert (status, problem["code"], problem["field"]) == (422, "link", "link_job_id"), problem
    return str(problem["detail"])


async def test_post_when_jobs_are_linked_then_either_may_come_first(tmp_path: Path) -> None:
    for place, order in enumerate(((head(), block()), (block(), head()))):
        async with open_desk(tmp_path / str(place)) as desk:
            for body in order:
                desk.register(body)
            for body in order:
                assert (await desk.send("POST", "/api/jobs", body=body))[0] == 201
            first, second = await desk.stored(head()), await desk.stored(block())
            assert (first.status, second.status) == (JobStatus.SCHEDULED, JobStatus.CREATED)
            assert second.next_due_at == NOW + 60
            await desk.store.jobs.set_status(first.job_id, JobStatus.COMPLETED, reason="")
            assert await desk.store.jobs.list_linked(limit=9) == ((second, await desk.stored(head())),)


async def test_post_when_a_chain_comes_in_one_array_then_it_is_taken(tmp_path: Path) -> None:
    chain = [head(), block(2, THIRD), block(3)]
    async with open_desk(tmp_path) as desk:
        for body in chain:
            desk.register(body)
        status, _ = await desk.send("POST", "/api/jobs", body=chain)
        assert status == 201
        assert [(await desk.stored(body)).status for body in chain] == [
            JobStatus.SCHEDULED,
            JobStatus.CREATED,
            JobStatus.CREATED,
        ]


async def test_post_when_a_link_closes_a_circle_then_it_is_refused(tmp_path: Path) -> None:
    async with open_desk(tmp_path) as desk:
        assert "is this job itself" in await refusal(desk, head(FIRST))
        for body in (block(2, THIRD), block(3, FIRST)):
            desk.register(body)
        desk.register(block(1, SECOND))
        circle = [block(1, SECOND), block(2, THIRD), block(3, FIRST)]
        status, problem = await desk.send("POST", "/api/jobs", body=circle)
        assert (status, problem["field"]) == (422, "link_job_id")
        assert await desk.store.jobs.list_by_owner(OWNER.address) == ()
        assert (await desk.send("POST", "/api/jobs", body=circle[:2]))[0] == 201
        assert "closes a circle" in await refusal(desk, block(3, FIRST))


async def test_post_when_a_link_leads_nowhere_then_it_is_refused(tmp_path: Path) -> None:
    async with open_desk(tmp_path) as desk:
        assert "does not know" in await refusal(desk, head())
        assert "chain 0" in await refusal(desk, head("5"))
        assert "chain_status 1" in await refusal(desk, job(chain_status=1))
        desk.register(block()).is_active = False
        assert "was deleted" in await refusal(desk, head())
        desk.register(job(2, user_address=checksum(STRANGER.address)))
        assert checksum(STRANGER.address) in await refusal(desk, head())
        await desk.taken_in(event_job(3))
        assert "waits for no other" in await refusal(desk, head(THIRD))
        assert await desk.store.jobs.list_by_owner(STRANGER.address) == ()


async def test_post_when_another_job_names_the_same_successor_then_it_is_refused_whatever_became_of_that(
    tmp_path: Path,
) -> None:
    async with open_desk(tmp_path) as desk:
        for body in (block(3), head(THIRD)):
            await desk.taken_in(body)
        second = job(2, chain_status=1, link_job_id=THIRD)
        said = await refusal(desk, second)
        assert f"is job {THIRD}, which job {FIRST} starts already" in said
        assert (await desk.send("POST", "/api/jobs/check", body=second))[1]["field"] == "link_job_id"
        await desk.store.jobs.set_status((await desk.stored(head(THIRD))).job_id, JobStatus.COMPLETED, reason="")
        assert await refusal(desk, second) == said
        assert len(await desk.store.jobs.list_by_owner(OWNER.address)) == 2


async def test_post_when_two_of_one_array_name_the_same_successor_then_none_is_taken(tmp_path: Path) -> None:
    async with open_desk(tmp_path) as desk:
        bodies = [head(THIRD), job(2, chain_status=1, link_job_id=THIRD), block(3)]
        for body in bodies:
            desk.register(body)
        status, problem = await desk.send("POST", "/api/jobs", body=bodies)
        assert (status, problem["field"]) == (422, "link_job_id")
        assert await desk.store.jobs.list_by_owner(OWNER.address) == ()


async def test_update_when_a_job_keeps_or_frees_its_successor_then_it_is_its_own(tmp_path: Path) -> None:
    async with open_desk(tmp_path) as desk:
        for body in (block(3), head(THIRD)):
            await desk.taken_in(body)
        first = f"/api/jobs/update/{FIRST}"
        assert (await desk.send("PUT", first, key="owner", body={"priority": 1}))[0] == 200
        freed = {"chain_status": 0, "link_job_id": "-1"}
        assert (await desk.send("PUT", first, key="owner", body=freed))[0] == 200
        await desk.taken_in(job(2, chain_status=1, link_job_id=THIRD))
        again = {"chain_status": 1, "link_job_id": THIRD}
        assert (await desk.send("PUT", first, key="owner", body=again))[1]["field"] == "link_job_id"
