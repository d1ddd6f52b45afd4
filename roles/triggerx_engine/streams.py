"""WebSocket sources: one connection an address, opened as long as a job looks at it, and opened again when it ends."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from triggerx.core.errors import RecoverableError
from triggerx.ports.store.ledger import Observation
from triggerx.role import Services
from triggerx.triggers.json_route import Unreadable
from triggerx.triggers.readings import value_from_body
from triggerx.triggers.sources import Source, WebSocketSource

MESSAGE_BYTES_MAX: Final = 256 * 1024  # a snapshot of an order book; a tick has a hundred bytes
STREAMS_MAX: Final = 500  # each holds a connection; beyond it the newest wait, and say so
AGAIN_S: Final = 1.0  # after a connection ended; doubled while it cannot be opened
AGAIN_S_MAX: Final = 60.0
HandOn = Callable[[Sequence[Observation]], None]
Named = dict[str, WebSocketSource]


class Streams:
    """The open connections. What a message does not hold at a source's route is no value of it, and no fault."""

    def __init__(self, services: Services, hand_on: HandOn) -> None:
        self._services = services
        self._hand_on = hand_on
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._sources: dict[str, Named] = {}
        self._log = services.log.bind(loop="engine.streams")

    def keep(self, group: asyncio.TaskGroup, sources: Mapping[str, Source]) -> None:
        """Open what is wanted now, and close what is wanted no more."""
        wanted: dict[str, Named] = defaultdict(dict)
        for name, source in sources.items():
            if isinstance(source, WebSocketSource):
                wanted[source.request][name] = source
        self._sources = wanted
        for url in self._tasks.keys() - wanted.keys():
            self._tasks.pop(url).cancel()
        for url in list(wanted.keys() - self._tasks.keys())[: STREAMS_MAX - len(self._tasks)]:
            self._tasks[url] = group.create_task(self._hear(url), name=f"engine.stream.{url}"[:120])

    async def _hear(self, url: str) -> None:
        again_s = AGAIN_S
        while True:
            try:
                async with self._services.fetch.messages(url, bytes_max=MESSAGE_BYTES_MAX) as messages:
                    async for message in messages:
                        again_s = AGAIN_S
                        self._take(url, message)
                reason = "the connection ended"
            except RecoverableError as error:
                reason = str(error)
            now_ms = self._services.clock.now_ms()
            self._hand_on(
                [
                    Observation(source=name, value="0", observed_at_ms=now_ms, fault=reason[:500])
                    for name in self._sources.get(url, {})
                ]
            )
            self._log.warning("stream ended", url=url, reason=reason, again_in_s=again_s)
            await self._services.clock.sleep(again_s)
            again_s = min(AGAIN_S_MAX, 2 * again_s)

    def _take(self, url: str, message: bytes) -> None:
        now_ms = self._services.clock.now_ms()
        found: list[Observation] = []
        for name, source in self._sources.get(url, {}).items():
            try:
                reading = value_from_body(source, message)
            except Unreadable:
                continue
            found.append(
                Observation(
                    source=name, value=reading.value, observed_at_ms=now_ms, response_hash=reading.response_hash
                )
            )
        if found:
            self._hand_on(found)
