"""A librarian's API over real HTTP on loopback that answers from a table and remembers what it was asked."""

import asyncio
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

PROBLEM = "application/problem+json"


@dataclass(frozen=True, kw_only=True)
class Canned:
    """An answer as it is sent; `waits` sends none until the server ends."""

    status: int = 200
    content: bytes = b"{}"
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    waits: bool = False


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A request as it came: `path` with its query, `body` as JSON where there was one."""

    method: str
    path: str
    authorization: str | None
    body: Any


class FakeApi:
    """Answers by method and path; what has no answer is a 404 problem."""

    def __init__(self) -> None:
        self.answers: dict[tuple[str, str], Canned] = {}
        self.asked: list[Asked] = []
        self.url = ""
        self.over = asyncio.Event()
        """What waits is let go."""

    def on(self, method: str, path: str, answer: object) -> None:
        """Answer this path, which may have a query, with a JSON value or a `Canned`."""
        canned = answer if isinstance(answer, Canned) else Canned(content=json.dumps(answer).encode())
        self.answers[method, path] = canned

    def refuse(self, method: str, path: str, status: int, detail: str, **more: str) -> None:
        """Answer this path with a problem document."""
        problem = {"type": "/problems/x", "title": "x", "status": status, "detail": detail, "code": "x", **more}
        content = json.dumps(problem).encode()
        self.answers[method, path] = Canned(status=status, content=content, content_type=PROBLEM)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        text = await request.text()
        path = request.path_qs
        self.asked.append(
            Asked(
                method=request.method,
                path=path,
                authorization=request.headers.get("Authorization"),
                body=json.loads(text) if text else None,
            )
        )
        canned = self.answers.get((request.method, path))
        if canned is None:
            detail = json.dumps({"detail": f"there is no {path}", "code": "not-found"}).encode()
            return web.Response(status=404, body=detail, content_type=PROBLEM)
        if canned.waits:
            await self.over.wait()
        return web.Response(
            status=canned.status, body=canned.content, content_type=canned.content_type, headers=canned.headers
        )


@contextmanager
def running_api() -> Iterator[FakeApi]:
    """Serve in a thread of its own, so that a command may run its loop in this one."""
    api = FakeApi()
    loop = asyncio.new_event_loop()

    async def start() -> web.AppRunner:
        app = web.Application()
        app.router.add_route("*", "/{tail:.*}", api.handle)
        runner = web.AppRunner(app, shutdown_timeout=0)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        host, port = runner.addresses[0][:2]
        api.url = f"http://{host}:{port}"
        return runner

    runner = loop.run_until_complete(start())
    thread = threading.Thread(target=loop.run_forever, name="fake api", daemon=True)
    thread.start()
    try:
        yield api
    finally:
        loop.call_soon_threadsafe(api.over.set)
        asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result(timeout=10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(timeout=10)
        loop.close()
