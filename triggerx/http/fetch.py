"""The one way out: GET requests and WebSockets for URLs that others chose, behind `ports.fetch`.

Rule: nothing is dialled that the guard has not seen, nothing is sent that says who we are, and nothing comes back that
is not bounded in time and size.
"""

import asyncio
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

import aiohttp
from yarl import URL

from triggerx.http.bodies import ACCEPT_ENCODING, Body, too_large
from triggerx.http.failures import CLIENT_ERRORS, failure
from triggerx.http.guard import Guard
from triggerx.http.messages import Messages, answered_101
from triggerx.http.names import Lookup, Names, Sockets
from triggerx.http.turns import Turns
from triggerx.http.urls import WEB_SOCKET, checked_url, followed_url, name_of
from triggerx.ports.fetch import Fetch, Fetched, FetchRefused, refuse_all

CONNECTIONS_MAX: Final = 192  # in use at once; with those kept and WebSockets 800 files at most
CONNECTIONS_PER_HOST_MAX: Final = 16  # a host that hangs holds no more than these
WEB_SOCKETS_MAX: Final = 128
SOCKETS_KEPT_MAX: Final = 480  # open ones from which on connections are closed after their answer
KEEP_ALIVE_S: Final = 15.0  # what common servers offer; sources are polled each second
CONNECT_TIMEOUT_S: Final = 5.0  # of one address, TLS included, so that another is tried before the time is over
NAMES_KEPT_S: Final = 10  # as short as the shortest usual time to live
REDIRECTS_MAX: Final = 5
REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
HEADER_BYTES_MAX: Final = 8_190  # a line; the parser takes 128 of them
CONTENT_TYPE_LENGTH_MAX: Final = 200
HEADERS: Final = {"Accept": "*/*", "Accept-Encoding": ACCEPT_ENCODING, "User-Agent": "triggerx"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Pools:
    """The connections: kept for the next request to the same host, used once, and WebSockets."""

    kept: aiohttp.ClientSession
    once: aiohttp.ClientSession
    web_sockets: aiohttp.ClientSession


class HttpFetch(AbstractAsyncContextManager["HttpFetch"]):
    """Implements `ports.fetch.Fetch` with aiohttp; opens its pools with the first request, and closes them at exit."""

    def __init__(self, guard: Guard, *, lookup: Lookup | None = None, names_kept_s: int = NAMES_KEPT_S) -> None:
        """`lookup` finds the addresses of names in place of the system."""
        self._sockets = Sockets(guard)
        self._names = Names(guard, lookup)
        self._names_kept_s = names_kept_s
        self._turns = Turns(in_all=CONNECTIONS_MAX, per_host=CONNECTIONS_PER_HOST_MAX)
        self._pools: Pools | None = None
        self._is_closed = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._is_closed = True
        if (pools := self._pools) is not None:
            for session in (pools.kept, pools.once, pools.web_sockets):
                await session.close()
        await self._names.close()

    async def get(self, url: str, *, timeout_s: float, bytes_max: int) -> Fetched:
        """Return the answer to a GET, after redirects."""
        target = checked_url(url)
        try:
            async with asyncio.timeout(timeout_s):
                return await self._follow(target, bytes_max)
        except TimeoutError as error:
            raise FetchRefused("too_slow", f"{name_of(target)} gave no whole answer in {timeout_s:g} s") from error

    def messages(self, url: str, *, bytes_max: int) -> Messages:
        """Hear a WebSocket while the context is open."""
        return Messages(self._open().web_sockets, checked_url(url, WEB_SOCKET), bytes_max)

    async def _follow(self, url: URL, bytes_max: int) -> Fetched:
        target = url
        for _ in range(REDIRECTS_MAX + 1):
            answer = await self._ask(target, bytes_max)
            if isinstance(answer, Fetched):
                return answer
            target = followed_url(target, answer)
        raise FetchRefused("redirects", f"{name_of(url)} redirects more than {REDIRECTS_MAX} times")

    async def _ask(self, url: URL, bytes_max: int) -> Fetched | str:
        """Return the answer, or where it redirects to."""
        async with self._turns.turn(url.raw_host or ""):
            pools = self._open()
            session = pools.kept if len(self._sockets) < SOCKETS_KEPT_MAX else pools.once
            return await _answer(session, url, bytes_max)

    def _open(self) -> Pools:
        if self._is_closed:
            refuse_all()
        if self._pools is None:
            self._pools = Pools(
                kept=self._session(self._connector()),
                once=self._session(self._connector(is_kept=False)),
                web_sockets=self._session(self._connector(WEB_SOCKETS_MAX), answered_101),
            )
        return self._pools

    def _connector(self, connections_max: int = 0, *, is_kept: bool = True) -> aiohttp.TCPConnector:
        """Make a pool; without a bound of its own, which `Turns` keeps for requests."""
        return aiohttp.TCPConnector(
            resolver=self._names,
            socket_factory=self._sockets.make,
            ttl_dns_cache=self._names_kept_s,
            limit=connections_max,
            limit_per_host=CONNECTIONS_PER_HOST_MAX if connections_max else 0,
            keepalive_timeout=KEEP_ALIVE_S if is_kept else None,
            force_close=not is_kept,
        )

    def _session(
        self, connector: aiohttp.TCPConnector, *middlewares: aiohttp.ClientMiddlewareType
    ) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(
            connector=connector,
            headers=HEADERS,
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
            auto_decompress=False,
            max_line_size=HEADER_BYTES_MAX,
            max_field_size=HEADER_BYTES_MAX,
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_TIMEOUT_S),
            middlewares=middlewares,
        )


async def _answer(session: aiohttp.ClientSession, url: URL, bytes_max: int) -> Fetched | str:
    try:
        async with session.get(url, allow_redirects=False) as response:
            location = response.headers.get("Location")
            if location is not None and response.status in REDIRECTS:
                return location
            return Fetched(
                url=str(url),
                status=response.status,
                content_type=response.headers.get("Content-Type", "")[:CONTENT_TYPE_LENGTH_MAX],
                body=await _body(response, name_of(url), bytes_max),
            )
    except CLIENT_ERRORS as error:
        raise failure(name_of(url), error) from error


async def _body(response: aiohttp.ClientResponse, name: str, bytes_max: int) -> bytes:
    body = Body(name, response.headers.get("Content-Encoding", ""), bytes_max)
    if (response.content_length or 0) > bytes_max:
        raise too_large(name, bytes_max)
    async for chunk in response.content.iter_any():
        body.feed(chunk)
    return body.whole()


if TYPE_CHECKING:
    _implements: type[Fetch] = HttpFetch
