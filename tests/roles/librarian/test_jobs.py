import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from tests.roles.librarian.desk import CHAIN, HUB, NOW, OWNER, STRANGER, job, open_desk
from triggerx.core.job import JobId, JobStatus
from triggerx.core.job_body import parse_body
from triggerx.events import JobChanged, JobCreated
from triggerx.evm.types import ZERO_ADDRESS, ZERO_HASH, ChainId, checksum


async def test_post_when_the_sdk_posts_its_array_then_the_job_is_scheduled(tmp_path: Path) -> None:
    async with open_desk(tmp_path) as desk, desk.services.bus.subscribe(JobCreated) as created:
        desk.register(job())
        status, answer = await desk.send("POST", "/api/jobs", body=[job()])
        assert (status, answer) == (
            201,
            {
                "user_id": 1,
                "account_balance": "0",
                "token_balance": str(2 * 10**18),
                "job_ids": [job()["job_id"]],
                "task_definition_ids": [1],
                "time_frames": [3600],
                "is_guarded": [False],
            },
        )
        job_id = JobId(int(str(job()["job_id"])))
        stored = await desk.store.jobs.get(job_id)
        assert stored is not None
        assert (stored.status, stored.next_due_at, stored.created_at) == (JobStatus.SCHEDULED, NOW + 60, NOW)
        assert stored.body == parse_body(job())
        assert await anext(created) == JobCreated(job_id)
        assert [event.kind for event in await desk.store.events.after(0, limit=9)] == ["job_created"]


async def test_post_when_a_mandate_comes_with_it_then_the_job_is_guarded(tmp_path: Path) -> None:
    async with open_desk(tmp_path) as desk:
        desk.register(job())
        status, answer = await desk.send("POST", "/api/jobs", key="stranger", body=desk.guarded(job()))
        assert (status, answer["is_guarded"]) == (201, [True])
        assert (await desk.send("GET", f"/api/jobs/{job()['job_id']}"))[1]["is_guarded"] is True


async def test_post_when_it_is_repeated_then_nothing_changes(tmp_path: Path) -> None:
    async with open_desk(tmp_path) as desk:
        desk.register(job())
        first = await desk.send("POST", "/api/jobs", body=[desk.guarded(job())])
        for again in ([desk.guarded(job())], job()):
            assert await desk.send("POST", "/api/jobs", body=again) == (200, first[1])
        assert len(await desk.store.events.after(0, limit=9)) == 1


async def test_post_when_another_body_has_the_id_then_only_a_newer_version_replaces_it(tmp_path: Path) -> None:
    async with open_desk(tmp_path) as desk, desk.services.bus.subscribe(JobChanged) as changed:
        desk.register(job())
        await desk.send("POST", "/api/jobs", body=job())
        status, problem = await desk.send("POST", "/api/jobs", body=job(arguments=["6"]))
        assert (status, problem["code"]) == (409, "conflict")
        update = job(arguments=["6"], time_interval=120)
        desk.register(update, version=NOW + 5)
        assert (await desk.send("POST", "/api/jobs", body=update))[0] == 200
        stored = await desk.store.jobs.get(JobId(int(str(update["job_id"]))))
        assert stored is not None
        assert (stored.body.action.arguments, stored.version, stored.next_due_at) == (("6",), NOW + 5, NOW + 120)
        assert await anext(changed) == JobChanged(stored.job_id)


async def test_post_when_the_mandate_is_renewed_then_it_replaces_the_old_one(tmp_path: Path) -> None:
    async with open_desk(tmp_path) as desk:
        desk.register(job())
        for expiry in (NOW + 100, NOW + 200):
            assert (await desk.send("POST", "/api/jobs", body=desk.guarded(job(), expiry=expiry)))[0] in (200, 201)
        stored = await desk.store.jobs.get(JobId(int(str(job()["job_id"]))))
        assert stored is not None
        assert stored.body.mandate is not None
        assert stored.body.mandate.mandate.expiry == NOW + 200


@pytest.mark.parametrize(
    ("field", "changes"),
    [
        ("mandate.jobId", {"job_id": 5}),
        ("mandate.jobHash", {"job_hash": ZERO_HASH}),
        ("mandate.version", {"version": NOW + 1}),
        ("mandate.owner", {"owner": STRANGER.address}),
        ("mandate.target", {"target": ZERO_ADDRESS}),
        ("mandate.selector", {"selector": b"\0\0\0\0"}),
        ("mandate.calldataHash", {"calldata_hash": ZERO_HASH}),
        ("mandate.expiry", {"expiry": NOW}),
        ("mandate.notBefore", {"not_before": NOW + 10_000}),
        ("mandate.runsMax", {"runs_max": 0}),
        ("mandate.attemptsMax", {"attempts_max": 0}),
        ("mandate.security", {"security": 1}),
        ("mandate.spacing", {"spacing": 61}),
        ("mandate.signature", {"signer": STRANGER}),
    ],
)
async def test_post_when_the_mandate_is_wrong_then_its_field_is_named(
    tmp_path: Path, field: str, changes: dict[str, object]
) -> None:
    async with open_desk(tmp_path) as desk:
        desk.register(job())
        body = desk.guarded(job(), **changes)  # type: ignore[arg-type]  # signer or fields, by the case
        status, problem = await desk.send("POST", "/api/jobs", body=body)
        assert (status, problem["field"]) == (400, field)
        assert await desk.store.jobs.get(JobId(int(str(job()["job_id"])))) is None


@pytest.mark.parametrize(
    ("status", "field", "changes"),
    [
        (
            422,
            "task_definition_id",
            {"task_definition_id": 7, "arg_type": 2, "dynamic_arguments_script_url": "u", "language": "python"},
        ),
        (422, "link_job_id", {"link_job_id": "5"}),
        (422, "link_job_id", {"chain_status": 1}),
        (422, "job_id", {"job_title": "Other"}),
        (422, "job_id", {"time_frame": 3601}),
        (422, "job_id", {"time_interval": 61}),
        (400, "user_address", {"user_address": checksum(STRANGER.address)}),
        (400, "target_chain_id", {"target_chain_id": "1"}),
        (400, "arguments[0]", {"arguments": ["-5"]}),
        (400, "time_frame", {"time_frame": "soon"}),
    ],
)
async def test_post_when_body_and_chain_disagree_then_a_problem_names_the_field(
    tmp_path: Path, status: int, field: str, changes: dict[str, object]
) -> None:
    async with open_desk(tmp_path) as desk:
        desk.register(job())
        found, problem = await desk.send("POST", "/api/jobs", body=job(**changes))
        assert (found, problem["field"]) == (status, field)


@pytest.mark.parametrize(("l2_chain_id", "code"), [(CHAIN, "not-executable"), (ChainId(1), "security-unavailable")])
async def test_post_when_security_needs_a_quorum_before_the_action_then_it_is_refused_with_the_reason(
    tmp_path: Path, l2_chain_id: ChainId, code: str
) -> None:
    async with open_desk(tmp_path, l2_chain_id=l2_chain_id) as desk:
        desk.register(job())
        status, problem = await desk.send("POST", "/api/jobs", body=job(security=1))
        assert (status, problem["field"], problem["code"]) == (422, "security", code)


@pytest.mark.parametrize(("level", "signed", "status"), [(2, 2, 201), (3, 3, 201), (2, 4, 400), (4, 2, 400)])
async def test_post_when_a_security_is_asked_for_then_the_mandate_has_to_say_the_same(
    tmp_path: Path, level: int, signed: int, status: int
) -> None:
    async with open_desk(tmp_path) as desk:
        desk.register(job())
        body = desk.guarded(job(security=level), security=signed)
        found, answer = await desk.send("POST", "/api/jobs", body=body)
        assert found == status
        if status == 201:
            shown = (await desk.send("GET", f"/api/jobs/{body['job_id']}"))[1]
            assert shown["security"] == level
        else:
            assert answer["field"] == "mandate.security"


async def test_post_when_the_registry_does_not_know_the_job_then_it_is_refused(tmp_path: Path) -> None:
    async with open_desk(tmp_path) as desk:
        status, problem = await desk.send("POST", "/api/jobs", body=job())
        assert (status, problem["field"]) == (400, "job_id")


async def test_post_when_the_job_was_deleted_then_it_is_refused(tmp_path: Path) -> None:
    async with open_desk(tmp_path) as desk:
        desk.register(job()).is_active = False
        status, problem = await desk.send("POST", "/api/jobs", body=job())
        assert (status, problem["code"]) == (409, "job-inactive")


async def test_post_when_the_job_is_never_due_again_then_it_is_refused(tmp_path: Path) -> None:
    past = job(2, schedule_type="specific", specific_schedule="2023-11-14 22:13:10")
    bad_cron = job(3, schedule_type="cron", cron_expression="61 * * * *")
    async with open_desk(tmp_path) as desk:
        for body, field in ((past, "specific_schedule"), (bad_cron, "cron_expression"), (job(), "time_frame")):
            desk.register(body)
            if field == "time_frame":
                await desk.clock.jump(3600)
            status, problem = await desk.send("POST", "/api/jobs", body=body)
            assert (status, problem["field"]) == (400, field)


async def test_post_when_an_unguarded_job_is_anothers_then_the_key_decides(tmp_path: Path) -> None:
    async with open_desk(tmp_path) as desk:
        for number, (key, expected) in enumerate((("stranger", 403), ("owner", 201), ("app", 201), ("admin", 201)), 1):
            desk.register(job(number))
            assert (await desk.send("POST", "/api/jobs", key=key, body=job(number)))[0] == expected


async def test_post_when_one_of_several_is_wrong_then_none_is_taken(tmp_path: Path) -> None:
    async with open_desk(tmp_path) as desk:
        desk.register(job(1))
        desk.register(job(2))
        for second, field in ((job(2, job_title="x"), "job_id"), (job(1), "[1].job_id"), (job(2, abi=""), "[1].abi")):
            status, problem = await desk.send("POST", "/api/jobs", body=[job(1), second])
            assert (status in (400, 422), problem["field"]) == (True, field)
        assert (await desk.send("GET", "/api/jobs/by-apikey"))[1] == {"jobs": []}
        status, answer = await desk.send("POST", "/api/jobs", body=[job(1), job(2)])
        assert (status, len(answer["job_ids"])) == (201, 2)
        assert (await desk.send("POST", "/api/jobs", body=[]))[0] == 400
        assert (await desk.send("POST", "/api/jobs", body=["job"]))[0] == 400


async def test_get_when_a_job_is_there_then_the_shapes_are_the_sdks(tmp_path: Path) -> None:
    async with open_desk(tmp_path) as desk:
        desk.register(job())
        await desk.send("POST", "/api/jobs", body=job())
        owner, job_id = checksum(OWNER.address), job()["job_id"]
        of_owner = (await desk.send("GET", f"/api/jobs/user/{owner.lower()}"))[1]
        assert of_owner == (await desk.send("GET", "/api/jobs/by-apikey"))[1]
        assert of_owner == (await desk.send("GET", f"/api/jobs/user/{owner}/chain/31337"))[1]
        assert (await desk.send("GET", f"/api/jobs/user/{owner}/chain/1"))[1] == {"jobs": []}
        (row,) = of_owner["jobs"]
        assert set(row) == {"job_data", "time_job_data"}
        assert (row["job_data"]["job_id"], row["job_data"]["status"], row["job_data"]["task_ids"]) == (
            job_id,
            "scheduled",
            [],
        )
        assert row["job_data"]["created_at"] == "2023-11-14T22:13:20.000Z"
        assert row["time_job_data"]["next_execution_timestamp"] == "2023-11-14T22:14:20.000Z"
        status, bare = await desk.send("GET", f"/api/jobs/user/{owner}/{job_id}")
        assert (status, bare["job_id"], bare["user_address"]) == (200, job_id, owner)
        assert (await desk.send("GET", f"/api/jobs/user/{checksum(STRANGER.address)}/{job_id}"))[0] == 404
        assert await desk.send("GET", f"/api/tasks/job/{job_id}") == (200, [])
        assert (await desk.send("GET", "/api/jobs/12345"))[0] == 404


async def test_delete_when_the_registry_or_the_owner_says_so_then_the_job_stops(tmp_path: Path) -> None:
    async with open_desk(tmp_path) as desk:
        for number in (1, 2):
            desk.register(job(number))
            await desk.send("POST", "/api/jobs", body=job(number))
        first, second = (f"/api/jobs/delete/{job(number)['job_id']}" for number in (1, 2))
        assert (await desk.send("PUT", first, body={}))[0] == 403
        desk.entries[int(str(job(1)["job_id"]))].is_active = False
        for _ in range(2):
            assert (await desk.send("PUT", first, body={}))[0] == 200
        assert (await desk.send("PUT", second, key="owner", body={}))[0] == 200
        for number in (1, 2):
            stored = await desk.store.jobs.get(JobId(int(str(job(number)["job_id"]))))
            assert stored is not None
            assert (stored.status, stored.next_due_at) == (JobStatus.STOPPED, None)
        assert (await desk.send("PUT", "/api/jobs/delete/1", body={}))[0] == 404


async def test_post_when_its_owner_stopped_the_job_then_the_answer_is_not_that_it_runs(tmp_path: Path) -> None:
    async with open_desk(tmp_path) as desk:
        desk.register(job())
        await desk.send("POST", "/api/jobs", body=job())
        await desk.send("PUT", f"/api/jobs/delete/{job()['job_id']}", key="owner", body={})
        status, problem = await desk.send("POST", "/api/jobs", body=job())
        assert (status, problem["code"]) == (409, "job-stopped")
        assert "stopped by its owner" in problem["detail"]
        desk.register(job(), version=NOW + 5)
        assert (await desk.send("POST", "/api/jobs", body=job()))[0] == 200
        stored = await desk.store.jobs.get(JobId(int(str(job()["job_id"]))))
        assert stored is not None
        assert stored.status is JobStatus.SCHEDULED


async def test_post_when_the_mandate_is_signed_by_another_then_the_domain_is_told(tmp_path: Path) -> None:
    async with open_desk(tmp_path) as desk:
        desk.register(job())
        _, problem = await desk.send("POST", "/api/jobs", body=desk.guarded(job(), signer=STRANGER))
        assert checksum(STRANGER.address) in problem["detail"]
        for part in ("name triggerx", "version 1", "chainId 31337", f"verifyingContract {checksum(HUB)}"):
            assert part in problem["detail"]
        _, problem = await desk.send("POST", "/api/jobs", body=desk.guarded(job(), owner=STRANGER.address))
        assert problem["detail"].endswith(f"whose value is {checksum(OWNER.address)}")


@pytest.mark.parametrize(
    ("changes", "detail"),
    [
        ({"arguments": []}, "arguments[0]: is missing: add(uint256) takes 1 argument, got 0"),
        ({"arguments": ["1", "2"]}, "arguments[1]: is one too many: add(uint256) takes 1 argument, got 2"),
        ({"arguments": [1.5]}, "arguments[0]: expected a whole number of at most 256 bits, got 1.5"),
        (
            {"arguments": ["x"]},
            "arguments[0]: expected uint256, an integer from 0 to 2^256-1, decimal or 0x hexadecimal",
        ),
        ({"job_id": "x"}, "job_id: expected a whole number from 1 to 2^256-1, got 'x'"),
    ],
)
async def test_post_when_a_value_does_not_fit_then_the_words_say_what_would(
    tmp_path: Path, changes: dict[str, object], detail: str
) -> None:
    async with open_desk(tmp_path) as desk:
        assert (await desk.send("POST", "/api/jobs", body=job(**changes)))[1]["detail"] == detail


async def test_post_when_the_network_has_no_such_chain_then_it_is_refused(tmp_path: Path) -> None:
    number = 1 << 224 | NOW << 160 | 1
    async with open_desk(tmp_path) as desk:
        body = job(job_id=str(number), created_chain_id="1", target_chain_id="1")
        status, problem = await desk.send("POST", "/api/jobs", body=body)
        assert (status, problem["field"]) == (400, "created_chain_id")


async def test_stored_job_when_read_back_then_it_is_what_was_posted(tmp_path: Path) -> None:
    async with open_desk(tmp_path) as desk:
        body = desk_body = job(arguments=[str(2**256 - 1)])
        desk.register(desk_body)
        await desk.send("POST", "/api/jobs", body=desk.guarded(body))
        stored = await desk.store.jobs.get(JobId(int(str(body["job_id"]))))
        assert stored is not None
        assert replace(stored.body, mandate=None) == parse_body(body)


async def test_post_when_two_come_at_once_then_one_creates_and_the_other_finds_it(tmp_path: Path) -> None:
    async with open_desk(tmp_path) as desk:
        desk.register(job())
        answers = await asyncio.gather(*(desk.send("POST", "/api/jobs", body=job()) for _ in range(4)))
        assert sorted(status for status, _ in answers) == [200, 200, 200, 201]
        assert len(await desk.store.events.after(0, limit=9)) == 1
