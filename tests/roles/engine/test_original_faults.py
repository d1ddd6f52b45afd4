"""What the original system got wrong, each as a small test of its own: none of it may come back."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.roles.engine.test_chain_watcher import event_job, waiting_for_payment, watcher_of
from tests.roles.engine.test_slots import another, mandated
from tests.roles.engine.test_slots import watcher_of as time_watcher_of
from tests.roles.engine.test_values import Engine, balance, condition_job
from tests.roles.scene import Node, Scene, open_scene, running
from tests.unit.core.sample import BALANCE_ABOVE_100, CHAIN, CREATED_AT, DUE, PAID, job_body
from triggerx.core.budget import RUNS_MAX, RUNS_PER_DAY_MAX, WEI_MAX, WEI_PER_DAY_MAX
from triggerx.core.errors import InvalidInput, RecoverableError
from triggerx.core.followers import chain_follower
from triggerx.core.job import ConditionTrigger, Job, JobStatus, OnLinkFailure, ScheduleType, TimeTrigger
from triggerx.core.job_body import dump_body, parse_body
from triggerx.core.ledger import Outcome, Reason
from triggerx.events import JobChanged
from triggerx.evm.hub import Firing, task_key
from triggerx.triggers.condition import spec_of
from triggerx.triggers.event import event_spec
from triggerx_engine.links import Links
from triggerx_engine.prices import Prices
from triggerx_engine.slots import TimeWatcher
from triggerx_sentinel.lag import HeadLag

FIRED = (Outcome.FIRED, Reason.NONE)
UINT_MAX = 2**256 - 1


async def outcomes(node: Node, job: Job) -> list[tuple[Outcome, Reason]]:
    rows = await node.store.ledger.list_by_job(job.job_id, since=0, until=1 << 40, limit=1_000)
    return [(row.outcome, row.entry.reason) for row in rows]


async def due_at(scene: Scene, node: Node, moment: int) -> None:
    await scene.clock.advance(moment - scene.clock.now())
    await time_watcher_of(node).fire_due()


async def test_restart_when_event_and_condition_jobs_wait_then_both_still_fire(tmp_path: Path) -> None:
    async with open_scene(tmp_path) as scene:
        node = await scene.engine()
        balance(scene, 50)
        event = await event_job(scene, node)
        body = replace(job_body(trigger=BALANCE_ABOVE_100), job_id=another(1).job_id, mandate=None)
        condition = await condition_job(scene, node, body)
        async with Engine(node).running():
            await scene.pass_time(3)
        node = await scene.restarted(node)
        async with Engine(node).running():
            balance(scene, 101)
            await scene.pay()
            await scene.pass_time(4)
        assert (await outcomes(node, event), await outcomes(node, condition)) == ([FIRED], [FIRED])


async def test_range_when_it_failed_then_is_not_skipped_because_a_later_one_succeeds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_scene(tmp_path) as scene:
        node = await scene.engine()
        job = await event_job(scene, node)
        watcher = watcher_of(node)
        honest, failures = watcher.take, [RecoverableError("it failed"), RecoverableError("it failed again")]

        async def take(found: object) -> None:
            if failures:
                raise failures.pop()
            await honest(found)  # type: ignore[arg-type]  # as it came

        monkeypatch.setattr(watcher, "take", take)
        async with running(watcher.run()):
            await scene.settle()
            await scene.pay()
            await scene.pass_time(8)
        assert failures == []
        assert await outcomes(node, job) == [FIRED]


async def test_checkpoint_when_the_work_fails_then_does_not_move(tmp_path: Path) -> None:
    async with open_scene(tmp_path) as scene:
        node = await scene.engine()
        await event_job(scene, node)
        name = chain_follower(CHAIN)

        def fail(name: str) -> None:
            if name == "engine.chain.after-entries":
                raise RecoverableError("the disk is full")

        node.services = replace(node.services, crash_point=fail)
        async with running(watcher_of(node).run()):
            await scene.settle()
            before = await node.store.blocks.window(name)
            await scene.pay()
            await scene.pass_time(5)
            assert await node.store.blocks.window(name) == before


async def test_log_when_its_block_is_orphaned_before_its_confirmations_then_does_not_fire(tmp_path: Path) -> None:
    async with open_scene(tmp_path) as scene:
        node = await scene.engine()
        job = await event_job(scene, node, waiting_for_payment(2))
        async with running(watcher_of(node).run()):
            await scene.pass_time(2)
            await scene.pay()
            await scene.settle()
            await scene.chain.reorganise(1)
            await scene.pass_time(6)
        assert await outcomes(node, job) == [(Outcome.WITHDRAWN, Reason.REORGED)]
        assert await node.store.tasks.list_by_job(job.job_id) == ()


async def test_due_second_when_two_watchers_see_it_then_is_dispatched_once(tmp_path: Path) -> None:
    async with open_scene(tmp_path) as scene:
        node = await scene.engine()
        job = await scene.store_job(node)
        await due_at(scene, node, DUE)
        await node.store.jobs.set_schedule(job.job_id, next_due_at=DUE)
        await time_watcher_of(node).fire_due()
        assert len(await node.store.tasks.list_by_job(job.job_id)) == 1
        assert await outcomes(node, job) == [FIRED]


async def test_limit_when_values_differ_by_one_at_256_bits_then_are_told_apart(tmp_path: Path) -> None:
    async with open_scene(tmp_path) as scene:
        node = await scene.engine()
        trigger = replace(BALANCE_ABOVE_100, upper_limit=str(UINT_MAX - 1))
        balance(scene, UINT_MAX - 1)
        job = await condition_job(scene, node, job_body(trigger=trigger))
        async with Engine(node).running():
            await scene.pass_time(3)
            assert await outcomes(node, job) == []
            balance(scene, UINT_MAX)
            await scene.pass_time(3)
        assert await outcomes(node, job) == [FIRED]


@pytest.mark.parametrize("comparison", ["greater_than", "less_than", "greater_equal", "less_equal", "equals"])
def test_limits_when_the_comparison_has_one_then_it_is_the_upper_and_the_lower_is_ignored(comparison: str) -> None:
    trigger = ConditionTrigger(
        condition_type=comparison, source_type="static", source_url="1", upper_limit="10", lower_limit="3"
    )
    assert spec_of(trigger) == spec_of(replace(trigger, lower_limit="7"))
    assert spec_of(trigger) != spec_of(replace(trigger, upper_limit="11"))


def test_limits_when_mixed_up_then_are_refused_by_name() -> None:
    trigger = ConditionTrigger(
        condition_type="between", source_type="static", source_url="1", upper_limit="3", lower_limit="10"
    )
    with pytest.raises(InvalidInput, match="upper_limit: is 3, below lower_limit 10"):
        spec_of(trigger)


@pytest.mark.parametrize(
    ("before", "expected"), [(JobStatus.COMPLETED, JobStatus.SCHEDULED), (JobStatus.FAILED, JobStatus.FAILED)]
)
async def test_link_when_the_job_before_is_over_then_is_followed(
    tmp_path: Path, before: JobStatus, expected: JobStatus
) -> None:
    async with open_scene(tmp_path) as scene:
        node = await scene.engine()
        second = await scene.store_job(node, replace(another(2), chain_status=2))
        await node.store.jobs.set_status(second.job_id, JobStatus.CREATED, reason="")
        body = replace(another(1), link_job_id=second.job_id, link_on_failure=OnLinkFailure.STOP)
        first = await scene.store_job(node, body)
        links = Links(node.services, poll_s=1.0)
        async with running(links.run()):
            await scene.pass_time(2)
            assert (await job_of(node, second)).status is JobStatus.CREATED
            await node.store.jobs.set_status(first.job_id, before, reason="so it ended")
            await scene.pass_time(2)
        assert (await job_of(node, second)).status is expected


async def job_of(node: Node, job: Job) -> Job:
    found = await node.store.jobs.get(job.job_id)
    assert found is not None
    return found


async def test_priority_when_two_tasks_wait_then_the_higher_one_is_first(tmp_path: Path) -> None:
    async with open_scene(tmp_path) as scene:
        node = await scene.engine()
        low = await scene.store_job(node, replace(another(1), priority=3))
        high = await scene.store_job(node, replace(another(2), priority=1))
        await due_at(scene, node, DUE)
        waiting = await node.store.tasks.list_workable(scene.clock.now(), after=None, limit=9)
        firing = Firing.time(DUE)
        assert [task.task_key for task in waiting] == [task_key(job.job_id, firing) for job in (high, low)]


async def test_pause_and_resume_when_asked_for_then_due_seconds_are_skipped_and_fired(tmp_path: Path) -> None:
    async with open_scene(tmp_path) as scene:
        node = await scene.engine()
        job = await scene.store_job(node)
        await node.store.jobs.set_status(job.job_id, JobStatus.STOPPED, reason="", is_paused=True)
        await node.services.bus.publish(JobChanged(job.job_id))
        await due_at(scene, node, DUE)
        await node.store.jobs.set_status(job.job_id, JobStatus.SCHEDULED, reason="")
        await due_at(scene, node, DUE + 10)
        assert await outcomes(node, job) == [(Outcome.SKIPPED, Reason.PAUSED), FIRED]


async def test_time_frame_when_the_engine_restarts_then_still_counts_from_the_creation(tmp_path: Path) -> None:
    async with open_scene(tmp_path) as scene:
        node = await scene.engine()
        job = await scene.store_job(node, replace(another(1), time_frame_s=25))
        await due_at(scene, node, DUE)
        node = await scene.restarted(node)
        await due_at(scene, node, DUE + 10)
        node = await scene.restarted(node)
        await due_at(scene, node, DUE + 60)
        tasks = await node.store.tasks.list_by_job(job.job_id)
        assert [task.firing.index - CREATED_AT for task in tasks] == [10, 20]
        assert (await job_of(node, job)).next_due_at is None


async def test_budget_when_it_is_left_out_then_is_a_small_default(tmp_path: Path) -> None:
    async with open_scene(tmp_path) as scene:
        node = await scene.engine()
        job = await scene.store_job(node, another(1))
        terms = await node.store.jobs.terms_of(job.job_id)
        assert terms is not None
        limits = (terms.runs_max, terms.runs_per_day_max, terms.wei_max, terms.wei_per_day_max)
        assert limits == (RUNS_MAX, RUNS_PER_DAY_MAX, WEI_MAX, WEI_PER_DAY_MAX)


async def test_budget_when_the_default_is_used_up_then_the_job_stops_and_says_so(tmp_path: Path) -> None:
    async with open_scene(tmp_path) as scene:
        node = await scene.engine()
        trigger = TimeTrigger(schedule_type=ScheduleType.INTERVAL, interval_s=1)
        job = await scene.store_job(node, replace(another(1), trigger=trigger, time_frame_s=86_400), next_due_at=DUE)
        prices = Prices(node.services, user_runs_per_day_max=1_000_000)
        watcher = TimeWatcher(node.services, prices, on_time_s=15, poll_s=1.0)
        for moment in range(DUE, DUE + RUNS_PER_DAY_MAX + 20, 15):
            await scene.clock.advance(moment - scene.clock.now())
            await watcher.fire_due()
        assert sum((await node.store.tasks.count_by_status(job.job_id)).values()) == RUNS_PER_DAY_MAX
        (last,) = await node.store.ledger.list_by_job(job.job_id, since=0, until=1 << 40, limit=1)
        assert (last.outcome, last.entry.reason) == (Outcome.HELD, Reason.RUNS_TODAY)


async def test_schedule_when_it_was_missed_then_every_due_second_has_an_entry(tmp_path: Path) -> None:
    async with open_scene(tmp_path) as scene:
        node = await scene.engine()
        job = await scene.store_job(node)
        await due_at(scene, node, DUE + 42)
        rows = await node.store.ledger.list_by_job(job.job_id, since=0, until=1 << 40, limit=9)
        assert [(row.entry.count, row.outcome) for row in rows] == [(4, Outcome.MISSED), (1, Outcome.FIRED)]
        assert await node.store.ledger.count(job.job_id) == {Outcome.MISSED: 4, Outcome.FIRED: 1}


async def test_scheduler_when_one_job_raises_then_goes_on_with_the_others(tmp_path: Path) -> None:
    async with open_scene(tmp_path) as scene:
        node = await scene.engine()
        poison = TimeTrigger(schedule_type=ScheduleType.CRON, cron_expression="61 * * * *")
        bad = await scene.store_job(node, replace(another(1), trigger=poison))
        good = await scene.store_job(node, mandated())
        async with running(time_watcher_of(node).run()):
            await scene.pass_time(21)
        assert await outcomes(node, good) == [FIRED, FIRED]
        assert (await job_of(node, bad)).status is JobStatus.FAILED


async def test_head_when_it_stands_still_then_it_is_said_within_15_s(tmp_path: Path) -> None:
    async with open_scene(tmp_path) as scene:
        node = await scene.engine()
        async with running(HeadLag(node.services, scene.chain, lag_s_max=15, block_time_s=1.0).run()):
            await scene.pass_time(2)
            for _ in range(16):
                await scene.clock.advance(1)
                await scene.settle(3)
        assert node.log.events("warning") == ["chain lags"]


def test_security_when_a_job_has_one_then_its_body_carries_it() -> None:
    body = replace(another(1), security=2)
    assert parse_body(dump_body(body)).security == 2


@pytest.mark.parametrize(
    "signature",
    [
        "Transfer(address,address,uint256)",
        "event Transfer(address indexed from, address indexed to, uint256 value)",
        "  Transfer ( address  from,address to , uint value )  ",
    ],
)
def test_event_signature_when_it_has_names_and_spaces_then_has_the_same_topic(signature: str) -> None:
    bare = replace(PAID, filters=())
    assert event_spec(replace(bare, event=signature)).topic0 == event_spec(bare).topic0
