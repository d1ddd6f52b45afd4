"""A web of a few pages (`ports.fetch.Fetch`), which remembers who was asked for what."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager

from triggerx.core.errors import RecoverableError
from triggerx.ports.fetch import Fetched, FetchRefused


class Pages:
    """Answers from `pages`: a body, a status with an empty body, or an error to raise; other URLs are unreachable."""

    def __init__(self, pages: Mapping[str, bytes | int | Exception] | None = None) -> None:
        self.pages = dict(pages or {})
        self.asked: list[str] = []
        self.was_asked = asyncio.Event()
        self.stuck: set[str] = set()
        """URLs that never answer."""

    async def get(self, url: str, *, timeout_s: float, bytes_max: int) -> Fetched:
        """Return the page."""
        self.asked.append(url)
        self.was_asked.set()
        if url in self.stuck:
            await asyncio.Event().wait()
        page = self.pages.get(url)
        match page:
            case None:
                raise RecoverableError(f"{url} gave no answer within {timeout_s} s")
            case Exception():
                raise page
            case int():
                return Fetched(url=url, status=page, content_type="text/plain", body=b"")
        if len(page) > bytes_max:
            raise FetchRefused("too_large", f"{url} has more than {bytes_max} bytes")
        return Fetched(url=url, status=200, content_type="text/plain", body=page)

    def messages(self, url: str, *, bytes_max: int) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        """There is no WebSocket in it."""
        raise FetchRefused("scheme", f"{url} with messages of {bytes_max} bytes is not served")
