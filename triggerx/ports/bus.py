"""The bus between roles, in one process or several on one store: wake-ups, never the only copy of a fact."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from typing import Protocol, TypeVar

from triggerx.events import Event

EventT = TypeVar("EventT", bound=Event)


class Bus(Protocol):
    """Bounded and ordered for each subscriber; who falls behind loses the oldest and is told so once in the log.

    Between processes an event may also be lost with a connection. A subscriber must therefore re-read the store on
    every wake-up and at every poll interval.
    """

    async def publish(self, event: Event) -> None:
        """Hand the event to every present subscriber of its type; never waits for a slow one, nor for a network."""
        ...

    def subscribe(self, *types: type[EventT]) -> AbstractAsyncContextManager[AsyncIterator[EventT]]:
        """Hear every event of these types that is published while the context is open, in order."""
        ...
