"""`triggerx jobs` and `tasks` as a person types them, against an API of recorded answers."""

import json
import socket
from contextlib import closing

import pytest

from tests.fakes.api import Canned
from tests.unit.cli.api_owner import ADDRESS, CHAIN, COMPLETE, HUB, JOB, JOB_FILE, KEY, ROW, TARGET, TASK, USER, Owner
from triggerx.evm.hub import run_digest
from triggerx.evm.keys import PrivateKey, recover
from triggerx.evm.types import checksum, from_hex, parse_address
from triggerx.node.keystore import make_keystore


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
    assert owner.types("tasks", "list") == (0, "", "There is no task yet.\n")
    owner.api.on("GET", "/api/tasks/dead", {"tasks": []})
    assert owner.types("tasks", "list", "--dead") == (0, "", "No task needs to be looked at.\n")
    owner.api.on("GET", f"/api/tasks/job/{JOB}", [])
    said = f"Job {JOB} has no task: triggerx jobs why {JOB} says why.\n"
    assert owner.types("tasks", "list", str(JOB)) == (0, "", said)


def test_show_when_an_amount_is_small_or_nothing_then_it_is_written_out(owner: Owner) -> None:
    content = b'{"job_id":"5","none":0E-18,"some":1E-10,"many":1.5E+3}'
    row = json.dumps(ROW).encode()[1:]
    owner.api.on("GET", f"/api/jobs/{JOB}", Canned(content=content[:-1].replace(b'"job_id":"5",', b"") + b"," + row))
    _, out, _ = owner.types("jobs", "show", str(JOB))
    shown = dict(line.split() for line in out.splitlines()[:3])
    assert shown == {"none": "0", "some": "0.0000000001", "many": "1500"}


def test_delete_when_the_number_is_no_jobs_then_it_says_so(owner: Owner) -> None:
    status, _, err = owner.types("jobs", "delete", "5")
    assert status == 2
    assert err == (
        "triggerx: JOB: is 5, which was made on chain 0, and this network's action chains are 31337: take a number "
        "that triggerx jobs list shows, or name the other network\n"
    )


def test_refusal_when_the_address_has_a_query_then_it_is_not_repeated(owner: Owner) -> None:
    owner.api.refuse("GET", "/api/tasks/recent?limit=3", 400, "limit: is odd")
    assert (
        "refuses GET /api/tasks/recent (status 400): limit: is odd" in owner.types("tasks", "list", "--limit", "3")[2]
    )


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
        (("jobs", "run", "5", "--key-file", "none.key"), "--key-file: the file none.key cannot be read"),
        (("jobs", "list", "--api", "localhost"), "--api: expected an address"),
        (("jobs", "list", "--api-key-file", "none.key"), "--api-key-file: the file none.key cannot be read"),
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


def test_key_when_it_is_in_a_keystore_then_its_password_file_opens_it(owner: Owner) -> None:
    keystore = make_keystore(PrivateKey(b"\x08" * 32), b"swordfish", scrypt_n=2).decode()
    file, right = owner.write("key.json", keystore), owner.write("right", "swordfish\n")
    owner.api.on("GET", f"/api/jobs/{JOB}", ROW)
    run = ("jobs", "run", str(JOB), "--key-file", str(file))
    status, _, err = owner.types(*run, "--key-password-file", str(right))
    assert status == 2
    assert f"belongs to {ADDRESS}, but the key is {checksum(PrivateKey(bytes([8]) * 32).address)}'s" in err
    status, _, err = owner.types(*run, "--key-password-file", str(owner.write("wrong", "sardine")))
    assert status == 2
    assert "--key-file: the keystore" in err
    assert "does not open: the password is wrong" in err
    status, _, err = owner.types(*run)
    assert status == 2
    assert "there is no terminal to ask for it: give --key-password-file FILE" in err
