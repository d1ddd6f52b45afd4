"""The feed of a watcher: every job of its kind at first, then what changed, whatever the bus has lost."""

from dataclasses import replace
from pathlib import Path

from tests.roles.engine.test_slots import another
from tests.roles.scene import Node, Scene, open_scene, running
from tests.unit.core.sample import BALANCE_ABOVE_100, CHAIN, PAID, job_body
from triggerx.core.job import Job, JobBody, JobStatus, Trigger
from triggerx.events import JobChanged, JobCreated
from triggerx.evm.types import ChainId
from triggerx.ports.store.jobs import TriggerKind
from triggerx_engine.job_feed import ALL_AGAIN_S, Changes, JobFeed

OTHER_CHAIN = ChainId(int(CHAIN) + 1)


def body_of(number: int, trigger: Trigger) -> JobBody:
    return replace(job_body(trigger=trigger), job_id=another(number).job_id)


async def told(scene: Scene, node: Node, body: JobBody) -> Job:
    job = await scene.store_job(node, body)
    await node.services.bus.publish(JobCreated(job.job_id))
    return job


def numbers(changes: Changes) -> list[int]:
    return [terms.number for terms in changes.put]


async def test_changes_when_jobs_of_every_kind_are_created_then_only_its_own_are_told(tmp_path: Path) -> None:
    async with open_scene(tmp_path) as scene:
        node = await scene.engine()
        feeds = {
            "events": JobFeed(node.services, TriggerKind.EVENT, chain_id=CHAIN),
            "elsewhere": JobFeed(node.services, TriggerKind.EVENT, chain_id=OTHER_CHAIN),
            "conditions": JobFeed(node.services, TriggerKind.CONDITION),
        }
        async with running(*(feed.listen() for feed in feeds.values())):
            await scene.settle(1)
            for feed in feeds.values():
                assert await feed.changes() == Changes()
            await told(scene, node, another(1))
            await told(scene, node, body_of(2, PAID))
            await told(scene, node, body_of(3, BALANCE_ABOVE_100))
            await told(scene, node, body_of(4, replace(PAID, chain_id=OTHER_CHAIN)))
            await scene.settle(1)
            seen = {name: numbers(await feed.changes()) for name, feed in feeds.items()}
        assert seen == {"events": [2], "elsewhere": [4], "conditions": [3]}


async def test_changes_when_a_job_is_over_then_it_is_gone_once(tmp_path: Path) -> None:
    async with open_scene(tmp_path) as scene:
        node = await scene.engine()
        feed = JobFeed(node.services, TriggerKind.EVENT, chain_id=CHAIN)
        job = await scene.store_job(node, body_of(1, PAID))
        async with running(feed.listen()):
            await scene.settle(1)
            assert numbers(await feed.changes()) == [1]
            await node.store.jobs.set_status(job.job_id, JobStatus.COMPLETED, reason="")
            for gone in ((1,), ()):
                await node.services.bus.publish(JobChanged(job.job_id))
                await scene.settle(1)
                assert await feed.changes() == Changes(gone=gone)


async def test_changes_when_the_bus_lost_an_event_then_reading_all_again_finds_the_job(tmp_path: Path) -> None:
    async with open_scene(tmp_path) as scene:
        node = await scene.engine()
        feed = JobFeed(node.services, TriggerKind.EVENT, chain_id=CHAIN)
        assert await feed.changes() == Changes()
        job = await scene.store_job(node, body_of(1, PAID))
        assert await feed.changes() == Changes()
        await scene.clock.advance(int(ALL_AGAIN_S))
        assert numbers(await feed.changes()) == [1]
        await node.store.jobs.set_status(job.job_id, JobStatus.STOPPED, reason="")
        await scene.clock.advance(int(ALL_AGAIN_S))
        assert await feed.changes() == Changes(gone=(1,))


async def test_has_changes_when_only_others_changed_then_they_are_forgotten(tmp_path: Path) -> None:
    async with open_scene(tmp_path) as scene:
        node = await scene.engine()
        feed = JobFeed(node.services, TriggerKind.EVENT, chain_id=CHAIN)
        assert await feed.has_changes()
        async with running(feed.listen()):
            await scene.settle(1)
            await feed.changes()
            await told(scene, node, another(1))
            await scene.settle(1)
            assert not await feed.has_changes()
            job = await told(scene, node, body_of(2, PAID))
            await scene.settle(1)
            assert await feed.has_changes()
            assert await feed.has_changes()
            assert numbers(await feed.changes()) == [2]
            assert not await feed.has_changes()
            await node.store.jobs.set_status(job.job_id, JobStatus.COMPLETED, reason="")
            await node.services.bus.publish(JobChanged(job.job_id))
            await scene.settle(1)
            assert await feed.has_changes()
            assert (await feed.changes()).gone == (2,)
