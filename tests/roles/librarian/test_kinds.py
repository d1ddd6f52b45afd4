"""Which bodies become jobs: one table of accepted and one of refused bodies for each kind of trigger."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.roles.librarian.desk import TARGET, condition_job, event_job, job, open_desk
from triggerx.core.job import JobStatus
from triggerx.evm.types import checksum

Make = Callable[..., dict[str, object]]
SCRIPT = "ipfs://bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy"
VIEW = {
    "value_source_type": "view",
    "value_source_url": checksum(TARGET),
    "value_source_function": "totalSupply() returns (uint256)",
    "selected_key_route": "",
}
SCRIPTED = {"value_source_type": "script", "value_source_url": SCRIPT, "script_trigger_function": "price"}


@pytest.mark.parametrize(
    ("make", "changes"),
    [
        (job, {"misfire_policy": "within", "misfire_within": 30}),
        (job, {"schedule_type": "cron", "cron_expression": "0 9 * * *", "time_frame": 90_000}),
        (job, {"priority": 1, "limits": {"runs_max": 5, "wei_max": "1000000"}}),
        (event_job, {}),
        (event_job, {"event_filter_para_name": "", "event_filter_value": "", "event_confirmations": 3}),
        (event_job, {"event_filters": [{"name": "value", "value": "5"}]}),
        (condition_job, {}),
        (condition_job, {"condition_type": "between", "lower_limit": 1, "trigger_mode": "level", "cooldown": 60}),
        (condition_job, {"value_source_type": "websocket", "value_source_url": "wss://prices.example"}),
        (condition_job, {"value_source_type": "static", "value_source_url": "12"}),
        (condition_job, {"value_source_type": "oracle", "value_source_url": checksum(TARGET)}),
        (condition_job, VIEW),
        (condition_job, SCRIPTED),
        (condition_job, {**SCRIPTED, "script_language": "python"}),
    ],
)
async def test_post_when_the_kind_can_be_watched_then_it_is_scheduled(
    tmp_path: Path, make: Make, changes: dict[str, object]
) -> None:
    body = make(**changes)
    async with open_desk(tmp_path) as desk:
        desk.register(body)
        status, answer = await desk.send("POST", "/api/jobs", body=desk.guarded(body))
        assert status == 201, answer
        stored = await desk.stored(body)
        assert (stored.status, stored.body.is_guarded) == (JobStatus.SCHEDULED, True)
        assert (stored.next_due_at is None) == (make is not job)


@pytest.mark.parametrize(
    ("status", "field", "make", "changes"),
    [
        (400, "misfire_within", job, {"misfire_policy": "within"}),
        (400, "limits.runs_max", job, {"limits": {"runs_max": 0}}),
        (400, "limits.wei_max", job, {"limits": {"wei_max": "0"}}),
        (400, "limits.runs", job, {"limits": {"runs": 5}}),
        (400, "priority", job, {"priority": 4}),
        (422, "trigger_chain_id", event_job, {"trigger_chain_id": "1"}),
        (400, "trigger_event", event_job, {"trigger_event": "Transfer(address,"}),
        (400, "event_filter_para_name", event_job, {"event_filter_para_name": "amount"}),
        (400, "event_filter_para_name", event_job, {"trigger_event": "Transfer(address,address,uint256)"}),
        (400, "event_filter_value", event_job, {"event_filter_value": "somebody"}),
        (400, "event_filters[0].value", event_job, {"event_filters": [{"name": "value", "value": "-1"}]}),
        (400, "condition_type", condition_job, {"condition_type": "above"}),
        (400, "upper_limit", condition_job, {"condition_type": "between", "lower_limit": 11}),
        (400, "value_source_url", condition_job, {"value_source_url": "ftp://prices.example"}),
        (400, "value_source_url", condition_job, {"value_source_url": "https://me:secret@prices.example"}),
        (400, "value_source_url", condition_job, {"value_source_url": "https://prices.example:22/"}),
        (400, "value_source_url", condition_job, {**SCRIPTED, "value_source_url": "http://scripts.example/a.py"}),
        (422, "script_language", condition_job, {**SCRIPTED, "script_language": "cobol"}),
        (400, "script_trigger_function", condition_job, {**SCRIPTED, "script_trigger_function": ""}),
        (422, "value_source_chain_id", condition_job, {**VIEW, "value_source_chain_id": "1"}),
        (400, "value_source_function", condition_job, {**VIEW, "value_source_function": "totalSupply("}),
        (400, "hysteresis", condition_job, {"hysteresis": -1}),
    ],
)
async def test_post_when_it_cannot_be_watched_then_the_field_is_named(
    tmp_path: Path, status: int, field: str, make: Make, changes: dict[str, object]
) -> None:
    async with open_desk(tmp_path) as desk:
        desk.register(make())
        found, problem = await desk.send("POST", "/api/jobs", body=make(**changes))
        assert (found, problem["field"]) == (status, field), problem
        assert await desk.store.jobs.get(int(str(job()["job_id"]))) is None  # type: ignore[arg-type]  # as an id


def computed(make: Make, definition: int, **changes: object) -> dict[str, object]:
    """A job of this kind whose arguments a script computes."""
    body: dict[str, object] = {
        "task_definition_id": definition,
        "arg_type": 2,
        "dynamic_arguments_script_url": SCRIPT,
        "arguments": [],
        **changes,
    }
    return make(**body)


@pytest.mark.parametrize(
    ("definition", "make", "kind"), [(2, job, "time"), (4, event_job, "event"), (6, condition_job, "condition")]
)
async def test_post_when_a_script_computes_the_arguments_then_it_is_taken_in_and_shown(
    tmp_path: Path, definition: int, make: Make, kind: str
) -> None:
    body = computed(make, definition, script_target_function="amount", arguments_tolerance="0.5")
    async with open_desk(tmp_path) as desk:
        desk.register(body)
        assert (await desk.send("POST", "/api/jobs", body=body))[0] == 201
        shown = (await desk.send("GET", f"/api/jobs/{body['job_id']}"))[1][f"{kind}_job_data"]
        assert shown["dynamic_arguments_script_url"] == SCRIPT
        assert (shown["script_target_function"], shown["arguments_tolerance"]) == ("amount", 0.5)


@pytest.mark.parametrize(
    ("status", "field", "changes"),
    [
        (422, "language", {"language": "cobol"}),
        (400, "dynamic_arguments_script_url", {"dynamic_arguments_script_url": "http://scripts.example/a.py"}),
        (400, "script_target_function", {"script_target_function": "a b"}),
        (400, "arguments_tolerance", {"arguments_tolerance": "11"}),
    ],
)
async def test_post_when_its_script_cannot_be_run_then_the_field_is_named(
    tmp_path: Path, status: int, field: str, changes: dict[str, object]
) -> None:
    body = computed(job, 2, **changes)
    async with open_desk(tmp_path) as desk:
        desk.register(computed(job, 2, dynamic_arguments_script_url=body["dynamic_arguments_script_url"]))
        found, problem = await desk.send("POST", "/api/jobs", body=body)
        assert (found, problem["field"]) == (status, field), problem


async def test_post_when_a_script_says_the_whole_call_then_the_refusal_says_so(tmp_path: Path) -> None:
    body = computed(job, 7, language="python")
    async with open_desk(tmp_path) as desk:
        desk.register(body)
        status, problem = await desk.send("POST", "/api/jobs", body=body)
        assert (status, problem["code"], problem["field"]) == (422, "not-executable", "task_definition_id")


async def test_post_when_an_event_job_is_over_already_then_it_is_refused(tmp_path: Path) -> None:
    async with open_desk(tmp_path) as desk:
        desk.register(event_job())
        await desk.clock.jump(3601)
        status, problem = await desk.send("POST", "/api/jobs", body=event_job())
        assert (status, problem["field"]) == (400, "time_frame")


async def test_get_when_a_job_is_shown_then_every_term_is(tmp_path: Path) -> None:
    async with open_desk(tmp_path) as desk:
        await desk.taken_in(job(1, misfire_policy="all", limits={"runs_max": 5}))
        await desk.taken_in(event_job(2, event_confirmations=7))
        await desk.taken_in(condition_job(3, cooldown=9, hysteresis="0.5"))
        shown = [(await desk.send("GET", f"/api/jobs/{job(number)['job_id']}"))[1] for number in (1, 2, 3)]
        assert shown[0]["limits"] == {
            "runs_max": 5,
            "runs_per_day_max": 1_500,
            "wei_max": str(5 * 10**17),
            "wei_per_day_max": str(5 * 10**16),
            "gas_price_max_wei": None,
        }
        assert (shown[0]["time_job_data"]["misfire_policy"], shown[0]["link_on_failure"]) == ("all", "stop")
        assert shown[1]["event_job_data"]["event_confirmations"] == 7
        assert (shown[2]["condition_job_data"]["cooldown"], shown[2]["condition_job_data"]["trigger_mode"]) == (
            9,
            "edge",
        )
        assert (shown[0]["runs"], shown[0]["hold"], shown[0]["outcomes"]["missed"]) == (0, None, 0)
        assert shown[0]["deposit_wei"] == str(2 * 10**18)
