import asyncio
import json
from decimal import Decimal
from io import BytesIO

import pytest
from aiohttp import ClientSession, web

from tests.fakes.log import RecordingLog
from triggerx.core.errors import InvalidInput, UnavailableError
from triggerx.http.json import BODY_BYTES_MAX, json_response, read_json
from triggerx.http.server import new_application, serving


async def _echo(request: web.Request) -> web.Response:
    return json_response(await read_json(request))


async def _fault(_: web.Request) -> web.Response:
    raise ZeroDivisionError("secret detail")


async def _refuse(_: web.Request) -> web.Response:
    raise InvalidInput("field", "is wrong")


async def _hang(_: web.Request) -> web.Response:
    await asyncio.Event().wait()
    raise AssertionError("nothing sets it")


def _application(log: RecordingLog, *, request_timeout_s: float = 5.0) -> web.Application:
    app = new_application(log, request_timeout_s=request_timeout_s)
    app.router.add_post("/echo", _echo)
    app.router.add_get("/fault", _fault)
    app.router.add_get("/refuse", _refuse)
    app.router.add_get("/hang", _hang)
    return app


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/fault", 500),
        ("GET", "/refuse", 400),
        ("GET", "/nowhere", 404),
        ("GET", "/%ED%A0%80", 404),
        ("DELETE", "/fault", 405),
    ],
)
async def test_server_when_a_request_fails_then_a_problem_answers(method: str, path: str, status: int) -> None:
    log = RecordingLog()
    async with (
        serving(_application(log), host="127.0.0.1", port=0, log=log) as url,
        ClientSession() as client,
        client.request(method, url + path) as response,
    ):
        problem = json.loads(await response.text())
        assert response.status == status == problem["status"]
        assert response.content_type == "application/problem+json"
        assert "secret" not in json.dumps(problem)
    assert [r.fields["status"] for r in log.records if r.event == "http request"] == [status]
    assert any("secret detail" in str(r.fields.get("trace")) for r in log.records) == (status == 500)


@pytest.mark.parametrize(
    ("content", "content_type", "status"),
    [
        (b"{", "application/json", 400),
        (b"[" * 50_000, "application/json", 400),
        (b"1e99999999999999999999", "application/json", 400),
        (b"9" * 5_000, "application/json", 400),
        (b"\xff", "application/json", 400),
        (b"", "application/json", 400),
        (b"{}", "text/plain", 415),
        (b'"' + b"x" * BODY_BYTES_MAX + b'"', "application/json", 413),
    ],
)
async def test_server_when_a_body_is_no_json_then_a_problem_answers(
    content: bytes, content_type: str, status: int
) -> None:
    log = RecordingLog()
    async with (
        serving(_application(log), host="127.0.0.1", port=0, log=log) as url,
        ClientSession() as client,
        client.post(url + "/echo", data=BytesIO(content), headers={"Content-Type": content_type}) as response,
    ):
        assert response.status == status
        assert json.loads(await response.text())["status"] == status


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "unheard-of"])
async def test_server_when_a_body_is_compressed_then_it_is_told_to_come_plain(encoding: str) -> None:
    log = RecordingLog()
    headers = {"Content-Type": "application/json", "Content-Encoding": encoding}
    async with (
        serving(_application(log), host="127.0.0.1", port=0, log=log) as url,
        ClientSession() as client,
        client.post(url + "/echo", data=b"{}", headers=headers) as response,
    ):
        problem = json.loads(await response.text())
        assert (response.status, problem["code"]) == (415, "unsupported-media-type")
        assert "Content-Encoding" in problem["detail"]


async def test_server_when_numbers_are_wide_or_exact_then_they_come_back_as_they_went() -> None:
    log = RecordingLog()
    content = f'{{"a":{2**256 - 1},"b":0.10,"c":3.6E-7}}'
    async with (
        serving(_application(log), host="127.0.0.1", port=0, log=log) as url,
        ClientSession() as client,
        client.post(url + "/echo", data=content, headers={"Content-Type": "application/json"}) as response,
    ):
        answer = json.loads(await response.text(), parse_float=Decimal)
    assert answer == {"a": 2**256 - 1, "b": Decimal("0.10"), "c": Decimal("3.6E-7")}


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"NONSENSE\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: x\r\nBroken\r\n\r\n", 400),
        (b"GET /" + b"a" * 200_000 + b" HTTP/1.1\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\nHost: x\r\nX-Long: " + b"a" * 20_000 + b"\r\n\r\n", 431),
    ],
)
async def test_server_when_the_request_is_no_http_then_a_problem_answers(sent: bytes, status: int) -> None:
    log = RecordingLog()
    async with serving(_application(log), host="127.0.0.1", port=0, log=log) as url:
        reader, writer = await asyncio.open_connection("127.0.0.1", int(url.rsplit(":", 1)[1]))
        writer.write(sent)
        answer = await asyncio.wait_for(reader.read(), timeout=5)
        writer.close()
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"application/problem+json" in head
    problem = json.loads(body)
    assert problem["status"] == status
    assert ("longer than this API takes" if status == 431 else "not HTTP/1.1") in problem["detail"]


async def test_server_when_a_handler_is_too_slow_then_504_answers() -> None:
    log = RecordingLog()
    async with (
        serving(_application(log, request_timeout_s=0.01), host="127.0.0.1", port=0, log=log) as url,
        ClientSession() as client,
        client.get(url + "/hang") as response,
    ):
        assert (response.status, (await response.json(content_type=None))["code"]) == (504, "timeout")


async def test_serving_when_the_port_is_in_use_then_it_says_so() -> None:
    log = RecordingLog()
    async with serving(_application(log), host="127.0.0.1", port=0, log=log) as url:
        port = int(url.rsplit(":", 1)[1])
        with pytest.raises(UnavailableError, match=f"port {port} on 127.0.0.1 is in use"):
            async with serving(_application(log), host="127.0.0.1", port=port, log=log):
                raise AssertionError("it must not start")


async def test_serving_when_the_host_is_not_ours_then_it_says_so() -> None:
    log = RecordingLog()
    with pytest.raises(UnavailableError, match="cannot listen on"):
        async with serving(_application(log), host="192.0.2.1", port=0, log=log):
            raise AssertionError("it must not start")
