"""The queue: what was held fires once it may, by the job's misfire policy, and says why until then."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.roles.engine.test_slots import END, Row, another, at, fired, policy, rows
from tests.roles.scene import Node, Scene, open_scene, running
from tests.unit.core.sample import CHAIN, DUE, OWNER
from triggerx.core.evidence import ManualEvidence, firing_of
from triggerx.core.job import Job, JobBody, JobStatus, Limits, Misfire
from triggerx.core.ledger import NewEntry, Outcome, Reason
from triggerx.events import DepositChanged, OccurrenceQueued
from triggerx.evm.hub import task_key
from triggerx.evm.types import Wei
from triggerx_engine.prices import Prices
from triggerx_engine.queue import Queue
from triggerx_engine.slots import TimeWatcher

ON_TIME_S = 5
HELD = (DUE, DUE + 30, 4, Outcome.HELD, Reason.BALANCE)


class Engine:
    """The two loops, and the prices they go by, over one node."""

    def __init__(self, node: Node) -> None:
        self.prices = Prices(node.services, user_runs_per_day_max=1_000)
        self.slots = TimeWatcher(node.services, self.prices, on_time_s=ON_TIME_S, poll_s=1.0)
        self.queue = Queue(node.services, self.prices, on_time_s=ON_TIME_S, poll_s=1.0)


async def deposit(scene: Scene, node: Node, amount: int) -> None:
    number = (await scene.chain.head()).number
    await node.store.deposits.set(CHAIN, OWNER.address, Wei(amount), block_number=number, now=scene.clock.now())


async def held_job(scene: Scene, node: Node, engine: Engine, body: JobBody) -> Job:
    """A job whose due seconds DUE to DUE + 30 are held for its owner's empty deposit; it is DUE + 37 then."""
    job = await scene.store_job(node, body)
    await engine.prices.look()
    await deposit(scene, node, 0)
    for moment in (DUE, DUE + 10, DUE + 20, DUE + 30):
        await at(scene, moment)
        await engine.slots.fire_due()
    assert await rows(node, job) == [HELD]
    await at(scene, DUE + 37)
    return job


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (policy(Misfire.ONE), [(DUE, DUE + 20, 3, Outcome.MISSED, Reason.MISFIRE), *fired(DUE + 30)]),
        (policy(Misfire.ALL), fired(DUE, DUE + 10, DUE + 20, DUE + 30)),
        (policy(Misfire.SKIP), [(DUE, DUE + 30, 4, Outcome.SKIPPED, Reason.MISFIRE)]),
        (policy(Misfire.WITHIN, 17), [(DUE, DUE + 10, 2, Outcome.SKIPPED, Reason.MISFIRE), *fired(DUE + 20, DUE + 30)]),
    ],
)
async def test_release_when_the_deposit_came_then_the_misfire_policy_decides_about_what_was_held(
    tmp_path: Path, body: JobBody, expected: list[Row]
) -> None:
    async with open_scene(tmp_path) as scene:
        node = await scene.engine()
        engine = Engine(node)
        job = await held_job(scene, node, engine, body)
        await engine.queue.release_held()
        assert await rows(node, job) == [HELD]
        await scene.chain.mine()
        await deposit(scene, node, 10**18)
        await engine.queue.release_held()
        assert await rows(node, job) == expected
        tasks = await node.store.tasks.list_by_job(job.job_id)
        assert [task.firing.index for task in tasks] == [row[0] for row in expected if row[3] is Outcome.FIRED]


async def test_run_when_the_deposit_changes_then_the_held_job_goes_on_at_once(tmp_path: Path) -> None:
    async with open_scene(tmp_path) as scene:
        node = await scene.engine()
        engine = Engine(node)
        job = await held_job(scene, node, engine, policy(Misfire.ONE))
        async with running(engine.queue.run()):
            await scene.settle()
            await scene.chain.mine()
            await deposit(scene, node, 10**18)
            await node.services.bus.publish(DepositChanged(OWNER.address))
            await scene.settle()
        assert (await rows(node, job))[-1:] == fired(DUE + 30)


async def test_release_when_gas_gets_cheaper_then_the_run_that_was_delayed_fires(tmp_path: Path) -> None:
    async with open_scene(tmp_path) as scene:
        node = await scene.engine()
        engine = Engine(node)
        job = await scene.store_job(node, replace(another(1), limits=Limits(gas_price_max_wei=Wei(10**9))))
        scene.chain.set_gas_price(2 * 10**9)
        await engine.prices.look()
        await at(scene, DUE)
        await engine.slots.fire_due()
        assert await rows(node, job) == [(DUE, DUE, 1, Outcome.HELD, Reason.GAS_PRICE)]
        scene.chain.set_gas_price(10**9)
        await engine.prices.look()
        await engine.queue.release_held()
        assert await rows(node, job) == fired(DUE)


async def test_release_when_the_time_frame_is_over_then_what_was_held_is_missed_and_says_so(tmp_path: Path) -> None:
    async with open_scene(tmp_path) as scene:
        node = await scene.engine()
        engine = Engine(node)
        job = await held_job(scene, node, engine, policy(Misfire.ALL))
        await at(scene, END + 1)
        await engine.queue.release_held()
        assert await rows(node, job) == [(DUE, DUE + 30, 4, Outcome.MISSED, Reason.EXPIRED)]


async def test_release_when_the_job_was_deleted_meanwhile_then_it_never_fires(tmp_path: Path) -> None:
    async with open_scene(tmp_path) as scene:
        node = await scene.engine()
        engine = Engine(node)
        job = await held_job(scene, node, engine, policy(Misfire.ALL))
        await node.store.jobs.set_status(job.job_id, JobStatus.STOPPED, reason="deleted on chain")
        await scene.chain.mine()
        await deposit(scene, node, 10**18)
        await engine.queue.release_held()
        assert await rows(node, job) == [(DUE, DUE + 30, 4, Outcome.SKIPPED, Reason.STOPPED)]


async def test_release_when_only_some_fit_the_budget_then_the_others_stay_held(tmp_path: Path) -> None:
    async with open_scene(tmp_path) as scene:
        node = await scene.engine()
        engine = Engine(node)
        job = await held_job(scene, node, engine, replace(policy(Misfire.ALL), limits=Limits(runs_max=2)))
        await scene.chain.mine()
        await deposit(scene, node, 10**18)
        await engine.queue.release_held()
        assert await rows(node, job) == [
            *fired(DUE, DUE + 10),
            (DUE + 20, DUE + 30, 2, Outcome.HELD, Reason.RUNS),
        ]


async def test_run_when_a_run_by_hand_is_queued_then_it_fires_once(tmp_path: Path) -> None:
    async with open_scene(tmp_path) as scene:
        node = await scene.engine()
        engine = Engine(node)
        job = await scene.store_job(node, next_due_at=None)
        terms = await node.store.jobs.terms_of(job.job_id)
        assert terms is not None
        evidence = ManualEvidence(nonce=7, requested_at=scene.clock.now(), signature=bytes(65))
        entry = NewEntry(
            job_number=terms.number,
            job_id=job.job_id,
            task_key=task_key(job.job_id, firing_of(evidence)),
            firing=firing_of(evidence),
            moment=evidence.moment,
            last_moment=evidence.moment,
            outcome=Outcome.QUEUED,
            evidence=evidence,
            decided_at_ms=scene.clock.now_ms(),
        )
        async with running(engine.queue.run()):
            await scene.settle()
            for _ in range(2):
                await node.store.ledger.add_many([entry])
                await node.services.bus.publish(OccurrenceQueued(job.job_id))
                await scene.settle()
        (task,) = await node.store.tasks.list_by_job(job.job_id)
        assert (task.task_key, task.firing) == (entry.task_key, entry.firing)
