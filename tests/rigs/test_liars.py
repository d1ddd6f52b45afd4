"""Endpoints that lie under the engine: what fires is what happened, and the lie is said aloud."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NoReturn

import pytest

from tests.contract.chains.stepping import SteppingClock
from tests.fakes.liar import Liar, Lie, lying_proxy
from tests.fakes.log import RecordingLog
from tests.fakes.node import ScriptedNode, scripted_node
from tests.rigs.judge import Cause, Done, Fault, History, judge
from tests.rigs.reorgs import CREATED_AT, PLENTY, TOPIC
from tests.roles.scene import Node, open_scene
from tests.unit.core.sample import CHAIN, job_body
from triggerx.chains.reads import Reads
from triggerx.chains.rpc import ATTEMPT_TIMEOUT_S, RpcClient
from triggerx.core.job import EventTrigger, Job, JobId
from triggerx.core.ledger import Outcome
from triggerx.evm.hub import Firing
from triggerx.evm.registry import pack_job_id
from triggerx.evm.types import Address, from_hex, parse_hash32
from triggerx_engine.chain_watcher import RETRY_S, ChainWatcher
from triggerx_engine.prices import Prices
from triggerx_engine.queue import Queue
from triggerx_engine.values import ConditionJobs
from triggerx_engine.views import Views

FAILOVER_S_MAX = 3.0
QUICK_ATTEMPT_S = 0.5  # in the place of ATTEMPT_TIMEOUT_S, so that a hanging endpoint costs a test little
ALONE_S = 40.0  # of the stepping clock: the alarm for a head that stands still comes within 15
WANTED = int.from_bytes(TOPIC, "big")
AMONG_OTHERS = (7, WANTED, 9)
"""A log in the middle of a block is the one that a liar leaves out."""
UNSEEN = {Lie.LOGS_TWICE, Lie.SOME_LOGS_MISSING, Lie.WRONG_CHAIN}
"""What one endpoint alone does not show: repetitions are dropped, a gap takes a second opinion to be seen, and its
chain id is asked for at the beginning."""


@dataclass
class Stage:
    """An engine's chain watcher, one event job, and the endpoints."""

    true: ScriptedNode
    liar: Liar
    node: Node
    job: Job
    log: RecordingLog
    clock: SteppingClock
    task: asyncio.Task[NoReturn]

    async def history(self) -> History:
        """What truly happened, and what the engine made of it."""
        logs = [log for block in self.true.logs for log in block if log["topics"][0] == "0x" + TOPIC.hex()]
        causes = [
            Cause(
                job_id=self.job.job_id,
                firing=Firing.event(CHAIN, parse_hash32(log["transactionHash"]), 0),
                moment=int(self.true.blocks[int(log["blockNumber"], 16)]["timestamp"], 16),
            )
            for log in logs
        ]
        store = self.node.store
        rows = await store.ledger.list_by_job(self.job.job_id, since=0, until=1 << 40, limit=1_000)
        tasks = await store.tasks.list_by_job(self.job.job_id)
        return History(
            causes=causes,
            entries=[row.entry for row in rows],
            tasks=[Done(task_key=task.task_key) for task in tasks],
        )

    def cost_s(self) -> float:
        """What was waited: pauses, and each attempt that timed out for as long as it takes in earnest."""
        timed_out = [one for one in self.log.records if "no answer within" in str(one.fields.get("reason"))]
        return self.clock.slept_s + len(timed_out) * ATTEMPT_TIMEOUT_S

    async def all_fired(self, count: int) -> None:
        """Wait until so many logs have fired."""

        async def have_fired() -> bool:
            entries = (await self.history()).entries
            return sum(entry.outcome is Outcome.FIRED for entry in entries) >= count

        assert await self.clock.until(have_fired, task=self.task, within_s=ALONE_S), f"{count} logs have not fired"


@contextlib.asynccontextmanager
async def stage(path: Path, order: Sequence[str]) -> AsyncIterator[Stage]:
    log, clock = RecordingLog(), SteppingClock()
    async with open_scene(path) as scene, scripted_node() as true, lying_proxy(true.url) as liar:
        urls = {"liar": liar.url, "honest": true.url}
        client = RpcClient(
            [urls[name] for name in order],
            chain_id=CHAIN,
            log=log,
            attempt_timeout_s=QUICK_ATTEMPT_S,
            timeout_s=5.0,
        )
        async with client:
            node = await scene.engine()
            chains = {CHAIN: Reads(client, clock, log=log)}
            node.services = replace(node.services, clock=clock, chains=chains, log=log)
            trigger = EventTrigger(
                chain_id=CHAIN, contract=Address(from_hex("0x" + true.emitter.hex())), event="Moved()", confirmations=0
            )
            body = replace(
                job_body(is_guarded=False, trigger=trigger),
                job_id=JobId(pack_job_id(CHAIN, CREATED_AT, 1)),
                time_frame_s=10**9,
                limits=PLENTY,
            )
            job = await scene.store_job(node, body, next_due_at=None)
            prices = Prices(node.services, user_runs_per_day_max=10**6)
            queue = Queue(node.services, prices, on_time_s=15, poll_s=1.0)
            views = Views(node.services, ConditionJobs(node.services, prices))
            watcher = ChainWatcher(node.services, queue, views, chain_id=CHAIN, poll_s=1.0)
            task = asyncio.create_task(watcher.run(), name="the watcher under test")
            made = Stage(true, liar, node, job, log, clock, task)
            true.mine(WANTED)
            await made.all_fired(1)
            yield made
            assert not task.done()
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task


@pytest.mark.parametrize("order", [("liar", "honest"), ("honest", "liar")], ids=["first", "second"])
@pytest.mark.parametrize("lie", Lie)
async def test_engine_when_one_of_two_endpoints_lies_then_every_log_fires_once(
    tmp_path: Path, lie: Lie, order: tuple[str, str]
) -> None:
    async with stage(tmp_path, order) as on:
        await on.liar.tell(lie)
        on.clock.slept_s = 0.0
        on.log.records.clear()
        on.true.mine(*AMONG_OTHERS)
        await on.all_fired(2)
        assert on.cost_s() <= FAILOVER_S_MAX + RETRY_S
        for number in range(5):
            on.true.mine(*AMONG_OTHERS, number)
            on.true.mine(number)
        await on.all_fired(7)
        assert judge(await on.history()) == []


@pytest.mark.parametrize("lie", Lie)
async def test_engine_when_its_only_endpoint_lies_then_nothing_fires_that_did_not_happen_and_it_says_so(
    tmp_path: Path, lie: Lie
) -> None:
    async with stage(tmp_path, ("liar",)) as on:
        await on.liar.tell(lie)
        on.clock.slept_s = 0.0
        on.log.records.clear()
        for _ in range(3):
            on.true.mine(*AMONG_OTHERS)

        async def is_over() -> bool:  # one that hangs costs real time, so that its clock hardly moves
            return lie is Lie.HANG and bool(on.log.events("warning"))

        await on.clock.until(is_over, task=on.task, within_s=ALONE_S)
        assert {finding.fault for finding in judge(await on.history())} <= {Fault.LOST}
        assert lie in UNSEEN or on.log.events("warning")
