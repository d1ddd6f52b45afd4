"""What an event task rests on after a reorg: no attempt is made on a log that is not there, and none of it is lost."""

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tests.roles.engine.staging import ATTEMPT_S, POLL_S, Stage, accept, answer, be_busy, dispatcher, stage
from tests.roles.scene import running
from tests.unit.core.sample import CHAIN, PAID, job_body
from triggerx.core.canonical import Json
from triggerx.core.evidence import EventEvidence, dump_evidence, firing_of, parse_evidence
from triggerx.core.job import JobBody
from triggerx.core.ledger import LedgerEntry, Outcome, Reason
from triggerx.core.messages import Order, Reply, TaskAnswer
from triggerx.core.task import Task, TaskStatus
from triggerx.core.task_inputs import PeerPerformed
from triggerx.core.terms import JobTerms
from triggerx.evm.hub import task_key
from triggerx.evm.types import ZERO_HASH, Hash32
from triggerx.moves import move_task
from triggerx.ports.chain import Log
from triggerx_engine.chain_watcher import ChainWatcher
from triggerx_engine.footing import GONE_S_MAX, LOG_GONE
from triggerx_engine.prices import Prices
from triggerx_engine.queue import Queue
from triggerx_engine.values import ConditionJobs
from triggerx_engine.views import Views

GUARDED = replace(job_body(trigger=replace(PAID, confirmations=0)), time_frame_s=3600)
UNGUARDED = replace(GUARDED, mandate=None)


@dataclass
class Payment:
    """An engine whose event job has fired for one payment, with its watcher and its dispatcher at work."""

    it: Stage
    evidence: EventEvidence
    logs: Sequence[Log]

    @property
    def key(self) -> Hash32:
        return task_key(GUARDED.job_id, firing_of(self.evidence))

    async def task(self) -> Task:
        return await self.it.task(self.key)

    async def entry(self) -> LedgerEntry:
        (found,) = await self.it.engine.store.ledger.by_keys([self.key])
        return found

    async def standing(self) -> tuple[Outcome, Reason]:
        entry = await self.entry()
        return entry.outcome, entry.entry.reason

    async def terms(self) -> JobTerms:
        found = await self.it.engine.store.jobs.terms_of(GUARDED.job_id)
        assert found is not None
        return found

    async def mine_again(self) -> None:
        await self.it.scene.chain.mine(logs=self.logs, timestamp=self.it.scene.clock.now())
        await self.it.scene.settle()

    async def lose(self) -> None:
        """Let a reorg replace the payment's block, and the payment be in none of the new ones."""
        head = await self.it.scene.chain.head()
        await self.it.scene.chain.reorganise(head.number - self.evidence.block_number + 1)
        await self.it.scene.settle()


@asynccontextmanager
async def paid(tmp_path: Path, body: JobBody = GUARDED, *, online: bool = True) -> AsyncIterator[Payment]:
    """By default every performer has no room until the test says otherwise; with `online` unset there is none."""
    async with stage(tmp_path, body=body, online=online) as it:
        for rank in range(4):
            it.set(rank, be_busy)
        services = it.engine.services
        prices = Prices(services, user_runs_per_day_max=1_000)
        queue = Queue(services, prices, on_time_s=15, poll_s=POLL_S)
        views = Views(services, ConditionJobs(services, prices))
        watcher = ChainWatcher(services, queue, views, chain_id=CHAIN, poll_s=POLL_S)
        async with running(watcher.run(), dispatcher(it.engine).run()):
            await it.scene.pass_time(2)
            evidence = await it.scene.pay()
            receipt = await it.scene.chain.receipt(evidence.tx_hash)
            assert receipt is not None
            await it.scene.pass_time(2)
            yield Payment(it, evidence, list(receipt.logs))


def keep_the_chain(payment: Payment) -> None:
    """Let every performer do what a keeper does: a log in a block that is not canonical is waited for."""

    async def look(order: Order) -> TaskAnswer | Reply:
        evidence = parse_evidence(sent(order), order.assignment.firing)
        assert isinstance(evidence, EventEvidence)
        block = await payment.it.scene.chain.block(evidence.block_number)
        if block is None or block.hash != evidence.block_hash:
            return answer(order, is_accepted=False, code="trigger_unknown")
        return await accept(order)

    for rank in range(4):
        payment.it.set(rank, look)


def sent(order: Order) -> dict[str, Json]:
    """The evidence that an order came with."""

    found: dict[str, Json] = json.loads(order.evidence)
    return found


async def test_run_when_a_log_was_mined_again_before_its_task_was_assigned_then_the_order_has_its_new_block(
    tmp_path: Path,
) -> None:
    async with paid(tmp_path, online=False) as payment:
        assert (await payment.task()).status is TaskStatus.CREATED
        keep_the_chain(payment)
        await payment.lose()
        await payment.mine_again()
        await payment.it.come_online(0, 1, 2, 3)
        await payment.it.scene.pass_time(2)
        task, entry = await payment.task(), await payment.entry()
        assert (task.status, task.attempt) == (TaskStatus.ACKNOWLEDGED, 1)
        assert entry.entry.evidence != payment.evidence
        assert task.evidence == dump_evidence(entry.entry.evidence)
        ((_, order),) = payment.it.orders
        assert sent(order) == task.evidence
        assert order.assignment.assignment.not_before == entry.entry.evidence.moment


async def test_run_when_a_log_was_mined_again_after_the_order_went_out_then_the_next_attempt_is_made_on_it_at_once(
    tmp_path: Path,
) -> None:
    async with paid(tmp_path) as payment:
        assert ((await payment.task()).status, (await payment.task()).attempt) == (TaskStatus.ASSIGNED, 1)
        keep_the_chain(payment)
        await payment.lose()
        await payment.mine_again()
        await payment.it.scene.pass_time(2)
        task = await payment.task()
        assert (task.status, task.attempt) == (TaskStatus.ACKNOWLEDGED, 2)
        assert task.evidence == dump_evidence((await payment.entry()).entry.evidence)
        assert sent(payment.it.orders[-1][1]) == task.evidence


@pytest.mark.parametrize("body", [GUARDED, UNGUARDED])
async def test_run_when_the_log_of_a_task_is_gone_then_it_waits_until_it_is_mined_again(
    tmp_path: Path, body: JobBody
) -> None:
    async with paid(tmp_path, body, online=False) as payment:
        keep_the_chain(payment)
        await payment.lose()
        await payment.it.come_online(0, 1, 2, 3)
        await payment.it.scene.pass_time(2 * ATTEMPT_S)
        assert payment.it.orders == []
        assert ((await payment.task()).status, (await payment.task()).attempt) == (TaskStatus.CREATED, 0)
        assert await payment.standing() == (Outcome.FIRED, Reason.REORGED)
        await payment.it.come_online(0, 1, 2, 3)
        await payment.mine_again()
        await payment.it.scene.pass_time(2)
        assert ((await payment.task()).status, (await payment.task()).attempt) == (TaskStatus.ACKNOWLEDGED, 1)


async def test_run_when_the_log_goes_while_a_performer_is_asked_then_nobody_is_asked_and_no_attempt_is_used_up(
    tmp_path: Path,
) -> None:
    async with paid(tmp_path) as payment:
        keep_the_chain(payment)
        await payment.lose()
        asked = len(payment.it.orders)
        await payment.it.scene.pass_time(2 * ATTEMPT_S)
        assert len(payment.it.orders) <= asked + 1  # the answer that was under way
        assert (await payment.task()).attempt == 1


@pytest.mark.parametrize("body", [GUARDED, UNGUARDED])
async def test_run_when_the_log_stays_away_then_the_task_fails_its_run_is_given_back_and_the_entry_withdrawn(
    tmp_path: Path, body: JobBody
) -> None:
    async with paid(tmp_path, body, online=False) as payment:
        assert ((await payment.terms()).runs, (await payment.terms()).open_runs) == (1, 1)
        await payment.lose()
        await payment.it.scene.clock.advance(GONE_S_MAX - 10)
        await payment.it.scene.pass_time(2)
        assert (await payment.task()).status is TaskStatus.CREATED
        await payment.it.scene.clock.advance(20)
        await payment.it.scene.pass_time(2)
        task = await payment.task()
        assert (task.status, task.task_error) == (TaskStatus.FAILED, LOG_GONE)
        assert await payment.standing() == (Outcome.WITHDRAWN, Reason.REORGED)
        assert ((await payment.terms()).runs, (await payment.terms()).open_runs) == (0, 0)


async def test_run_when_the_log_is_away_at_the_jobs_end_then_its_task_fails_at_that_end(tmp_path: Path) -> None:
    async with paid(tmp_path, replace(GUARDED, time_frame_s=60), online=False) as payment:
        await payment.lose()
        await payment.it.scene.clock.advance(GUARDED.time_frame_s)
        await payment.it.scene.pass_time(2)
        assert (await payment.task()).task_error == LOG_GONE


async def test_run_when_a_log_comes_back_after_its_task_was_given_up_then_the_same_task_goes_on(tmp_path: Path) -> None:
    async with paid(tmp_path, online=False) as payment:
        keep_the_chain(payment)
        await payment.lose()
        await payment.it.scene.clock.advance(GONE_S_MAX + 10)
        await payment.it.scene.pass_time(2)
        assert (await payment.task()).status is TaskStatus.FAILED
        await payment.it.come_online(0, 1, 2, 3)
        await payment.mine_again()
        await payment.it.scene.pass_time(2)
        assert await payment.standing() == (Outcome.FIRED, Reason.NONE)
        assert ((await payment.task()).status, (await payment.task()).attempt) == (TaskStatus.ACKNOWLEDGED, 1)
        assert ((await payment.terms()).runs, (await payment.terms()).open_runs) == (1, 1)
        assert len(await payment.it.engine.store.tasks.list_by_job(GUARDED.job_id)) == 1


async def test_run_when_the_action_was_announced_before_the_log_went_then_the_entry_stays_fired(tmp_path: Path) -> None:
    async with paid(tmp_path) as payment:
        task = await payment.task()
        assert task.task_performer is not None
        for rank in range(4):
            payment.it.set(rank, accept)
        await payment.it.scene.pass_time(2)
        done = PeerPerformed(
            performer=task.task_performer,
            cid="bafkqaaa",
            execution_tx_hash=ZERO_HASH,
            now_ms=payment.it.scene.clock.now_ms(),
            deadline_at=payment.it.scene.clock.now() + 5,
        )
        async with payment.it.engine.store.transaction() as queries:
            present = await queries.tasks.by_key(payment.key)
            assert present is not None
            await move_task(queries, present, done, attempts_max=3, now_ms=payment.it.scene.clock.now_ms())
        assert (await payment.task()).status is TaskStatus.PERFORMED
        await payment.lose()
        await payment.it.scene.clock.advance(GONE_S_MAX + 10)
        await payment.it.scene.pass_time(2)
        assert ((await payment.task()).status, (await payment.task()).task_error) == (TaskStatus.FAILED, LOG_GONE)
        assert await payment.standing() == (Outcome.FIRED, Reason.REORGED)
