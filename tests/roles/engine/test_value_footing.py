"""What an on-chain condition's task rests on after a reorg that went deeper than its confirmations."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from tests.roles.engine.staging import ATTEMPT_S, POLL_S, Stage, accept, be_busy, dispatcher, stage
from tests.roles.engine.test_footing import sent
from tests.roles.scene import BALANCE_OF, open_scene, running
from tests.unit.core.sample import BALANCE_ABOVE_100, CHAIN, TOKEN, job_body
from triggerx.core.errors import RecoverableError
from triggerx.core.evidence import ConditionEvidence, dump_evidence
from triggerx.core.job import JobBody
from triggerx.core.ledger import LedgerEntry, Outcome, Reason
from triggerx.core.task import Task, TaskStatus
from triggerx.evm.hub import Firing, task_key
from triggerx.ports.chain import CallReverted
from triggerx_engine.chain_watcher import ChainWatcher
from triggerx_engine.prices import Prices
from triggerx_engine.queue import Queue
from triggerx_engine.value_footing import VALUE_GONE, ValueFooting
from triggerx_engine.values import ConditionJobs
from triggerx_engine.views import Views

GUARDED = replace(job_body(trigger=BALANCE_ABOVE_100), time_frame_s=3600)
UNGUARDED = replace(GUARDED, mandate=None)
KEY = task_key(GUARDED.job_id, Firing.condition(1))
DEPTH = 8  # of the reorg: the chain confirms after one block


@dataclass
class Balance:
    """An engine whose condition became true once, and what the chain says at each block."""

    it: Stage
    by_block: dict[int, int] = field(default_factory=dict)
    default: int = 0
    is_readable: bool = True

    def at(self, block: int) -> int:
        if not self.is_readable:
            raise CallReverted("no", b"")
        return self.by_block.get(block, self.default)

    async def task(self) -> Task:
        return await self.it.task(KEY)

    async def entry(self) -> LedgerEntry:
        (found,) = await self.it.engine.store.ledger.by_keys([KEY])
        return found

    async def evidence(self) -> ConditionEvidence:
        evidence = (await self.entry()).entry.evidence
        assert isinstance(evidence, ConditionEvidence)
        return evidence

    async def reorganise(self, *, value: int) -> None:
        """Replace the newest blocks, with this balance in each."""
        head = (await self.it.scene.chain.head()).number
        for number in range(head - DEPTH + 1, head + 2):
            self.by_block[number] = value
        self.default = value
        await self.it.scene.chain.reorganise(DEPTH)
        await self.it.scene.settle()


@asynccontextmanager
async def true(tmp_path: Path, body: JobBody = GUARDED, *, online: bool = True) -> AsyncIterator[Balance]:
    """By default every performer has no room until the test says otherwise; with `online` unset there is none."""
    async with stage(tmp_path, body=body, online=online) as it:
        for rank in range(4):
            it.set(rank, be_busy)
        services, balance = it.engine.services, Balance(it)
        it.scene.chain.answer_at(TOKEN, BALANCE_OF, lambda block, _: balance.at(block))
        prices = Prices(services, user_runs_per_day_max=1_000)
        queue = Queue(services, prices, on_time_s=15, poll_s=POLL_S)
        values = ConditionJobs(services, prices)
        watcher = ChainWatcher(services, queue, Views(services, values), chain_id=CHAIN, poll_s=POLL_S)
        await values.refresh()
        async with running(watcher.run(), dispatcher(it.engine).run()):
            await it.scene.pass_time(3)
            balance.default = 150
            await it.scene.pass_time(5)
            yield balance


async def test_run_when_the_block_stands_then_the_order_has_it(tmp_path: Path) -> None:
    async with true(tmp_path, online=False) as balance:
        before = await balance.evidence()
        for rank in range(4):
            balance.it.set(rank, accept)
        await balance.it.come_online(0, 1, 2, 3)
        await balance.it.scene.pass_time(2)
        ((_, order),) = balance.it.orders
        assert sent(order) == dump_evidence(before)


async def test_run_when_the_value_is_true_at_the_new_block_too_then_the_order_has_that_block(tmp_path: Path) -> None:
    async with true(tmp_path, online=False) as balance:
        before = await balance.evidence()
        await balance.reorganise(value=170)
        for rank in range(4):
            balance.it.set(rank, accept)
        await balance.it.come_online(0, 1, 2, 3)
        await balance.it.scene.pass_time(2)
        task, entry, now = await balance.task(), await balance.entry(), await balance.evidence()
        assert (task.status, task.attempt) == (TaskStatus.ACKNOWLEDGED, 1)
        assert (now.edge, now.block_number, now.value) == (before.edge, before.block_number, "170")
        block = await balance.it.scene.chain.block(now.block_number or 0)
        assert block is not None and now.block_hash == block.hash != before.block_hash
        assert (entry.outcome, entry.entry.reason, entry.entry.moment) == (Outcome.FIRED, Reason.NONE, now.moment)
        ((_, order),) = balance.it.orders
        assert sent(order) == task.evidence == dump_evidence(now)
        recorded = await balance.it.engine.store.conditions.recorded(
            now.source, since_ms=now.observed_at_ms, until_ms=now.observed_at_ms, limit=9
        )
        assert now.block_hash in {each.block_hash for each in recorded}


async def test_run_when_the_order_was_out_already_then_the_next_attempt_is_made_on_the_new_block(
    tmp_path: Path,
) -> None:
    async with true(tmp_path) as balance:
        assert ((await balance.task()).status, (await balance.task()).attempt) == (TaskStatus.ASSIGNED, 1)
        for rank in range(4):
            balance.it.set(rank, accept)
        await balance.reorganise(value=170)
        await balance.it.scene.pass_time(3)
        task = await balance.task()
        assert (task.status, task.attempt) == (TaskStatus.ACKNOWLEDGED, 2)
        assert sent(balance.it.orders[-1][1]) == dump_evidence(await balance.evidence())


@pytest.mark.parametrize("body", [GUARDED, UNGUARDED])
@pytest.mark.parametrize("is_readable", [False, True])
async def test_run_when_the_value_is_not_true_at_the_new_block_then_it_is_withdrawn_and_nobody_is_asked(
    tmp_path: Path, body: JobBody, *, is_readable: bool
) -> None:
    async with true(tmp_path, body, online=False) as balance:
        await balance.reorganise(value=50)
        balance.is_readable = is_readable
        await balance.it.come_online(0, 1, 2, 3)
        await balance.it.scene.pass_time(2 * ATTEMPT_S)
        task, entry = await balance.task(), await balance.entry()
        assert (task.status, task.task_error) == (TaskStatus.FAILED, VALUE_GONE)
        assert (entry.outcome, entry.entry.reason) == (Outcome.WITHDRAWN, Reason.REORGED)
        assert balance.it.orders == []
        terms = await balance.it.engine.store.jobs.terms_of(GUARDED.job_id)
        assert terms is not None and (terms.runs, terms.open_runs) == (0, 0)


async def test_renewed_when_the_block_in_its_place_is_not_confirmed_then_it_is_waited_for(tmp_path: Path) -> None:
    async with open_scene(tmp_path) as scene:
        node = await scene.engine()
        job = await scene.store_job(node, GUARDED, next_due_at=None)
        evidence, footing = await scene.balance_of(150), ValueFooting(node.services)
        await scene.chain.mine()
        assert await footing.renewed(job, evidence) == evidence
        await scene.chain.reorganise(2, [[]])
        with pytest.raises(RecoverableError, match="is not confirmed yet"):
            await footing.renewed(job, evidence)
        await scene.chain.mine()
        renewed = await footing.renewed(job, evidence)
        assert renewed is not None and renewed.block_hash != evidence.block_hash
