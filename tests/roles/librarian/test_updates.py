"""Updates: what the owner may change at the registry's present version, and what only a newer one may."""

import asyncio
from pathlib import Path

import pytest

from tests.roles.librarian.desk import NOW, STRANGER, Desk, event_job, id_of, job, open_desk
from triggerx.core.evidence import TimeEvidence
from triggerx.core.job import JobStatus, Misfire, TimeTrigger
from triggerx.core.ledger import NewEntry, Outcome
from triggerx.events import JobChanged
from triggerx.evm.hub import Firing, task_key
from triggerx.evm.types import checksum
from triggerx.ports.store.jobs import Fired

UPDATE = f"/api/jobs/update/{job()['job_id']}"


async def note_queued(desk: Desk, due: int = NOW + 60) -> None:
    """Put an occurrence of the job into the ledger, which waits for the engine."""
    terms = await desk.store.jobs.terms_of(id_of(job()))
    assert terms is not None
    firing = Firing.time(due)
    entry = NewEntry(
        job_number=terms.number,
        job_id=terms.job_id,
        task_key=task_key(terms.job_id, firing),
        firing=firing,
        moment=due,
        last_moment=due,
        outcome=Outcome.QUEUED,
        evidence=TimeEvidence(due=due),
        decided_at_ms=NOW * 1000,
    )
    await desk.store.ledger.add_many([entry])


async def test_update_when_the_owner_changes_terms_then_only_those_change(tmp_path: Path) -> None:
    async with open_desk(tmp_path) as desk, desk.services.bus.subscribe(JobChanged) as changed:
        job_id = await desk.taken_in(job())
        await note_queued(desk)
        await desk.store.jobs.set_schedule(job_id, next_due_at=NOW + 120)
        change = {"priority": 1, "limits": {"runs_max": 3}, "misfire_policy": "skip", "link_on_failure": "start"}
        assert (await desk.send("PUT", UPDATE, key="owner", body=change))[0] == 200
        stored = await desk.stored(job())
        assert (stored.body.priority, stored.body.limits.runs_max, stored.next_due_at) == (1, 3, NOW + 120)
        assert isinstance(stored.body.trigger, TimeTrigger)
        assert (stored.body.trigger.misfire, stored.body.action.arguments) == (Misfire.SKIP, ("5",))
        assert (stored.status, await anext(changed)) == (JobStatus.SCHEDULED, JobChanged(job_id))
        assert (await desk.store.ledger.count(job_id))[Outcome.QUEUED] == 1
        assert (await desk.send("PUT", UPDATE, key="admin", body={"limits": None}))[0] == 200
        assert (await desk.stored(job())).body.limits.runs_max is None
        events = len(await desk.store.events.after(0, limit=99))
        assert (await desk.send("PUT", UPDATE, key="owner", body={"priority": 1}))[0] == 200
        assert len(await desk.store.events.after(0, limit=99)) == events


async def test_update_when_the_key_is_anothers_then_it_is_refused(tmp_path: Path) -> None:
    async with open_desk(tmp_path) as desk:
        await desk.taken_in(job())
        for key in ("stranger", "app"):
            for body in ({"priority": 1}, desk.guarded(job())):
                status, problem = await desk.send("PUT", UPDATE, key=key, body=body)
                assert (status, problem["code"]) == (403, "not-owner")
        assert (await desk.stored(job())).body.priority == 2
        assert (await desk.send("PUT", "/api/jobs/update/7", key="owner", body={}))[0] == 404


@pytest.mark.parametrize(
    ("status", "field", "change"),
    [
        (422, "job_id", {"job_title": "Other"}),
        (422, "job_id", {"time_interval": 30}),
        (422, "job_id", {"time_frame": 7200}),
        (400, "job_id", {"job_id": str(job(2)["job_id"])}),
        (400, "user_address", {"user_address": checksum(STRANGER.address)}),
        (400, "limits.runs_max", {"limits": {"runs_max": 0}}),
        (400, "arguments[0]", {"arguments": ["x"]}),
        (
            422,
            "task_definition_id",
            {"task_definition_id": 7, "arg_type": 2, "dynamic_arguments_script_url": "u", "language": "python"},
        ),
        (422, "link_job_id", {"link_job_id": str(job()["job_id"])}),
    ],
)
async def test_update_when_the_chain_or_sense_is_against_it_then_the_field_is_named(
    tmp_path: Path, status: int, field: str, change: dict[str, object]
) -> None:
    async with open_desk(tmp_path) as desk:
        await desk.taken_in(job())
        before = await desk.stored(job())
        found, problem = await desk.send("PUT", UPDATE, key="owner", body=change)
        assert (found, problem["field"]) == (status, field), problem
        assert await desk.stored(job()) == before


async def test_update_when_the_call_changes_then_nothing_may_be_on_its_way(tmp_path: Path) -> None:
    async with open_desk(tmp_path) as desk:
        await desk.taken_in(job())
        terms = await desk.store.jobs.terms_of(id_of(job()))
        assert terms is not None
        await desk.store.jobs.count_fired([Fired(number=terms.number, user_id=terms.user_id, runs=1, day=1)])
        status, problem = await desk.send("PUT", UPDATE, key="owner", body={"arguments": ["6"]})
        assert (status, problem["code"]) == (409, "occurrences-open")
        assert "1 open tasks" in problem["detail"]
    async with open_desk(tmp_path / "idle") as desk:
        await desk.taken_in(job())
        assert (await desk.send("PUT", UPDATE, key="owner", body={"arguments": ["6"]}))[0] == 200
        assert (await desk.stored(job())).body.action.arguments == ("6",)
        await note_queued(desk)
        assert (await desk.send("PUT", UPDATE, key="owner", body={"arguments": ["7"]}))[0] == 409


async def test_update_when_the_mandate_no_longer_fits_then_it_asks_for_a_new_one(tmp_path: Path) -> None:
    async with open_desk(tmp_path) as desk:
        desk.register(job())
        assert (await desk.send("POST", "/api/jobs", body=desk.guarded(job())))[0] == 201
        status, problem = await desk.send("PUT", UPDATE, key="owner", body={"arguments": ["6"]})
        assert (status, problem["field"]) == (400, "mandate.calldataHash")
        renewed = desk.guarded(job(arguments=["6"]))
        assert (await desk.send("PUT", UPDATE, key="owner", body=renewed))[0] == 200
        assert (await desk.send("PUT", UPDATE, key="owner", body={"mandate": None}))[0] == 200
        assert not (await desk.stored(job())).body.is_guarded


async def test_update_when_the_version_is_newer_then_the_schedule_begins_anew(tmp_path: Path) -> None:
    async with open_desk(tmp_path) as desk:
        await desk.taken_in(job())
        await note_queued(desk)
        desk.register(job(time_interval=90), version=NOW + 5)
        assert (await desk.send("PUT", UPDATE, key="owner", body={"time_interval": 90}))[0] == 200
        stored = await desk.stored(job())
        assert (stored.version, stored.next_due_at) == (NOW + 5, NOW + 90)


async def test_update_when_the_time_frame_ends_before_the_next_due_second_then_the_schedule_is_over(
    tmp_path: Path,
) -> None:
    async with open_desk(tmp_path) as desk:
        job_id = await desk.taken_in(job())
        await desk.store.jobs.set_schedule(job_id, next_due_at=NOW + 180)
        desk.register(job(time_frame=120), version=NOW + 5)
        assert (await desk.send("PUT", UPDATE, key="owner", body={"time_frame": 120}))[0] == 200
        assert (await desk.stored(job())).next_due_at is None


async def test_update_when_the_job_is_paused_then_it_stays_so(tmp_path: Path) -> None:
    async with open_desk(tmp_path) as desk:
        job_id = await desk.taken_in(event_job())
        await desk.send("PUT", f"/api/jobs/{job_id}/pause", key="owner", body={})
        change = {"event_filter_para_name": "", "event_filter_value": ""}
        assert (await desk.send("PUT", UPDATE, key="owner", body=change))[0] == 200
        stored = await desk.stored(event_job())
        assert (stored.status, stored.is_paused, stored.next_due_at) == (JobStatus.STOPPED, True, None)


async def test_update_when_the_version_is_newer_then_a_paused_job_goes_on(tmp_path: Path) -> None:
    async with open_desk(tmp_path) as desk:
        before = job(2, chain_status=1, link_job_id=job()["job_id"])
        for body in (job(chain_status=2), before):
            await desk.taken_in(body)
        for version, status in ((5, JobStatus.CREATED), (6, JobStatus.SCHEDULED)):
            await desk.send("PUT", f"/api/jobs/{job()['job_id']}/pause", key="owner", body={})
            desk.register(job(chain_status=2), version=NOW + version)
            assert (await desk.send("PUT", UPDATE, key="owner", body={"priority": version - 4}))[0] == 200
            assert (await desk.stored(job())).status is status
            await desk.store.jobs.set_status(id_of(before), JobStatus.COMPLETED, reason="")


async def test_update_when_the_job_is_over_then_only_the_chain_revives_it(tmp_path: Path) -> None:
    async with open_desk(tmp_path) as desk:
        job_id = await desk.taken_in(job())
        await desk.store.jobs.set_status(job_id, JobStatus.COMPLETED, reason="its time frame is over")
        status, problem = await desk.send("PUT", UPDATE, key="owner", body={"priority": 1})
        assert (status, problem["code"]) == (409, "job-over")
        assert (await desk.send("POST", "/api/jobs", body=desk.guarded(job())))[0] == 409
        desk.register(job(), version=NOW + 5)
        assert (await desk.send("PUT", UPDATE, key="owner", body={"priority": 1}))[0] == 200
        assert (await desk.stored(job())).status is JobStatus.SCHEDULED


async def test_post_when_a_stranger_has_the_new_mandate_then_limits_are_still_the_owners(tmp_path: Path) -> None:
    async with open_desk(tmp_path) as desk:
        await desk.taken_in(job())
        desk.register(job(), version=NOW + 5)
        body = desk.guarded(job(limits={"runs_max": 1}))
        status, problem = await desk.send("POST", "/api/jobs", key="stranger", body=body)
        assert (status, problem["code"]) == (403, "not-owner")
        assert (await desk.send("POST", "/api/jobs", key="owner", body=body))[0] == 200


async def test_update_when_two_come_at_once_then_none_undoes_the_other(tmp_path: Path) -> None:
    async with open_desk(tmp_path) as desk:
        await desk.taken_in(job())
        changes: tuple[dict[str, object], ...] = ({"priority": 1}, {"limits": {"runs_max": 3}})
        answers = await asyncio.gather(*(desk.send("PUT", UPDATE, key="owner", body=change) for change in changes))
        for change, (status, _) in zip(changes, answers, strict=True):
            assert status == 200 or (await desk.send("PUT", UPDATE, key="owner", body=change))[0] == 200
        stored = await desk.stored(job())
        assert (stored.body.priority, stored.body.limits.runs_max) == (1, 3)


async def test_update_when_logged_then_says_whether_what_is_waited_for_begins_anew(tmp_path: Path) -> None:
    async with open_desk(tmp_path) as desk:
        job_id = await desk.taken_in(job())
        assert (await desk.send("PUT", UPDATE, key="owner", body={"priority": 1}))[0] == 200
        assert (await desk.send("PUT", UPDATE, key="owner", body={"misfire_policy": "skip"}))[0] == 200
        logged = await desk.store.events.after(0, limit=99, subject=f"job:{job_id}")
        assert [event.payload["begins_anew"] for event in logged if event.kind == "job_updated"] == [False, True]
