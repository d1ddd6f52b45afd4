"""Checked announcements on their way to the roles: everyone hears each envelope once, and nobody waits for another."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any, Final

from triggerx.core.errors import RecoverableError
from triggerx.core.messages import Announcement, Heard
from triggerx.evm.types import Hash32

QUEUE_MAX: Final = 4096
"""Announcements a subscriber may lag behind: about a minute at the network's highest rate."""


class _Subscription:
    """One subscriber's queue; iterating it ends with an error when it fell behind or the network failed."""

    def __init__(self, types: tuple[type[object], ...]) -> None:
        self._types = types
        self._queue: deque[Heard[Announcement]] = deque()
        self._given: set[Hash32] | None = set()
        self._wake = asyncio.Event()
        self._error: BaseException | None = None

    def give(self, digest: Hash32, heard: Heard[Announcement]) -> None:
        if self._error is not None or not isinstance(heard.message, self._types):
            return
        if self._given is not None:
            if digest in self._given:
                return
            self._given.add(digest)
        if len(self._queue) >= QUEUE_MAX:
            self.fail(
                RecoverableError(f"a reader of announcements fell {QUEUE_MAX} behind: subscribe anew to hear all")
            )
            return
        self._queue.append(heard)
        self._wake.set()

    def is_caught_up(self) -> None:
        """From here on everything that comes is new: the set of what was given is not needed any more."""
        self._given = None

    def fail(self, error: BaseException) -> None:
        self._error = error
        self._wake.set()

    def __aiter__(self) -> AsyncIterator[Heard[Any]]:
        return self

    async def __anext__(self) -> Heard[Any]:
        while not self._queue:
            if self._error is not None:
                raise self._error
            self._wake.clear()
            await self._wake.wait()
        return self._queue.popleft()


class Subscriptions:
    """Everyone who listens now."""

    def __init__(self) -> None:
        self._all: list[_Subscription] = []
        self._error: BaseException | None = None

    @contextmanager
    def open(self, types: tuple[type[object], ...]) -> Iterator[_Subscription]:
        """Add a subscriber for as long as the context lasts."""
        subscription = _Subscription(types)
        if self._error is not None:
            subscription.fail(self._error)
        self._all.append(subscription)
        try:
            yield subscription
        finally:
            self._all.remove(subscription)

    def give(self, digest: Hash32, heard: Heard[Announcement]) -> None:
        """Hand a new announcement to everyone who wants its type; never waits."""
        for subscription in tuple(self._all):
            subscription.give(digest, heard)

    def fail(self, error: BaseException) -> None:
        """End every subscription with this error, later ones too."""
        self._error = error
        for subscription in tuple(self._all):
            subscription.fail(error)
