"""P8: 100,000 conditions on 1,000 HTTP sources that all change each second: requests, CPU, stalls, exactness.

The server is a process of its own. Its values are near 2^255 and the limits one apart, which no float tells apart: ten
sources stand above exactly ten of their limits each, the others move below all of theirs. The engine's part of the CPU
is what remains when the same number of requests through the same way out is taken off.
"""

import asyncio
import json
import sqlite3
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, closing
from dataclasses import replace
from pathlib import Path
from typing import Final

from bench.harness import Measure, percentile
from bench.number_server import BASE, CALM, LOUD, LOUD_SOURCES
from bench.stage import STORE_FILE, USER_RUNS_PER_DAY_MAX, beside, put_jobs, stage
from tests.fakes.chain import FakeChain
from tests.unit.core.sample import CHAIN
from triggerx.core.job import ConditionTrigger
from triggerx.http.fetch import HttpFetch
from triggerx.http.guard import Guard
from triggerx_engine.polls import FETCHES_AT_ONCE, Polls
from triggerx_engine.prices import Prices
from triggerx_engine.values import ConditionJobs

SOURCE_MARK: Final = "source-of-it"
LIMIT_MARK: Final = "918273645"
CPU_LIMIT: Final = 0.2
STALL_LIMIT_MS: Final = 10.0
EVERY_S: Final = 1.0
START_WITHIN_S: Final = 120.0
BEAT_S: Final = 0.002
FETCH_TIMEOUT_S: Final = 10.0
BODY_BYTES_MAX: Final = 1 << 20


async def measure(is_quick: bool) -> Sequence[Measure]:
    """Let it run for some seconds, then make as many requests without the engine."""
    sources, of_each, seconds = (200, 20, 5) if is_quick else (1_000, 100, 20)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        async with _server() as url, HttpFetch(Guard(("127.0.0.1/32",))) as fetch:
            await _fill(folder, url, sources, of_each)
            async with stage(folder, {CHAIN: FakeChain()}) as bare:
                services = replace(bare, fetch=fetch)
                jobs = ConditionJobs(services, prices := Prices(services, user_runs_per_day_max=USER_RUNS_PER_DAY_MAX))
                await prices.look()
                await jobs.refresh()
                lags_ms: list[float] = []
                polls = Polls(services, jobs, source_poll_s=EVERY_S, script_poll_s=EVERY_S)
                async with beside(polls.run()):
                    async with asyncio.timeout(START_WITHIN_S):
                        while _states(folder) < sources * of_each:  # noqa: ASYNC110  they are on the disk
                            await asyncio.sleep(EVERY_S)
                    before = await _count(fetch, url)
                    async with beside(_beat(lags_ms)):
                        cpu_s, began = time.process_time(), time.monotonic()
                        await asyncio.sleep(seconds)
                        cpu_s, took_s = time.process_time() - cpu_s, time.monotonic() - began
                    after = await _count(fetch, url)
            of_source = [after.get(str(number), 0) - before.get(str(number), 0) for number in range(sources)]
            asked = sum(of_source)
            fetching_s = await _fetch_alone(fetch, url, asked, sources)
        fired = _fired(folder)
    doubles = len(fired) - len(set(fired))
    share = max(0.0, cpu_s - fetching_s) / took_s
    wanted = {(source, place) for source in range(LOUD_SOURCES) for place in range(LOUD)}
    return [
        Measure(
            key="P8",
            title=f"{sources * of_each:,} conditions on {sources:,} sources: the engine's part of a core",
            ours=share,
            limit=CPU_LIMIT,
            unit="of a core",
            goal=f"≤ {CPU_LIMIT:g}",
            note=f"{cpu_s / took_s:.2f} with the requests, which are {asked / took_s:.0f} a second",
        ),
        Measure(
            key="P8.requests",
            title="requests of a source in a second",
            ours=asked / sources / took_s,
            limit=1 + 1 / took_s,
            least=1 - 1 / took_s,
            unit="requests",
            goal="1",
            note=f"each source {min(of_source)} to {max(of_source)} times in {took_s:.1f} s; a count tells to one",
        ),
        Measure(
            key="P8.stall",
            title="stall of the loop, p99",
            ours=percentile(lags_ms, 0.99),
            limit=STALL_LIMIT_MS,
            unit="ms",
            goal=f"≤ {STALL_LIMIT_MS:g} ms",
            note=f"worst {max(lags_ms):.0f} ms",
        ),
        Measure(
            key="P8.exact",
            title=f"firings too many or missing, of {len(wanted)}",
            ours=len({(number % sources, number // sources) for number in fired} ^ wanted) + doubles,
            limit=0,
            unit="firings",
            goal="0",
        ),
    ]


@asynccontextmanager
async def _server() -> AsyncIterator[str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench.number_server", stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        yield f"http://127.0.0.1:{int(await process.stdout.readline())}"
    finally:
        process.kill()
        await process.wait()


async def _fill(folder: Path, url: str, sources: int, of_each: int) -> None:
    trigger = ConditionTrigger(
        condition_type="greater_than",
        source_type="api",
        source_url=f"{url}/{SOURCE_MARK}",
        selected_key_route="value",
        upper_limit=LIMIT_MARK,
    )
    head, tail = divmod(BASE + CALM, 10**6)
    assert tail + of_each < 10**6
    marks = {SOURCE_MARK: f"(:n % {sources})", LIMIT_MARK: f"printf('{head}%06d', {tail} + :n / {sources})"}
    await put_jobs(folder, trigger, sources * of_each, marks=marks)


async def _count(fetch: HttpFetch, url: str) -> dict[str, int]:
    answer = await fetch.get(f"{url}/count", timeout_s=FETCH_TIMEOUT_S, bytes_max=BODY_BYTES_MAX)
    found: dict[str, int] = json.loads(answer.body)
    return found


async def _fetch_alone(fetch: HttpFetch, url: str, count: int, sources: int) -> float:
    """CPU seconds of so many requests."""
    turns = asyncio.Semaphore(FETCHES_AT_ONCE)

    async def one(number: int) -> None:
        async with turns:
            await fetch.get(f"{url}/{number % sources}", timeout_s=FETCH_TIMEOUT_S, bytes_max=BODY_BYTES_MAX)

    began = time.process_time()
    for start in range(0, count, sources):
        await asyncio.gather(*map(one, range(start, min(count, start + sources))))
    return time.process_time() - began


async def _beat(lags_ms: list[float]) -> None:
    """Note how much later than asked for the loop comes back."""
    while True:
        began = time.perf_counter()
        await asyncio.sleep(BEAT_S)
        lags_ms.append((time.perf_counter() - began - BEAT_S) * 1000)


def _states(folder: Path) -> int:
    """How many conditions have seen a value."""
    with closing(sqlite3.connect(folder / STORE_FILE)) as connection:
        return int(connection.execute("SELECT COUNT(*) FROM condition_states").fetchone()[0])


def _fired(folder: Path) -> list[int]:
    with closing(sqlite3.connect(folder / STORE_FILE)) as connection:
        return [number - 1 for (number,) in connection.execute("SELECT job_number FROM ledger WHERE outcome = 'fired'")]
