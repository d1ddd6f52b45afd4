"""Errors as RFC 9457 problems: one shape for every route and status, with what the caller must do and no traceback.

`type` is a path under which the documentation explains the problem, `code` its last part for programs; `field` names
the part of the input that is wrong.
"""

import dataclasses
import re
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from types import MappingProxyType
from typing import Final

import msgspec
from aiohttp import web

from triggerx.core.errors import Conflict, InvalidInput, NotFound, RecoverableError, TriggerxError

CONTENT_TYPE: Final = "application/problem+json"
DETAIL_CHARS_MAX: Final = 1_000  # a sentence; what was sent is not sent back at length
RETRY_AFTER_S: Final = 5  # a chain's endpoint that fails is tried again after about this long

_KEPT_HEADERS: Final = ("Allow", "Retry-After", "WWW-Authenticate")
_CODES: Final = MappingProxyType({404: "not-found", 405: "method-not-allowed", 413: "content-too-large"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One problem as it is sent. `headers` go with the response."""

    status: int
    code: str
    detail: str
    field: str | None = None
    headers: Mapping[str, str] = dataclasses.field(default_factory=dict)

    def body(self) -> bytes:
        """The problem as JSON; `error` repeats the detail for clients that look for that name."""
        detail = self.detail if len(self.detail) <= DETAIL_CHARS_MAX else self.detail[: DETAIL_CHARS_MAX - 1] + "…"
        content: dict[str, object] = {
            "type": f"/problems/{self.code}",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": detail,
            "code": self.code,
            "error": detail,
        }
        if self.field is not None:
            content["field"] = self.field
        return msgspec.json.encode(content)

    def response(self) -> web.Response:
        """The problem as a response."""
        return web.Response(status=self.status, body=self.body(), content_type=CONTENT_TYPE, headers=dict(self.headers))


NOT_HTTP: Final = Problem(status=400, code="bad-request", detail="what was sent is not HTTP/1.1 as this API takes it")
TOO_LONG: Final = Problem(
    status=431,
    code="request-header-fields-too-large",
    detail="the request line, or a header, is longer than this API takes",
)
COMPRESSED: Final = Problem(
    status=415,
    code="unsupported-media-type",
    detail="send the body as it is: this API takes no Content-Encoding",
    headers=MappingProxyType({"Accept-Encoding": "identity"}),
)


class ProblemError(TriggerxError):
    """Ends a request with this problem."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.detail)
        self.problem = problem


def refuse(status: int, code: str, detail: str, *, field: str | None = None) -> ProblemError:
    """Return the error that ends a request with this status and code; raise it."""
    return ProblemError(Problem(status=status, code=code, detail=detail, field=field))


def problem_of(error: Exception) -> Problem:
    """Return the problem an error is to the caller; what is not raised on purpose is a fault of ours, unexplained."""
    match error:
        case ProblemError():
            return error.problem
        case InvalidInput():
            return Problem(status=400, code="invalid-input", detail=readable(str(error)), field=readable(error.field))
        case NotFound():
            return Problem(status=404, code="not-found", detail=readable(str(error)))
        case Conflict():
            return Problem(status=409, code="conflict", detail=readable(str(error)))
        case RecoverableError():
            return Problem(
                status=503,
                code="unavailable",
                detail=readable(str(error)),
                headers={"Retry-After": str(RETRY_AFTER_S)},
            )
        case web.HTTPException():
            return _of_aiohttp(error)
        case _:
            return Problem(status=500, code="internal", detail="the request failed here; the operator's log says why")


def problem_of_status(status: int) -> Problem:
    """Return the problem for a status that came without words of ours, as for a malformed request line."""
    known = HTTPStatus(status) if status in set(HTTPStatus) else HTTPStatus.INTERNAL_SERVER_ERROR
    return Problem(status=known.value, code=_code(known), detail=known.description or known.phrase)


def readable(text: str) -> str:
    """The text with what UTF-8 cannot hold replaced, since it may repeat what came from outside."""
    return text.encode("utf-8", "replace").decode()


def _of_aiohttp(error: web.HTTPException) -> Problem:
    problem = problem_of_status(error.status)
    headers = {name: error.headers[name] for name in _KEPT_HEADERS if name in error.headers}
    detail = problem.detail
    match error:
        case web.HTTPNotFound():
            detail = "no route of this API has this path"
        case web.HTTPMethodNotAllowed():
            detail = f"this path takes {', '.join(sorted(error.allowed_methods))}, not {error.method}"
        case web.HTTPRequestEntityTooLarge():
            detail = "the body is larger than this API takes"
    return Problem(status=problem.status, code=problem.code, detail=readable(detail), headers=headers)


def _code(status: HTTPStatus) -> str:
    return _CODES.get(status.value) or re.sub(r"[^a-z]+", "-", status.phrase.lower()).strip("-")
