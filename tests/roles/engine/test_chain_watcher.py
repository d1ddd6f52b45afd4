"""The chain watcher: each log that a job waits for is one entry and at most one task, through reorgs and restarts."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from tests.rigs.kills import Trap
from tests.roles.engine.test_slots import another
from tests.roles.scene import Node, Scene, open_scene, running
from tests.unit.core.sample import CHAIN, PAID, STRANGER, job_body
from triggerx.core.errors import RecoverableError
from triggerx.core.evidence import EventEvidence
from triggerx.core.job import Job, JobBody, JobStatus, TaskDefinition
from triggerx.core.ledger import LedgerEntry, Outcome, Reason
from triggerx.core.task import TaskStatus
from triggerx.events import JobChanged, JobCreated
from triggerx.ports.chain import Log, LogFilter
from triggerx_engine.chain_watcher import RETRY_S, ChainWatcher
from triggerx_engine.prices import Prices
from triggerx_engine.queue import Queue
from triggerx_engine.values import ConditionJobs
from triggerx_engine.views import Views

POLL_S = 1.0


def watcher_of(node: Node) -> ChainWatcher:
    prices = Prices(node.services, user_runs_per_day_max=1_000)
    queue = Queue(node.services, prices, on_time_s=15, poll_s=POLL_S)
    views = Views(node.services, ConditionJobs(node.services, prices))
    return ChainWatcher(node.services, queue, views, chain_id=CHAIN, poll_s=POLL_S)


def waiting_for_payment(confirmations: int | None = 0) -> JobBody:
    return job_body(trigger=replace(PAID, confirmations=confirmations))


async def event_job(scene: Scene, node: Node, body: JobBody | None = None) -> Job:
    job = await scene.store_job(node, body or waiting_for_payment(), next_due_at=None)
    await node.services.bus.publish(JobCreated(job.job_id))
    return job


async def entries(node: Node, job: Job) -> list[LedgerEntry]:
    return list(await node.store.ledger.list_by_job(job.job_id, since=0, until=1 << 40, limit=1_000))


async def outcomes(node: Node, job: Job) -> list[tuple[Outcome, Reason]]:
    return [(each.outcome, each.entry.reason) for each in await entries(node, job)]


async def tasks(node: Node, job: Job) -> int:
    return len(await node.store.tasks.list_by_job(job.job_id))


async def logs_in(scene: Scene, evidence: EventEvidence) -> list[Log]:
    """The logs of the payment as they lie on the chain now, to be mined again elsewhere."""
    receipt = await scene.chain.receipt(evidence.tx_hash)
    assert receipt is not None
    return list(receipt.logs)


FIRED = (Outcome.FIRED, Reason.NONE)


async def test_run_when_the_event_happens_then_its_log_fires_once_with_its_place_as_evidence(tmp_path: Path) -> None:
    async with open_scene(tmp_path) as scene:
        node = await scene.engine()
        job = await event_job(scene, node)
        async with running(watcher_of(node).run()):
            await scene.pass_time(2)
            evidence = await scene.pay()
            await scene.pass_time(3)
        (entry,) = await entries(node, job)
        assert (entry.outcome, entry.entry.evidence) == (Outcome.FIRED, evidence)
        (task,) = await node.store.tasks.list_by_job(job.job_id)
        assert (task.task_key, task.firing, task.status) == (
            entry.entry.task_key,
            entry.entry.firing,
            TaskStatus.CREATED,
        )


async def test_run_when_the_log_passes_no_filter_then_nothing_is_noted(tmp_path: Path) -> None:
    async with open_scene(tmp_path) as scene:
        node = await scene.engine()
        job = await event_job(scene, node)
        async with running(watcher_of(node).run()):
            await scene.pass_time(2)
            await scene.pay(to=STRANGER.address)
            await scene.pass_time(3)
        assert await entries(node, job) == []


async def test_run_when_confirmations_are_wanted_then_the_log_waits_visibly_until_it_has_them(tmp_path: Path) -> None:
    async with open_scene(tmp_path) as scene:
        node = await scene.engine()
        job = await event_job(scene, node, waiting_for_payment(3))
        async with running(watcher_of(node).run()):
            await scene.pass_time(2)
            await scene.pay()
            await scene.pass_time(2)
            assert await outcomes(node, job) == [(Outcome.CONFIRMING, Reason.UNCONFIRMED)]
            await scene.pass_time(1)
            assert await outcomes(node, job) == [FIRED]


async def test_run_when_the_event_lies_between_creation_and_posting_then_it_is_caught_up_with(tmp_path: Path) -> None:
    async with open_scene(tmp_path) as scene:
        node = await scene.engine()
        async with running(watcher_of(node).run()):
            first = await event_job(scene, node, replace(waiting_for_payment(), job_id=another(1).job_id))
            await scene.pass_time(2)
            await scene.pay()
            await scene.pass_time(3)
            late = await event_job(scene, node)
            await scene.pass_time(3)
        assert await outcomes(node, first) == [FIRED]
        assert await outcomes(node, late) == [FIRED]


async def test_run_when_the_event_is_older_than_the_job_then_it_does_not_fire(tmp_path: Path) -> None:
    async with open_scene(tmp_path, now=1_700_000_000 - 100) as scene:
        node = await scene.engine()
        await scene.pay()
        await scene.pass_time(99)
        job = await event_job(scene, node)
        async with running(watcher_of(node).run()):
            await scene.pass_time(3)
        assert await entries(node, job) == []


async def test_run_when_the_engine_was_away_then_every_event_in_between_fires_once(tmp_path: Path) -> None:
    async with open_scene(tmp_path) as scene:
        node = await scene.engine()
        job = await event_job(scene, node)
        async with running(watcher_of(node).run()):
            await scene.pass_time(2)
            await scene.pay(salt=b"before")
            await scene.pass_time(2)
        for salt in (b"one", b"two", b"three"):
            await scene.pay(salt=salt)
            await scene.pass_time(2)
        node = await scene.restarted(node)
        async with running(watcher_of(node).run()):
            await scene.pass_time(3)
        assert await outcomes(node, job) == [FIRED] * 4
        assert await tasks(node, job) == 4


async def test_run_when_a_job_was_posted_while_the_engine_was_away_then_it_is_caught_up_with(tmp_path: Path) -> None:
    async with open_scene(tmp_path) as scene:
        node = await scene.engine()
        body = waiting_for_payment()
        await event_job(scene, node, replace(body, job_id=another(1).job_id))
        async with running(watcher_of(node).run()):
            await scene.pass_time(2)
        await scene.pay()
        late = await event_job(scene, node, body)
        node = await scene.restarted(node)
        async with running(watcher_of(node).run()):
            await scene.pass_time(2)
        assert await outcomes(node, late) == [FIRED]


async def test_run_when_a_reorg_came_before_a_new_job_was_caught_up_with_then_it_is_afterwards(tmp_path: Path) -> None:
    async with open_scene(tmp_path) as scene:
        node = await scene.engine()
        body = waiting_for_payment()
        await event_job(scene, node, replace(body, job_id=another(1).job_id))
        async with running(watcher_of(node).run()):
            await scene.pass_time(2)
        late = await event_job(scene, node, body)
        await scene.chain.reorganise(1)
        await scene.pay()
        node = await scene.restarted(node)
        async with running(watcher_of(node).run()):
            await scene.pass_time(2)
        assert await outcomes(node, late) == [FIRED]


async def test_run_when_a_reorg_drops_a_log_that_waits_then_it_is_withdrawn(tmp_path: Path) -> None:
    async with open_scene(tmp_path) as scene:
        node = await scene.engine()
        job = await event_job(scene, node, waiting_for_payment(5))
        async with running(watcher_of(node).run()):
            await scene.pass_time(2)
            await scene.pay()
            await scene.pass_time(1)
            await scene.chain.reorganise(3)
            await scene.pass_time(10)
        assert await outcomes(node, job) == [(Outcome.WITHDRAWN, Reason.REORGED)]
        assert await tasks(node, job) == 0


async def test_run_when_a_reorg_comes_right_after_the_beginning_then_the_watcher_goes_on(tmp_path: Path) -> None:
    async with open_scene(tmp_path) as scene:
        node = await scene.engine()
        job = await event_job(scene, node)
        async with running(watcher_of(node).run()):
            await scene.settle()
            await scene.chain.reorganise(5)
            await scene.pass_time(1)
            await scene.pay()
            await scene.pass_time(2)
        assert await outcomes(node, job) == [FIRED]


async def test_run_when_blocks_are_replaced_while_they_are_caught_up_with_then_nothing_of_them_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_scene(tmp_path) as scene:
        node = await scene.engine()
        evidence = await scene.pay()
        job = await event_job(scene, node, waiting_for_payment(5))
        honest, mined = scene.chain.logs, await logs_in(scene, evidence)

        async def between_two_reorgs(wanted: LogFilter, *, from_block: int, to_block: int) -> tuple[Log, ...]:
            monkeypatch.setattr(scene.chain, "logs", honest)
            await scene.chain.reorganise(1, [mined])
            return await honest(wanted, from_block=from_block, to_block=to_block)

        monkeypatch.setattr(scene.chain, "logs", between_two_reorgs)
        async with running(watcher_of(node).run()):
            await scene.settle()
            await scene.chain.reorganise(1)
            await scene.pass_time(10)
        assert all(each != FIRED for each in await outcomes(node, job))
        assert await tasks(node, job) == 0


@pytest.mark.parametrize("point", ["engine.chain.before-entries", "engine.chain.after-entries"])
async def test_run_when_it_is_killed_while_it_enters_and_its_block_is_dropped_then_the_log_does_not_fire(
    tmp_path: Path, point: str
) -> None:
    async with open_scene(tmp_path) as scene:
        node = await scene.engine()
        job = await event_job(scene, node)
        trap = Trap()
        node.services = replace(node.services, crash_point=trap)
        killed = asyncio.create_task(watcher_of(node).run())
        await scene.pass_time(2)
        trap.name = point
        await scene.pay()
        await scene.settle()
        with pytest.raises(BaseExceptionGroup):
            await killed
        await scene.chain.reorganise(1)
        node = await scene.restarted(node)
        async with running(watcher_of(node).run()):
            await scene.pass_time(3)
        assert FIRED not in await outcomes(node, job)
        assert await tasks(node, job) == 0


async def test_run_when_a_withdrawn_log_is_mined_again_then_it_is_the_same_firing_in_another_block(
    tmp_path: Path,
) -> None:
    async with open_scene(tmp_path) as scene:
        node = await scene.engine()
        job = await event_job(scene, node, waiting_for_payment(2))
        async with running(watcher_of(node).run()):
            await scene.pass_time(2)
            evidence = await scene.pay()
            await scene.settle()
            logs = await logs_in(scene, evidence)
            await scene.chain.reorganise(1, [[], logs])
            await scene.settle()
            (entry,) = await entries(node, job)
            assert entry.outcome is Outcome.CONFIRMING
            again = entry.entry.evidence
            assert isinstance(again, EventEvidence)
            assert (again.tx_hash, again.ordinal) == (evidence.tx_hash, evidence.ordinal)
            assert again.block_number == evidence.block_number + 1
            await scene.pass_time(4)
        assert await outcomes(node, job) == [FIRED]
        assert await tasks(node, job) == 1


async def test_run_when_a_reorg_drops_a_log_that_fired_then_it_stays_fired_and_is_marked(tmp_path: Path) -> None:
    async with open_scene(tmp_path) as scene:
        node = await scene.engine()
        job = await event_job(scene, node)
        async with running(watcher_of(node).run()):
            await scene.pass_time(2)
            evidence = await scene.pay()
            await scene.settle()
            assert await outcomes(node, job) == [FIRED]
            logs = await logs_in(scene, evidence)
            await scene.chain.reorganise(1)
            await scene.settle()
            assert await outcomes(node, job) == [(Outcome.FIRED, Reason.REORGED)]
            await scene.chain.mine(logs=logs)
            await scene.settle()
        assert await outcomes(node, job) == [FIRED]
        assert await tasks(node, job) == 1


async def test_run_when_the_job_does_not_recur_then_only_its_first_event_fires_and_the_others_say_why(
    tmp_path: Path,
) -> None:
    async with open_scene(tmp_path) as scene:
        node = await scene.engine()
        job = await event_job(scene, node, replace(waiting_for_payment(), recurring=False))
        async with running(watcher_of(node).run()):
            await scene.pass_time(2)
            for salt in (b"one", b"two"):
                await scene.pay(salt=salt)
                await scene.pass_time(1)
        assert await outcomes(node, job) == [FIRED, (Outcome.SKIPPED, Reason.ENDED)]


async def test_run_when_the_job_is_paused_then_its_events_are_noted_and_skipped(tmp_path: Path) -> None:
    async with open_scene(tmp_path) as scene:
        node = await scene.engine()
        job = await event_job(scene, node)
        await node.store.jobs.set_status(job.job_id, JobStatus.STOPPED, reason="", is_paused=True)
        async with running(watcher_of(node).run()):
            await scene.pass_time(2)
            await scene.pay()
            await scene.pass_time(2)
        assert await outcomes(node, job) == [(Outcome.SKIPPED, Reason.PAUSED)]


async def test_run_when_the_job_is_deleted_then_its_events_matter_no_more(tmp_path: Path) -> None:
    async with open_scene(tmp_path) as scene:
        node = await scene.engine()
        job = await event_job(scene, node)
        async with running(watcher_of(node).run()):
            await scene.pass_time(2)
            await node.store.jobs.set_status(job.job_id, JobStatus.STOPPED, reason="deleted on chain")
            await node.services.bus.publish(JobChanged(job.job_id))
            await scene.pass_time(2)
            await scene.pay()
            await scene.pass_time(2)
        assert await entries(node, job) == []


async def test_run_when_the_chain_does_not_answer_then_it_goes_on_afterwards_and_loses_nothing(tmp_path: Path) -> None:
    async with open_scene(tmp_path) as scene:
        node = await scene.engine()
        job = await event_job(scene, node)
        async with running(watcher_of(node).run()):
            await scene.pass_time(2)
            scene.chain.fault = RecoverableError("every endpoint is down")
            await scene.pass_time(3)
            scene.chain.fault = None
            await scene.pay()
            await scene.pass_time(int(RETRY_S) + 3)
        assert await outcomes(node, job) == [FIRED]


async def test_run_when_a_trigger_makes_no_sense_then_its_job_is_set_aside_and_the_others_go_on(tmp_path: Path) -> None:
    async with open_scene(tmp_path) as scene:
        node = await scene.engine()
        poison = replace(waiting_for_payment(), job_id=another(1).job_id, trigger=replace(PAID, event="Transfer("))
        bad = await event_job(scene, node, poison)
        good = await event_job(scene, node)
        async with running(watcher_of(node).run()):
            await scene.pass_time(2)
            await scene.pay()
            await scene.pass_time(2)
        assert await outcomes(node, good) == [FIRED]
        found = await node.store.jobs.get(bad.job_id)
        assert found is not None
        assert found.status is JobStatus.FAILED
        assert [each.subject for each in await node.store.quarantine.list_all(limit=9)] == [f"job:{bad.job_id}"]


async def test_run_when_a_flood_comes_then_all_of_it_is_queued_and_fires_once(tmp_path: Path) -> None:
    async with open_scene(tmp_path) as scene:
        node = await scene.engine()
        waiting = waiting_for_payment()
        body = replace(another(1), task_definition_id=TaskDefinition.EVENT_STATIC, trigger=waiting.trigger)
        job = await event_job(scene, node, body)
        async with running(watcher_of(node).run()):
            await scene.pass_time(2)
            flood = [await scene.pay(salt=bytes([number])) for number in range(40)]
            await scene.pass_time(2)
        assert {each.entry.evidence for each in await entries(node, job)} == set(flood)
        assert await outcomes(node, job) == [FIRED] * 40
        assert await tasks(node, job) == 40


async def test_run_when_the_head_is_replaced_right_after_the_start_then_it_goes_on(tmp_path: Path) -> None:
    async with open_scene(tmp_path) as scene:
        node = await scene.engine()
        job = await event_job(scene, node)
        async with running(watcher_of(node).run()):
            await scene.settle()
            await scene.chain.reorganise(3)
            await scene.pass_time(2)
            await scene.pay()
            await scene.pass_time(1)
        assert await outcomes(node, job) == [FIRED]
