"""Progress: hears the performers' announcements and notes them on the engine's tasks.

The document is fetched and kept too, so that it can be served when its performer is gone.
"""

import asyncio
from typing import NoReturn

from triggerx.core.document import decode_document
from triggerx.core.errors import InvalidInput, RecoverableError, UnrecoverableError
from triggerx.core.messages import Heard, TaskPerformed
from triggerx.core.task_inputs import PeerPerformed
from triggerx.evm.types import checksum
from triggerx.moves import move_task
from triggerx.ports.store.tasks import AssignmentStatus
from triggerx.role import Services

TAKEN_AT_ONCE = 16  # documents fetched side by side: one slow peer must not make the engine replace the others


class Progress:
    """One loop over all announcements; a bad or slow one costs its sender, not the others."""

    def __init__(self, services: Services, *, attestation_window_s: int) -> None:
        self._services = services
        self._attestation_window_s = attestation_window_s
        self._slots = asyncio.Semaphore(TAKEN_AT_ONCE)
        self._log = services.log.bind(loop="engine.progress")

    async def run(self) -> NoReturn:
        """Take announcements in, for ever."""
        async with asyncio.TaskGroup() as group, self._services.peers.announcements(TaskPerformed) as heard:
            async for announcement in heard:
                await self._slots.acquire()
                group.create_task(self._work(announcement), name="engine.announcement")
        raise UnrecoverableError("the announcements ended, which they may not")

    async def _work(self, announcement: Heard[TaskPerformed]) -> None:
        try:
            await self._take(announcement)
        except (RecoverableError, InvalidInput) as error:
            self._log.warning("announcement ignored", sender=checksum(announcement.sender), reason=str(error))
        finally:
            self._slots.release()

    async def _take(self, announcement: Heard[TaskPerformed]) -> None:
        services, message = self._services, announcement.message
        task = await services.store.tasks.by_key(message.task_key)
        if task is None:
            raise InvalidInput("task_key", "is of no task of this engine")
        rows = await services.store.assignments.list_by_task(message.task_key)
        if all(row.signed.assignment.performer != announcement.sender for row in rows):
            raise InvalidInput("sender", "was not assigned this task")
        content = await services.content.get(message.cid, peer_ids=(announcement.peer_id,))
        if content is None:
            raise RecoverableError(f"nobody has the document {message.cid}")
        document = decode_document(content)
        signed = document.assignment
        if document.performer != announcement.sender or signed not in [row.signed for row in rows]:
            raise InvalidInput("cid", "is no document of this performer under an order of this engine")
        if signed.assignment.task_key != message.task_key or document.action.tx_hash != message.execution_tx_hash:
            raise InvalidInput("cid", "is the document of another task or action")
        event = PeerPerformed(
            performer=announcement.sender,
            cid=message.cid,
            execution_tx_hash=message.execution_tx_hash,
            now_ms=services.clock.now_ms(),
            deadline_at=services.clock.now() + self._attestation_window_s,
        )
        async with services.store.transaction() as queries:
            present = await queries.tasks.by_key(message.task_key)
            if present is None:
                return
            events = await move_task(queries, present, event, attempts_max=0, now_ms=services.clock.now_ms())
            await queries.assignments.set_status(
                message.task_key, signed.assignment.attempt, AssignmentStatus.PERFORMED
            )
        for moved in events:
            await services.bus.publish(moved)
        self._log.info("task performed", task_id=task.task_id, tx_hash=message.execution_tx_hash, cid=message.cid)
