"""What `ports.fetch.Fetch` promises for WebSockets."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp import WSMsgType, web

from tests.contract.http.outside import TIMEOUT_S, answer, fetching, redirect, serving
from triggerx.core.errors import RecoverableError
from triggerx.http.messages import MESSAGES_A_SECOND_MAX, MESSAGES_WAITING_MAX
from triggerx.ports.fetch import FetchRefused

Speak = Callable[[web.WebSocketResponse], Awaitable[None]]

BYTES_MAX = 1_000


@asynccontextmanager
async def speaking(speak: Speak, *, autoping: bool = True) -> AsyncIterator[str]:
    """A WebSocket server that says this to everyone; returns its `host:port`."""

    async def serve(request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse(autoping=autoping)
        await socket.prepare(request)
        await speak(socket)
        await socket.close()
        return socket

    app = web.Application()
    app.router.add_get("/", serve)
    runner = web.AppRunner(app, shutdown_timeout=0.05)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def heard(origin: str, *, bytes_max: int = BYTES_MAX) -> list[bytes]:
    """Everything that is heard until the connection ends."""
    async with (
        fetching(origin) as out,
        asyncio.timeout(TIMEOUT_S),
        out.messages(f"ws://{origin}/", bytes_max=bytes_max) as messages,
    ):
        return [message async for message in messages]


async def test_messages_when_the_server_ends_then_all_have_come_as_bytes() -> None:
    async def speak(socket: web.WebSocketResponse) -> None:
        await socket.send_str("preis: 3 \u20ac")
        await socket.send_bytes(b"\0\xff")
        await socket.send_str("")

    async with speaking(speak) as origin:
        assert await heard(origin) == ["preis: 3 \u20ac".encode(), b"\0\xff", b""]


async def test_messages_when_the_connection_breaks_then_the_iteration_ends() -> None:
    async def speak(socket: web.WebSocketResponse) -> None:
        await socket.send_str("last words")
        await socket.receive()

    async with (
        speaking(speak) as origin,
        fetching(origin) as out,
        out.messages(f"ws://{origin}/", bytes_max=BYTES_MAX) as messages,
    ):
        assert await anext(messages) == b"last words"
        await out.__aexit__(None, None, None)  # closes the connection under the reader
        assert [message async for message in messages] == []


async def test_message_when_at_the_limit_then_it_comes_and_beyond_it_is_refused() -> None:
    async def speak(socket: web.WebSocketResponse) -> None:
        await socket.send_bytes(b"a" * BYTES_MAX)
        await socket.send_bytes(b"a" * (BYTES_MAX + 1))
        await socket.receive()

    async with (
        speaking(speak) as origin,
        fetching(origin) as out,
        out.messages(f"ws://{origin}/", bytes_max=BYTES_MAX) as messages,
    ):
        assert await anext(messages) == b"a" * BYTES_MAX
        with pytest.raises(FetchRefused) as raised:
            await anext(messages)
    assert raised.value.code == "too_large"


@pytest.mark.parametrize("size", [BYTES_MAX + 1, BYTES_MAX + 2, 5_000_000])
async def test_message_when_far_too_large_then_it_is_refused(size: int) -> None:
    async def speak(socket: web.WebSocketResponse) -> None:
        await socket.send_str("a" * size)
        await socket.receive()

    async with speaking(speak) as origin:
        with pytest.raises(FetchRefused) as raised:
            await heard(origin)
    assert raised.value.code == "too_large"


@pytest.mark.parametrize("frame", [b"\x81\x01a", b"\x82\x00", b"\x89\x00", b"\x8a\x00"])
async def test_server_when_it_floods_then_it_is_refused(frame: bytes) -> None:
    async def speak(socket: web.WebSocketResponse) -> None:
        transport = socket.get_extra_info("socket")
        assert transport is not None
        writer = socket._writer
        assert writer is not None
        writer.transport.write(frame * (2 * MESSAGES_A_SECOND_MAX))
        while (await socket.receive()).type is not WSMsgType.CLOSED:
            pass

    async with speaking(speak, autoping=False) as origin:
        with pytest.raises(FetchRefused) as raised:
            await heard(origin)
    assert raised.value.code == "too_fast"


async def test_reader_when_slower_than_the_server_then_the_newest_wait() -> None:
    count = 10 * MESSAGES_WAITING_MAX

    async def speak(socket: web.WebSocketResponse) -> None:
        for number in range(count):
            await socket.send_str(str(number))
        await socket.ping()
        await socket.receive()  # the answer to the ping: everything before it was heard
        said.set()
        await socket.receive()

    said = asyncio.Event()
    async with (
        speaking(speak, autoping=False) as origin,
        fetching(origin) as out,
        out.messages(f"ws://{origin}/", bytes_max=BYTES_MAX) as messages,
    ):
        await asyncio.wait_for(said.wait(), TIMEOUT_S)
        waiting = [await anext(messages) for _ in range(MESSAGES_WAITING_MAX)]
    assert waiting == [str(number).encode() for number in range(count - MESSAGES_WAITING_MAX, count)]


async def test_server_when_it_pings_then_it_is_answered() -> None:
    async def speak(socket: web.WebSocketResponse) -> None:
        await socket.ping(b"here?")
        reply = await socket.receive()
        await socket.send_str(f"{reply.type.name} {reply.data.decode()}")

    async with speaking(speak, autoping=False) as origin:
        assert await heard(origin) == [b"PONG here?"]


async def test_server_when_dead_without_a_word_then_the_iteration_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("triggerx.http.messages.HEARTBEAT_S", 0.05)

    async def speak(socket: web.WebSocketResponse) -> None:
        await socket.send_str("alive")
        while (await socket.receive()).type is not WSMsgType.CLOSED:
            pass  # a ping arrives, and is not answered

    async with speaking(speak, autoping=False) as origin:
        assert await heard(origin) == [b"alive"]


async def test_context_when_left_then_the_server_is_told_and_errors_pass_as_they_are() -> None:
    told = asyncio.Event()

    async def speak(socket: web.WebSocketResponse) -> None:
        await socket.send_str("a")
        if (await socket.receive()).type in (WSMsgType.CLOSE, WSMsgType.CLOSED, WSMsgType.CLOSING):
            told.set()

    async with speaking(speak) as origin, fetching(origin) as out:
        with pytest.raises(KeyError, match="of the reader"):
            async with out.messages(f"ws://{origin}/", bytes_max=BYTES_MAX) as messages:
                await anext(messages)
                raise KeyError("of the reader")
        await asyncio.wait_for(told.wait(), TIMEOUT_S)
        assert not [task for task in asyncio.all_tasks() if task.get_name().startswith("fetch.messages")]


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (answer(b"hello"), "answers with status 200 and opens no WebSocket"),
        (answer(b"no", status="403 Forbidden"), "answers with status 403 and opens no WebSocket"),
        (redirect("ws://127.0.0.2/"), "answers with status 302 and opens no WebSocket"),
        (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n", "is no WebSocket"),
        (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: upgrade\r\n\r\n", "is no WebSocket"),
        (b"\0\0\0\r\n\r\n", "answers with what is no HTTP"),
        (b"", "ended the connection before its answer was whole"),
    ],
)
async def test_server_when_it_opens_no_websocket_then_entering_fails(reply: bytes, words: str) -> None:
    async with serving(reply) as server:
        with pytest.raises(RecoverableError) as raised:
            await heard(server.origin)
    assert str(raised.value) == f"ws://127.0.0.1 {words}"


async def test_server_when_it_hangs_at_opening_then_it_is_too_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("triggerx.http.messages.OPEN_TIMEOUT_S", 0.05)

    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        raise ConnectionResetError

    async with serving(hang) as server:
        with pytest.raises(FetchRefused) as raised:
            await heard(server.origin)
        await asyncio.wait_for(server.has_lost.wait(), TIMEOUT_S)
    assert raised.value.code == "too_slow"
