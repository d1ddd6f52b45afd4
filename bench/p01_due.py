"""P1: how many durable firings of time jobs a second, while a million jobs are stored, against APScheduler.

Ours is the engine's `TimeWatcher.fire_due`, round after round, until nothing is due: each job is claimed, its due
second entered into the ledger, its task, its counts and its line in the event log written, and its schedule moved on.
APScheduler 3 runs as its documentation has it, over SQLAlchemy and SQLite; it has stored only the jobs that are due.
Both sync each commit; its journal is SQLite's own default, since nothing of its documentation says otherwise.
"""

import asyncio
import shutil
import sqlite3
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import sqlalchemy
from apscheduler.events import EVENT_JOB_SUBMITTED, JobSubmissionEvent
from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.schedulers.base import BaseScheduler

from bench.harness import PAIRS_MIN, PAIRS_QUICK, Measure, interleaved
from bench.stage import ON_TIME_S, POLL_S, STORE_FILE, USER_RUNS_PER_DAY_MAX, put_jobs, stage
from tests.fakes.chain import FakeChain
from tests.unit.core.sample import CHAIN
from triggerx.core.job import ScheduleType, TimeTrigger
from triggerx.ports.store.jobs import Move
from triggerx.role import Services
from triggerx_engine.prices import Prices
from triggerx_engine.slots import TimeWatcher

RATIO_MIN: Final = 15.0
INTERVAL_S: Final = 86_400
EVERY_DAY: Final = TimeTrigger(schedule_type=ScheduleType.INTERVAL, interval_s=INTERVAL_S)
PEER_WITHIN_S: Final = 180.0  # at 100 firings a second it is over
_ran: Counter[str] = Counter()


async def measure(is_quick: bool) -> Sequence[Measure]:
    """Fill both stores once, then let the same number of jobs be due in each, in turn."""
    stored, due = (50_000, 2_000) if is_quick else (1_000_000, 20_000)
    with tempfile.TemporaryDirectory() as folder:
        ours_folder, peers_file = Path(folder) / "ours", Path(folder) / "peer.sqlite"
        numbers = await put_jobs(ours_folder, EVERY_DAY, stored, due_sql=f"{int(time.time())} + {INTERVAL_S // 2}")
        await asyncio.to_thread(_fill_peer, peers_file, due)
        async with stage(ours_folder, {CHAIN: FakeChain()}) as services:
            prices = Prices(services, user_runs_per_day_max=USER_RUNS_PER_DAY_MAX)
            await prices.look()
            watcher = TimeWatcher(services, prices, on_time_s=ON_TIME_S, poll_s=POLL_S)
            cpu_us: list[float] = []

            async def ours() -> float:
                moment = await _let_be_due(services, numbers[:due])
                started, cpu_s = time.perf_counter(), time.process_time()
                while await watcher.fire_due():
                    pass
                taken_s = time.perf_counter() - started
                cpu_us.append((time.process_time() - cpu_s) / due * 1e6)
                _check_ours(ours_folder / STORE_FILE, moment, due)
                return taken_s / due

            async def peer() -> float:
                return await asyncio.to_thread(_run_peer, peers_file, Path(folder) / "peer.copy.sqlite", due)

            pairs = await interleaved(ours, peer, pairs=PAIRS_QUICK if is_quick else PAIRS_MIN)
    return [
        Measure(
            key="P1",
            title=f"{due:,} of {stored:,} stored time jobs, due in one second",
            ours=1 / pairs.ours_median,
            peer=1 / pairs.peer_median,
            ratios=pairs.ratios,
            ratio_min=RATIO_MIN,
            is_more_better=True,
            unit="firings/s",
            goal=f"≥ {RATIO_MIN:g} times APScheduler",
            note=f"{sorted(cpu_us)[len(cpu_us) // 2]:.0f} µs CPU a firing; the peer has stored only those {due:,}",
        )
    ]


async def _let_be_due(services: Services, numbers: range) -> int:
    """Put the jobs on a second that no sample before had; returns it."""
    await asyncio.sleep(1.0)
    moment = services.clock.now()
    async with services.store.transaction() as queries:
        await queries.jobs.move_on([Move(number=number, user_id=1, next_due_at=moment) for number in numbers])
    return moment


def _check_ours(path: Path, moment: int, due: int) -> None:
    """Each job fired that second once, has its task and its line, and is due a day later."""
    with closing(sqlite3.connect(path)) as connection:
        entries = connection.execute(
            "SELECT COUNT(*), COUNT(DISTINCT l.job_number) FROM ledger l JOIN tasks t ON t.task_id = l.entry_number "
            "WHERE l.moment = ? AND l.outcome = 'fired'",
            (moment,),
        ).fetchone()
        still = connection.execute("SELECT COUNT(*) FROM jobs WHERE next_due_at <= ?", (moment,)).fetchone()
    assert (entries, still) == ((due, due), (0,))


class _Filler(BaseScheduler):  # type: ignore[misc]  # it is published without types
    """Stores jobs and runs none: it has no thread."""

    def wakeup(self) -> None:
        """Nobody sleeps."""

    def shutdown(self, wait: bool = True) -> None:
        """Close the store."""
        super().shutdown(wait)


def _store(path: Path, *, is_durable: bool) -> SQLAlchemyJobStore:
    engine = sqlalchemy.create_engine(f"sqlite:///{path}")

    @sqlalchemy.event.listens_for(engine, "connect")
    def _set(connection: sqlite3.Connection, _record: object) -> None:
        connection.execute(f"PRAGMA synchronous = {'FULL' if is_durable else 'OFF'}")  # FULL is the default

    return SQLAlchemyJobStore(engine=engine)


def _fill_peer(path: Path, count: int) -> None:
    scheduler = _Filler(jobstores={"default": _store(path, is_durable=False)}, timezone=UTC)
    scheduler.start(paused=True)
    moment = datetime.now(UTC)
    for number in range(count):
        scheduler.add_job(
            _run,
            "interval",
            seconds=INTERVAL_S,
            args=[str(number)],
            id=str(number),
            next_run_time=moment,
            misfire_grace_time=None,
        )
    scheduler.shutdown()


def _run(name: str) -> None:
    _ran[name] += 1


def _run_peer(filled: Path, path: Path, due: int) -> float:
    """Seconds a firing; a job is submitted once its next run is durable."""
    shutil.copyfile(filled, path)
    _ran.clear()
    scheduler = BackgroundScheduler(jobstores={"default": _store(path, is_durable=True)}, timezone=UTC)
    done = threading.Event()
    submitted: set[str] = set()

    def note(event: JobSubmissionEvent) -> None:
        submitted.add(event.job_id)
        if len(submitted) == due:
            done.set()

    scheduler.add_listener(note, EVENT_JOB_SUBMITTED)
    started = time.perf_counter()
    scheduler.start()
    assert done.wait(PEER_WITHIN_S)
    taken_s = time.perf_counter() - started
    following = [job.next_run_time for job in scheduler.get_jobs()]
    scheduler.shutdown(wait=True)
    assert (len(_ran), set(_ran.values())) == (due, {1})
    assert len(following) == due
    assert min(following) > datetime.now(UTC) + timedelta(seconds=INTERVAL_S / 2)
    return taken_s / due
