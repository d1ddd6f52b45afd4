"""Announcements: takes `TaskPerformed` in, checks that it fits its document, and keeps both to be judged."""

import asyncio
from typing import NoReturn

from triggerx.core.document import TaskDocument, proof_of_task
from triggerx.core.errors import InvalidInput, RecoverableError, UnrecoverableError
from triggerx.core.messages import Heard, TaskPerformed
from triggerx.core.validation import signer_of
from triggerx.events import DocumentAnnounced
from triggerx.evm.tasks import task_hash
from triggerx.evm.types import Hash32, checksum
from triggerx.ports.store.peering import AnnouncedDocument
from triggerx.role import Services
from triggerx_keeper.identity import Identity
from triggerx_keeper.shelf import Opened, Shelf

FETCHES_AT_ONCE = 16  # documents fetched side by side; more wait, and gossip is repeated anyhow
FETCH_TRIES = 3
FETCH_PAUSE_S = 0.5


class AnnouncementIntake:
    """One loop over all announcements; a bad one costs its sender, not the loop."""

    def __init__(self, services: Services, identity: Identity, shelf: Shelf) -> None:
        self._services = services
        self._identity = identity
        self._shelf = shelf
        self._slots = asyncio.Semaphore(FETCHES_AT_ONCE)
        self._log = services.log.bind(loop="keeper.announcements")

    async def run(self) -> NoReturn:
        """Take announcements in, for ever."""
        async with asyncio.TaskGroup() as group, self._services.peers.announcements(TaskPerformed) as heard:
            async for announcement in heard:
                heard_at = self._services.clock.now()
                await self._slots.acquire()
                group.create_task(self._take(announcement, heard_at), name="keeper.announcement")
        raise UnrecoverableError("the announcements ended, which they may not")

    async def _take(self, announcement: Heard[TaskPerformed], heard_at: int) -> None:
        try:
            await self._keep(announcement, heard_at)
        except (RecoverableError, InvalidInput) as error:
            self._log.warning("announcement ignored", sender=checksum(announcement.sender), reason=str(error))
        finally:
            self._slots.release()

    async def _keep(self, announcement: Heard[TaskPerformed], heard_at: int) -> None:
        services, message = self._services, announcement.message
        document = (await self._fetch(message.cid, announcement.peer_id)).document
        digest = document_hash(document, message.cid)
        if document.performer != announcement.sender or signer_of(digest, message.tp_signature) != announcement.sender:
            raise InvalidInput("tp_signature", "is not the performer's over this document's task hash")
        if document.assignment.assignment.task_key != message.task_key:
            raise InvalidInput("task_key", "is not the document's")
        if document.action.tx_hash != message.execution_tx_hash:
            raise InvalidInput("execution_tx_hash", "is not the document's")
        announced = AnnouncedDocument(
            task_key=message.task_key,
            task_hash=digest,
            cid=message.cid,
            performer=document.performer,
            execution_tx_hash=document.action.tx_hash,
            tp_signature=message.tp_signature,
            heard_at=heard_at,
        )
        is_new = await services.store.votes.announce(announced)
        if is_new:
            await services.bus.publish(DocumentAnnounced(message.task_key, message.cid))

    async def _fetch(self, cid: str, peer_id: str) -> Opened:
        for _ in range(FETCH_TRIES - 1):
            try:
                return await self._shelf.open(cid, peer_ids=(peer_id,))
            except RecoverableError:
                await self._services.clock.sleep(FETCH_PAUSE_S)
        return await self._shelf.open(cid, peer_ids=(peer_id,))


def document_hash(document: TaskDocument, cid: str) -> Hash32:
    """Return the Attestation Center's task hash of a document; `data` is the CID's ASCII."""
    return task_hash(proof_of_task(document), cid.encode("ascii"), document.performer, document.task_definition_id)
