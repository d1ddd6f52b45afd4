"""Announcements: what fits its document is kept with it; what does not is ignored, and the loop goes on."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tests.roles.keeper.acts import announce, announcement, document_of, execute, hash_of, identity, number_of
from tests.roles.scene import Node, Scene, open_scene, running
from tests.unit.core.sample import DUE, KEEPERS
from triggerx.core.document import TaskDocument, encode_document
from triggerx.core.messages import TaskPerformed
from triggerx.evm.types import Hash32
from triggerx_keeper.announcements import AnnouncementIntake, document_hash
from triggerx_keeper.shelf import Shelf


@dataclass
class Hall:
    """The elected performer and another keeper, which listens."""

    scene: Scene
    performer: Node
    listener: Node
    document: TaskDocument

    def intake(self) -> AnnouncementIntake:
        services = self.listener.services
        return AnnouncementIntake(services, identity(self.listener), Shelf(services))

    async def heard(self) -> list[Hash32]:
        return [announced.task_hash for announced in await self.listener.store.votes.open_documents()]


@asynccontextmanager
async def open_hall(tmp_path: Path) -> AsyncIterator[Hall]:
    async with open_scene(tmp_path, now=DUE) as scene:
        order = await scene.order()
        number = number_of(order.assignment.performer)
        performer, listener = await scene.keeper(number), await scene.keeper((number + 1) % 4)
        yield Hall(scene, performer, listener, document_of(order, await execute(scene, order)))


async def test_run_when_a_performer_announces_then_document_and_announcement_are_kept(tmp_path: Path) -> None:
    async with open_hall(tmp_path) as hall, running(hall.intake().run()):
        message = await announce(hall.performer, hall.document)
        await hall.scene.settle()
        (announced,) = await hall.listener.store.votes.open_documents()
        assert announced.task_hash == hash_of(hall.document) == document_hash(hall.document, message.cid)
        assert announced.performer == hall.document.performer
        assert (announced.task_key, announced.cid, announced.tp_signature, announced.heard_at) == (
            message.task_key,
            message.cid,
            message.tp_signature,
            DUE,
        )
        assert await hall.listener.store.documents.get(message.cid) is not None


async def test_run_when_it_is_announced_again_after_a_restart_then_the_first_hearing_counts(tmp_path: Path) -> None:
    async with open_hall(tmp_path) as hall:
        for _ in range(2):
            async with running(hall.intake().run()):
                await announce(hall.performer, hall.document)
                await hall.scene.pass_time(5)
            hall.listener = await hall.scene.restarted(hall.listener)
        (announced,) = await hall.listener.store.votes.open_documents()
        assert announced.heard_at == DUE


@pytest.mark.parametrize(
    "change",
    [
        lambda hall: replace(announcement(hall.document), tp_signature=bytes(65)),
        lambda hall: announcement(hall.document, signer=KEEPERS[number_of(hall.document.performer) - 1]),
        lambda hall: replace(announcement(hall.document), task_key=Hash32(b"\x01" * 32)),
        lambda hall: replace(announcement(hall.document), execution_tx_hash=Hash32(b"\x01" * 32)),
        lambda hall: replace(announcement(hall.document), cid="b" + "a" * 58),
    ],
    ids=["no signature", "another's signature", "another task", "another action", "no document"],
)
async def test_run_when_an_announcement_is_wrong_then_it_is_ignored_and_the_next_is_heard(
    tmp_path: Path, change: Callable[[Hall], TaskPerformed]
) -> None:
    async with open_hall(tmp_path) as hall, running(hall.intake().run()):
        await hall.performer.services.content.put(b"another document")
        wrong = change(hall)
        await announce(
            hall.performer,
            hall.document,
            cid=wrong.cid,
            tp_signature=wrong.tp_signature,
            task_key=wrong.task_key,
            execution_tx_hash=wrong.execution_tx_hash,
        )
        await hall.scene.pass_time(2)
        assert await hall.heard() == []
        assert "announcement ignored" in hall.listener.log.events("warning")
        await announce(hall.performer, hall.document)
        await hall.scene.settle()
        assert await hall.heard() == [hash_of(hall.document)]


async def test_run_when_somebody_else_announces_a_performers_document_then_it_is_ignored(tmp_path: Path) -> None:
    async with open_hall(tmp_path) as hall, running(hall.intake().run()):
        thief = await hall.scene.keeper((number_of(hall.document.performer) + 2) % 4)
        await announce(thief, hall.document)
        await hall.scene.pass_time(2)
        assert await hall.heard() == []


@pytest.mark.parametrize("content", [b"\xff", b"{}", b"[]", b'{"body":[],"version":1}'])
async def test_run_when_the_document_is_none_then_it_is_ignored_and_the_node_goes_on(
    tmp_path: Path, content: bytes
) -> None:
    async with open_hall(tmp_path) as hall, running(hall.intake().run()):
        cid = await hall.performer.services.content.put(content)
        await announce(hall.performer, hall.document, cid=cid)
        await hall.scene.pass_time(2)
        assert await hall.heard() == []
        assert "announcement ignored" in hall.listener.log.events("warning")


async def test_run_when_the_document_comes_late_then_the_hearing_counts_and_not_the_fetching(tmp_path: Path) -> None:
    async with open_hall(tmp_path) as hall, running(hall.intake().run()):
        await hall.performer.peers.announce(announcement(hall.document), lifetime_s=600)
        await hall.scene.settle()
        await hall.scene.clock.jump(20)
        await hall.scene.settle()
        assert await hall.heard() == []
        await hall.performer.services.content.put(encode_document(hall.document))
        await hall.scene.pass_time(1)
        announced = await hall.listener.store.votes.open_documents()
        assert [each.heard_at for each in announced] == [DUE]
