"""`triggerx jobs`, `tasks` and `audit` as a person types them, against an API of recorded answers."""

import json
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.fakes.api import Canned, FakeApi, running_api
from triggerx.cli import main as cli
from triggerx.evm.hub import run_digest
from triggerx.evm.keys import PrivateKey, recover
from triggerx.evm.registry import pack_job_id
from triggerx.evm.types import ChainId, checksum, from_hex, parse_address, to_hex

USER = PrivateKey(b"\7" * 32)
ADDRESS = checksum(USER.address)
CHAIN = ChainId(31337)
JOB = pack_job_id(CHAIN, 1_800_000_000, 1)
HUB = "0xDc64a140Aa3E981100a9becA4E685f962f0cF6C9"
TARGET = "0x5FC8d32690cc91D4c39d9d3abcBD16989F875707"
KEY = "tgx_" + "a" * 64
ROW = {
    "job_id": str(JOB),
    "job_title": "a \x1b[31mjob",
    "task_definition_id": 1,
    "user_address": ADDRESS,
    "status": "scheduled",
    "version": "1800000000",
    "created_chain_id": "31337",
    "time_frame": 60,
    "recurring": False,
    "job_cost_actual": 0.5,
    "task_ids": [1, 2],
    "hold": None,
    "time_job_data": {"target_contract_address": TARGET, "time_interval": 6, "is_active": True},
}
TASK = {"task_id": 1, "job_id": str(JOB), "task_status": "failed", "task_error": "reverted: no"}
JOB_FILE = f"""
job_title = "a job"
task_definition_id = 1
time_frame = 3600
schedule_type = "interval"
time_interval = 60
target_contract_address = "{TARGET}"
target_function = "increment"
abi = '[{{"type":"function","name":"increment","inputs":[{{"name":"amount","type":"uint256"}}],"outputs":[]}}]'
arguments = ["7"]
"""
COMPLETE = {"job_id": str(JOB), "complete": True, "checked": "chain", "expected": 4, "findings": [], "notes": ["odd"]}
BROKEN = {
    **COMPLETE,
    "complete": False,
    "findings": [{"fault": "missing", "moment": 1_800_000_060, "text": "no entry says what became of it"}],
}


@dataclass
class Owner:
    """Types commands on a machine where a development network has left its document."""

    folder: Path
    api: FakeApi
    monkeypatch: pytest.MonkeyPatch
    capsys: pytest.CaptureFixture[str]

    def types(self, *arguments: str) -> tuple[int, str, str]:
        """Exit status, standard output, standard error."""
        self.monkeypatch.setattr(sys, "argv", ["triggerx", *arguments])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        said = self.capsys.readouterr()
        assert "Traceback" not in said.err
        assert not (self.folder / "crash.log").exists()
        return int(ended.value.code or 0), said.out, said.err

    def write(self, name: str, text: str, mode: int = 0o600) -> Path:
        file = self.folder / name
        file.write_text(text)
        file.chmod(mode)
        return file

    def has_devnet(self, url: str) -> None:
        contracts = {"job_registry": TARGET, "gas_registry": TARGET, "task_execution_hub": HUB}
        document = {
            "rpc_url": "http://127.0.0.1:1",
            "chain_id": CHAIN,
            "api_url": url,
            "api_key": KEY,
            "contracts": contracts,
            "accounts": [{"address": ADDRESS, "private_key": to_hex(USER.reveal())}],
        }
        self.write("devnet.json", json.dumps(document))


@pytest.fixture
def owner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Owner]:
    for name in list(os.environ):
        if name.startswith("TRIGGERX_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("TRIGGERX_DATA_DIR", str(tmp_path))
    monkeypatch.setattr("triggerx.node.config.load.SYSTEM_DIR", tmp_path)
    with running_api() as api:
        made = Owner(tmp_path, api, monkeypatch, capsys)
        made.has_devnet(api.url)
        yield made


def test_list_when_a_development_network_runs_then_its_api_and_key_are_used(owner: Owner) -> None:
    owner.api.on("GET", "/api/jobs/by-apikey", {"jobs": [{"job_data": ROW}]})
    status, out, err = owner.types("jobs", "list")
    heading, row = out.splitlines()
    assert (status, err) == (0, "")
    assert heading.split() == ["JOB", "TITLE", "DEFINITION", "STATUS", "TASKS", "SPENT", "WEI", "LAST", "RUN"]
    assert row.split() == [str(JOB), "a", "\N{REPLACEMENT CHARACTER}[31mjob", "1", "scheduled", "2", "0"]
    assert owner.api.asked[0].authorization == f"Bearer {KEY}"


def test_list_when_there_is_no_job_then_it_says_how_to_make_one(owner: Owner) -> None:
    owner.api.on("GET", f"/api/jobs/user/{ADDRESS}", {"jobs": []})
    assert owner.types("jobs", "list", "--owner", ADDRESS.lower()) == (
        0,
        "",
        "There is no job yet: triggerx jobs create FILE makes one.\n",
    )


@pytest.mark.parametrize(
    ("method", "path", "arguments", "answer"),
    [
        ("GET", "/api/jobs/by-apikey", ("jobs", "list"), {"jobs": [{"job_data": ROW}]}),
        ("GET", f"/api/jobs/{JOB}", ("jobs", "show", str(JOB)), ROW),
        ("PUT", f"/api/jobs/{JOB}/pause", ("jobs", "pause", str(JOB)), {"job_id": str(JOB), "status": "paused"}),
        ("PUT", f"/api/jobs/{JOB}/resume", ("jobs", "resume", str(JOB)), {"job_id": str(JOB)}),
        ("GET", f"/api/jobs/{JOB}/why", ("jobs", "why", str(JOB)), {"job_id": str(JOB), "at": None, "findings": []}),
        ("GET", f"/api/tasks/job/{JOB}", ("tasks", "list", str(JOB)), [TASK]),
        ("GET", "/api/tasks/1", ("tasks", "show", "1"), TASK),
        ("POST", "/api/tasks/1/retry", ("tasks", "retry", "1"), TASK),
        ("GET", f"/api/jobs/{JOB}/audit?from=1&to=9", ("audit", str(JOB), "--from", "1", "--to", "9"), COMPLETE),
    ],
)
def test_json_when_it_is_asked_for_then_the_document_is_printed_untouched(
    owner: Owner, method: str, path: str, arguments: tuple[str, ...], answer: object
) -> None:
    content = json.dumps(answer, indent=1).encode()
    owner.api.on(method, path, Canned(content=content))
    assert owner.types(*arguments, "--json") == (0, content.decode() + "\n", "")


def test_show_when_piped_then_every_field_is_a_line_and_what_is_inside_has_a_heading(owner: Owner) -> None:
    owner.api.on("GET", f"/api/jobs/{JOB}", ROW)
    status, out, _ = owner.types("jobs", "show", str(JOB))
    lines = [line.split(maxsplit=1) for line in out.splitlines()]
    assert status == 0
    assert ["task_ids", "1, 2"] in lines
    assert ["recurring", "no"] in lines
    assert ["job_cost_actual", "0.5"] in lines
    assert lines[lines.index([]) + 1] == ["time_job_data"]
    assert ["is_active", "yes"] in lines
    assert "\x1b" not in out


def test_show_when_on_a_terminal_then_it_is_a_table(owner: Owner, monkeypatch: pytest.MonkeyPatch) -> None:
    owner.api.on("GET", f"/api/jobs/{JOB}", ROW)
    monkeypatch.setattr("triggerx.node.remote.output.is_terminal", lambda: True)
    monkeypatch.setenv("COLUMNS", "200")
    status, out, _ = owner.types("jobs", "show", str(JOB))
    assert status == 0
    assert "│ job_id " in out
    assert "\x1b[31m" not in out


def test_why_when_asked_about_a_moment_then_its_sentences_are_printed(owner: Owner) -> None:
    finding = {"code": "fired", "text": "the occurrence fired", "at": 1_893_456_000}
    answer = {"job_id": str(JOB), "at": 1_893_456_000, "findings": [{"code": "job.paused", "text": "it is"}, finding]}
    owner.api.on("GET", f"/api/jobs/{JOB}/why?at=1893456000", answer)
    expected = "it is (job.paused)\n2030-01-01 00:00:00 UTC  the occurrence fired (fired)\n"
    for moment in ("2030-01-01T00:00:00", "2030-01-01T02:00:00+02:00", "2030-01-01", "1893456000"):
        assert owner.types("jobs", "why", str(JOB), "--at", moment) == (0, expected, "")


def test_tasks_when_listed_then_each_is_a_row(owner: Owner) -> None:
    owner.api.on("GET", "/api/tasks/dead?limit=5", {"tasks": [TASK]})
    status, out, _ = owner.types("tasks", "list", "--dead", "--limit", "5")
    assert status == 0
    assert out.splitlines()[1].split() == ["1", str(JOB), "failed", "reverted:", "no"]
    owner.api.on("GET", "/api/tasks/recent", {"tasks": []})
    assert owner.types("tasks", "list") == (0, "", "There is no such task.\n")


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
    assert out.splitlines()[-1] == "1 jobs were audited, 4 occurrences were expected, and there are 1 findings"


def test_audit_when_there_are_pages_then_all_are_read(owner: Owner) -> None:
    first = {"complete": True, "jobs": [COMPLETE], "unchecked": [], "next_after": "5"}
    last = {"complete": False, "jobs": [], "unchecked": [{"job_id": "7", "reason": "odd"}], "next_after": None}
    owner.api.on("GET", "/api/audit?from=1&to=9&chain_id=31337", first)
    owner.api.on("GET", "/api/audit?from=1&to=9&chain_id=31337&after=5", last)
    arguments = ("audit", "--from", "1", "--to", "9", "--chain", "31337")
    status, out, err = owner.types(*arguments)
    assert (status, err) == (1, "job 7 could not be audited: odd\n")
    assert "job " + str(JOB) + ": odd" in out
    status, out, _ = owner.types(*arguments, "--json")
    assert status == 1
    assert [json.loads(line) for line in out.splitlines()] == [first, last]


def test_run_when_the_owner_signs_then_the_signature_is_theirs_and_the_nonce_may_be_repeated(owner: Owner) -> None:
    owner.api.on("GET", f"/api/jobs/{JOB}", ROW)
    owner.api.on("POST", f"/api/jobs/{JOB}/run", {"job_id": str(JOB), "outcome": "queued"})
    status, out, err = owner.types("jobs", "run", str(JOB))
    sent = owner.api.asked[-1].body
    nonce = int(sent["nonce"])
    digest = run_digest(JOB, 1_800_000_000, nonce, sent["requested_at"], CHAIN, parse_address(HUB))
    assert (status, recover(digest, from_hex(sent["signature"]))) == (0, USER.address)
    assert 0 <= nonce < 2**63
    assert f"--nonce {nonce}" in err
    assert "queued" in out
    owner.types("jobs", "run", str(JOB), "--nonce", str(nonce))
    assert owner.api.asked[-1].body["nonce"] == str(nonce)


def test_run_when_the_job_is_anothers_then_nothing_is_sent(owner: Owner) -> None:
    owner.api.on("GET", f"/api/jobs/{JOB}", {**ROW, "user_address": TARGET})
    status, _, err = owner.types("jobs", "run", str(JOB))
    assert status == 2
    assert f"belongs to {TARGET}, but the key is {ADDRESS}'s" in err
    assert len(owner.api.asked) == 1


def test_create_when_there_is_no_key_then_a_complete_body_is_handed_in_alone(owner: Owner) -> None:
    fields = f'job_id = "{JOB}"\nuser_address = "{ADDRESS}"\ncreated_chain_id = 31337\ntarget_chain_id = 31337\n'
    file = owner.write("job.toml", fields + JOB_FILE)
    owner.api.on("POST", "/api/jobs", {"job_ids": [str(JOB)]})
    key = owner.write("api.key", KEY + "\n")
    arguments = ("jobs", "create", str(file), "--api", owner.api.url, "--api-key-file", str(key))
    status, out, _ = owner.types(*arguments)
    assert (status, out.split()) == (0, ["job_ids", str(JOB)])
    sent = owner.api.asked[0]
    assert (sent.authorization, sent.body["job_id"], sent.body["mandate"]) == (f"Bearer {KEY}", str(JOB), None)
    assert owner.types(*arguments, "--deposit", "5")[2].startswith("triggerx: --deposit needs the owner's key")


def test_environment_when_it_names_api_and_key_then_both_are_used(owner: Owner) -> None:
    owner.api.on("GET", "/api/jobs/by-apikey", {"jobs": []})
    owner.has_devnet("http://127.0.0.1:1")
    owner.monkeypatch.setenv("TRIGGERX_API", owner.api.url)
    owner.monkeypatch.setenv("TRIGGERX_API_KEY", "tgx_other")
    assert owner.types("jobs", "list")[0] == 0
    assert owner.api.asked[0].authorization == "Bearer tgx_other"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("jobs", "show", "five"), "JOB: expected the number of a job"),
        (("jobs", "show", "0"), "JOB: expected the number of a job"),
        (("jobs", "show", str(2**256)), "JOB: expected the number of a job"),
        (("jobs", "list", "--owner", "0x12"), "--owner: expected an address"),
        (("jobs", "why", "5", "--at", "soon"), "--at: expected unix seconds or ISO 8601"),
        (("jobs", "why", "5", "--at", "0000-00-00"), "--at: expected unix seconds or ISO 8601"),
        (("jobs", "create", "none.toml"), "none.toml: cannot be read: No such file"),
        (("jobs", "create", "none.toml", "--runs", "5", "--no-mandate"), "--runs is a term of the mandate"),
        (("jobs", "create", "none.toml", "--runs", "0"), "--runs"),
        (("jobs", "update", "none.toml"), "none.toml: cannot be read"),
        (("jobs", "simulate", "none.toml", "--from", "5", "--to", "4"), "--from is 5, after --to 4"),
        (("jobs", "simulate", "none.toml"), "--from"),
        (("jobs", "delete"), "JOB"),
        (("jobs", "run", "5", "--nonce", str(2**63)), "--nonce"),
        (("jobs", "run", "5", "--key-file", "none.key"), "--key-file: the key file none.key cannot be read"),
        (("jobs", "list", "--api", "localhost"), "--api: expected an address"),
        (("jobs", "list", "--api-key-file", "none.key"), "--api-key-file: the key file none.key cannot be read"),
        (("tasks", "show", "none"), "valid integer"),
        (("tasks", "list", "5", "--dead"), "JOB goes without --dead"),
        (("audit", "5", "--from", "1", "--to", "2", "--chain", "5"), "--chain goes without JOB"),
        (("audit", "--from", "2", "--to", "1"), "--from is 2, after --to 1"),
        (("audit", "--to", "1"), "--from"),
    ],
)
def test_usage_when_it_is_wrong_then_the_status_is_2_and_nothing_is_asked(
    owner: Owner, arguments: tuple[str, ...], message: str
) -> None:
    status, out, err = owner.types(*arguments)
    assert (status, out) == (2, "")
    assert message in err
    assert owner.api.asked == []


@pytest.mark.parametrize(
    ("status", "detail", "field", "exit_status", "says"),
    [
        (401, "send a key", None, 2, "send a key: give a key by --api-key-file FILE or TRIGGERX_API_KEY"),
        (403, "is another's", None, 2, "is another's: give a key by --api-key-file"),
        (404, "there is no job", None, 2, "(status 404): there is no job"),
        (409, "it is over", None, 2, "(status 409): it is over"),
        (422, "is not bound", "job_id", 2, "(status 422): job_id: is not bound"),
        (503, "the chain is away", None, 69, "(status 503): the chain is away: try again later"),
    ],
)
def test_refusal_when_it_comes_then_it_is_one_sentence_and_its_status(
    owner: Owner, status: int, detail: str, field: str | None, exit_status: int, says: str
) -> None:
    owner.api.refuse("PUT", f"/api/jobs/{JOB}/pause", status, detail, **({} if field is None else {"field": field}))
    ended, out, err = owner.types("jobs", "pause", str(JOB))
    assert (ended, out, err.count("\n")) == (exit_status, "", 1)
    assert says in err


def test_answer_when_it_is_nonsense_then_the_api_is_named(owner: Owner) -> None:
    owner.api.on("GET", "/api/jobs/by-apikey", Canned(content=b"<html>", content_type="text/html"))
    status, out, err = owner.types("jobs", "list")
    assert (status, out) == (69, "")
    assert f"the API {owner.api.url} (named by {owner.folder / 'devnet.json'}) answered" in err


def test_api_when_it_is_away_then_it_says_who_named_it_and_what_to_do(owner: Owner) -> None:
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        owner.has_devnet(f"http://127.0.0.1:{free.getsockname()[1]}")
        status, _, err = owner.types("jobs", "list")
    assert status == 69
    assert f"(named by {owner.folder / 'devnet.json'}) cannot be reached" in err
    assert "Is a node with the librarian running there?" in err


def test_api_when_none_is_named_then_every_way_to_name_one_is_told(owner: Owner) -> None:
    (owner.folder / "devnet.json").unlink()
    status, _, err = owner.types("jobs", "list")
    assert status == 2
    for part in ("--api URL", "TRIGGERX_API", "triggerx run --all", str(owner.folder / "devnet.json")):
        assert part in err


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"api_url": 5}'])
def test_devnet_when_its_document_is_broken_then_it_is_named(owner: Owner, content: str) -> None:
    owner.write("devnet.json", content)
    status, _, err = owner.types("jobs", "list")
    assert status == 78
    assert f"{owner.folder / 'devnet.json'}: is not what triggerx run --all writes" in err


def test_api_key_when_its_file_is_open_to_others_or_malformed_then_it_is_refused(owner: Owner) -> None:
    file = owner.write("api.key", KEY, mode=0o644)
    assert "chmod 600" in owner.types("jobs", "list", "--api-key-file", str(file))[2]
    file = owner.write("api.key", "two words")
    assert "is malformed: expected an API key" in owner.types("jobs", "list", "--api-key-file", str(file))[2]
    owner.monkeypatch.setenv("TRIGGERX_API_KEY", "two words")
    assert "TRIGGERX_API_KEY: expected an API key of one word" in owner.types("jobs", "list")[2]


def test_key_when_an_api_is_named_and_no_key_file_then_the_owners_commands_ask_for_one(owner: Owner) -> None:
    status, _, err = owner.types("jobs", "run", str(JOB), "--api", owner.api.url)
    assert status == 2
    assert "give --key-file PATH" in err
    assert owner.api.asked == []
