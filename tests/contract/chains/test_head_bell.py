"""A subscription wakes up and does nothing else, whatever the other side says, and ends with its block."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import WSMsgType, web

from tests.contract.chains.stepping import SteppingClock
from tests.fakes.log import RecordingLog
from triggerx.chains import head_bell
from triggerx.chains.head_bell import MESSAGE_BYTES_MAX, MESSAGES_AT_ONCE, RETRY_MAX_S, HeadBell

Speak = Callable[[web.WebSocketResponse], Awaitable[None]]
PATH = "/v2/an-api-key"


class Rung:
    """Counts the calls, and lets a test wait for the next."""

    def __init__(self) -> None:
        self.count = 0
        self._queue: asyncio.Queue[None] = asyncio.Queue()

    def __call__(self) -> None:
        self.count += 1
        self._queue.put_nowait(None)

    async def times(self, count: int) -> None:
        for _ in range(count):
            await self._queue.get()


class Listened(RecordingLog):
    """A log that lets a test wait for its records."""

    def __init__(self) -> None:
        super().__init__()
        self._queue: asyncio.Queue[dict[str, object]] = asyncio.Queue()

    def info(self, event: str, **fields: object) -> None:
        super().info(event, **fields)
        self._queue.put_nowait(fields)

    def warning(self, event: str, **fields: object) -> None:
        super().warning(event, **fields)
        self._queue.put_nowait(fields)

    async def next(self) -> dict[str, object]:
        return await self._queue.get()


@asynccontextmanager
async def speaking(speak: Speak) -> AsyncIterator[str]:
    """Serve a WebSocket on loopback that says what the test wants once it was spoken to; gives its URL."""

    async def handle(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await speak(socket)
        return socket

    async with serving(handle) as url:
        yield url


@asynccontextmanager
async def serving(handle: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_get("/{path:.*}", handle)
    runner = web.AppRunner(app, shutdown_timeout=0.05)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        async with asyncio.timeout(30):
            yield f"ws://127.0.0.1:{runner.addresses[0][1]}{PATH}"
    finally:
        await runner.cleanup()


async def idle(socket: web.WebSocketResponse) -> None:
    """Hear until the other side ends."""
    async for _ in socket:
        pass


async def test_bell_when_anything_is_said_then_rings_each_time() -> None:
    asked: list[Any] = []

    async def speak(socket: web.WebSocketResponse) -> None:
        asked.append(await socket.receive_json())
        await socket.send_str('{"jsonrpc":"2.0","id":1,"result":"0x1"}')
        await socket.send_str('{"method":"eth_subscription","params":{"result":{"number":"0x' + "f" * 200 + '"}}}')
        for garbage in ("", "{", "null", "[" * 5_000, '{"error":{"code":-32601}}'):
            await socket.send_str(garbage)
        await socket.send_bytes(b"\xff\x00" * 100)
        await idle(socket)

    rung = Rung()
    async with speaking(speak) as url, HeadBell(url, rung, SteppingClock()):
        await rung.times(8)
    assert rung.count == 8
    assert [(one["method"], one["params"]) for one in asked] == [("eth_subscribe", ["newHeads"])]


async def test_bell_when_it_is_flooded_then_pauses_and_loses_none() -> None:
    count = 5 * MESSAGES_AT_ONCE

    async def speak(socket: web.WebSocketResponse) -> None:
        for _ in range(count):
            await socket.send_str("x")
        await idle(socket)

    rung, clock = Rung(), SteppingClock()
    async with speaking(speak) as url, HeadBell(url, rung, clock):
        await rung.times(count)
    assert clock.slept_s >= 4 * head_bell.PAUSE_S


@pytest.mark.parametrize(
    ("last", "reason"), [("close", "closed: CLOSE"), ("large", "closed: ERROR"), ("no text", "closed: ERROR")]
)
async def test_bell_when_the_connection_ends_then_subscribes_anew_after_longer_and_longer_waits(
    last: str, reason: str
) -> None:
    async def speak(socket: web.WebSocketResponse) -> None:
        assert (await socket.receive()).type == WSMsgType.TEXT
        await socket.send_str("one")
        if last == "large":
            await socket.send_str("x" * (MESSAGE_BYTES_MAX + 1))
            await idle(socket)
        elif last == "no text":
            await socket.send_frame(b"\xff\xff", WSMsgType.TEXT)
            await idle(socket)

    rung, log = Rung(), Listened()
    async with speaking(speak) as url, HeadBell(url, rung, SteppingClock(), log=log):
        said = [await log.next() for _ in range(9)]
        await rung.times(9)
    assert [one["retry_s"] for one in said] == [0.5, 1, 2, 4, 8, 16, 30, 30, 30]
    assert {one["reason"] for one in said} == {reason}


async def test_bell_when_a_connection_lasted_then_the_waits_begin_anew() -> None:
    clock, opened = SteppingClock(), 0

    async def speak(socket: web.WebSocketResponse) -> None:
        nonlocal opened
        opened += 1
        if opened == 4:
            await clock.sleep(RETRY_MAX_S)

    log = Listened()
    async with speaking(speak) as url, HeadBell(url, Rung(), clock, log=log):
        assert [(await log.next())["retry_s"] for _ in range(5)] == [0.5, 1, 2, 0.5, 1]


async def nothing(_: web.Request) -> web.Response:
    raise web.HTTPNotFound


async def test_bell_when_there_is_no_websocket_then_says_so_without_the_path_and_tries_again() -> None:
    log = Listened()
    async with serving(nothing) as url:
        for wrong in (url, "ws://127.0.0.1:1" + PATH, "ws://127.0.0.1:99999" + PATH):
            async with HeadBell(wrong, Rung(), SteppingClock(), log=log):
                for _ in range(2):
                    said = await log.next()
                    assert said["reason"] != ""
                    assert "api-key" not in repr(said)
    assert log.records[0].fields["reason"] == "HTTP status 404, which opens no WebSocket"
    assert str(log.records[2].fields["reason"]).startswith("Cannot connect to host 127.0.0.1:1 ")


async def test_bell_when_it_is_sent_elsewhere_then_does_not_go_there() -> None:
    asked: list[str] = []

    async def elsewhere(request: web.Request) -> web.Response:
        asked.append(request.path)
        raise web.HTTPFound("/elsewhere")

    log = Listened()
    async with serving(elsewhere) as url, HeadBell(url, Rung(), SteppingClock(), log=log):
        assert (await log.next())["reason"] == "HTTP status 302, which opens no WebSocket"
        await log.next()
    assert set(asked) == {PATH}


async def test_bell_when_the_other_side_never_answers_then_gives_up_and_tries_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(head_bell, "OPEN_TIMEOUT_S", 0.05)
    accepted: list[asyncio.StreamWriter] = []
    server = await asyncio.start_server(lambda _, writer: accepted.append(writer), "127.0.0.1", 0)
    log = Listened()
    async with asyncio.timeout(30), server:
        url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with HeadBell(url, Rung(), SteppingClock(), log=log):
            assert [(await log.next())["reason"] for _ in range(3)] == ["no WebSocket within 0.05 s"] * 3
        for writer in accepted:
            writer.close()


async def test_bell_when_nothing_is_said_for_long_then_subscribes_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(head_bell, "SILENCE_MAX_S", 0.05)
    log = Listened()
    async with speaking(idle) as url, HeadBell(url, Rung(), SteppingClock(), log=log):
        assert [(await log.next())["reason"] for _ in range(3)] == [head_bell.SILENT] * 3
    assert log.events("warning") == []


async def test_bell_when_its_block_ends_then_no_task_is_left_and_what_was_raised_goes_on() -> None:
    before = asyncio.all_tasks()
    rung = Rung()

    async def speak(socket: web.WebSocketResponse) -> None:
        await socket.send_str("x")
        await idle(socket)

    with pytest.raises(KeyError):
        async with speaking(speak) as url, HeadBell(url, rung, SteppingClock()):
            await rung.times(1)
            raise KeyError
    async with HeadBell("ws://127.0.0.1:1", rung, SteppingClock()):
        pass
    assert asyncio.all_tasks() == before
