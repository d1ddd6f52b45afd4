"""The bus of one process: a bounded queue for each subscriber; publishing never waits.

Everything happens on one event loop. Events are wake-ups only, so losing the oldest costs a subscriber time, not facts.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final, Generic, TypeVar, cast

from triggerx.events import Event
from triggerx.ports.log import Log

EventT = TypeVar("EventT", bound=Event)

QUEUE_EVENTS_MAX: Final = 1024
"""Events that wait for one subscriber: some seconds of the busiest node, and under 100 kB of ids."""


class LocalBus:
    """Implements `ports.bus.Bus` between the tasks of one event loop."""

    def __init__(self, log: Log, *, queue_events_max: int = QUEUE_EVENTS_MAX) -> None:
        if queue_events_max < 1:
            raise ValueError(f"queue_events_max must be at least 1, got {queue_events_max}")
        self._log = log
        self._queue_events_max = queue_events_max
        self._queues: dict[type[Event], list[_Queue[Event]]] = {}

    async def publish(self, event: Event) -> None:
        """Hand the event to every present subscriber of its type, in the order of publishing."""
        if not self.deliver(event):
            self._log.debug("event unheard", type=type(event).__name__)

    def deliver(self, event: Event) -> bool:
        """Do what `publish` does, from code that cannot wait; returns whether anybody subscribed to its type."""
        queues = self._queues.get(type(event), ())
        for queue in queues:
            queue.put(event)
        return bool(queues)

    @asynccontextmanager
    async def subscribe(self, *types: type[EventT]) -> AsyncIterator[AsyncIterator[EventT]]:
        """Hear every event of these types that is published while the context is open; the iterator ends with it."""
        if not types:
            raise ValueError("subscribe to at least one type of event")
        wanted = tuple(cast("type[Event]", each) for each in dict.fromkeys(types))
        queue = _Queue[Event](wanted, self._queue_events_max, self._log)
        for each in wanted:
            self._queues.setdefault(each, []).append(queue)
        try:
            yield cast("AsyncIterator[EventT]", queue)
        finally:
            queue.close()
            for each in wanted:
                self._queues[each].remove(queue)


class _Queue(Generic[EventT]):
    """One subscriber's events in order; when it is full the oldest goes, and the log hears of it once a lag."""

    def __init__(self, types: tuple[type[Event], ...], events_max: int, log: Log) -> None:
        self._types = types
        self._log = log
        self._waiting: deque[EventT] = deque(maxlen=events_max)
        self._changed = asyncio.Event()
        self._is_closed = False
        self._lost = 0

    def put(self, event: EventT) -> None:
        """Append the event, and drop the oldest where there is no room."""
        if len(self._waiting) == self._waiting.maxlen:
            if self._lost == 0:
                self._log.warning(
                    "subscriber fell behind",
                    types=",".join(each.__name__ for each in self._types),
                    waiting=len(self._waiting),
                )
            self._lost += 1
        self._waiting.append(event)
        self._changed.set()

    def close(self) -> None:
        """End the iteration, also for who is waiting in it."""
        self._is_closed = True
        self._waiting.clear()
        self._changed.set()

    def __aiter__(self) -> "_Queue[EventT]":
        return self

    async def __anext__(self) -> EventT:
        while not self._waiting:
            if self._is_closed:
                raise StopAsyncIteration
            if self._lost:
                self._log.debug("subscriber caught up", lost=self._lost)
                self._lost = 0
            self._changed.clear()
            await self._changed.wait()
        return self._waiting.popleft()
