"""Simulation and audit over HTTP: what is asked, what is answered, and which field is wrong."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.roles.librarian.desk import ABI, CHAIN, NOW, OWNER, TARGET, Desk, job, open_desk
from triggerx.core.job import Job, JobId, JobStatus
from triggerx.core.job_body import expected_job_hash, parse_body
from triggerx.evm.abi import Function
from triggerx.evm.types import checksum

ADD = Function.parse("add(uint256)")


def body(**changes: object) -> dict[str, object]:
    """A job as somebody who has not created it yet writes it."""
    given = job(**changes)
    del given["job_id"]
    return given


async def with_blocks(desk: Desk, count: int) -> None:
    desk.chain.answer(TARGET, ADD, lambda _: ())
    await desk.chain.mine(count)


async def stored(desk: Desk, number: int, *, next_due_at: int | None) -> JobId:
    parsed = parse_body(job(number))
    user = await desk.store.users.ensure(parsed.owner, now=NOW)
    await desk.store.jobs.insert(
        Job(
            body=parsed,
            user_id=user.user_id,
            job_hash=expected_job_hash(parsed),
            version=NOW,
            status=JobStatus.SCHEDULED,
            created_at=NOW,
            accepted_at=NOW,
            next_due_at=next_due_at,
        ),
        api_key_id=None,
    )
    return parsed.job_id


async def test_simulate_when_the_job_was_never_created_then_every_firing_is_told_with_its_cost(tmp_path: Path) -> None:
    async with open_desk(tmp_path) as desk:
        await with_blocks(desk, 200)
        asked = {"job": body(recurring=True), "from_block": 10, "to_block": 140}
        status, answer = await desk.send("POST", "/api/jobs/simulate", key="reader", body=asked)
        assert status == 200
        assert [firing["moment"] for firing in answer["firings"]] == [NOW + 70, NOW + 130]
        assert [firing["block"] for firing in answer["firings"]] == [70, 130]
        first = answer["firings"][0]
        assert (first["outcome"], first["reason"], first["call_succeeded"], first["revert_reason"]) == (
            "fired",
            "",
            True,
            "",
        )
        assert first["evidence"] == {"kind": "time", "due": NOW + 70}
        assert answer["totals"] == {
            "occurrences": 2,
            "fired": 2,
            "reverted": 0,
            "gas": 2 * first["gas"],
            "cost_wei": str(2 * int(first["cost_wei"])),
        }
        assert (answer["from_block"], answer["to_block"], answer["chain_id"]) == (10, 140, str(CHAIN))
        assert "present gas price of 1000000000 wei" in answer["assumptions"][0]


async def test_simulate_when_the_job_exists_then_its_own_creation_counts(tmp_path: Path) -> None:
    async with open_desk(tmp_path) as desk:
        await with_blocks(desk, 130)
        asked = {"job": job(recurring=True), "from_block": 10, "to_block": 130}
        _, answer = await desk.send("POST", "/api/jobs/simulate", body=asked)
        assert [firing["moment"] for firing in answer["firings"]] == [NOW + 60, NOW + 120]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"from_block": -1}, "from_block"),
        ({"from_block": 9, "to_block": 8}, "to_block"),
        ({"to_block": 9_999}, "to_block"),
        ({"to_block": 200_000}, "to_block"),
        ({"job": 5}, "job"),
        ({"job": body(time_interval=0)}, "job.time_interval"),
        ({"job": body(arguments=[])}, "job.arguments[0]"),
        ({"job": body(created_chain_id="x")}, "job.created_chain_id"),
        ({"job": body(target_chain_id="5")}, "job.target_chain_id"),
        (
            {
                "job": body(
                    task_definition_id=5,
                    condition_type="greater_than",
                    upper_limit="5",
                    lower_limit="0",
                    value_source_type="api",
                    value_source_url="https://prices.example/eth",
                    abi=ABI,
                )
            },
            "job.value_source_type",
        ),
    ],
)
async def test_simulate_when_something_is_wrong_then_names_the_field(
    tmp_path: Path, changes: dict[str, object], field: str
) -> None:
    async with open_desk(tmp_path) as desk:
        await with_blocks(desk, 20)
        asked = {"job": body(), "from_block": 0, "to_block": 20, **changes}
        status, answer = await desk.send("POST", "/api/jobs/simulate", body=asked)
        assert (status, answer["field"]) == (400, field)


async def test_simulate_when_the_first_block_is_to_come_then_says_so(tmp_path: Path) -> None:
    async with open_desk(tmp_path) as desk:
        asked = {"job": body(), "from_block": 7, "to_block": 9}
        status, answer = await desk.send("POST", "/api/jobs/simulate", body=asked)
        assert (status, answer["field"]) == (400, "from_block")


async def test_audit_when_a_due_second_has_no_entry_then_says_so_and_what_was_looked_at(tmp_path: Path) -> None:
    async with open_desk(tmp_path) as desk:
        await with_blocks(desk, 200)
        job_id = await stored(desk, 1, next_due_at=NOW + 120)
        status, answer = await desk.send("GET", f"/api/jobs/{job_id}/audit?from=0&to=200", key="reader")
        assert status == 200
        assert (answer["complete"], answer["checked"], answer["expected"]) == (False, "chain", 1)
        assert (answer["from_second"], answer["to_second"], answer["to_block"]) == (NOW + 1, NOW + 119, 200)
        (finding,) = answer["findings"]
        assert (finding["fault"], finding["moment"]) == ("missing", NOW + 1)


async def test_audit_when_of_all_jobs_then_comes_in_pages(tmp_path: Path) -> None:
    async with open_desk(tmp_path) as desk:
        await with_blocks(desk, 200)
        ids = [str(await stored(desk, number, next_due_at=NOW + due)) for number, due in ((1, 60), (2, 120), (3, 60))]
        _, page = await desk.send("GET", "/api/audit?from=0&to=200&limit=2")
        assert [audit["job_id"] for audit in page["jobs"]] == ids[:2]
        assert (page["complete"], page["findings"], page["unchecked"], page["next_after"]) == (False, 1, [], ids[1])
        _, last = await desk.send("GET", f"/api/audit?from=0&to=200&limit=2&after={page['next_after']}")
        assert [audit["job_id"] for audit in last["jobs"]] == ids[2:]
        assert (last["complete"], last["next_after"]) == (True, None)


async def test_audit_when_one_job_makes_no_sense_then_the_others_are_audited(tmp_path: Path) -> None:
    async with open_desk(tmp_path) as desk:
        await with_blocks(desk, 20)
        bad, good = await stored(desk, 1, next_due_at=None), await stored(desk, 2, next_due_at=NOW + 60)
        event = parse_body(
            job(
                task_definition_id=3,
                trigger_chain_id=str(CHAIN),
                trigger_contract_address=checksum(OWNER.address),
                trigger_event="Paid(address)",
            )
        )
        poisoned = replace(event, trigger=replace(event.trigger, event="Paid(nonsense"))  # type: ignore[arg-type]  # an event
        await desk.store.jobs.replace_body(bad, poisoned, job_hash=b"\0" * 32, version=NOW)
        block = await desk.chain.head()
        await desk.store.blocks.move(f"engine.chain.{CHAIN}", dropped=[], added=[block], keep=9)
        _, answer = await desk.send("GET", "/api/audit?from=0&to=20")
        assert [audit["job_id"] for audit in answer["jobs"]] == [str(good)]
        assert [each["job_id"] for each in answer["unchecked"]] == [str(bad)]
        assert answer["complete"] is False


@pytest.mark.parametrize(
    ("path", "status", "field"),
    [
        ("/api/jobs/5/audit?from=0&to=9", 404, None),
        ("/api/audit?from=9&to=8", 400, "to"),
        ("/api/audit?to=8", 400, "from"),
        ("/api/audit?from=0&to=8&chain_id=77", 400, "chain_id"),
        ("/api/audit?from=0&to=8&limit=1000", 400, "limit"),
    ],
)
async def test_audit_when_something_is_wrong_then_says_what(
    tmp_path: Path, path: str, status: int, field: str | None
) -> None:
    async with open_desk(tmp_path) as desk:
        found, answer = await desk.send("GET", path)
        assert (found, answer.get("field")) == (status, field)


async def test_replays_when_nobody_asks_then_are_refused(tmp_path: Path) -> None:
    async with open_desk(tmp_path) as desk:
        asked = {"job": body(), "from_block": 0, "to_block": 0}
        assert (await desk.send("POST", "/api/jobs/simulate", key=None, body=asked))[0] == 401
        assert (await desk.send("GET", "/api/audit?from=0&to=0", key=None))[0] == 401
