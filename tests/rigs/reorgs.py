"""A storm of reorgs on a real chain under the engine's chain watcher, and what the judge says of the ledger afterwards.

Real store, real reads, real blocks; time is a clock on which a sleep takes none. Transactions that a reorg drops are
sent again as they were (by chance), so that the same log is mined in another block.
"""

import argparse
import asyncio
import contextlib
import random
import sys
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from tests.contract.chains.stepping import SteppingClock
from tests.contract.chains.test_canonical import GWEI, RealCourse, real_course
from tests.fakes import emitter
from tests.fakes.log import RecordingLog
from tests.rigs.causes import log_causes
from tests.rigs.judge import Cause, Done, Finding, History, judge
from tests.roles.scene import Node, open_scene
from tests.unit.core.sample import CHAIN, job_body
from triggerx.chains.development import Kind
from triggerx.chains.envelope import Fees, Unsigned, sign
from triggerx.chains.reads import Reads
from triggerx.chains.rpc import RpcClient
from triggerx.core.evidence import EventEvidence
from triggerx.core.followers import chain_follower
from triggerx.core.job import EventTrigger, Job, JobId, Limits
from triggerx.core.ledger import NewEntry, Outcome
from triggerx.evm.keccak import keccak256
from triggerx.evm.registry import pack_job_id
from triggerx.evm.types import Hash32, Wei, to_hex
from triggerx.ports.chain import Log, LogFilter
from triggerx_engine.chain_watcher import ChainWatcher
from triggerx_engine.prices import Prices
from triggerx_engine.queue import Queue
from triggerx_engine.values import ConditionJobs
from triggerx_engine.views import Views

EVENT: Final = "Moved()"
TOPIC: Final = keccak256(EVENT.encode())
NOISE: Final = 7
"""Another topic at the same contract, for which nobody waits."""
DEPTH_MAX: Final = 64
CONFIRMATIONS: Final = (0, 2, 12)
CREATED_AT: Final = 1_600_000_000
PLENTY: Final = Limits(runs_max=1_000_000, runs_per_day_max=1_000_000)
HUNG_AFTER_S: Final = 900.0  # of the machine's time, for a whole storm; in a test pytest's limit comes before
SEEN_WITHIN_S: Final = 15.0
"""Of the watcher's clock, on which only its own pauses count: 60 looks at the head, or what doubts and a retry take."""


@dataclass
class Storm:
    """One watcher over one chain; `dropped` are the raw transactions that the last reorg took, in their order."""

    course: RealCourse
    node: Node
    clock: SteppingClock
    seed: int
    jobs: list[Job] = field(default_factory=list)
    reorgs: int = 0
    sent: list[tuple[int, str]] = field(default_factory=list)
    """Each transaction that is on the chain, as its block's number and raw bytes."""

    def begin(self) -> None:
        """Start the watcher."""
        self.chance = random.Random(self.seed)  # noqa: S311 - repeatable on purpose
        services = self.node.services
        prices = Prices(services, user_runs_per_day_max=1_000_000)
        queue = Queue(services, prices, on_time_s=15, poll_s=1.0)
        views = Views(services, ConditionJobs(services, prices))
        watcher = ChainWatcher(services, queue, views, chain_id=CHAIN, poll_s=1.0)
        self.task = asyncio.create_task(watcher.run(), name="the watcher under test")

    async def stop(self) -> None:
        """Kill the watcher."""
        self.task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self.task

    async def mine(self, count: int) -> None:
        """Mine one block with so many new transactions."""
        nonce = await self.course.chain.transaction_count(self.course.account.address)
        for offset in range(count):
            topic = NOISE if self.chance.random() < 0.2 else int.from_bytes(TOPIC, "big")
            await self._send(self._signed(nonce + offset, topic))
        await self.course.ask("evm_mine")

    async def reorganise(self, depth: int) -> None:
        """Replace the newest blocks by empty ones, and send some of what they held again, in one or two blocks."""
        head = await self.course.chain.head()
        first = head.number - depth + 1
        lost = [raw for number, raw in self.sent if number >= first]
        self.sent = [(number, raw) for number, raw in self.sent if number < first]
        await self.course.ask("anvil_reorg", depth, [])
        self.reorgs += 1
        again = lost[: self.chance.randint(0, len(lost))]
        half = self.chance.randint(0, len(again))
        for part in (again[:half], again[half:]):
            for raw in part:
                await self._send(raw)
            await self.course.ask("evm_mine")

    def _signed(self, nonce: int, topic: int) -> str:
        unsigned = Unsigned(
            chain_id=CHAIN,
            nonce=nonce,
            to=self.course.emitter,
            data=emitter.emit(topic, self.chance.randbytes(4)),
            value=Wei(0),
            gas=100_000,
            fees=Fees(max_wei=50 * GWEI, priority_wei=GWEI),
        )
        return to_hex(sign(self.course.account, unsigned)[1])

    async def _send(self, raw: str) -> None:
        head = await self.course.chain.head()
        await self.course.ask("eth_sendRawTransaction", raw)
        self.sent.append((head.number + 1, raw))

    async def seen(self) -> None:
        """Wait until the watcher has taken the newest block in; a watcher that has died raises what it died of."""
        head = await self.course.chain.head()

        async def is_newest_in() -> bool:
            window = await self.node.store.blocks.window(chain_follower(CHAIN))
            return bool(window) and window[-1].hash == head.hash

        await self.until(is_newest_in, f"block {head.number} is in the window")

    async def until(self, holds: Callable[[], Awaitable[bool]], what: str) -> None:
        """Wait for at most SEEN_WITHIN_S of the watcher's clock."""
        where = f"seed {self.seed}, after {self.reorgs} reorgs"
        is_so = await self.clock.until(holds, task=self.task, within_s=SEEN_WITHIN_S)
        assert is_so, f"{where}: after {SEEN_WITHIN_S:g} s of the watcher's it is not so that {what}"

    async def blow(self, depth: int) -> None:
        """Mine this and that, and reorganise; now and then unseen in between, now and then over a restart."""
        for _ in range(self.chance.randint(1, 2)):
            await self.mine(self.chance.randint(0, 3))
        if self.chance.random() < 0.5:  # so that these logs stay, and older ones are not for ever within reach
            await self.course.ask("anvil_mine", hex(depth))
        if self.chance.random() < 0.7:
            await self.seen()
        is_restarted = self.chance.random() < 0.1
        if is_restarted:
            await self.stop()
        await self.reorganise(depth)
        if is_restarted:
            self.begin()

    async def end(self) -> list[Finding]:
        """Let everything be confirmed, stop, and hold the ledger against the canonical chain's `eth_getLogs`."""
        for _ in range(max(CONFIRMATIONS)):
            await self.course.ask("evm_mine")
        await self.seen()
        await self.until(self._is_decided, "nothing waits in the ledger")
        await self.stop()
        logs, times = await self._canonical()
        causes: list[Cause] = []
        for job in self.jobs:
            causes += log_causes(
                job.job_id,
                logs,
                chain_id=CHAIN,
                is_wanted=lambda log: log.topics[0] == TOPIC,
                times=times,
                span=(CREATED_AT, 1 << 40),
            )
        entries = await self.entries()
        blocks = {log.tx_hash: log.block_hash for log in logs}
        for entry in entries:
            evidence = entry.evidence
            if isinstance(evidence, EventEvidence) and evidence.tx_hash in blocks:
                assert evidence.block_hash == blocks[evidence.tx_hash], "the evidence is of a block that is gone"
        tasks = [task for job in self.jobs for task in await self.node.store.tasks.list_by_job(job.job_id)]
        return judge(History(causes=causes, entries=entries, tasks=[Done(task_key=task.task_key) for task in tasks]))

    async def _is_decided(self) -> bool:
        return all(entry.outcome not in (Outcome.CONFIRMING, Outcome.QUEUED) for entry in await self.entries())

    async def _canonical(self) -> tuple[tuple[Log, ...], dict[Hash32, int]]:
        chain = self.course.chain
        head = await chain.head()
        logs = await chain.logs(LogFilter(addresses=(self.course.emitter,)), from_block=0, to_block=head.number)
        times: dict[Hash32, int] = {}
        for number in {log.block_number for log in logs}:
            block = await chain.block(number)
            assert block is not None
            times[block.hash] = block.timestamp
        return logs, times

    async def entries(self) -> list[NewEntry]:
        """Every entry of the ledger."""
        found: list[NewEntry] = []
        for job in self.jobs:
            rows = await self.node.store.ledger.list_by_job(job.job_id, since=0, until=1 << 40, limit=1_000_000)
            found += [row.entry for row in rows]
        return found


@contextlib.asynccontextmanager
async def storm(path: Path, *, seed: int, kind: Kind = "anvil") -> AsyncIterator[Storm]:
    """A chain with enough blocks, three jobs that differ in their confirmations, and a watcher that has begun."""
    log = RecordingLog()
    async with (
        open_scene(path) as scene,
        real_course(kind, within_s=HUNG_AFTER_S) as course,
        RpcClient([course.chain.client.endpoints.current.url], chain_id=CHAIN, log=log) as client,
    ):
        node = await scene.engine()
        clock = SteppingClock()
        node.services = replace(node.services, clock=clock, chains={CHAIN: Reads(client, clock, log=log)}, log=log)
        made = Storm(course, node, clock, seed)
        for number, confirmations in enumerate(CONFIRMATIONS, start=1):
            trigger = EventTrigger(chain_id=CHAIN, contract=course.emitter, event=EVENT, confirmations=confirmations)
            body = replace(
                job_body(is_guarded=False, trigger=trigger),
                job_id=JobId(pack_job_id(CHAIN, CREATED_AT, number)),
                time_frame_s=10**9,
                limits=PLENTY,
            )
            made.jobs.append(await scene.store_job(node, body, next_due_at=None))
        await course.ask("anvil_mine", hex(DEPTH_MAX + 8))
        made.begin()
        try:
            await made.seen()
            yield made
        finally:
            if not made.task.done():
                await made.stop()


async def weather(path: Path, *, reorgs: int, seed: int) -> Counter[str]:
    """Reorganise so many times, each depth from 1 to 64 in turn; raises `AssertionError` with what is wrong.

    Returns how many entries had each outcome, and how many of those that fired lost their log afterwards.
    """
    async with storm(path, seed=seed) as made:
        depths = list(range(1, DEPTH_MAX + 1))
        for number in range(reorgs):
            if number % DEPTH_MAX == 0:
                made.chance.shuffle(depths)
            await made.blow(depths[number % DEPTH_MAX])
        found = await made.end()
        assert found == [], f"seed {seed}, {reorgs} reorgs: {found}"
        return Counter(f"{entry.outcome} {entry.reason}".strip() for entry in await made.entries())


def main() -> None:
    """Take the storm by hand: `python -m tests.rigs.reorgs --reorgs 1000`."""
    parser = argparse.ArgumentParser(description="Reorganise a chain under the engine, and judge its ledger.")
    parser.add_argument("--reorgs", type=int, default=1_000)
    parser.add_argument("--reorgs-each", type=int, default=100, help="of one chain, before the next begins anew")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    for place, done in enumerate(range(0, given.reorgs, given.reorgs_each)):
        reorgs = min(given.reorgs_each, given.reorgs - done)
        with tempfile.TemporaryDirectory() as folder:
            counts = asyncio.run(weather(Path(folder), reorgs=reorgs, seed=given.seed + place))
        sys.stdout.write(f"{done + reorgs} reorgs, nothing wrong; entries of the last chain: {dict(counts)}\n")


if __name__ == "__main__":
    main()
