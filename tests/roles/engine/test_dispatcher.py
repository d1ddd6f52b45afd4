"""The dispatcher: who is elected gets the order, who does not deliver is replaced, and never is anything done twice."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from tests.roles.engine.staging import (
    ATTEMPT_S,
    ATTEMPTS_MAX,
    KEY,
    Handler,
    Stage,
    accept,
    be_busy,
    be_expired,
    be_silent,
    decline,
    dispatcher,
    not_know_the_trigger,
    refuse,
    say_something_else,
    stage,
)
from tests.roles.scene import ENGINE_PEER, running
from tests.unit.core.sample import CHAIN, DUE, ENGINE, HUB, NETWORK, job_body
from triggerx.core.job import JobBody
from triggerx.core.task import Task, TaskStatus
from triggerx.core.task_inputs import OwnerRetried
from triggerx.core.validation import signer_of
from triggerx.events import TaskChanged
from triggerx.evm.hub import assignment_digest
from triggerx.evm.types import ChainId
from triggerx.moves import move_task
from triggerx.ports.store.tasks import AssignmentStatus, Place, WorkableTask
from triggerx_engine.agenda import READ_PAUSE_S

UNGUARDED = job_body(is_guarded=False)


async def test_run_when_the_elected_accepts_then_it_alone_has_the_order(tmp_path: Path) -> None:
    async with stage(tmp_path) as it:
        async with running(dispatcher(it.engine).run()):
            await it.scene.settle()
        task = await it.task()
        assert (task.status, task.attempt) == (TaskStatus.ACKNOWLEDGED, 1)
        assert task.deadline_at == DUE + ATTEMPT_S
        assert it.performers() == [it.ranks[0]]
        assert await it.statuses() == [AssignmentStatus.ACKNOWLEDGED]
        ((_, sent),) = it.orders
        order = sent.assignment.assignment
        assert (order.not_before, order.not_after) == (DUE, DUE + NETWORK.timing.performer_window_s)
        assert signer_of(assignment_digest(order, CHAIN, HUB), sent.assignment.signature) == ENGINE.address
        assert (sent.assignment.seed_block, sent.assignment.seed_block_hash) == await it.scene.seed()


async def test_run_when_the_elected_refuses_then_the_next_in_the_draw_is_asked_at_once(tmp_path: Path) -> None:
    async with stage(tmp_path) as it:
        it.set(0, refuse)
        async with running(dispatcher(it.engine).run()):
            await it.scene.settle()
        assert it.performers() == [it.ranks[0], it.ranks[1]]
        assert await it.statuses() == [AssignmentStatus.REFUSED, AssignmentStatus.ACKNOWLEDGED]
        assert (await it.task()).attempt == 2


@pytest.mark.parametrize("body", [job_body(), UNGUARDED])
async def test_run_when_the_elected_cannot_be_reached_then_the_next_is_asked_at_once(
    tmp_path: Path, body: JobBody
) -> None:
    async with stage(tmp_path, body=body) as it:
        it.kill(0)
        async with running(dispatcher(it.engine).run()):
            await it.scene.settle()
        assert it.performers() == [it.ranks[1]]
        assert await it.statuses() == [AssignmentStatus.UNREACHABLE, AssignmentStatus.ACKNOWLEDGED]


@pytest.mark.parametrize("handler", [be_silent, say_something_else])
async def test_run_when_a_guarded_order_gets_no_answer_then_the_next_is_asked_at_once(
    tmp_path: Path, handler: Handler
) -> None:
    async with stage(tmp_path) as it:
        it.set(0, handler)
        async with running(dispatcher(it.engine).run()):
            await it.scene.settle()
        assert it.performers() == [it.ranks[0], it.ranks[1]]
        assert (await it.statuses())[1] is AssignmentStatus.ACKNOWLEDGED


@pytest.mark.parametrize("handler", [be_silent, say_something_else])
async def test_run_when_an_unguarded_order_gets_no_answer_then_nobody_else_is_asked_ever(
    tmp_path: Path, handler: Handler
) -> None:
    async with stage(tmp_path, body=UNGUARDED) as it:
        it.set(0, handler)
        async with running(dispatcher(it.engine).run()):
            await it.scene.settle()
            assert (await it.task()).status is TaskStatus.ACKNOWLEDGED
            await it.scene.pass_time(ATTEMPT_S + 2)
        assert it.performers() == [it.ranks[0]]
        task = await it.task()
        assert task.status is TaskStatus.UNKNOWN
        assert "fell silent" in task.task_error


async def test_run_when_a_guarded_performer_does_not_deliver_then_the_next_takes_over_at_the_deadline(
    tmp_path: Path,
) -> None:
    async with stage(tmp_path) as it, running(dispatcher(it.engine).run()):
        await it.scene.settle()
        await it.scene.pass_time(ATTEMPT_S - 1)
        assert it.performers() == [it.ranks[0]]
        await it.scene.pass_time(2)
        assert it.performers() == [it.ranks[0], it.ranks[1]]
        assert (await it.task()).attempt == 2


async def test_run_when_every_attempt_is_refused_then_the_task_fails_with_the_last_reason(tmp_path: Path) -> None:
    async with stage(tmp_path) as it:
        for rank in range(4):
            it.set(rank, refuse)
        async with running(dispatcher(it.engine).run()):
            await it.scene.pass_time(3)
        task = await it.task()
        assert (task.status, task.attempt) == (TaskStatus.FAILED, ATTEMPTS_MAX)
        assert task.task_error == "job_inactive: as the test says"
        assert it.performers() == list(it.ranks[:ATTEMPTS_MAX])


async def test_run_when_two_keepers_say_that_the_script_declines_then_the_task_is_over_and_has_not_failed(
    tmp_path: Path,
) -> None:
    async with stage(tmp_path) as it:
        for rank in range(4):
            it.set(rank, decline)
        async with running(dispatcher(it.engine).run()):
            await it.scene.pass_time(3)
        task = await it.task()
        assert (task.status, task.attempt, task.task_error) == (TaskStatus.DECLINED, 2, "as the test says")
        assert it.performers() == list(it.ranks[:2])
        assert await it.statuses() == [AssignmentStatus.DECLINED] * 2


async def test_run_when_only_one_keeper_says_that_the_script_declines_then_another_acts(tmp_path: Path) -> None:
    async with stage(tmp_path) as it:
        it.set(0, decline)
        async with running(dispatcher(it.engine).run()):
            await it.scene.pass_time(1)
        assert (await it.task()).status is TaskStatus.ACKNOWLEDGED
        assert it.performers() == list(it.ranks[:2])


async def test_run_when_it_restarts_before_the_answer_then_the_same_order_is_sent_again(tmp_path: Path) -> None:
    async with stage(tmp_path) as it:
        async with running(dispatcher(it.engine).run()):
            await it.scene.settle()
        task = await it.task()
        await it.engine.store.tasks.save(replace(task, status=TaskStatus.ASSIGNED))  # killed before it was noted
        it.engine = await it.scene.restarted(it.engine)
        async with running(dispatcher(it.engine).run()):
            await it.scene.settle()
        first, second = it.orders
        assert first == second
        assert (await it.task()).status is TaskStatus.ACKNOWLEDGED


@pytest.mark.parametrize(
    ("body", "asked", "status"),
    [(job_body(), 2, TaskStatus.ACKNOWLEDGED), (UNGUARDED, 1, TaskStatus.UNKNOWN)],
)
async def test_run_when_a_performer_took_the_order_and_is_gone_at_the_resend_then_only_a_guarded_task_goes_on(
    tmp_path: Path, body: JobBody, asked: int, status: TaskStatus
) -> None:
    async with stage(tmp_path, body=body) as it:
        async with running(dispatcher(it.engine).run()):
            await it.scene.settle()
        task = await it.task()
        await it.engine.store.tasks.save(replace(task, status=TaskStatus.ASSIGNED))  # killed before it was noted
        it.kill(0)
        it.engine = await it.scene.restarted(it.engine)
        async with running(dispatcher(it.engine).run()):
            await it.scene.pass_time(ATTEMPT_S + 2 if asked == 1 else 0)
            await it.scene.settle()
        assert len(set(it.performers())) == asked
        assert (await it.task()).status is status


async def test_run_when_nobody_is_online_then_the_task_waits_and_goes_on_when_somebody_is(tmp_path: Path) -> None:
    async with stage(tmp_path, online=False) as it, running(dispatcher(it.engine).run()):
        await it.scene.pass_time(3)
        assert (await it.task()).status is TaskStatus.CREATED
        assert "task waits" in it.engine.log.events("warning")
        await it.come_online(2)
        await it.scene.pass_time(2)
        assert it.performers() == [2]
        assert (await it.task()).status is TaskStatus.ACKNOWLEDGED


async def test_run_when_the_check_in_is_older_than_an_epoch_then_the_keeper_is_not_on_the_roster(
    tmp_path: Path,
) -> None:
    async with stage(tmp_path, online=False) as it:
        await it.come_online(1)
        await it.scene.pass_time(NETWORK.timing.epoch_s + 1)
        await it.come_online(3)
        async with running(dispatcher(it.engine).run()):
            await it.scene.settle()
        ((number, sent),) = it.orders
        assert (number, sent.assignment.roster) == (3, (4,))


async def test_run_when_the_chains_newest_block_is_old_then_the_task_waits_for_the_one_that_follows(
    tmp_path: Path,
) -> None:
    seed_at = DUE - NETWORK.timing.seed_lag_s
    async with stage(tmp_path, blocks=34) as it:
        behind = await it.scene.chain.head()
        assert behind.timestamp == seed_at - 2
        async with running(dispatcher(it.engine).run()):
            await it.scene.settle()
            assert it.orders == []
            seed = await it.scene.chain.mine(timestamp=seed_at)
            await it.scene.pass_time(2)
        ((_, sent),) = it.orders
        assert sent.assignment.seed_block == seed.number


async def test_run_when_the_chain_stands_still_then_its_newest_block_is_the_seed_after_a_while(tmp_path: Path) -> None:
    async with stage(tmp_path, blocks=34) as it:
        async with running(dispatcher(it.engine).run()):
            await it.scene.clock.advance(NETWORK.timing.seed_lag_s - 1)
            await it.scene.settle()
            assert it.orders == []
            await it.scene.clock.advance(1)
            await it.scene.settle()
        ((_, sent),) = it.orders
        assert sent.assignment.seed_block == (await it.scene.chain.head()).number


async def test_run_when_one_task_is_poisonous_then_it_is_set_aside_and_the_others_go_on(tmp_path: Path) -> None:
    elsewhere = replace(job_body(is_guarded=False), action=replace(job_body().action, chain_id=ChainId(1)))
    async with stage(tmp_path, body=elsewhere) as it:
        async with running(dispatcher(it.engine).run()):
            await it.scene.settle()
        task = await it.task()
        assert task.status is TaskStatus.FAILED
        assert "chain 1 is not part of network" in task.task_error
        (entry,) = await it.engine.store.quarantine.list_all(limit=5)
        assert (entry.kind, entry.subject) == ("task", f"task:0x{KEY.hex()}")


async def test_run_when_the_engine_is_cut_off_then_the_task_waits_and_goes_on_when_it_is_back(tmp_path: Path) -> None:
    async with stage(tmp_path) as it, running(dispatcher(it.engine).run()):
        it.scene.network.cut.add(ENGINE_PEER)
        await it.scene.pass_time(5)
        assert it.orders == []
        assert (await it.task()).attempt == 0
        await it.scene.network.reconnect(ENGINE_PEER)
        await it.scene.pass_time(2)
        assert it.performers() == [it.ranks[0]]
        assert (await it.task()).status is TaskStatus.ACKNOWLEDGED


async def test_run_when_the_performer_has_told_no_peer_id_then_the_next_is_asked(tmp_path: Path) -> None:
    async with stage(tmp_path) as it:
        it.kill(0)
        it.engine = await it.scene.restarted(it.engine)  # which pulls the check-ins of those it reaches
        async with running(dispatcher(it.engine).run()):
            await it.scene.settle()
        assert it.performers() == [it.ranks[1]]
        (row, _) = await it.engine.store.assignments.list_by_task(KEY)
        assert row.status is AssignmentStatus.UNREACHABLE


@pytest.mark.parametrize("handler", [be_busy, not_know_the_trigger])
async def test_run_when_the_elected_says_not_now_then_it_is_asked_again_in_the_same_attempt_until_it_says_yes(
    tmp_path: Path, handler: Handler
) -> None:
    async with stage(tmp_path) as it, running(dispatcher(it.engine).run()):
        it.set(0, handler)
        await it.scene.pass_time(4)
        assert set(it.performers()) == {it.ranks[0]}
        assert 3 <= len(it.orders) <= 6
        assert ((await it.task()).status, (await it.task()).attempt) == (TaskStatus.ASSIGNED, 1)
        (row,) = await it.engine.store.assignments.list_by_task(KEY)
        assert (row.status, row.reason.partition(":")[2]) == (AssignmentStatus.SENT, " as the test says")
        it.set(0, accept)
        await it.scene.pass_time(2)
        assert set(it.performers()) == {it.ranks[0]}
        assert ((await it.task()).status, (await it.task()).attempt) == (TaskStatus.ACKNOWLEDGED, 1)
        (row,) = await it.engine.store.assignments.list_by_task(KEY)
        assert (row.status, row.reason) == (AssignmentStatus.ACKNOWLEDGED, "")


@pytest.mark.parametrize("body", [job_body(), UNGUARDED])
@pytest.mark.parametrize("handler", [be_busy, not_know_the_trigger])
async def test_run_when_the_elected_says_not_now_for_ever_then_the_next_takes_over_at_the_deadline(
    tmp_path: Path, handler: Handler, body: JobBody
) -> None:
    async with stage(tmp_path, body=body) as it, running(dispatcher(it.engine).run()):
        it.set(0, handler)
        await it.scene.pass_time(ATTEMPT_S - 2)
        assert set(it.performers()) == {it.ranks[0]}
        await it.scene.pass_time(4)
        assert it.performers()[-1] == it.ranks[1]
        assert ((await it.task()).status, (await it.task()).attempt) == (TaskStatus.ACKNOWLEDGED, 2)


@pytest.mark.parametrize("handler", [accept, be_expired])
async def test_run_when_it_is_back_after_an_unguarded_orders_time_then_the_performer_says_whether_it_took_it(
    tmp_path: Path, handler: Handler
) -> None:
    async with stage(tmp_path, body=UNGUARDED) as it:
        it.set(0, be_busy)
        async with running(dispatcher(it.engine).run()):
            await it.scene.settle()
        it.set(0, handler)  # it took the order on with its next answer, which the engine was killed before, or did not
        it.engine = await it.scene.restarted(it.engine)
        await it.scene.clock.advance(ATTEMPT_S + 1)
        await it.come_online(0, 1, 2, 3)
        async with running(dispatcher(it.engine).run()):
            await it.scene.pass_time(2)
        if handler is accept:
            assert set(it.performers()) == {it.ranks[0]}
            assert (await it.task()).status is TaskStatus.UNKNOWN
        else:
            assert it.performers()[-1] == it.ranks[1]
            assert ((await it.task()).status, (await it.task()).attempt) == (TaskStatus.ACKNOWLEDGED, 2)


async def test_run_when_a_dead_letter_is_retried_then_just_one_more_performer_tries_it(tmp_path: Path) -> None:
    async with stage(tmp_path) as it:
        for rank in range(4):
            it.set(rank, refuse)
        async with running(dispatcher(it.engine).run()):
            for more in range(2):
                await it.scene.pass_time(2)
                task = await it.task()
                assert (task.status, task.attempt) == (TaskStatus.FAILED, ATTEMPTS_MAX + more)
                (dead,) = await it.engine.store.tasks.list_dead(None, limit=9)
                assert dead == task
                await retry(it, task)
            await it.scene.pass_time(2)
            assert (await it.task()).attempt == ATTEMPTS_MAX + 2
            it.set((ATTEMPTS_MAX + 2) % 4, accept)
            await retry(it, await it.task())
            await it.scene.pass_time(1)
        task = await it.task()
        assert (task.status, task.attempt) == (TaskStatus.ACKNOWLEDGED, ATTEMPTS_MAX + 3)
        attempts = [sent.assignment.assignment.attempt for _, sent in it.orders]
        assert attempts == list(range(1, ATTEMPTS_MAX + 4))
        assert it.performers() == [it.ranks[(attempt - 1) % 4] for attempt in attempts]


async def retry(it: Stage, task: Task) -> None:
    """What the API does for the task's owner."""
    async with it.engine.store.transaction() as queries:
        events = await move_task(queries, task, OwnerRetried(), attempts_max=0, now_ms=it.scene.clock.now_ms())
    for event in events:
        await it.engine.services.bus.publish(event)


async def test_run_when_events_come_by_the_hundred_then_the_store_is_not_read_for_each(tmp_path: Path) -> None:
    async with stage(tmp_path) as it:
        reads = 0
        read = it.engine.store.tasks.list_workable

        async def counted(now: int, *, after: Place | None, limit: int) -> Sequence[WorkableTask]:
            nonlocal reads
            reads += 1
            return await read(now, after=after, limit=limit)

        it.engine.store.tasks.list_workable = counted  # type: ignore[method-assign]  # counts, and asks the true one
        async with running(dispatcher(it.engine).run()):
            await it.scene.settle()
            for number in range(500):
                status = TaskStatus.CREATED if number % 2 else TaskStatus.ATTESTED
                await it.engine.services.bus.publish(TaskChanged(KEY, status))
                if number % 50 == 0:
                    await it.scene.settle(2)
            await it.scene.settle()
            await it.scene.clock.advance(READ_PAUSE_S)
            await it.scene.settle()
        assert 2 <= reads <= 3
