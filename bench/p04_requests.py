"""P4: how many JSON-RPC methods a block costs, whatever the number of jobs: a count, which a test holds too.

The engine's chain watcher, its views and polls run over a clock that the measurement moves: one look at the head a
block. A job's log lies behind one that nobody watches, so that the block's receipts are asked for its ordinal. In life
the head is looked at every quarter of a second and the gas price asked every two, whatever the jobs.
"""

import asyncio
import tempfile
from collections import Counter
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from bench.emitter import INIT_CODE, Emitter, running_emitter
from bench.harness import Measure
from bench.stage import ON_TIME_S, POLL_S, USER_RUNS_PER_DAY_MAX, beside, put_jobs, stage
from tests.fakes.clock import VirtualClock
from tests.unit.core.sample import CHAIN
from triggerx.chains.contracts import load
from triggerx.chains.heads import POLL_INTERVAL_S
from triggerx.chains.multicall import VIEWS_MAX
from triggerx.chains.reads import Reads
from triggerx.chains.rpc import RpcClient
from triggerx.core.followers import chain_follower
from triggerx.core.job import ConditionTrigger, EventFilter, EventTrigger
from triggerx.evm.types import Address, to_hex
from triggerx.role import Services
from triggerx_engine.chain_watcher import ChainWatcher
from triggerx_engine.polls import Polls
from triggerx_engine.prices import Prices
from triggerx_engine.queue import Queue
from triggerx_engine.values import ConditionJobs
from triggerx_engine.views import Views

METHODS: Final = 4
BLOCKS: Final = 3
MARK: Final = "918273645"
ECHO: Final = bytes.fromhex("60043560005260206000f3")  # returns its first argument
ECHO_INIT: Final = bytes.fromhex(f"60{len(ECHO):02x}8060093d393df3") + ECHO
WITHIN_S: Final = 60.0
LOOK_S: Final = 0.01
FOLLOWER: Final = chain_follower(CHAIN)
LOOKS_A_POLL: Final = 200  # a block is stored long before the head is looked at again
REST_S: Final = 0.1  # by when the loops wait for time again


@dataclass(frozen=True, slots=True, kw_only=True)
class Jobs:
    """So many event jobs, and so many conditions on chain, each of a view of its own."""

    events: int
    conditions: int


FEW: Final = Jobs(events=10, conditions=10)
MANY: Final = Jobs(events=1_000, conditions=1_000)


async def measure(is_quick: bool) -> Sequence[Measure]:
    """Count for many jobs and for few, in blocks that hold a log of a job."""
    del is_quick  # it takes seconds
    with tempfile.TemporaryDirectory() as folder:
        few = await methods_a_block(Path(folder) / "few", FEW)
        many = await methods_a_block(Path(folder) / "many", MANY)
    batches = -(-MANY.conditions // VIEWS_MAX)
    worst = max(many, key=Counter.total)
    return [
        Measure(
            key="P4",
            title=f"JSON-RPC methods a block, {MANY.events:,} event jobs and {MANY.conditions:,} on-chain conditions",
            ours=worst.total(),
            limit=METHODS + batches,
            unit="methods",
            goal=f"≤ {METHODS} + one per {VIEWS_MAX} distinct views",
            note=", ".join(f"{count} {method}" for method, count in sorted(worst.items())),
        ),
        Measure(
            key="P4.few",
            title="of them without the batches of views; the limit is that of ten and ten jobs",
            ours=worst.total() - batches,
            limit=max(few, key=Counter.total).total() - 1,
            unit="methods",
            goal="the same",
        ),
    ]


async def methods_a_block(folder: Path, jobs: Jobs) -> list[Counter[str]]:
    """Follow a few blocks, each with a log that a job waits for; returns what was asked for each."""
    async with AsyncExitStack() as stack:
        emitter = await stack.enter_async_context(running_emitter())
        multicall = await emitter.create(load("Multicall").bytecode)
        echo = await emitter.create(ECHO_INIT)
        stranger = await emitter.create(INIT_CODE)
        events = await put_jobs(folder, _event(emitter), jobs.events, marks={MARK: ":n"})
        await put_jobs(folder, _condition(echo), jobs.conditions, marks={MARK: ":n"})
        client = await stack.enter_async_context(RpcClient([emitter.rpc_url], chain_id=CHAIN))
        clock = VirtualClock(now=(await emitter.reads.head()).timestamp)
        reads = Reads(client, clock, multicall=multicall)
        services = replace(await stack.enter_async_context(stage(folder, {CHAIN: reads})), clock=clock)
        async with services.store.transaction() as queries:
            for number in events:
                await queries.jobs.set_watched_from(number, 0)
        prices = Prices(services, user_runs_per_day_max=USER_RUNS_PER_DAY_MAX)
        values = ConditionJobs(services, prices)
        views = Views(services, values)
        queue = Queue(services, prices, on_time_s=ON_TIME_S, poll_s=POLL_S)
        await values.refresh()
        polls = Polls(services, values, source_poll_s=POLL_S, script_poll_s=POLL_S)
        watcher = ChainWatcher(services, queue, views, chain_id=CHAIN, poll_s=POLL_S)
        await stack.enter_async_context(beside(polls.run(), watcher.run()))
        async with asyncio.timeout(WITHIN_S):
            while not await services.store.blocks.window(FOLLOWER):  # noqa: ASYNC110  it is on the disk
                await asyncio.sleep(LOOK_S)  # a block from before its beginning would be none to follow
        await _next(emitter, stranger, services, clock)  # the first block costs what the start costs
        counted: list[Counter[str]] = []
        for _ in range(BLOCKS):
            before = client.calls_by_method.copy()
            await _next(emitter, stranger, services, clock)
            counted.append(client.calls_by_method - before)
        return counted


async def _next(emitter: Emitter, stranger: Address, services: Services, clock: VirtualClock) -> None:
    """Mine a block with a job's log, let the head be looked at once, and wait until everything of it is stored."""
    await asyncio.sleep(REST_S)
    await emitter.ping(0, 1, at=stranger)
    await emitter.ping(0, 1)
    await emitter.mine()
    head = await emitter.reads.head()
    looks = 0
    async with asyncio.timeout(WITHIN_S):
        while not await _is_stored(services, head.number):
            if looks % LOOKS_A_POLL == 0:
                await clock.advance(POLL_INTERVAL_S)
            looks += 1
            await asyncio.sleep(LOOK_S)


async def _is_stored(services: Services, number: int) -> bool:
    window = await services.store.blocks.window(FOLLOWER)
    cursor = await services.store.cursors.get(f"engine.views.{CHAIN}")
    return bool(window) and window[-1].number == number and cursor is not None and cursor.number == number - 1


def _event(emitter: Emitter) -> EventTrigger:
    return EventTrigger(
        chain_id=CHAIN,
        contract=emitter.address,
        event="Pinged(uint256 indexed number, uint256 value)",
        filters=(EventFilter(name="number", value=MARK),),
    )


def _condition(echo: Address) -> ConditionTrigger:
    return ConditionTrigger(
        condition_type="greater_than",
        source_type="view",
        source_url=to_hex(echo),
        function="echo(uint256) returns (uint256)",
        arguments=(MARK,),
        upper_limit=str(10**12),
        chain_id=CHAIN,
    )
