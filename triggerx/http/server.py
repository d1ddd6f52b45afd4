"""The HTTP server: binds, answers every fault as a problem, logs each request, and stops without cutting one off."""

import asyncio
import errno
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final

from aiohttp import web
from aiohttp.http_exceptions import BadHttpMessage, ContentEncodingError, LineTooLong

from triggerx.core.errors import TriggerxError, UnavailableError
from triggerx.http.json import BODY_BYTES_MAX
from triggerx.http.problems import COMPRESSED, NOT_HTTP, TOO_LONG, Problem, problem_of, problem_of_status
from triggerx.ports.log import Log

REQUEST_TIMEOUT_S: Final = 30.0  # the SDK waits 30 s for its shortest call
STOP_TIMEOUT_S: Final = 5.0  # how long requests may finish when the node stops
LINE_BYTES_MAX: Final = 128 * 1024  # GET /api/fees carries an ABI in its query
_TRACE_CHARS_MAX: Final = 128

_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def new_application(log: Log, *, request_timeout_s: float = REQUEST_TIMEOUT_S) -> web.Application:
    """Return an application without routes whose every error is a problem and whose every request is logged."""
    return web.Application(
        middlewares=[_answer_errors(log, request_timeout_s)],
        client_max_size=BODY_BYTES_MAX,
        handler_args={"max_line_size": LINE_BYTES_MAX, "max_field_size": 16 * 1024},
    )


@asynccontextmanager
async def serving(app: web.Application, *, host: str, port: int, log: Log) -> AsyncIterator[str]:
    """Serve while the context is open and give the base URL; port 0 takes a free one.

    Raises `UnavailableError` when host and port cannot be bound. Running requests may finish when the context ends.
    """
    runner = _Runner(app, handle_signals=False, access_log=None, shutdown_timeout=STOP_TIMEOUT_S)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, host, port).start()
        except OSError as error:
            raise _not_bound(error, host, port) from error
        bound = runner.addresses[0]
        shown = f"[{bound[0]}]" if ":" in bound[0] else bound[0]
        url = f"http://{shown}:{bound[1]}"
        log.info("http server started", url=url)
        yield url
    finally:
        await runner.cleanup()


def _not_bound(error: OSError, host: str, port: int) -> UnavailableError:
    if error.errno == errno.EADDRINUSE:
        return UnavailableError(f"port {port} on {host} is in use: stop what listens there, or choose another port")
    return UnavailableError(f"cannot listen on {host} port {port}: {error.strerror or error}: choose another")


def _answer_errors(log: Log, request_timeout_s: float) -> Callable[..., Awaitable[web.StreamResponse]]:
    @web.middleware
    async def answer(request: web.Request, handler: _Handler) -> web.StreamResponse:
        began = asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout(request_timeout_s):
                response = await handler(request)
        except TimeoutError:
            detail = f"the answer took longer than {request_timeout_s:g} s"
            response = Problem(status=504, code="timeout", detail=detail).response()
        except (web.HTTPException, TriggerxError) as error:
            response = problem_of(error).response()
            if response.status >= 500:
                log.warning("http request refused", path=request.path, reason=str(error))
        except Exception as error:  # noqa: BLE001 - a fault in one handler is this request's, never the server's
            response = problem_of(error).response()
            log.error("http request failed", path=request.path, trace=traceback.format_exc())  # noqa: TRY400 - our port
        _log_request(log, request, response, duration_ms=round((asyncio.get_running_loop().time() - began) * 1000, 1))
        return response

    return answer


def _log_request(log: Log, request: web.Request, response: web.StreamResponse, *, duration_ms: float) -> None:
    log.info(
        "http request",
        method=request.method,
        path=request.path,
        status=response.status,
        duration_ms=duration_ms,
        remote=request.remote,
        trace_id=request.headers.get("X-Trace-ID", "")[:_TRACE_CHARS_MAX],
    )


class _Protocol(web.RequestHandler):
    """Answers what never reaches the application, such as a malformed request line, as a problem too."""

    __slots__ = ()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        if request.writer.output_size > 0:
            raise ConnectionError("part of an answer is sent already, so there is no way to say that it failed")
        response = _of_protocol(status, exc).response()
        response.force_close()
        return response


def _of_protocol(status: int, error: BaseException | None) -> Problem:
    match error:
        case LineTooLong():
            return TOO_LONG
        case ContentEncodingError():
            return COMPRESSED
        case BadHttpMessage():
            return NOT_HTTP
        case _:
            return problem_of_status(status)


class _Server(web.Server):
    def __call__(self) -> web.RequestHandler:
        return _Protocol(self, loop=self._loop, **self._kwargs)


class _Runner(web.AppRunner):
    """aiohttp has no setting for the class that answers protocol errors: the server it makes is given ours."""

    async def _make_server(self) -> web.Server:
        server = await super()._make_server()
        server.__class__ = _Server
        return server
