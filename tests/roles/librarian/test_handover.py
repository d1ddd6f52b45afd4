"""Due seconds that nobody had come to when a job's schedule was replaced, resumed or stopped: each keeps one entry."""

from pathlib import Path

import pytest

from tests.roles.librarian.desk import NOW, Desk, condition_job, id_of, job, open_desk
from tests.roles.librarian.test_history import note
from triggerx.core.evidence import TimeEvidence
from triggerx.core.job import JobStatus
from triggerx.core.ledger import Outcome, Reason

JOB = f"/api/jobs/{job()['job_id']}"
UPDATE = f"/api/jobs/update/{job()['job_id']}"
LATE_S = 200
"""How long the engine has been away: three due seconds of the job."""


async def rows(desk: Desk) -> list[tuple[int, int, int, Outcome, Reason]]:
    """The job's entries: seconds after NOW, how many they are, and what became of them."""
    stored = await desk.store.ledger.list_by_job((await desk.stored(job())).job_id, since=0, until=NOW * 2, limit=99)
    return [
        (each.entry.moment - NOW, each.entry.last_moment - NOW, each.entry.count, each.outcome, each.entry.reason)
        for each in stored
    ]


async def late(desk: Desk, **changes: object) -> None:
    """Take the job in, with an engine that is away since."""
    await desk.taken_in(job(recurring=True, **changes))
    await desk.clock.advance(LATE_S)


MISSED_3 = (60, 180, 3, Outcome.MISSED, Reason.REPLACED)


@pytest.mark.parametrize("policy", ["one", "all", "skip"])
async def test_update_when_the_engine_was_away_then_the_old_due_seconds_are_missed_whatever_their_policy(
    tmp_path: Path, policy: str
) -> None:
    async with open_desk(tmp_path) as desk:
        await late(desk, misfire_policy=policy)
        desk.register(job(time_interval=90), version=NOW + 5)
        assert (await desk.send("PUT", UPDATE, key="owner", body={"time_interval": 90}))[0] == 200
        assert await rows(desk) == [MISSED_3]
        stored = await desk.stored(job())
        assert stored.next_due_at == NOW + 270
        _, why = await desk.send("GET", f"{JOB}/why?at={NOW + 120}", key="reader")
        assert [finding["code"] for finding in why["findings"]] == ["job.scheduled", "missed.replaced"]
        assert "was missed: the job's trigger was replaced before" in why["findings"][1]["text"]


async def test_update_when_audited_then_old_and_new_due_seconds_are_demanded_each_by_its_schedule(
    tmp_path: Path,
) -> None:
    async with open_desk(tmp_path) as desk:
        await late(desk)
        for step, interval in enumerate((90, 40), start=1):
            desk.register(job(time_interval=interval), version=NOW + step)
            assert (await desk.send("PUT", UPDATE, key="owner", body={"time_interval": interval}))[0] == 200
            await desk.clock.advance(LATE_S)
        assert (await desk.send("PUT", f"{JOB}/pause", key="owner", body={}))[0] == 200
        assert (await desk.send("PUT", f"{JOB}/resume", key="owner", body={}))[0] == 200
        await desk.chain.mine(3 * LATE_S)
        _, audit = await desk.send("GET", f"{JOB}/audit?from=0&to=600", key="reader")
        assert (audit["findings"], audit["expected"]) == ([], 3 + 2 + 5), audit
        assert await rows(desk) == [
            (60, 360, 3 + 2, Outcome.MISSED, Reason.REPLACED),
            (440, 600, 5, Outcome.SKIPPED, Reason.PAUSED),
        ]


@pytest.mark.parametrize("before", ["paused", "linked"])
async def test_update_when_the_job_took_no_part_then_its_due_seconds_are_skipped_for_that(
    tmp_path: Path, before: str
) -> None:
    async with open_desk(tmp_path) as desk:
        await late(desk, chain_status=2 if before == "linked" else 0)
        if before == "paused":
            await desk.send("PUT", f"{JOB}/pause", key="owner", body={})
        desk.register(job(time_interval=90, chain_status=0), version=NOW + 5)
        change = {"time_interval": 90, "chain_status": 0}
        assert (await desk.send("PUT", UPDATE, key="owner", body=change))[0] == 200
        reason = Reason.PAUSED if before == "paused" else Reason.LINKED
        assert await rows(desk) == [(60, 180, 3, Outcome.SKIPPED, reason)]
        assert (await desk.stored(job())).status is JobStatus.SCHEDULED


async def test_update_when_a_range_ends_there_with_the_same_outcome_then_it_is_prolonged(tmp_path: Path) -> None:
    async with open_desk(tmp_path) as desk:
        await late(desk)
        for _ in range(2):
            await desk.send("PUT", f"{JOB}/pause", key="owner", body={})
            await desk.send("PUT", f"{JOB}/resume", key="owner", body={})
            await desk.clock.advance(60)
        assert await rows(desk) == [(60, 240, 4, Outcome.SKIPPED, Reason.PAUSED)]
        assert (await desk.stored(job())).next_due_at == NOW + 300


async def test_update_when_the_schedule_stays_then_the_engine_still_comes_to_its_due_seconds(tmp_path: Path) -> None:
    async with open_desk(tmp_path) as desk:
        await late(desk)
        assert (await desk.send("PUT", UPDATE, key="owner", body={"misfire_policy": "all"}))[0] == 200
        assert (await rows(desk), (await desk.stored(job())).next_due_at) == ([], NOW + 60)


async def test_update_when_an_occurrence_of_the_old_schedule_is_held_then_it_never_goes_by_the_new_one(
    tmp_path: Path,
) -> None:
    async with open_desk(tmp_path) as desk:
        await late(desk)
        await note(desk, job(), Outcome.HELD, reason=Reason.BALANCE, evidence=TimeEvidence(due=NOW + 60), count=3)
        await desk.store.jobs.set_schedule(id_of(job()), next_due_at=NOW + 240)
        newer = condition_job()
        desk.register(newer, version=NOW + 5)
        status, problem = await desk.send("POST", "/api/jobs", key="owner", body=newer)
        assert status == 200, problem
        assert await rows(desk) == [MISSED_3]


async def test_delete_when_the_engine_was_away_then_what_was_due_before_is_missed(tmp_path: Path) -> None:
    async with open_desk(tmp_path) as desk:
        await late(desk)
        assert (await desk.send("POST", f"{JOB}/cancel", key="owner", body={}))[0] == 200
        assert await rows(desk) == [(60, 180, 3, Outcome.MISSED, Reason.STOPPED)]
        await desk.chain.mine(LATE_S)
        _, audit = await desk.send("GET", f"{JOB}/audit?from=0&to={LATE_S}", key="reader")
        assert (audit["findings"], audit["expected"]) == ([], 3)
