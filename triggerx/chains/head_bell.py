"""A subscription to a chain's new heads that only wakes up: each message makes the next look at the head happen now.

Rule: nothing is concluded from what it says or from its silence. Subscriptions die without a word and may say anything,
so a message is never read, the head is looked at in its interval all the same, and whatever happens here ends here.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from http import HTTPStatus
from types import TracebackType
from typing import Final, NoReturn, Self
from urllib.parse import urlsplit

import aiohttp

from triggerx.ports.clock import Clock
from triggerx.ports.log import Log

SUBSCRIBE: Final = '{"jsonrpc":"2.0","id":1,"method":"eth_subscribe","params":["newHeads"]}'
OPEN_TIMEOUT_S: Final = 10.0  # of the connection and its handshake, TLS included
SILENCE_MAX_S: Final = 60.0  # then it is opened anew: five blocks of the slowest chains
CLOSE_TIMEOUT_S: Final = 0.5  # for the other side's goodbye; the node's end waits for it
RETRY_MIN_S: Final = 0.5
RETRY_MAX_S: Final = 30.0  # also how long a connection must have stood for the waits to begin anew
MESSAGE_BYTES_MAX: Final = 2**16  # a head is about 2 kB
MESSAGES_AT_ONCE: Final = 100  # then a pause, so that a flood leaves the event loop to the others
PAUSE_S: Final = 0.02  # of the reading, which the connection's flow control passes on to the sender
SILENT: Final = f"silent for {SILENCE_MAX_S:g} s"  # as on a chain that makes no blocks just now
ERRORS: Final = (aiohttp.ClientError, TimeoutError, OSError, ValueError)
"""What opening, sending and receiving raise where the other side, the network or the URL is at fault."""


class _NoWebSocket(Exception):
    """The other side answered with something else; the message is for the log."""


class HeadBell:
    """Calls `ring` at each message of one subscription; an async context manager that owns connection and task."""

    def __init__(self, url: str, ring: Callable[[], None], clock: Clock, *, log: Log | None = None) -> None:
        """Take a ws:// or wss:// URL; its path may hold an API key, so that its host alone is logged."""
        parts = urlsplit(url)
        self._url = url
        self._name = parts.netloc.rpartition("@")[2]
        self._ring = ring
        self._clock = clock
        self._log = log
        self._group = asyncio.TaskGroup()

    async def __aenter__(self) -> Self:
        """Begin; returns before there is a connection."""
        await self._group.__aenter__()
        self._task = self._group.create_task(self._run(), name=f"head bell {self._name}")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the task and with it the connection."""
        self._task.cancel()
        await self._group.__aexit__(None, None, None)  # what the block raised goes on by itself, not in a group

    async def _run(self) -> NoReturn:
        """Subscribe again and again, with longer waits while it does not last."""
        retry_s = RETRY_MIN_S
        while True:
            began = self._clock.monotonic()
            reason = await self._heard()
            has_lasted = self._clock.monotonic() - began >= RETRY_MAX_S
            retry_s = RETRY_MIN_S if has_lasted else retry_s
            if self._log is not None:
                note = self._log.info if reason == SILENT else self._log.warning
                note("head subscription ended", endpoint=self._name, reason=reason, retry_s=retry_s)
            await self._clock.sleep(retry_s)
            retry_s = min(RETRY_MAX_S, 2 * retry_s)

    async def _heard(self) -> str:
        """Hear one connection to its end; returns why it ended."""
        try:
            async with aiohttp.ClientSession(trust_env=False, middlewares=(_answered_101,)) as session:
                async with asyncio.timeout(OPEN_TIMEOUT_S):
                    socket = await session.ws_connect(
                        self._url,
                        max_msg_size=MESSAGE_BYTES_MAX,
                        timeout=aiohttp.ClientWSTimeout(ws_close=CLOSE_TIMEOUT_S),
                    )
                try:
                    await socket.send_str(SUBSCRIBE)
                    return await self._listen(socket)
                finally:
                    await _close(socket)
        except _NoWebSocket as refusal:
            return str(refusal)
        except TimeoutError:
            return f"no WebSocket within {OPEN_TIMEOUT_S:g} s"
        except aiohttp.ClientConnectorError as error:
            return str(error)  # names host and port alone
        except ERRORS as error:
            return type(error).__name__

    async def _listen(self, socket: aiohttp.ClientWebSocketResponse) -> str:
        count = 0
        while True:
            try:
                message = await socket.receive(timeout=SILENCE_MAX_S)
            except TimeoutError:
                return SILENT
            if message.type not in (aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY):
                return f"closed: {message.type.name}"
            self._ring()
            count += 1
            if count % MESSAGES_AT_ONCE == 0:
                await self._clock.sleep(PAUSE_S)


async def _answered_101(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    """Let a response pass that opens a WebSocket and no other: no redirect is followed on the way to a chain."""
    response = await handler(request)
    if response.status != HTTPStatus.SWITCHING_PROTOCOLS:
        response.close()
        raise _NoWebSocket(f"HTTP status {response.status}, which opens no WebSocket")
    return response


async def _close(socket: aiohttp.ClientWebSocketResponse) -> None:
    """Say goodbye; without an answer, or when messages keep coming instead of one, the session drops the connection."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(CLOSE_TIMEOUT_S):
            await socket.close()
