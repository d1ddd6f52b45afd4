"""`triggerx jobs simulate` and `triggerx audit` as a person types them, against an API of recorded answers."""

import json

from tests.unit.cli.api_owner import ADDRESS, COMPLETE, JOB, JOB_FILE, Owner

BROKEN = {
    **COMPLETE,
    "complete": False,
    "findings": [{"fault": "missing", "moment": 1_800_000_060, "text": "no entry says what became of it"}],
}


def test_simulate_when_the_job_is_not_on_chain_then_it_is_sent_without_an_id(owner: Owner) -> None:
    firing = {
        "block": 6,
        "moment": 1_893_456_000,
        "outcome": "fired",
        "reason": "",
        "detail": "",
        "call_succeeded": False,
        "revert_reason": "not today",
        "gas": 216_234,
        "cost_wei": "261545818525696",
    }
    answer = {
        "firings": [firing],
        "totals": {"fired": 1, "cost_wei": "261545818525696"},
        "assumptions": ["the deposit is large enough"],
        "gas_price_wei": "7",
    }
    owner.api.on("POST", "/api/jobs/simulate", answer)
    file = owner.write("job.toml", JOB_FILE)
    status, out, err = owner.types("jobs", "simulate", str(file), "--from", "1", "--to", "20")
    sent = owner.api.asked[0].body
    assert (status, err) == (0, "")
    assert "6      2030-01-01 00:00:00 UTC  fired    reverts  216234  261545818525696  not today" in out
    assert "assumed: the deposit is large enough" in out
    assert (sent["from_block"], sent["to_block"]) == (1, 20)
    assert "job_id" not in sent["job"]
    assert (sent["job"]["user_address"], sent["job"]["created_chain_id"]) == (ADDRESS, "31337")


def test_simulate_when_the_api_refuses_a_field_then_the_file_is_named(owner: Owner) -> None:
    owner.api.refuse("POST", "/api/jobs/simulate", 400, "job.x: is wrong", field="job.x")
    file = owner.write("job.toml", JOB_FILE)
    status, _, err = owner.types("jobs", "simulate", str(file), "--from", "1", "--to", "20")
    assert status == 2
    assert err.startswith(f"triggerx: {file}: the API")
    assert "job.x: is wrong" in err


def test_audit_when_something_is_found_then_it_is_shown_and_the_status_is_1(owner: Owner) -> None:
    owner.api.on("GET", f"/api/jobs/{JOB}/audit?from=1&to=9", BROKEN)
    status, out, _ = owner.types("audit", str(JOB), "--from", "1", "--to", "9")
    assert status == 1
    assert out.splitlines()[1].split(maxsplit=4)[-1] == "missing  no entry says what became of it"
    assert out.splitlines()[-1] == "1 job audited, 4 occurrences expected: 1 finding"


def test_audit_when_there_are_pages_then_all_are_read(owner: Owner) -> None:
    first = {"complete": True, "jobs": [COMPLETE], "unchecked": [], "next_after": "5"}
    last = {"complete": False, "jobs": [], "unchecked": [{"job_id": "7", "reason": "odd"}], "next_after": None}
    owner.api.on("GET", "/api/audit?from=1&to=9&chain_id=31337", first)
    owner.api.on("GET", "/api/audit?from=1&to=9&chain_id=31337&after=5", last)
    arguments = ("audit", "--from", "1", "--to", "9", "--chain", "31337")
    status, out, err = owner.types(*arguments)
    assert (status, err) == (1, "job 7 could not be audited: odd\n")
    assert out.splitlines()[-1] == "1 job audited, 4 occurrences expected: not every job could be audited"
    assert "job " + str(JOB) + ": odd" in out
    status, out, _ = owner.types(*arguments, "--json")
    assert status == 1
    assert [json.loads(line) for line in out.splitlines()] == [first, last]
