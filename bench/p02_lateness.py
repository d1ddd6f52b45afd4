"""P2: a million time jobs on one engine: how late they fire, what they cost while none is due, and how it comes back.

The time watcher runs as a process of its own over a store of a million jobs, a thousand of which are due each second.
Lateness is from the due second to the return of the commit, as that process notes it.
"""

import asyncio
import os
import sqlite3
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Final

from bench.harness import Measure, percentile
from bench.stage import STORE_FILE, put_jobs
from triggerx.core.job import ScheduleType, TimeTrigger

P99_LIMIT_MS: Final = 10.0
IDLE_LIMIT: Final = 0.005
BACK_LIMIT_S: Final = 4.0
BYTES_LIMIT: Final = 150.0
LEAD_S: Final = 5
FAR_S: Final = 500_000
WITHIN_S: Final = 60.0
TICKS: Final = os.sysconf("SC_CLK_TCK")


async def measure(is_quick: bool) -> Sequence[Measure]:
    """Fill a store with jobs that are due far ahead, and bring a thousand forward for each second that is measured."""
    stored, due, seconds, idle_s = (20_000, 100, 5, 5) if is_quick else (1_000_000, 1_000, 20, 20)
    every = TimeTrigger(schedule_type=ScheduleType.INTERVAL, interval_s=stored // due)
    with tempfile.TemporaryDirectory() as name:
        few, many = Path(name) / "few", Path(name) / "many"
        await put_jobs(few, every, 1, due_sql=f"{int(time.time()) + FAR_S}")
        await put_jobs(many, every, stored, due_sql=f"{int(time.time()) + FAR_S} + :n / {due}")
        async with _running(few) as process:
            bare_bytes, _ = await _idle(process, 1)
        async with _running(many) as process:
            full_bytes, idle = await _idle(process, idle_s)
        first = int(time.time()) + LEAD_S
        _bring_forward(many, first, due, seconds)
        async with _running(many) as process:
            late_ms = await _lateness(process, many, first + seconds)
        back_s = await _come_back(many, due)
    return [
        Measure(
            key="P2",
            title=f"lateness, p99, {due:,} of {stored:,} jobs due each second",
            ours=percentile(late_ms, 0.99),
            limit=P99_LIMIT_MS,
            unit="ms",
            goal=f"≤ {P99_LIMIT_MS:g} ms",
            note=f"p50 {percentile(late_ms, 0.5):.0f} ms, of {len(late_ms):,} firings; {due * seconds:,} were due",
        ),
        _limited("P2.idle", "CPU while none is due", idle, IDLE_LIMIT, "of a core"),
        _limited("P2.back", "from the start after kill -9 to the first firing", back_s, BACK_LIMIT_S, "s"),
        _limited("P2.memory", "memory a job", max(0.0, (full_bytes - bare_bytes) / stored), BYTES_LIMIT, "bytes"),
    ]


def _limited(key: str, title: str, ours: float, limit: float, unit: str) -> Measure:
    return Measure(key=key, title=title, ours=ours, limit=limit, unit=unit, goal=f"≤ {limit:g} {unit}")


@asynccontextmanager
async def _running(folder: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    """A process that is ready; killed at the end, as by kill -9."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench.time_process", str(folder), stdin=asyncio.subprocess.DEVNULL, stdout=-1
    )
    try:
        assert process.stdout is not None
        async with asyncio.timeout(WITHIN_S):
            assert await process.stdout.readline() == b"READY\n"
        yield process
    finally:
        process.kill()
        await process.wait()


async def _idle(process: asyncio.subprocess.Process, for_s: int) -> tuple[int, float]:
    """Resident bytes, and the share of a core; a second is left to settle."""
    await asyncio.sleep(1.0)
    before = _cpu_s(process.pid)
    await asyncio.sleep(for_s)
    share = (_cpu_s(process.pid) - before) / for_s
    return _resident_bytes(process.pid), share


def _resident_bytes(process_id: int) -> int:
    return int(Path(f"/proc/{process_id}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _cpu_s(process_id: int) -> float:
    fields = Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def _bring_forward(folder: Path, first: int, due: int, seconds: int) -> None:
    """Let `due` jobs be due in each of so many seconds, while nobody has the store open."""
    with closing(sqlite3.connect(folder / STORE_FILE)) as connection, connection:
        connection.execute(
            "UPDATE jobs SET next_due_at = :first + (job_number - 1) / :due WHERE job_number <= :count",
            {"first": first, "due": due, "count": due * seconds},
        )


async def _lateness(process: asyncio.subprocess.Process, folder: Path, until: int) -> list[float]:
    """Milliseconds of each firing up to some seconds after the last due one."""
    assert process.stdout is not None
    durable: dict[bytes, float] = {}
    try:
        async with asyncio.timeout(until + LEAD_S - time.time()):
            async for line in process.stdout:
                key, at_ms = line.split()
                durable[bytes.fromhex(key.decode())] = float(at_ms)
    except TimeoutError:
        pass
    with closing(sqlite3.connect(folder / STORE_FILE)) as connection:
        moments = dict(connection.execute("SELECT task_key, moment FROM ledger WHERE outcome = 'fired'").fetchall())
    assert moments.keys() == durable.keys()
    return [durable[key] - moment * 1000 for key, moment in moments.items()]


async def _come_back(folder: Path, due: int) -> float:
    """Seconds from the start of a process, whose predecessor was killed, to its first firing of jobs that are due."""
    _bring_forward(folder, int(time.time()), due, 1)
    started = time.perf_counter()
    async with _running(folder) as process, asyncio.timeout(WITHIN_S):
        assert process.stdout is not None
        assert await process.stdout.readline()
        return time.perf_counter() - started
