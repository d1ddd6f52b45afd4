"""Conditions: values on chain and off chain, one observation a source, one entry a change, across restarts."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from pathlib import Path

import pytest

from tests.roles.engine.test_chain_watcher import event_job as event_job_of
from tests.roles.engine.test_chain_watcher import waiting_for_payment
from tests.roles.engine.test_slots import another
from tests.roles.scene import BALANCE_OF, Node, Scene, open_scene, running
from tests.unit.core.sample import BALANCE_ABOVE_100, CHAIN, CREATED_AT, TOKEN, job_body
from triggerx.core.errors import RecoverableError
from triggerx.core.evidence import ConditionEvidence
from triggerx.core.followers import CONDITION_WATCHED
from triggerx.core.job import ConditionMode, ConditionTrigger, Job, JobBody, JobStatus
from triggerx.core.ledger import LedgerEntry, Outcome, Reason
from triggerx.events import JobCreated
from triggerx.ports.store import Queries, Store
from triggerx.ports.store.ledger import Observation
from triggerx.triggers.sources import name_of, source_of
from triggerx_engine import values as values_module
from triggerx_engine.chain_watcher import ChainWatcher
from triggerx_engine.polls import Polls
from triggerx_engine.prices import Prices
from triggerx_engine.queue import Queue
from triggerx_engine.values import ConditionJobs
from triggerx_engine.views import Views

POLL_S = 1.0
AT_MS = CREATED_AT * 1_000
FIRED = (Outcome.FIRED, Reason.NONE)


class Engine:
    """The engine's loops that conditions need, over one node."""

    def __init__(self, node: Node) -> None:
        prices = Prices(node.services, user_runs_per_day_max=1_000)
        self.values = ConditionJobs(node.services, prices)
        queue = Queue(node.services, prices, on_time_s=15, poll_s=POLL_S)
        views = Views(node.services, self.values)
        self._polls = Polls(node.services, self.values, source_poll_s=1.0, script_poll_s=10.0)
        self._watcher = ChainWatcher(node.services, queue, views, chain_id=CHAIN, poll_s=POLL_S)
        self._queue = queue

    def running(self) -> AbstractAsyncContextManager[None]:
        """Run them beside the test."""
        return running(self._polls.run(), self._watcher.run(), self._queue.run())


async def condition_job(scene: Scene, node: Node, body: JobBody) -> Job:
    job = await scene.store_job(node, body, next_due_at=None)
    await node.services.bus.publish(JobCreated(job.job_id))
    return job


async def entries(node: Node, job: Job) -> list[LedgerEntry]:
    return list(await node.store.ledger.list_by_job(job.job_id, since=0, until=1 << 40, limit=1_000))


async def outcomes(node: Node, job: Job) -> list[tuple[Outcome, Reason]]:
    return [(each.outcome, each.entry.reason) for each in await entries(node, job)]


def balance(scene: Scene, value: int) -> None:
    scene.chain.answer(TOKEN, BALANCE_OF, lambda _: value)


ABOVE = job_body(trigger=BALANCE_ABOVE_100)
STATIC = ConditionTrigger(condition_type="equals", source_type="static", source_url="7", upper_limit="7")


async def test_run_when_an_on_chain_value_passes_the_limit_then_it_fires_once_until_it_falls_back(
    tmp_path: Path,
) -> None:
    async with open_scene(tmp_path) as scene:
        node = await scene.engine()
        balance(scene, 50)
        job = await condition_job(scene, node, ABOVE)
        async with Engine(node).running():
            await scene.pass_time(4)
            assert await outcomes(node, job) == []
            balance(scene, 101)
            await scene.pass_time(4)
            balance(scene, 100)
            await scene.pass_time(3)
            balance(scene, 2**255 + 1)
            await scene.pass_time(3)
        first, second = await entries(node, job)
        assert [first.outcome, second.outcome] == [Outcome.FIRED] * 2
        evidence = second.entry.evidence
        assert isinstance(evidence, ConditionEvidence)
        assert (evidence.edge, evidence.value) == (2, str(2**255 + 1))
        block = await scene.chain.block(evidence.block_number or 0)
        assert block is not None
        assert (evidence.block_hash, evidence.observed_at_ms) == (block.hash, block.timestamp * 1000)
        assert len(await node.store.tasks.list_by_job(job.job_id)) == 2


async def test_run_when_the_engine_restarts_while_the_condition_holds_then_it_does_not_fire_again(
    tmp_path: Path,
) -> None:
    async with open_scene(tmp_path) as scene:
        node = await scene.engine()
        balance(scene, 500)
        job = await condition_job(scene, node, ABOVE)
        async with Engine(node).running():
            await scene.pass_time(4)
        node = await scene.restarted(node)
        async with Engine(node).running():
            await scene.pass_time(4)
        assert await outcomes(node, job) == [FIRED]


async def test_run_when_the_condition_changed_while_the_engine_was_away_then_every_block_is_still_read(
    tmp_path: Path,
) -> None:
    async with open_scene(tmp_path) as scene:
        node = await scene.engine()
        balance(scene, 50)
        job = await condition_job(scene, node, ABOVE)
        async with Engine(node).running():
            await scene.pass_time(4)
        at_head = (await scene.chain.head()).number
        await scene.pass_time(10)
        scene.chain.answer_at(TOKEN, BALANCE_OF, lambda block, _: 101 if block in (at_head + 3, at_head + 6) else 50)
        node = await scene.restarted(node)
        async with Engine(node).running():
            await scene.pass_time(2)
        seen = [each.entry.evidence for each in await entries(node, job)]
        blocks = [evidence.block_number for evidence in seen if isinstance(evidence, ConditionEvidence)]
        assert blocks == [at_head + 3, at_head + 6]


async def test_run_when_many_jobs_share_a_source_then_it_is_read_once_a_block(tmp_path: Path) -> None:
    async with open_scene(tmp_path) as scene:
        node = await scene.engine()
        balance(scene, 50)
        bodies = [
            replace(ABOVE, job_id=another(number).job_id, trigger=replace(BALANCE_ABOVE_100, upper_limit=str(number)))
            for number in range(1, 21)
        ]
        jobs = [await condition_job(scene, node, body) for body in bodies]
        async with Engine(node).running():
            await scene.pass_time(2)
            scene.chain.calls.clear()
            await scene.pass_time(5)
        read = [call.block for call in scene.chain.calls if call.to == TOKEN]
        assert len(read) == len(set(read)) == 5
        assert [await outcomes(node, job) for job in jobs] == [[FIRED]] * 20


async def test_run_when_no_condition_looks_at_the_chain_then_no_block_is_read_and_the_first_one_begins_anew(
    tmp_path: Path,
) -> None:
    async with open_scene(tmp_path) as scene:
        node = await scene.engine()
        balance(scene, 500)
        first = await condition_job(scene, node, ABOVE)
        async with Engine(node).running():
            await scene.pass_time(4)
            await node.store.jobs.set_status(first.job_id, JobStatus.STOPPED, reason="")
            await node.services.bus.publish(JobCreated(first.job_id))
            await event_job_of(scene, node, replace(waiting_for_payment(), job_id=another(2).job_id))
            await scene.pass_time(3)
            scene.chain.calls.clear()
            await scene.pass_time(5)
            assert [call for call in scene.chain.calls if call.to == TOKEN] == []
            second = await condition_job(scene, node, replace(ABOVE, job_id=another(3).job_id))
            await scene.pass_time(4)
        assert await outcomes(node, second) == [FIRED]
        assert [each for each in await node.store.events.after(0, limit=999) if each.kind == "blocks_unread"] == []


async def test_run_when_the_view_reverts_then_nothing_fires_and_the_fault_is_known(tmp_path: Path) -> None:
    async with open_scene(tmp_path) as scene:
        node = await scene.engine()
        job = await condition_job(scene, node, ABOVE)
        async with Engine(node).running():
            await scene.pass_time(12)
        assert await outcomes(node, job) == []
        latest = await node.store.conditions.latest(name_of(source_of(BALANCE_ABOVE_100)))
        assert latest is not None
        assert latest.fault


async def test_run_when_the_source_is_static_then_it_fires_once(tmp_path: Path) -> None:
    async with open_scene(tmp_path) as scene:
        node = await scene.engine()
        job = await condition_job(scene, node, job_body(trigger=STATIC))
        async with Engine(node).running():
            await scene.pass_time(5)
        assert await outcomes(node, job) == [FIRED]


async def test_take_when_a_value_changes_many_conditions_then_each_is_stored_once_in_several_transactions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(values_module, "CHANGES_PER_TRANSACTION", 2)
    async with open_scene(tmp_path) as scene:
        node = await scene.engine()
        body = job_body(trigger=replace(STATIC, upper_limit="5"))
        jobs = [await condition_job(scene, node, replace(body, job_id=another(number).job_id)) for number in range(5)]
        store = FailingAt(node.store, 2)
        values = ConditionJobs(
            replace(node.services, store=store),  # type: ignore[arg-type]  # it delegates
            Prices(node.services, user_runs_per_day_max=9),
        )
        await values.refresh()
        (source,) = values.sources()
        observation = Observation(source=source, value="5", observed_at_ms=AT_MS)
        with pytest.raises(RecoverableError, match="full for now"):
            await values.take([observation])
        assert sorted([len(await entries(node, job)) for job in jobs]) == [0, 0, 0, 1, 1]
        await values.take([observation])
        assert [await outcomes(node, job) for job in jobs] == [[FIRED]] * 5


async def test_take_when_a_job_ends_while_the_store_refuses_its_change_then_the_refusal_is_what_is_raised(
    tmp_path: Path,
) -> None:
    async with open_scene(tmp_path) as scene:
        node = await scene.engine()
        await condition_job(scene, node, job_body(trigger=STATIC))
        store = FailingAt(node.store, 1, lambda: values._remove(1))
        values = ConditionJobs(
            replace(node.services, store=store),  # type: ignore[arg-type]  # it delegates
            Prices(node.services, user_runs_per_day_max=9),
        )
        await values.refresh()
        (source,) = values.sources()
        with pytest.raises(RecoverableError, match="full for now"):
            await values.take([Observation(source=source, value="7", observed_at_ms=AT_MS)])
        assert values.sources() == {}


class FailingAt:
    """A store whose transaction of this number fails, after something else has happened."""

    def __init__(self, store: Store, number: int, before: Callable[[], None] = lambda: None) -> None:
        self._store = store
        self._left = number
        self._before = before

    def __getattr__(self, name: str) -> object:
        return getattr(self._store, name)

    def transaction(self) -> AbstractAsyncContextManager[Queries]:
        self._left -= 1
        if self._left == 0:
            self._before()
            raise RecoverableError("full for now")
        return self._store.transaction()


async def test_take_when_a_change_falls_into_the_cool_down_then_it_is_skipped_under_its_own_number(
    tmp_path: Path,
) -> None:
    async with open_scene(tmp_path) as scene:
        node = await scene.engine()
        body = job_body(trigger=replace(STATIC, upper_limit="5", cooldown_s=30))
        job = await condition_job(scene, node, body)
        values = ConditionJobs(node.services, Prices(node.services, user_runs_per_day_max=9))
        await values.refresh()
        (source,) = values.sources()
        for second, value in enumerate(("5", "4", "5", "4")):
            await values.take([Observation(source=source, value=value, observed_at_ms=AT_MS + second * 1_000)])
        await values.take([Observation(source=source, value="5", observed_at_ms=AT_MS + 31_000)])
        edges = [each.entry.firing.index for each in await entries(node, job)]
        assert edges == [1, 2, 3]
        assert await outcomes(node, job) == [FIRED, (Outcome.SKIPPED, Reason.COOLDOWN), FIRED]


async def test_take_when_the_mode_is_level_then_it_fires_again_while_it_holds(tmp_path: Path) -> None:
    async with open_scene(tmp_path) as scene:
        node = await scene.engine()
        body = replace(job_body(trigger=replace(STATIC, mode=ConditionMode.LEVEL, cooldown_s=60)), time_frame_s=120)
        job = await condition_job(scene, node, body)
        values = ConditionJobs(node.services, Prices(node.services, user_runs_per_day_max=9))
        await values.refresh()
        (source,) = values.sources()
        for second in (0, 30, 60, 90, 120):
            await values.take([Observation(source=source, value="7", observed_at_ms=AT_MS + second * 1_000)])
        assert await outcomes(node, job) == [FIRED] * 3


async def test_take_when_the_job_is_paused_then_the_change_is_noted_and_skipped(tmp_path: Path) -> None:
    async with open_scene(tmp_path) as scene:
        node = await scene.engine()
        job = await condition_job(scene, node, job_body(trigger=STATIC))
        await node.store.jobs.set_status(job.job_id, JobStatus.STOPPED, reason="", is_paused=True)
        values = ConditionJobs(node.services, Prices(node.services, user_runs_per_day_max=9))
        await values.refresh()
        (source,) = values.sources()
        await values.take([Observation(source=source, value="7", observed_at_ms=AT_MS + 1_000)])
        assert await outcomes(node, job) == [(Outcome.SKIPPED, Reason.PAUSED)]


async def test_release_when_a_held_condition_holds_no_longer_then_it_is_missed_and_says_so(tmp_path: Path) -> None:
    async with open_scene(tmp_path) as scene:
        node = await scene.engine()
        prices = Prices(node.services, user_runs_per_day_max=0)
        job = await condition_job(scene, node, job_body(trigger=STATIC))
        values = ConditionJobs(node.services, prices)
        await values.refresh()
        (source,) = values.sources()
        await values.take([Observation(source=source, value="7", observed_at_ms=AT_MS + 1_000)])
        assert await outcomes(node, job) == [(Outcome.HELD, Reason.USER_CAP)]
        await values.take([Observation(source=source, value="8", observed_at_ms=AT_MS + 2_000)])
        open_prices = Prices(node.services, user_runs_per_day_max=9)
        await Queue(node.services, open_prices, on_time_s=15, poll_s=POLL_S).release_held()
        assert await outcomes(node, job) == [(Outcome.MISSED, Reason.USER_CAP)]


async def test_take_when_a_value_is_older_than_the_job_then_its_condition_begins_with_the_next(tmp_path: Path) -> None:
    async with open_scene(tmp_path) as scene:
        node = await scene.engine()
        job = await condition_job(scene, node, job_body(trigger=STATIC))
        values = ConditionJobs(node.services, Prices(node.services, user_runs_per_day_max=9))
        await values.refresh()
        (source,) = values.sources()
        await values.take([Observation(source=source, value="7", observed_at_ms=AT_MS - 1)])
        assert await entries(node, job) == []
        await values.take([Observation(source=source, value="7", observed_at_ms=AT_MS)])
        assert await outcomes(node, job) == [FIRED]
        (watched,) = [
            event.payload
            for event in await node.store.events.after(0, limit=9, subject=f"job:{job.job_id}")
            if event.kind == CONDITION_WATCHED
        ]
        assert watched == {"observed_at_ms": AT_MS, "block_number": None, "edge": 0}


async def test_take_when_a_value_is_younger_than_the_time_frame_then_it_is_no_occurrence(tmp_path: Path) -> None:
    async with open_scene(tmp_path) as scene:
        node = await scene.engine()
        job = await condition_job(scene, node, job_body(trigger=STATIC))
        values = ConditionJobs(node.services, Prices(node.services, user_runs_per_day_max=9))
        await values.refresh()
        (source,) = values.sources()
        await values.take([Observation(source=source, value="1", observed_at_ms=AT_MS)])
        await values.take([Observation(source=source, value="7", observed_at_ms=job.expires_at * 1_000 + 1_000)])
        assert await entries(node, job) == []
