"""The outside on loopback: servers that answer with scripted bytes, and a name system that says what it is told to."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from triggerx.http.fetch import HttpFetch
from triggerx.http.guard import Guard

TIMEOUT_S = 20.0  # of requests that are to end by themselves: long, so that a slow machine changes nothing
BYTES_MAX = 10_000

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Server:
    """A server's port, the requests it read, and what became of its connections."""

    port: int = 0
    connections: int = 0
    heads: list[bytes] = field(default_factory=list)
    was_asked: asyncio.Event = field(default_factory=asyncio.Event)
    has_lost: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when a client ended a connection."""

    @property
    def origin(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        return f"http://{self.origin}/"


@asynccontextmanager
async def serving(
    *answers: bytes | Serve, host: str = "127.0.0.1", port: int = 0, ends: bool = True, greeting: bytes = b""
) -> AsyncIterator[Server]:
    """Answer each request with the next answer, the last one again and again; `ends` closes after each."""
    server = Server()
    open_ones: dict[asyncio.Task[None] | None, asyncio.StreamWriter] = {}

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server.connections += 1
        open_ones[asyncio.current_task()] = writer
        writer.write(greeting)
        try:
            while True:
                server.heads.append(await reader.readuntil(b"\r\n\r\n"))
                server.was_asked.set()
                answer = answers[min(len(server.heads), len(answers)) - 1]
                if callable(answer):
                    await answer(reader, writer)
                else:
                    writer.write(answer)
                    await writer.drain()
                if ends:
                    return
        except (asyncio.IncompleteReadError, ConnectionError):
            server.has_lost.set()
        finally:
            writer.close()
            del open_ones[asyncio.current_task()]

    listener = await asyncio.start_server(serve, host, port)
    server.port = listener.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listener.close()
        for writer in open_ones.values():
            writer.transport.abort()
        await asyncio.gather(*(task for task in open_ones if task is not None))


def answer(body: bytes = b"", *headers: str, status: str = "200 OK") -> bytes:
    """An answer with its length, and these headers."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + body


def redirect(location: str, status: int = 302) -> bytes:
    return answer(b"", f"Location: {location}", status=f"{status} Found")


@dataclass
class ScriptedNames:
    """A name system: each lookup of a name gets its next answer, the last one again and again."""

    answers: dict[str, list[tuple[str, ...]]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    async def lookup(self, host: str) -> tuple[str, ...]:
        self.asked.append(host)
        answers = self.answers.get(host)
        if answers is None:
            raise OSError("no such name")
        return answers.pop(0) if len(answers) > 1 else answers[0]


def fetching(*allow_private: str, names: ScriptedNames | None = None) -> HttpFetch:
    """A way out to these private addresses; it asks the scripted name system alone and keeps no answer of it."""
    return HttpFetch(Guard(allow_private), lookup=(names or ScriptedNames()).lookup, names_kept_s=0)
