"""Requests to the outside world on behalf of jobs: guarded, bounded, and never to a private address."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import NoReturn, Protocol

from triggerx.core.errors import RecoverableError


class FetchRefused(RecoverableError):
    """The request may not be made, or its answer not be taken. The message names a host at most, and no address.

    `code` is for programs. Of the URL: `url`, `scheme`, `credentials`, `host`, `port`. Of where it leads:
    `private_address`, `redirects` (too many, or from https to http). Of the answer: `too_slow`, `too_large`,
    `too_fast` (messages), `encoding`. `closed`: this node makes no requests, or none any more.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """What came back. `body` is decoded of transfer and content encoding; `url` is the last one after redirects.

    `content_type` is the header as it came, at most 200 characters; "" where there was none.
    """

    url: str
    status: int
    content_type: str
    body: bytes


class Fetch(Protocol):
    """The one way out. Every address that is dialled is checked, redirects' and a rebound name's too.

    URLs are http or https (ws or wss for messages) without credentials, at port 80, 443 or one above 1023 that serves
    the web. No cookies, no proxies, no credentials of any kind are sent. Raises `FetchRefused` for what may not be,
    `RecoverableError` for what failed.
    """

    async def get(self, url: str, *, timeout_s: float, bytes_max: int) -> Fetched:
        """Return the answer to a GET; any status is an answer, but at most 5 redirects are followed.

        `timeout_s` covers everything from the wait for a connection to the last byte. `bytes_max` bounds the body as
        it travels and as it is decoded. Safe to repeat, as GET is: a connection that had died is replaced once.
        """
        ...

    def messages(self, url: str, *, bytes_max: int) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        """Open a WebSocket and hear its text and binary messages; the iteration ends when the connection does.

        A connection that has died without a word ends within 30 s. Redirects are not followed. Who reads more slowly
        than messages come loses the oldest of those that wait. A message of more than `bytes_max` bytes, or more
        messages in a second than a source has reason to send, end it with `FetchRefused`.
        """
        ...


class NoFetch:
    """Implements `Fetch` for a node without a way out: it refuses everything."""

    async def get(self, url: str, *, timeout_s: float, bytes_max: int) -> Fetched:
        """Refuse."""
        refuse_all()

    def messages(self, url: str, *, bytes_max: int) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        """Refuse."""
        refuse_all()


def refuse_all() -> NoReturn:
    """Raise the refusal of a way out that is not there."""
    raise FetchRefused("closed", "no requests are made to the outside: this node has no way out, or is stopping")
