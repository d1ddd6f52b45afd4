"""A WebSocket that is only listened to: its messages wait for their reader, and the newest win.

Rule: the connection is read as fast as it speaks, so that a reader's pause looks neither like a dead peer nor makes the
memory grow; what is too large or too much ends it.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import Final

import aiohttp
from yarl import URL

from triggerx.core.errors import RecoverableError
from triggerx.http.bodies import too_large
from triggerx.http.failures import CLIENT_ERRORS, failure
from triggerx.http.urls import name_of
from triggerx.ports.fetch import FetchRefused

OPEN_TIMEOUT_S: Final = 10.0
CLOSE_TIMEOUT_S: Final = 1.0  # for the peer's farewell; nobody needs it
HEARTBEAT_S: Final = 18.0  # of silence, then a ping, whose answer has half of it: dead ones end within 30 s
MESSAGES_WAITING_MAX: Final = 16  # so a reader that pauses holds at most 16 times its `bytes_max`
MESSAGES_A_SECOND_MAX: Final = 2_000  # pings count; busy exchanges send hundreds
_SWITCHING_PROTOCOLS: Final = 101


class Waiting(AsyncIterator[bytes]):
    """Messages that were heard and not yet read; the oldest go when there are more than may wait."""

    def __init__(self) -> None:
        self._messages: deque[bytes] = deque(maxlen=MESSAGES_WAITING_MAX)
        self._has_news = asyncio.Event()
        self._has_ended = False
        self._refusal: FetchRefused | None = None

    def put(self, message: bytes) -> None:
        """Add the newest."""
        self._messages.append(message)
        self._has_news.set()

    def end(self, refusal: FetchRefused | None = None) -> None:
        """Let the iteration end, or raise the refusal, once what waits has been read; the first call counts."""
        if not self._has_ended:
            self._has_ended, self._refusal = True, refusal
            self._has_news.set()

    async def __anext__(self) -> bytes:
        while not self._messages:
            if self._refusal is not None:
                raise self._refusal
            if self._has_ended:
                raise StopAsyncIteration
            self._has_news.clear()
            await self._has_news.wait()
        return self._messages.popleft()


class Messages(AbstractAsyncContextManager[AsyncIterator[bytes]]):
    """One WebSocket: opened on entering, closed on leaving, heard by a task in between."""

    def __init__(self, session: aiohttp.ClientSession, url: URL, bytes_max: int) -> None:
        self._session = session
        self._url = url
        self._bytes_max = bytes_max
        self._waiting = Waiting()

    async def __aenter__(self) -> AsyncIterator[bytes]:
        name = name_of(self._url)
        try:
            async with asyncio.timeout(OPEN_TIMEOUT_S):
                self._socket = await self._session.ws_connect(
                    self._url,
                    autoping=False,  # pings are counted with the messages
                    heartbeat=HEARTBEAT_S,
                    max_msg_size=self._bytes_max + 1,
                    timeout=aiohttp.ClientWSTimeout(ws_close=CLOSE_TIMEOUT_S),
                )
        except TimeoutError as error:
            raise FetchRefused("too_slow", f"{name} opened no WebSocket in {OPEN_TIMEOUT_S:g} s") from error
        except CLIENT_ERRORS as error:
            raise failure(name, error) from error
        self._hearing = asyncio.create_task(self._hear(name), name=f"fetch.messages {name}")
        return self._waiting

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._hearing.cancel()
        try:
            await asyncio.wait({self._hearing})
        finally:
            await self._socket.close()
        if not self._hearing.cancelled():
            self._hearing.result()

    async def _hear(self, name: str) -> None:
        """Read until the connection ends; only what is a mistake of ours is raised."""
        loop = asyncio.get_running_loop()
        since, count = loop.time(), 0
        try:
            while await self._heard_one(name):
                count += 1
                if count > MESSAGES_A_SECOND_MAX:
                    if loop.time() - since < 1:
                        self._waiting.end(FetchRefused("too_fast", f"{name} sends more messages than it may"))
                        return
                    since, count = loop.time(), 0
        except CLIENT_ERRORS:
            return  # the connection broke, which is one way to end
        finally:
            self._waiting.end()

    async def _heard_one(self, name: str) -> bool:
        """Take in one message; False when there are no more."""
        message = await self._socket.receive()
        match message.type:
            case aiohttp.WSMsgType.TEXT | aiohttp.WSMsgType.BINARY:
                data = message.data.encode() if isinstance(message.data, str) else bytes(message.data)
                if len(data) > self._bytes_max:
                    self._waiting.end(too_large(name, self._bytes_max))
                    return False
                self._waiting.put(data)
            case aiohttp.WSMsgType.PING:
                await self._socket.pong(message.data)
            case aiohttp.WSMsgType.PONG:
                pass
            case aiohttp.WSMsgType.ERROR:
                if getattr(message.data, "code", None) == aiohttp.WSCloseCode.MESSAGE_TOO_BIG:
                    self._waiting.end(too_large(name, self._bytes_max))
                return False
            case _:
                return False
        return True


async def answered_101(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    """Let a response pass that opens a WebSocket and no other, so that no redirect is followed."""
    response = await handler(request)
    if response.status != _SWITCHING_PROTOCOLS:
        response.close()
        raise RecoverableError(f"{name_of(request.url)} answers with status {response.status} and opens no WebSocket")
    return response
