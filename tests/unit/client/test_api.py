import asyncio
import json
import socket
from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.fakes.api import Canned, FakeApi, running_api
from triggerx.client import api as module
from triggerx.client.answers import JobRow
from triggerx.client.api import Answer, Api, ApiRefused, check_url
from triggerx.core.errors import InvalidInput, UnavailableError
from triggerx.core.job import JobId
from triggerx.evm.types import Address

JOB = JobId(31337 << 224 | 1_700_000_000 << 160 | 1)
KEY = "tgx_" + "a" * 64
ROW = {
    "job_id": str(JOB),
    "job_title": "a job",
    "task_definition_id": 1,
    "user_address": "0x9965507D1a55bcC2695C58ba16FB37d819B0A4dc",
    "status": "scheduled",
    "version": "1700000000",
    "created_chain_id": "31337",
    "time_frame": 60,
    "recurring": False,
    "time_job_data": {"target_contract_address": "0x5FC8d32690cc91D4c39d9d3abcBD16989F875707", "time_interval": 6},
    "something_new": {"x": 2**70},
}


@pytest.fixture
def server() -> Iterator[FakeApi]:
    with running_api() as api:
        yield api


async def job_at(url: str, *, key: str | None = KEY) -> Answer[JobRow]:
    async with Api.open(url, key=key, named_by="--api") as api:
        return await api.job(JOB)


async def test_answer_when_it_is_a_job_then_it_is_typed_and_kept_as_it_came(server: FakeApi) -> None:
    server.on("GET", f"/api/jobs/{JOB}", ROW)
    answer = await job_at(server.url + "/")
    assert json.loads(answer.raw) == ROW
    assert (answer.value.job_title, answer.value.trigger_data.time_interval) == ("a job", 6)
    assert server.asked[0].authorization == f"Bearer {KEY}"


async def test_key_when_there_is_none_then_none_is_sent(server: FakeApi) -> None:
    server.on("GET", f"/api/jobs/{JOB}", ROW)
    await job_at(server.url, key=None)
    assert server.asked[0].authorization is None


async def test_routes_when_asked_then_they_are_those_of_the_api(server: FakeApi) -> None:
    listed, done = {"jobs": [{"job_data": ROW}]}, {"job_id": str(JOB)}
    tasks: dict[str, list[object]] = {"tasks": []}
    table: list[tuple[str, str, object]] = [
        ("POST", "/api/jobs", {"job_ids": [str(JOB)]}),
        ("POST", "/api/jobs/check?mandated=true", {"is_accepted": True, "next_due_at": None}),
        ("POST", f"/api/jobs/update/{JOB}/check?mandated=false", {"is_accepted": True, "next_due_at": 5}),
        ("GET", "/api/jobs/by-apikey", listed),
        ("GET", "/api/jobs/user/0x0101010101010101010101010101010101010101", listed),
        ("PUT", f"/api/jobs/{JOB}/pause", done),
        ("PUT", f"/api/jobs/{JOB}/resume", done),
        ("PUT", f"/api/jobs/delete/{JOB}", done),
        ("PUT", f"/api/jobs/update/{JOB}", done),
        ("POST", f"/api/jobs/{JOB}/run", done),
        ("GET", f"/api/jobs/{JOB}/why?at=5", {"job_id": str(JOB), "at": 5, "findings": []}),
        ("GET", f"/api/tasks/job/{JOB}", []),
        ("GET", "/api/tasks/recent?limit=3", tasks),
        ("GET", "/api/tasks/dead", tasks),
        ("POST", "/api/tasks/7/retry", {"task_id": 7}),
    ]
    for method, path, answer in table:
        server.on(method, path, answer)
    async with Api.open(server.url, key=KEY, named_by="--api") as api:
        await api.post_job({"job_id": str(JOB)})
        await api.check_job({"job_title": "ü"}, is_mandated=True)
        await api.check_update(JOB, {"job_title": "ü"}, is_mandated=False)
        await api.jobs_of_key()
        await api.jobs_of(Address(b"\1" * 20))
        await api.pause_job(JOB)
        await api.resume_job(JOB)
        await api.delete_job(JOB)
        await api.update_job(JOB, {"job_title": "ü"})
        await api.run_job(JOB, nonce=2**62, requested_at=9, signature="0x00")
        await api.why(JOB, at=5)
        await api.tasks_of(JOB)
        await api.recent_tasks(limit=3)
        await api.dead_tasks(limit=None)
        await api.retry_task(7)
    assert [(asked.method, asked.path) for asked in server.asked] == [(method, path) for method, path, _ in table]
    bodies = {asked.path: asked.body for asked in server.asked}
    assert bodies[f"/api/jobs/update/{JOB}"] == {"job_title": "ü"}
    assert bodies[f"/api/jobs/{JOB}/run"] == {"nonce": str(2**62), "requested_at": 9, "signature": "0x00"}


@pytest.mark.parametrize(
    ("status", "detail", "field", "says"),
    [
        (400, "time_interval: expected a whole number", "time_interval", "(status 400): time_interval: expected a wh"),
        (422, "the registry binds another", "job_id", "(status 422): job_id: the registry binds another"),
        (409, "was deleted", None, "(status 409): was deleted"),
        (404, "there is no job 5", None, "(status 404): there is no job 5"),
        (401, "send a key", None, "(status 401): send a key"),
    ],
)
async def test_problem_when_it_is_the_askers_then_it_is_one_sentence_with_the_field(
    server: FakeApi, status: int, detail: str, field: str | None, says: str
) -> None:
    server.refuse("GET", f"/api/jobs/{JOB}", status, detail, **({} if field is None else {"field": field}))
    with pytest.raises(ApiRefused) as caught:
        await job_at(server.url)
    assert (caught.value.status, caught.value.field, caught.value.exit_status) == (status, field or "", 2)
    assert says in str(caught.value)
    assert server.url in str(caught.value)


async def test_problem_when_it_is_no_document_then_the_status_is_told(server: FakeApi) -> None:
    server.on("GET", f"/api/jobs/{JOB}", Canned(status=403, content=b"<html>", content_type="text/html"))
    with pytest.raises(ApiRefused, match=r"\(status 403\): it does not say why"):
        await job_at(server.url)


@pytest.mark.parametrize(
    ("canned", "says"),
    [
        (Canned(content=b"<html>welcome</html>", content_type="text/html"), "what is no answer of this API"),
        (Canned(content=b"{}"), "missing required field `job_id`"),
        (Canned(content=b'{"job_id": 5}'), "Expected `str`, got `int`"),
        (Canned(content=b"[" * 100_000), "what is no answer of this API"),
        (Canned(content=b""), "what is no answer of this API"),
        (Canned(status=500, content=b"oops"), "(status 500): it does not say why: try again later"),
        (Canned(status=429, content=b'{"detail": "600 a minute"}'), "(status 429): 600 a minute: try again later"),
        (Canned(status=302, headers={"Location": "http://127.0.0.1:1/"}), "sends GET /api/jobs/"),
        (Canned(headers={"Content-Encoding": "gzip"}, content=b"no gzip"), "what is no HTTP"),
    ],
)
async def test_answer_when_it_is_nonsense_then_the_api_is_told_to_be_unavailable(
    server: FakeApi, canned: Canned, says: str
) -> None:
    server.on("GET", f"/api/jobs/{JOB}", canned)
    with pytest.raises(UnavailableError) as caught:
        await job_at(server.url)
    assert says in str(caught.value)
    assert f"the API {server.url} (named by --api)" in str(caught.value)
    assert len(server.asked) == 1


async def test_answer_when_it_is_too_large_then_it_is_left(server: FakeApi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ANSWER_BYTES_MAX", 100)
    server.on("GET", f"/api/jobs/{JOB}", ROW)
    with pytest.raises(UnavailableError, match="answers with more than 100 bytes"):
        await job_at(server.url)


async def test_answer_when_it_does_not_come_then_the_time_is_told(
    server: FakeApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.on("GET", "/slow", Canned(waits=True))
    monkeypatch.setattr(module, "ANSWER_WITHIN_S", 0.05)
    async with Api.open(server.url, key=None, named_by="--api") as api:
        with pytest.raises(UnavailableError, match=r"gave no answer to GET /slow within 0\.05 s"):
            await api.document("/slow")


async def test_connection_when_nobody_listens_then_it_says_so() -> None:
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
        with pytest.raises(UnavailableError, match="cannot be reached: Connect") as caught:
            await job_at(url)
    assert "Is a node with the librarian running there?" in str(caught.value)


async def test_connection_when_it_ends_at_once_then_it_says_so() -> None:
    async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async with await asyncio.start_server(hang_up, "127.0.0.1", 0) as rude:
        host, port = rude.sockets[0].getsockname()
        with pytest.raises(UnavailableError, match="what is no HTTP"):
            await job_at(f"http://{host}:{port}")


@pytest.mark.parametrize(
    "url", ["", "127.0.0.1:9002", "ftp://host", "http://", "http://host:99999", "http://host/?q=1", "http://a b/"]
)
def test_url_when_it_is_no_address_then_it_is_refused(url: str) -> None:
    with pytest.raises(InvalidInput, match="--api: expected an address"):
        check_url(url, "--api")


def test_url_when_it_holds_a_password_then_it_is_refused_without_repeating_it() -> None:
    with pytest.raises(InvalidInput) as caught:
        check_url("http://me:secret@host/", "--api")
    assert "secret" not in str(caught.value)
