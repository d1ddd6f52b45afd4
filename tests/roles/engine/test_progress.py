"""Progress: an assigned performer's announcement moves its task; everything else is ignored, and the loop goes on."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from tests.fakes.firings import fire
from tests.roles.keeper.acts import announce, announcement, document_of, execute, number_of
from tests.roles.scene import Node, Scene, open_scene, running
from tests.unit.core.sample import DUE, OTHER_HASH
from triggerx.core.document import TaskDocument, encode_document
from triggerx.core.evidence import TimeEvidence
from triggerx.core.task import SignedAssignment, Task, TaskStatus
from triggerx.core.task_inputs import EngineAssigned
from triggerx.events import TaskChanged
from triggerx.moves import move_task
from triggerx.ports.store.tasks import AssignmentStatus
from triggerx_engine.progress import Progress

WINDOW_S = 120


@dataclass
class Post:
    """An engine that assigned one task, and the performer that did it."""

    scene: Scene
    engine: Node
    performer: Node
    order: SignedAssignment
    document: TaskDocument

    def loop(self) -> Progress:
        return Progress(self.engine.services, attestation_window_s=WINDOW_S)

    async def task(self) -> Task:
        found = await self.engine.store.tasks.by_key(self.order.assignment.task_key)
        assert found is not None
        return found

    async def is_ignored(self) -> bool:
        await self.scene.settle()
        return (await self.task()).status is TaskStatus.ASSIGNED and "announcement ignored" in self.engine.log.events(
            "warning"
        )

    async def another(self) -> Node:
        return await self.scene.keeper((number_of(self.order.assignment.performer) + 1) % 4)


@asynccontextmanager
async def open_post(tmp_path: Path) -> AsyncIterator[Post]:
    async with open_scene(tmp_path, now=DUE) as scene:
        engine = await scene.engine()
        job = await scene.store_job(engine)
        order = await scene.order()
        async with engine.store.transaction() as queries:
            task = await fire(queries, job.job_id, TimeEvidence(due=DUE))
            event = EngineAssigned(performer=order.assignment.performer, deadline_at=DUE + 20)
            await move_task(queries, task, event, attempts_max=3, now_ms=DUE * 1000)
            await queries.assignments.insert(order)
        performer = await scene.keeper(number_of(order.assignment.performer))
        yield Post(scene, engine, performer, order, document_of(order, await execute(scene, order)))


async def test_run_when_the_assigned_performer_announces_then_task_and_document_are_kept(tmp_path: Path) -> None:
    async with (
        open_post(tmp_path) as post,
        post.engine.services.bus.subscribe(TaskChanged) as changes,
        running(post.loop().run()),
    ):
        message = await announce(post.performer, post.document)
        await post.scene.settle()
        task = await post.task()
        assert (task.status, task.action_data_cid) == (TaskStatus.PERFORMED, message.cid)
        assert (task.execution_tx_hash, task.deadline_at) == (post.document.action.tx_hash, DUE + WINDOW_S)
        assert task.executed_at_ms == DUE * 1000
        assert await post.engine.store.documents.get(message.cid) == encode_document(post.document)
        (row,) = await post.engine.store.assignments.list_by_task(task.task_key)
        assert row.status is AssignmentStatus.PERFORMED
        assert await anext(aiter(changes)) == TaskChanged(task.task_key, TaskStatus.PERFORMED)


async def test_run_when_it_restarts_and_hears_it_again_then_the_wait_is_not_prolonged(tmp_path: Path) -> None:
    async with open_post(tmp_path) as post:
        await announce(post.performer, post.document)
        for _ in range(2):
            async with running(post.loop().run()):
                await post.scene.settle()
            await post.scene.clock.advance(30)
            post.engine = await post.scene.restarted(post.engine)
        assert (await post.task()).deadline_at == DUE + WINDOW_S


async def test_run_when_a_keeper_that_was_not_assigned_announces_then_it_is_ignored(tmp_path: Path) -> None:
    async with open_post(tmp_path) as post, running(post.loop().run()):
        stranger = await post.another()
        forged = replace(post.order, assignment=replace(post.order.assignment, performer=stranger.transactions.address))
        await announce(stranger, document_of(forged, post.document.action.tx_hash))
        assert await post.is_ignored()


async def test_run_when_the_document_is_by_another_performer_then_it_is_ignored(tmp_path: Path) -> None:
    async with open_post(tmp_path) as post, running(post.loop().run()):
        stranger = (await post.another()).transactions.address
        signature = announcement(post.document).tp_signature
        await announce(post.performer, replace(post.document, performer=stranger), tp_signature=signature)
        assert await post.is_ignored()


async def test_run_when_the_documents_order_is_not_the_engines_then_it_is_ignored(tmp_path: Path) -> None:
    async with open_post(tmp_path) as post, running(post.loop().run()):
        longer = replace(post.order, assignment=replace(post.order.assignment, not_after=DUE + 500))
        await announce(post.performer, replace(post.document, assignment=longer))
        assert await post.is_ignored()


async def test_run_when_another_action_is_announced_than_the_documents_then_it_is_ignored(tmp_path: Path) -> None:
    async with open_post(tmp_path) as post, running(post.loop().run()):
        await announce(post.performer, post.document, execution_tx_hash=OTHER_HASH)
        assert await post.is_ignored()


async def test_run_when_the_task_is_not_this_engines_then_it_is_ignored(tmp_path: Path) -> None:
    async with open_post(tmp_path) as post, running(post.loop().run()):
        await announce(post.performer, post.document, task_key=OTHER_HASH)
        assert await post.is_ignored()


async def test_run_when_the_document_is_none_or_nowhere_then_the_next_announcement_still_counts(
    tmp_path: Path,
) -> None:
    async with open_post(tmp_path) as post, running(post.loop().run()):
        cid = await post.performer.services.content.put(b'{"body":7}')
        await announce(post.performer, post.document, cid=cid)
        await announce(post.performer, post.document, cid="b" + "a" * 58)
        assert await post.is_ignored()
        await announce(post.performer, post.document)
        await post.scene.settle()
        assert (await post.task()).status is TaskStatus.PERFORMED


async def test_run_when_the_chain_has_decided_already_then_its_word_stays(tmp_path: Path) -> None:
    async with open_post(tmp_path) as post, running(post.loop().run()):
        attested = replace(await post.task(), status=TaskStatus.ATTESTED, deadline_at=None)
        await post.engine.store.tasks.save(attested)
        await announce(post.performer, post.document)
        await post.scene.settle()
        assert await post.task() == attested
