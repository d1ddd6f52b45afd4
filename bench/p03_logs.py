"""P3: how many logs a second, from the node to durable rows of the jobs that wait for them, against web3.py and ponder.

Ours is the engine's chain watcher: heads and logs are fetched, blocks held against their parents, each log decoded and
matched with 10,000 event jobs, its place in its receipt found, and its entry in the ledger written and synced. The jobs
want more confirmations than there are blocks, so that what is measured is events alone: firing them is P1's and P5b's.
A log's place in its receipt follows from the logs here, for all of a block's are one contract's; `P3.receipts` has
another contract's before them, so that every block's receipts are read. ponder is given the blocks that make the logs
final in its eyes, and stores one row of five columns for each.
"""

import asyncio
import sqlite3
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import closing
from itertools import count
from pathlib import Path
from statistics import median
from typing import Any, Final

from web3 import Web3

from bench.emitter import INIT_CODE, SIGNATURE, Emitter, running_emitter
from bench.harness import PAIRS_MIN, PAIRS_QUICK, Measure, Pairs, interleaved
from bench.ponder_peer import FINAL_AFTER, by_ponder
from bench.stage import ON_TIME_S, POLL_S, STORE_FILE, USER_RUNS_PER_DAY_MAX, beside, put_jobs, stage
from tests.unit.core.sample import CHAIN
from triggerx.chains.reads import Reads
from triggerx.core.job import EventFilter, EventTrigger
from triggerx.evm.types import Address, to_hex
from triggerx.node.clock import SystemClock
from triggerx.ports.chain import Block, BlockRange, LogFilter
from triggerx.role import Services
from triggerx_engine.chain_watcher import ChainWatcher
from triggerx_engine.prices import Prices
from triggerx_engine.queue import Queue
from triggerx_engine.values import ConditionJobs
from triggerx_engine.views import Views

WEB3_RATIO_MIN: Final = 20.0
PONDER_RATIO_MIN: Final = 10.0
CPU_LIMIT_US: Final = 15.0
JOBS: Final = 10_000
LOGS_PER_BLOCK: Final = 2_000
MARK: Final = "918273645"
NEVER: Final = 256  # confirmations: the most there may be, and more than there are blocks
WITHIN_S: Final = 60.0
LOOK_S: Final = 0.005
REACHED: Final = "SELECT 1 FROM chain_blocks WHERE number = ?"
ABI: Final[list[dict[str, Any]]] = [
    {
        "type": "event",
        "anonymous": False,
        "name": "Pinged",
        "inputs": [
            {"name": "number", "type": "uint256", "indexed": True},
            {"name": "value", "type": "uint256", "indexed": False},
        ],
    }
]


async def measure(is_quick: bool) -> Sequence[Measure]:
    """Mine the logs once; each sample reads all of them into a store without any."""
    blocks = 5 if is_quick else 20
    pairs = PAIRS_QUICK if is_quick else PAIRS_MIN
    logs = blocks * LOGS_PER_BLOCK
    with tempfile.TemporaryDirectory() as name:
        runs = (Path(name) / str(number) for number in count())
        cpu_us: list[float] = []
        async with running_emitter() as emitter:
            await _mine(emitter, blocks)

            async def ours() -> float:
                return await _ours(next(runs), emitter, logs, cpu_us)

            async def web3() -> float:
                return await asyncio.to_thread(_by_web3, next(runs), emitter, logs)

            async def ponder() -> float:
                return await _by_ponder(next(runs), emitter, logs)

            against_web3 = await interleaved(ours, web3, pairs=pairs)
            cpu = median(cpu_us)
            await emitter.ask("anvil_mine", hex(FINAL_AFTER))
            against_ponder = await interleaved(ours, ponder, pairs=pairs)
        async with running_emitter() as emitter:
            await _mine(emitter, blocks, stranger=await emitter.create(INIT_CODE))
            cpu_us.clear()
            for _ in range(pairs):
                await _ours(next(runs), emitter, logs, cpu_us)
    return [
        _rate("P3", f"{logs:,} logs, each wanted by one of {JOBS:,} jobs", "web3.py", WEB3_RATIO_MIN, against_web3),
        _rate("P3.ponder", "the same logs", "ponder", PONDER_RATIO_MIN, against_ponder),
        _cpu("P3.cpu", "CPU time of a log, all threads", cpu),
        _cpu("P3.receipts", "the same where the receipts of every block are to be read", median(cpu_us)),
    ]


def _rate(key: str, title: str, peer: str, ratio_min: float, pairs: Pairs) -> Measure:
    return Measure(
        key=key,
        title=f"{title}, to durable rows",
        ours=1 / pairs.ours_median,
        peer=1 / pairs.peer_median,
        ratios=pairs.ratios,
        ratio_min=ratio_min,
        is_more_better=True,
        unit="logs/s",
        goal=f"≥ {ratio_min:g} times {peer}",
    )


def _cpu(key: str, title: str, ours: float) -> Measure:
    return Measure(key=key, title=title, ours=ours, limit=CPU_LIMIT_US, unit="µs", goal=f"≤ {CPU_LIMIT_US:g} µs")


async def _mine(emitter: Emitter, blocks: int, *, stranger: Address | None = None) -> None:
    """Mine so many blocks of logs; with a stranger, its one log is the first of each."""
    for number in range(blocks):
        if stranger is not None:
            await emitter.ping(0, 1, at=stranger)
        await emitter.ping(number * LOGS_PER_BLOCK % JOBS, LOGS_PER_BLOCK)
        await emitter.mine()


def event_trigger(emitter: Emitter, *, confirmations: int) -> EventTrigger:
    """Wait for one number, which is a mark."""
    return EventTrigger(
        chain_id=CHAIN,
        contract=emitter.address,
        event=SIGNATURE,
        filters=(EventFilter(name="number", value=MARK),),
        confirmations=confirmations,
    )


def watcher_of(services: Services) -> ChainWatcher:
    """The chain's watcher, wired as the engine's role wires it."""
    prices = Prices(services, user_runs_per_day_max=USER_RUNS_PER_DAY_MAX)
    queue = Queue(services, prices, on_time_s=ON_TIME_S, poll_s=POLL_S)
    views = Views(services, ConditionJobs(services, prices))
    return ChainWatcher(services, queue, views, chain_id=CHAIN, poll_s=POLL_S)


class Noting(Reads):
    """A chain's reads that note when the follower began."""

    began: tuple[float, float] = (0.0, 0.0)

    def canonical_ranges(
        self, wanted: Callable[[], LogFilter], *, known: Sequence[Block], start_block: int
    ) -> AsyncIterator[BlockRange]:
        """Follow as ever."""
        self.began = (time.perf_counter(), time.process_time())
        return super().canonical_ranges(wanted, known=known, start_block=start_block)


async def _ours(folder: Path, emitter: Emitter, logs: int, cpu_us: list[float]) -> float:
    """Seconds a log: from where the watcher, which has read its jobs, begins to follow, to the last block's rows."""
    numbers = await put_jobs(folder, event_trigger(emitter, confirmations=NEVER), JOBS, marks={MARK: ":n"})
    chain = Noting(emitter.reads.client, SystemClock())
    async with stage(folder, {CHAIN: chain}) as services:
        start, head = await chain.block(1), await chain.head()
        assert start is not None
        async with services.store.transaction() as queries:
            await queries.blocks.move(f"engine.chain.{CHAIN}", dropped=(), added=[start], keep=256)
            for number in numbers:
                await queries.jobs.set_watched_from(number, 0)
        async with beside(watcher_of(services).run()):
            with closing(sqlite3.connect(folder / STORE_FILE)) as connection:
                async with asyncio.timeout(WITHIN_S):
                    while not connection.execute(REACHED, (head.number,)).fetchall():  # noqa: ASYNC110  it is on the disk
                        await asyncio.sleep(LOOK_S)
                began_s, began_cpu_s = chain.began
                taken_s, cpu_s = time.perf_counter() - began_s, time.process_time() - began_cpu_s
                rows = connection.execute(
                    "SELECT job_number - ?, firing_tx_hash, CAST(firing_index AS INTEGER) FROM ledger", (numbers[0],)
                ).fetchall()
        assert Counter(rows) == await _expected(emitter, logs)
    cpu_us.append(cpu_s / logs * 1e6)
    return taken_s / logs


async def _expected(emitter: Emitter, logs: int) -> Counter[tuple[int, bytes, int]]:
    """Each log's number, transaction and place in its receipt, as the node's receipts have them."""
    found: Counter[tuple[int, bytes, int]] = Counter()
    for number in range(2, (await emitter.reads.head()).number + 1):
        block = await emitter.reads.block(number)
        assert block is not None
        for receipt in await emitter.reads.receipts(block):
            for place, log in enumerate(receipt.logs):
                if log.address == emitter.address:
                    found[int.from_bytes(log.topics[1], "big"), log.tx_hash, place] += 1
    assert found.total() == len(found) == logs
    return found


def _by_web3(path: Path, emitter: Emitter, logs: int) -> float:
    """Seconds a log, by web3.py as it is meant to be used: ranges, headers against parents, decode, match, rows."""
    w3 = Web3(Web3.HTTPProvider(emitter.rpc_url))
    event = w3.eth.contract(address=Web3.to_checksum_address(emitter.address), abi=ABI).events.Pinged()
    jobs = {number: number for number in range(JOBS)}
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("CREATE TABLE found (job INTEGER, tx_hash BLOB, log_index INTEGER, block INTEGER)")
        started = time.perf_counter()
        head = w3.eth.get_block("latest")["number"]
        parent = w3.eth.get_block(1)["hash"]
        for number in range(2, head + 1):
            block = w3.eth.get_block(number)
            assert block["parentHash"] == parent
            parent = block["hash"]
        rows = []
        for log in event.get_logs(from_block=2, to_block=head):
            job = jobs.get(log["args"]["number"])
            if job is not None:
                rows.append((job, bytes(log["transactionHash"]), log["logIndex"], log["blockNumber"]))
        connection.executemany("INSERT INTO found VALUES (?, ?, ?, ?)", rows)
        connection.commit()
        taken_s = time.perf_counter() - started
        assert connection.execute("SELECT COUNT(DISTINCT hex(tx_hash) || log_index) FROM found").fetchone() == (logs,)
    return taken_s / logs


async def _by_ponder(folder: Path, emitter: Emitter, logs: int) -> float:
    """Seconds a log, from its first request for logs to the last stored row."""
    taken_s, rows = await by_ponder(folder, emitter)
    wanted = LogFilter(addresses=(emitter.address,))
    head = await emitter.reads.head()
    expected = Counter(
        (int.from_bytes(log.topics[1], "big"), to_hex(log.tx_hash), log.log_index)
        for log in await emitter.reads.logs(wanted, from_block=2, to_block=head.number)
    )
    assert Counter(rows) == expected
    assert expected.total() == logs
    return taken_s / logs
