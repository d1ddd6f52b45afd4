import json

import pytest
from aiohttp import web

from triggerx.core.errors import Conflict, InvalidInput, NotFound, RecoverableError
from triggerx.http.problems import problem_of, problem_of_status, refuse


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (InvalidInput("time_interval", "is 0"), 400, "invalid-input"),
        (NotFound("job 5"), 404, "not-found"),
        (Conflict("job 5"), 409, "conflict"),
        (RecoverableError("chain 1 does not answer"), 503, "unavailable"),
        (refuse(422, "not-scheduled", "later"), 422, "not-scheduled"),
        (web.HTTPNotFound(), 404, "not-found"),
        (web.HTTPMethodNotAllowed("POST", ["GET"]), 405, "method-not-allowed"),
        (web.HTTPRequestEntityTooLarge(max_size=1, actual_size=2), 413, "content-too-large"),
        (web.HTTPBadRequest(), 400, "bad-request"),
        (ZeroDivisionError("secret detail"), 500, "internal"),
    ],
)
def test_problem_of_when_an_error_ends_a_request_then_status_and_code_say_what(
    error: Exception, status: int, code: str
) -> None:
    problem = problem_of(error)
    body = json.loads(problem.body())
    assert (body["status"], body["code"], body["type"]) == (status, code, f"/problems/{code}")
    assert body["detail"]
    assert "secret" not in body["detail"]


def test_problem_of_when_input_is_wrong_then_the_field_is_named() -> None:
    assert json.loads(problem_of(InvalidInput("arguments[1]", "no")).body())["field"] == "arguments[1]"


def test_problem_of_when_a_method_is_not_allowed_then_the_allow_header_is_kept() -> None:
    assert problem_of(web.HTTPMethodNotAllowed("POST", ["GET"])).headers["Allow"] == "GET"


def test_problem_body_when_the_detail_is_long_or_broken_then_it_is_cut_and_readable() -> None:
    body = json.loads(problem_of(InvalidInput("x", "\ud800" + "y" * 5_000)).body())
    assert len(body["detail"]) == 1_000


def test_problem_of_status_when_the_protocol_failed_then_it_has_words() -> None:
    assert json.loads(problem_of_status(400).body())["title"] == "Bad Request"
    assert problem_of_status(299).status == 500
