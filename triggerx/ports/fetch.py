"""Requests to the outside world on behalf of jobs: guarded, bounded, and never to a private address."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

from triggerx.core.errors import RecoverableError


class FetchRefused(RecoverableError):
    """The request may not be made: the address is private, the scheme or port is not allowed, or a limit is used up.

    `code` is for programs, e.g. `private_address`, `scheme`, `redirects`, `too_large`, `too_slow`, `encoding`.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """What came back. `body` is decoded of its transfer encoding; `url` is the last one after redirects."""

    url: str
    status: int
    content_type: str
    body: bytes


class Fetch(Protocol):
    """The one way out. Every address that is dialled is checked, redirects' and a rebound name's too.

    Raises `FetchRefused` for what may not be, `RecoverableError` for what failed.
    """

    async def get(self, url: str, *, timeout_s: float, bytes_max: int) -> Fetched:
        """Return the answer to a GET; any status is an answer."""
        ...

    def messages(self, url: str, *, bytes_max: int) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        """Open a WebSocket and hear its text and binary messages; the iteration ends when the connection does."""
        ...
