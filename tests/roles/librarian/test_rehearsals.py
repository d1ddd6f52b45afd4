"""A body judged before it is on chain: refused for whatever POST or PUT would refuse it for later, and never kept."""

from pathlib import Path

import pytest

from tests.roles.librarian.desk import NOW, STRANGER, Desk, condition_job, event_job, id_of, job, open_desk
from tests.roles.librarian.test_updates import UPDATE, note_queued
from triggerx.evm.types import checksum
from triggerx.ports.store.jobs import Fired

CHECK = "/api/jobs/check"
MANDATED = f"{CHECK}?mandated=true"


def draft(body: dict[str, object]) -> dict[str, object]:
    """A body whose job is not on chain yet."""
    return {name: value for name, value in body.items() if name != "job_id"}


async def is_untouched(desk: Desk) -> bool:
    return not await desk.store.jobs.list_page(after=None, limit=9) and not await desk.store.events.after(0, limit=9)


def scripted(definition: int) -> dict[str, object]:
    """A job whose script's URL names no content."""
    return job(task_definition_id=definition, arg_type=2, dynamic_arguments_script_url="ipfs://x", language="python")


@pytest.mark.parametrize("make", [job, event_job, condition_job])
async def test_check_when_the_job_would_be_taken_then_says_so_and_keeps_nothing(tmp_path: Path, make: object) -> None:
    assert callable(make)
    async with open_desk(tmp_path) as desk:
        status, answer = await desk.send("POST", CHECK, body=draft(make()))
        due = NOW + 60 if make is job else None
        assert (status, answer) == (200, {"is_accepted": True, "next_due_at": due})
        assert await is_untouched(desk)


@pytest.mark.parametrize(
    ("status", "field", "body"),
    [
        (400, "value_source_url", condition_job(value_source_url="ftp://prices.example/eth")),
        (400, "value_source_url", condition_job(value_source_url="https://user:word@prices.example/eth")),
        (400, "limits.runs_max", job(limits={"runs_max": 0})),
        (400, "arguments[0]", job(arguments=["x"])),
        (400, "created_chain_id", job(created_chain_id="5")),
        (400, "target_chain_id", job(target_chain_id="5")),
        (400, "specific_schedule", job(schedule_type="specific", specific_schedule=str(NOW - 5))),
        (422, "security", job(security=1)),
        (422, "task_definition_id", scripted(7)),
        (400, "dynamic_arguments_script_url", scripted(2)),
        (422, "trigger_chain_id", event_job(trigger_chain_id="5")),
        (422, "link_job_id", job(chain_status=1)),
        (422, "link_job_id", job(link_job_id=job(7)["job_id"])),
    ],
)
async def test_check_when_a_post_would_be_refused_then_it_is_so_now(
    tmp_path: Path, status: int, field: str, body: dict[str, object]
) -> None:
    async with open_desk(tmp_path) as desk:
        found, problem = await desk.send("POST", CHECK, body=draft(body))
        assert (found, problem["field"]) == (status, field), problem
        assert await is_untouched(desk)


async def test_check_when_the_key_is_anothers_then_only_a_mandate_is_enough(tmp_path: Path) -> None:
    async with open_desk(tmp_path) as desk:
        body = draft(job())
        assert (await desk.send("POST", CHECK, key="stranger", body=body))[0] == 403
        assert (await desk.send("POST", MANDATED, key="stranger", body=body))[0] == 200
        assert (await desk.send("POST", CHECK, key="reader", body=body))[0] == 403
        await desk.taken_in(job())
        desk.entries[id_of(job())].version = NOW + 5
        assert (await desk.send("POST", MANDATED, key="stranger", body=job()))[0] == 403


async def test_check_when_the_job_is_on_chain_then_its_entry_counts(tmp_path: Path) -> None:
    async with open_desk(tmp_path) as desk:
        assert (await desk.send("POST", CHECK, body=job()))[1]["field"] == "job_id"
        entry = desk.register(job())
        assert (await desk.send("POST", CHECK, body=job()))[0] == 200
        entry.is_active = False
        assert (await desk.send("POST", CHECK, body=job()))[1]["code"] == "job-inactive"
        entry.owner = STRANGER.address
        assert (await desk.send("POST", CHECK, body=job()))[1]["field"] == "user_address"
        assert await is_untouched(desk)


async def test_check_when_an_update_changes_what_the_registry_binds_then_it_is_judged_as_the_version_to_come(
    tmp_path: Path,
) -> None:
    async with open_desk(tmp_path) as desk:
        await desk.taken_in(job())
        await note_queued(desk)
        before, events = await desk.stored(job()), len(await desk.store.events.after(0, limit=9))
        assert (await desk.send("PUT", UPDATE, key="owner", body={"time_interval": 90}))[0] == 422
        status, answer = await desk.send("POST", f"{UPDATE}/check", key="owner", body={"time_interval": 90})
        assert (status, answer["next_due_at"]) == (200, NOW + 90)
        status, problem = await desk.send("POST", f"{UPDATE}/check", key="owner", body={"arguments": ["6"]})
        assert (status, problem["code"]) == (409, "occurrences-open")
        assert await desk.stored(job()) == before
        assert len(await desk.store.events.after(0, limit=9)) == events


@pytest.mark.parametrize(
    ("status", "field", "change"),
    [
        (400, "user_address", {"user_address": checksum(STRANGER.address)}),
        (400, "job_id", {"job_id": str(job(2)["job_id"])}),
        (422, "link_job_id", {"link_job_id": str(job()["job_id"])}),
        (400, "limits.runs_max", {"limits": {"runs_max": 0}, "time_interval": 90}),
    ],
)
async def test_check_when_an_update_would_be_refused_then_it_is_so_now(
    tmp_path: Path, status: int, field: str, change: dict[str, object]
) -> None:
    async with open_desk(tmp_path) as desk:
        await desk.taken_in(job())
        found, problem = await desk.send("POST", f"{UPDATE}/check", key="owner", body=change)
        assert (found, problem["field"]) == (status, field), problem
        for key in ("stranger", "app"):
            assert (await desk.send("POST", f"{UPDATE}/check", key=key, body=change))[0] == 403


async def test_check_when_a_task_is_open_then_the_call_is_not_to_change(tmp_path: Path) -> None:
    async with open_desk(tmp_path) as desk:
        await desk.taken_in(job())
        terms = await desk.store.jobs.terms_of(id_of(job()))
        assert terms is not None
        await desk.store.jobs.count_fired([Fired(number=terms.number, user_id=terms.user_id, runs=1, day=1)])
        status, problem = await desk.send("POST", f"{UPDATE}/check", key="owner", body={"arguments": ["6"]})
        assert (status, problem["code"]) == (409, "occurrences-open")
