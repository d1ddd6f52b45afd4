"""Tasks: the lists of a key and of a Safe, dead letters and their retry, and what keepers have on their hands."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.fakes.firings import fire
from tests.roles.librarian.desk import CHAIN, HUB, NOW, OWNER, STRANGER, Desk, id_of, job, open_desk
from triggerx.core.evidence import TimeEvidence
from triggerx.core.job import JobId
from triggerx.core.task import RunChange, Task, TaskStatus, transition
from triggerx.core.task_inputs import EngineAssigned, PeerRefused
from triggerx.events import TaskChanged
from triggerx.evm.contracts import TaskExecutionHub
from triggerx.evm.registry import pack_job_id
from triggerx.evm.types import ZERO_HASH, Address, Wei, checksum, to_hex
from triggerx.ports.store.jobs import Fired
from triggerx.ports.store.registry import RegistryRecord

KEEPER = Address(b"\x55" * 20)
SAFE = checksum(Address(b"\x66" * 20))


async def fired(desk: Desk, body: dict[str, object], due: int = NOW + 60) -> Task:
    """Let a job fire, and return its task."""
    job_id = id_of(body)
    terms = await desk.store.jobs.terms_of(job_id)
    assert terms is not None
    task = await fire(desk.store, job_id, TimeEvidence(due=due))
    await desk.store.jobs.count_fired([Fired(number=terms.number, user_id=terms.user_id, runs=1, day=1)])
    return task


async def failed(desk: Desk, body: dict[str, object]) -> Task:
    """Let a job fire, and every keeper refuse its task."""
    task = await fired(desk, body)
    for event in (EngineAssigned(performer=KEEPER, deadline_at=NOW + 90), PeerRefused(attempt=1, reason="busy")):
        task = transition(task, event, attempts_max=1).state
    assert task.status is TaskStatus.FAILED
    await desk.store.tasks.save(task)
    await desk.store.jobs.count_run(task.job_id, RunChange.GIVEN_BACK)
    return task


async def test_dead_when_a_task_failed_then_its_owner_and_admins_see_it(tmp_path: Path) -> None:
    async with open_desk(tmp_path) as desk:
        await desk.taken_in(job())
        task = await failed(desk, job())
        for key, ids in (("owner", [task.task_id]), ("stranger", []), ("admin", [task.task_id])):
            status, answer = await desk.send("GET", "/api/tasks/dead", key=key)
            assert (status, [row["task_id"] for row in answer["tasks"]]) == (200, ids)
        row = (await desk.send("GET", "/api/tasks/dead?limit=1", key="owner"))[1]["tasks"][0]
        assert (row["task_status"], row["task_error"], row["attempt"]) == ("failed", "busy", 1)
        assert (await desk.send("GET", "/api/tasks/dead", key="app"))[0] == 403


@pytest.mark.parametrize("key", ["owner", "admin"])
async def test_retry_when_its_owner_or_an_admin_asks_then_it_waits_for_a_performer_again(
    tmp_path: Path, key: str
) -> None:
    async with open_desk(tmp_path) as desk, desk.services.bus.subscribe(TaskChanged) as changed:
        job_id = await desk.taken_in(job())
        task = await failed(desk, job())
        before = await desk.store.jobs.terms_of(job_id)
        path = f"/api/tasks/{task.task_id}/retry"
        status, row = await desk.send("POST", path, key=key, body={})
        assert (status, row["task_status"], row["attempt"]) == (200, "created", 1)
        assert await anext(changed) == TaskChanged(task.task_key, TaskStatus.CREATED)
        after = await desk.store.jobs.terms_of(job_id)
        assert before is not None and after is not None
        assert (after.runs, after.open_runs) == (before.runs + 1, before.open_runs + 1)
        status, problem = await desk.send("POST", path, key=key, body={})
        assert (status, problem["code"]) == (409, "task-not-dead")
        kinds = [event.kind for event in await desk.store.events.after(0, limit=9)]
        assert kinds == ["job_created", "task_moved"]


async def test_retry_when_the_key_is_anothers_then_the_task_stays_dead(tmp_path: Path) -> None:
    async with open_desk(tmp_path) as desk:
        await desk.taken_in(job())
        task = await failed(desk, job())
        for key in ("stranger", "app"):
            status, problem = await desk.send("POST", f"/api/tasks/{task.task_id}/retry", key=key, body={})
            assert (status, problem["code"]) == (403, "not-owner")
        assert (await desk.send("POST", "/api/tasks/77/retry", key="owner", body={}))[0] == 404
        assert await desk.store.tasks.by_key(task.task_key) == task


@pytest.mark.parametrize(
    ("attempts", "is_done", "status"), [(0, False, 200), (2, False, 200), (3, False, 409), (3, True, 200)]
)
async def test_retry_when_the_hub_would_refuse_another_attempt_then_it_is_refused_with_the_reason(
    tmp_path: Path, attempts: int, is_done: bool, status: int
) -> None:
    async with open_desk(tmp_path) as desk:
        desk.register(job())
        body = desk.guarded(job(), attempts_max=3)
        await desk.taken_in(body)
        task = await failed(desk, body)
        desk.chain.answer(HUB, TaskExecutionHub.taskAttempts, lambda key: attempts if key == task.task_key else 0)
        desk.chain.answer(HUB, TaskExecutionHub.taskDone, lambda key: is_done and key == task.task_key)
        got, answer = await desk.send("POST", f"/api/tasks/{task.task_id}/retry", key="owner", body={})
        assert got == status
        if status == 409:
            assert answer["code"] == "attempts-used"
            assert "3 attempts of task" in answer["detail"] and "allows 3" in answer["detail"]
            assert await desk.store.tasks.by_key(task.task_key) == task


async def test_retry_when_the_numbers_of_attempts_are_used_up_then_it_is_refused(tmp_path: Path) -> None:
    async with open_desk(tmp_path) as desk:
        await desk.taken_in(job())
        task = await failed(desk, job())
        await desk.store.tasks.save(replace(task, attempt=255))
        status, problem = await desk.send("POST", f"/api/tasks/{task.task_id}/retry", key="owner", body={})
        assert (status, problem["code"]) == (409, "attempts-used")


async def test_lists_when_a_key_asks_then_it_gets_its_own(tmp_path: Path) -> None:
    safe_job = job(2, is_safe=True, safe_address=SAFE)
    async with open_desk(tmp_path) as desk:
        for body in (job(), safe_job):
            await desk.taken_in(body)
        plain, safe = await fired(desk, job()), await fired(desk, safe_job)
        await desk.store.tasks.save(replace(plain, task_cost=Wei(5000)))
        for path, key, numbers in (
            ("/api/tasks/by-apikey", "app", [safe.task_id, plain.task_id]),
            ("/api/tasks/by-apikey?limit=1", "app", [safe.task_id]),
            ("/api/tasks/by-apikey", "owner", []),
            (f"/api/tasks/safe-address/{SAFE.lower()}", "owner", [safe.task_id]),
            (f"/api/tasks/safe-address/{SAFE}", "app", [safe.task_id]),
            (f"/api/tasks/safe-address/{SAFE}", "stranger", []),
        ):
            assert [row["task_id"] for row in (await desk.send("GET", path, key=key))[1]["tasks"]] == numbers
        for key, count in (("owner", 1), ("app", 1), ("stranger", 0)):
            jobs = (await desk.send("GET", f"/api/jobs/safe-address/{SAFE}", key=key))[1]["jobs"]
            assert [row["job_data"]["job_id"] for row in jobs] == [safe_job["job_id"]] * count
        fees = (await desk.send("GET", f"/api/jobs/{job()['job_id']}/task-fees"))[1]
        assert fees == {
            "job_id": job()["job_id"],
            "task_fees": [{"task_id": plain.task_id, "task_opx_cost": "5000"}],
            "total_fee_wei": "5000",
        }


async def test_performers_when_shown_then_each_has_its_record_and_load(tmp_path: Path) -> None:
    async with open_desk(tmp_path) as desk:
        await desk.taken_in(job())
        await failed(desk, job())
        await desk.store.keepers.ensure(STRANGER.address)
        (row,) = (await desk.send("GET", "/api/keepers/performers", key=None))[1]["keepers"]
        assert (row["keeper_address"], row["load"]) == (
            checksum(KEEPER),
            {"open": 0, "attested": 0, "rejected": 0, "failed": 1, "replaced": 0},
        )


async def test_unclaimed_when_a_post_was_lost_then_its_owner_finds_the_job(tmp_path: Path) -> None:
    async with open_desk(tmp_path) as desk:
        record = RegistryRecord(
            job_id=JobId(pack_job_id(CHAIN, NOW, 1)),
            chain_id=CHAIN,
            owner=OWNER.address,
            job_hash=ZERO_HASH,
            version=NOW,
            is_active=True,
            block_number=3,
        )
        await desk.store.registry.put(record)
        path = "/api/jobs/unclaimed"
        (row,) = (await desk.send("GET", path, key="owner"))[1]["jobs"]
        assert (row["job_id"], row["user_address"], row["job_hash"]) == (
            str(record.job_id),
            checksum(OWNER.address),
            to_hex(ZERO_HASH),
        )
        assert (await desk.send("GET", f"{path}?owner={checksum(OWNER.address)}"))[1]["jobs"] == [row]
        assert (await desk.send("GET", path, key="stranger"))[1]["jobs"] == []
        status, problem = await desk.send("GET", path, key="app")
        assert (status, problem["field"]) == (400, "owner")
        await desk.taken_in(job())
        assert (await desk.send("GET", path, key="owner"))[1]["jobs"] == []


@pytest.mark.parametrize(("priority", "percent"), [("", 120), ("&priority=1", 150), ("&priority=3", 105)])
async def test_fees_when_a_priority_is_given_then_its_percentage_counts(
    tmp_path: Path, priority: str, percent: int
) -> None:
    async with open_desk(tmp_path) as desk:
        answer = (await desk.send("GET", f"/api/fees?target_chain_id=31337{priority}", key=None))[1]
        assert (answer["total_fee"], answer["percent"]) == (str(330_000 * 10**9 * percent // 100), percent)
        assert (await desk.send("GET", "/api/fees?priority=4", key=None))[0] == 400
