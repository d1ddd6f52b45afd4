"""P5b: from a log to the durable firing of its job; after a kill, after a cut of the connection, and under a reorg.

Each event is a transaction that anvil mines at once; time counts from its sending. Ours ends when the firing's task
is committed and on the bus, the peers' (viem, ethers, web3.py, each over a websocket) when their handler runs; they
store nothing, and after a kill they know nothing of what they missed.
"""

import asyncio
import sqlite3
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Final, cast

from web3 import AsyncWeb3, WebSocketProvider
from web3.types import LogReceipt
from web3.utils.subscriptions import LogsSubscription, LogsSubscriptionContext

from bench.emitter import Emitter, reads_of, running_emitter
from bench.harness import Measure, percentile
from bench.node_peers import FOLDER, node_program
from bench.p03_logs import MARK
from bench.stage import STORE_FILE, beside, event_loops, put_jobs, stage
from bench.tcp_cut import cuttable
from tests.unit.core.sample import CHAIN
from triggerx.core.job import EventFilter, EventTrigger
from triggerx.events import TaskCreated
from triggerx.evm.types import checksum

JOBS: Final = 10_000
P50_LIMIT_MS: Final = 5.0
BURST_LIMIT_S: Final = 0.5
MISSED: Final = 50
CUT_S: Final = 3.0
WITHIN_S: Final = 30.0
LOOK_S: Final = 0.01
READY_EVERY_S: Final = 0.2
READY: Final = 1_000_000  # the number of the log that says that a peer hears


async def measure(is_quick: bool) -> Sequence[Measure]:
    """Ours and the peers one after the other on chains of the same kind."""
    singles, burst = (40, 500) if is_quick else (200, 2_000)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        latencies_ms, burst_s = await _ours(folder / "live", singles, burst)
        peers = {peer: await _peer(peer, singles) for peer in ("viem", "ethers", "web3.py")}
        killed = await _after_kill(folder / "killed")
        cut, cut_s = await _after_cut(folder / "cut")
        kept, withdrawn = await _after_reorg(folder / "reorg")
    medians = {peer: percentile(found, 0.5) for peer, found in peers.items()}
    return [
        Measure(
            key="P5b",
            title=f"log to durable firing, p50 of {singles} single events",
            ours=percentile(latencies_ms, 0.5),
            peer=min(medians.values()),
            limit=P50_LIMIT_MS,
            unit="ms",
            goal=f"≤ {P50_LIMIT_MS:g} ms",
            note=f"p99 {percentile(latencies_ms, 0.99):.1f} ms; handlers of "
            + ", ".join(f"{peer} {median:.1f}" for peer, median in medians.items())
            + " ms, without a store",
        ),
        Measure(
            key="P5b.burst",
            title=f"{burst:,} events in one block to durable firings",
            ours=burst_s,
            limit=BURST_LIMIT_S,
            unit="s",
            goal=f"≤ {BURST_LIMIT_S:g} s",
        ),
        _whole("P5b.kill", f"of {MISSED} events while it was killed, fired once after the restart", killed),
        _whole(
            "P5b.cut", f"of {MISSED} events in a cut of {CUT_S:g} s, fired once", cut, note=f"{cut_s:.1f} s after it"
        ),
        _whole("P5b.reorg", f"of {MISSED} unconfirmed events that a reorg of 2 blocks dropped, withdrawn", withdrawn),
        Measure(
            key="P5b.acted",
            title="fired events that it dropped and that are marked",
            ours=kept,
            limit=MISSED,
            is_more_better=True,
            unit="events",
            goal="all",
        ),
    ]


def _whole(key: str, title: str, ours: int, *, note: str = "") -> Measure:
    return Measure(
        key=key, title=title, ours=ours, limit=MISSED, is_more_better=True, unit="events", goal="all", note=note
    )


def _trigger(emitter: Emitter, *, confirmations: int) -> EventTrigger:
    return EventTrigger(
        chain_id=CHAIN,
        contract=emitter.address,
        event="Pinged(uint256 indexed number, uint256 value)",
        filters=(EventFilter(name="number", value=MARK),),
        confirmations=confirmations,
    )


async def _filled(folder: Path, emitter: Emitter, *, confirmations: int = 0) -> None:
    await put_jobs(folder, _trigger(emitter, confirmations=confirmations), JOBS, marks={MARK: ":n"})
    async with stage(folder, {}) as services, services.store.transaction() as queries:
        head = await emitter.reads.head()
        await queries.blocks.move(f"engine.chain.{CHAIN}", dropped=(), added=[head], keep=256)
        for number in range(1, JOBS + 1):
            await queries.jobs.set_watched_from(number, head.number)


async def _ours(folder: Path, singles: int, burst: int) -> tuple[list[float], float]:
    async with running_emitter(automine=True) as emitter, reads_of(emitter.rpc_url) as reads:
        await _filled(folder, emitter)
        async with (
            stage(folder, {CHAIN: reads}) as services,
            beside(*event_loops(services)),
            services.bus.subscribe(TaskCreated) as fired,
        ):
            await _fire(emitter, fired, JOBS - 1)
            latencies = [await _fire(emitter, fired, number) for number in range(singles)]
            await emitter.ask("evm_setAutomine", False)
            await emitter.ping(1_000, burst)
            await emitter.mine()
            mined = time.perf_counter()
            assert await _reached(folder, 1 + singles + burst) == 1 + singles + burst
            burst_s = time.perf_counter() - mined
    return latencies, burst_s


async def _fire(emitter: Emitter, fired: AsyncIterator[TaskCreated], number: int) -> float:
    """Milliseconds from a transaction's sending to the word on the bus, which follows the commit."""
    sent = time.perf_counter()
    await emitter.ping(number, 1)
    async with asyncio.timeout(WITHIN_S):
        await anext(fired)
    return (time.perf_counter() - sent) * 1000


def _fired(folder: Path, outcome: str = "fired", reason: str = "") -> int:
    with closing(sqlite3.connect(folder / STORE_FILE)) as connection:
        found = connection.execute(
            "SELECT COUNT(*) FROM ledger WHERE outcome = ? AND reason = ?", (outcome, reason)
        ).fetchone()
        tasks, keys = connection.execute(
            "SELECT COUNT(*), COUNT(DISTINCT l.task_key) FROM tasks t JOIN ledger l ON l.entry_number = t.task_id"
        ).fetchone()
    assert tasks == keys
    return int(found[0])


async def _reached(folder: Path, count: int, outcome: str = "fired", reason: str = "") -> int:
    """Wait for so many; returns how many there are in the end."""
    ends = time.monotonic() + WITHIN_S
    while _fired(folder, outcome, reason) < count and time.monotonic() < ends:  # noqa: ASYNC110  it is on the disk
        await asyncio.sleep(LOOK_S)
    return _fired(folder, outcome, reason)


@asynccontextmanager
async def _engine(folder: Path, rpc_url: str) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench.engine_process", str(folder), rpc_url, stdin=asyncio.subprocess.DEVNULL
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def _after_kill(folder: Path) -> int:
    async with running_emitter(automine=True) as emitter:
        await _filled(folder, emitter)
        async with _engine(folder, emitter.rpc_url):
            await emitter.ping(JOBS - 1, 1)
            assert await _reached(folder, 1) == 1
        for number in range(MISSED):
            await emitter.ping(number, 1)
        async with _engine(folder, emitter.rpc_url):
            return await _reached(folder, 1 + MISSED) - 1


async def _after_cut(folder: Path) -> tuple[int, float]:
    async with running_emitter(automine=True) as emitter:
        await _filled(folder, emitter)
        async with cuttable(int(emitter.rpc_url.rpartition(":")[2])) as way, _engine(folder, way.url):
            await emitter.ping(JOBS - 1, 1)
            assert await _reached(folder, 1) == 1
            cutting = asyncio.create_task(way.cut(CUT_S))
            for number in range(MISSED):
                await emitter.ping(number, 1)
            await cutting
            opened = time.perf_counter()
            return await _reached(folder, 1 + MISSED) - 1, time.perf_counter() - opened


async def _after_reorg(folder: Path) -> tuple[int, int]:
    """Two blocks with events, of which the older one's have fired; returns the marked and the withdrawn."""
    async with running_emitter() as emitter, reads_of(emitter.rpc_url) as reads:
        await _filled(folder, emitter, confirmations=1)
        async with stage(folder, {CHAIN: reads}) as services, beside(*event_loops(services)):
            await emitter.ping(0, MISSED)
            await emitter.mine()
            await emitter.ping(MISSED, MISSED)
            await emitter.mine()
            assert await _reached(folder, MISSED) == MISSED
            assert await _reached(folder, MISSED, "confirming", "unconfirmed") == MISSED
            await emitter.ask("anvil_reorg", 2, [])
            return await _reached(folder, MISSED, "fired", "reorged"), await _reached(
                folder, MISSED, "withdrawn", "reorged"
            )


async def _peer(name: str, singles: int) -> list[float]:
    """A peer's latencies in ms, counted as ours are."""
    async with running_emitter(automine=True) as emitter, asyncio.timeout(WITHIN_S + singles):
        heard: asyncio.Queue[tuple[int, float]] = asyncio.Queue()
        hearing = _by_web3 if name == "web3.py" else _by_node
        async with beside(hearing(name, emitter, heard)):
            await _until_ready(emitter, heard)
            latencies = []
            for number in range(singles):
                sent = time.time()
                await emitter.ping(number, 1)
                while (told := await heard.get())[0] != number:
                    pass
                latencies.append((told[1] - sent) * 1000)
    return latencies


async def _until_ready(emitter: Emitter, heard: "asyncio.Queue[tuple[int, float]]") -> None:
    """Send until the peer has heard something."""
    while heard.empty():
        await emitter.ping(READY, 1)
        await asyncio.sleep(READY_EVERY_S)
    await asyncio.sleep(READY_EVERY_S)


async def _by_node(library: str, emitter: Emitter, heard: "asyncio.Queue[tuple[int, float]]") -> None:
    url = emitter.rpc_url.replace("http", "ws", 1)
    command = [node_program(), str(FOLDER / "handler.mjs"), library, url, checksum(emitter.address)]
    process = await asyncio.create_subprocess_exec(
        *command, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        while line := await process.stdout.readline():
            number, at_ms = line.split()
            heard.put_nowait((int(number), float(at_ms) / 1000))
        raise AssertionError(f"the peer {library} ended")
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def _by_web3(_name: str, emitter: Emitter, heard: "asyncio.Queue[tuple[int, float]]") -> None:
    async def hear(context: LogsSubscriptionContext) -> None:
        log = cast("LogReceipt", context.result)
        heard.put_nowait((int.from_bytes(log["topics"][1], "big"), time.time()))

    async with AsyncWeb3(WebSocketProvider(emitter.rpc_url.replace("http", "ws", 1))) as w3:
        await w3.subscription_manager.subscribe(
            LogsSubscription(address=AsyncWeb3.to_checksum_address(emitter.address), handler=hear)
        )
        await w3.subscription_manager.handle_subscriptions(run_forever=True)
