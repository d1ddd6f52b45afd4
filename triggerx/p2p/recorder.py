"""Checked announcements on their way into the store and then to the roles, in batches of one commit each.

An announcement counts once: the envelope is kept, then its nonce remembered, before anybody hears of it. In this order
a crash loses nothing: what was kept is heard again after the start, what was not can be pulled and is still new.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, cast

from triggerx.core.errors import RecoverableError
from triggerx.core.messages import Announcement, Heard
from triggerx.evm.types import Hash32
from triggerx.p2p.services import PeersServices
from triggerx.wire.seal import Opened

_WAITING_MAX: Final = 1024  # between check and commit; beyond it the checks wait, and gossip is pulled later
_BATCH_MAX: Final = 128
_RETRY_S: Final = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """A checked announcement as bytes and opened; `done` is told when it is durable, and whether it was new."""

    envelope: bytes
    digest: Hash32
    opened: Opened
    done: "asyncio.Future[bool] | None" = None

    def heard(self) -> Heard[Announcement]:
        """Return what a role hears of it."""
        return Heard(
            message=cast("Announcement", self.opened.message),
            sender=self.opened.sender,
            peer_id=self.opened.peer_id,
            issued_at=self.opened.issued_at,
        )


class Recorder:
    """One writer; `deliver` is called for each announcement that is new to this node, once it is durable."""

    def __init__(self, services: PeersServices, peer_id: str, deliver: Callable[[Recorded], None]) -> None:
        self._services = services
        self._peer_id = peer_id
        self._deliver = deliver
        self._waiting: asyncio.Queue[Recorded] = asyncio.Queue(_WAITING_MAX)

    async def put(self, recorded: Recorded) -> None:
        """Queue one; waits while the store is behind."""
        await self._waiting.put(recorded)

    async def run(self) -> None:
        """Record for ever."""
        batch: list[Recorded] = []
        try:
            while True:
                batch = [await self._waiting.get()]
                while len(batch) < _BATCH_MAX and not self._waiting.empty():
                    batch.append(self._waiting.get_nowait())
                fresh = await self._record(batch)
                for recorded, is_new in zip(batch, fresh, strict=True):
                    if is_new:
                        self._deliver(recorded)
                    if recorded.done is not None and not recorded.done.done():
                        recorded.done.set_result(is_new)
        finally:
            self._give_up(batch)

    def _give_up(self, batch: list[Recorded]) -> None:
        """Tell those who wait that it is not known to be durable."""
        while not self._waiting.empty():
            batch.append(self._waiting.get_nowait())
        for recorded in batch:
            if recorded.done is not None and not recorded.done.done():
                recorded.done.set_exception(RecoverableError("the peer network is closed"))

    async def _record(self, batch: list[Recorded]) -> list[bool]:
        while True:
            try:
                return await self._commit(batch)
            except RecoverableError as error:
                self._services.log.warning("announcements wait for the store", count=len(batch), error=str(error))
                await self._services.clock.sleep(_RETRY_S)

    async def _commit(self, batch: list[Recorded]) -> list[bool]:
        """Write the batch without waiting in between: a transaction would cost a round trip a statement."""
        messages = self._services.store.messages
        steps: list[Awaitable[bool | None]] = []
        for recorded in batch:
            opened = recorded.opened
            steps.append(messages.keep(recorded.envelope, digest=recorded.digest, expires_at=opened.expires_at))
            steps.append(
                messages.remember(opened.sender, opened.nonce, node=self._peer_id, expires_at=opened.expires_at)
            )
        answers = await asyncio.gather(*steps)
        return [is_new is True for is_new in answers[1::2]]
