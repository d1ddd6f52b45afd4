"""The engine's own parts over a real store, and stores that hold jobs by the hundred thousand.

The parts are wired as the engine's role wires them; what a figure is not about (peers, dispatch) is left out. A store
is filled by copying the row that the store's own insert wrote, which takes some ten microseconds a job.
"""

import asyncio
import io
import time
from collections.abc import AsyncIterator, Coroutine, Mapping
from contextlib import asynccontextmanager, closing
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from tests.unit.core.sample import CHAIN, NETWORK, job_body
from triggerx.bus.local import LocalBus
from triggerx.core.job import Job, JobBody, JobId, JobStatus, Limits, Trigger
from triggerx.core.job_body import created_at_of, expected_job_hash
from triggerx.evm.keccak import keccak256
from triggerx.evm.registry import pack_job_id
from triggerx.evm.types import Address, ChainId, Wei
from triggerx.node.clock import SystemChance, SystemClock
from triggerx.node.log import NodeLog
from triggerx.node.process import collect_seldom
from triggerx.ports.chain import Chain
from triggerx.ports.store import Store
from triggerx.role import Services
from triggerx.storage import open_store
from triggerx.storage.sqlite import connect
from triggerx_engine.chain_watcher import ChainWatcher
from triggerx_engine.prices import Prices
from triggerx_engine.queue import Queue
from triggerx_engine.values import ConditionJobs
from triggerx_engine.views import Views

MACHINE: Final = "a machine under measurement"
STORE_FILE: Final = "triggerx.sqlite"
ON_TIME_S: Final = 15
POLL_S: Final = 1.0
USER_RUNS_PER_DAY_MAX: Final = 20_000
OWNERS: Final = 1_000  # so that no owner comes near that cap
DEPOSIT_WEI: Final = Wei(10**24)
AGE_S: Final = 3_600  # of the jobs when a measurement begins
TIME_FRAME_S: Final = 365 * 86_400
PLENTY: Final = Limits(runs_max=10**9, runs_per_day_max=10**9, wei_max=Wei(10**30), wei_per_day_max=Wei(10**30))
"""Limits that no measured job comes near: an occurrence that is held costs less than one that fires."""
NO_MARKS: Final[Mapping[str, str]] = MappingProxyType({})


@asynccontextmanager
async def stage(folder: Path, chains: Mapping[ChainId, Chain]) -> AsyncIterator[Services]:
    """Open the store in `folder`, and give what the engine's parts ask for; their log is rendered and thrown away."""
    collect_seldom()  # as every node's process does; a peer in this process has it from here on too
    clock = SystemClock()
    log = NodeLog(clock, lines="json", stream=_Nowhere())
    nobody: Any = None
    async with open_store(folder / STORE_FILE, machine=MACHINE) as store:
        yield Services(
            network=NETWORK,
            clock=clock,
            chance=SystemChance(),
            log=log,
            bus=LocalBus(log),
            store=store,
            chains=chains,
            transactions={},
            operators=nobody,
            peers=nobody,
            content=nobody,
            notifiers=(),
        )


async def put_jobs(
    folder: Path, trigger: Trigger, count: int, *, due_sql: str = "NULL", marks: Mapping[str, str] = NO_MARKS
) -> range:
    """Add `count` jobs that differ in their id, owner and marks alone; returns their numbers in the store.

    `due_sql` says in SQL when job `:n` of 0 to `count` - 1 is due next; each of `marks` is a text in the trigger, and
    the SQL of what it becomes.
    """
    async with open_store(folder / STORE_FILE, machine=MACHINE) as store:
        first = await _put_first(store, trigger)
    return _copy(folder / STORE_FILE, first, count, due_sql, marks)


async def _put_first(store: Store, trigger: Trigger) -> JobBody:
    now = int(time.time())
    if await store.users.by_address(_owner(0)) is None:
        for number in range(OWNERS):
            await store.deposits.set(CHAIN, _owner(number), DEPOSIT_WEI, block_number=0, now=now)
    user = await store.users.ensure(_owner(0), now=now)
    body = body_of(trigger, salt=time.time_ns())
    job = Job(
        body=body,
        user_id=user.user_id,
        job_hash=expected_job_hash(body),
        version=created_at_of(body.job_id),
        status=JobStatus.SCHEDULED,
        created_at=created_at_of(body.job_id),
        accepted_at=now,
        next_due_at=None,
    )
    assert await store.jobs.insert(job, api_key_id=None)
    return body


def body_of(trigger: Trigger, *, salt: int) -> JobBody:
    """A job of the first owner, made an hour ago; 2^64 jobs after it have a number of their own."""
    return replace(
        job_body(is_guarded=False, trigger=trigger),
        job_id=JobId(pack_job_id(CHAIN, int(time.time()) - AGE_S, salt << 64)),
        owner=_owner(0),
        time_frame_s=TIME_FRAME_S,
        limits=PLENTY,
    )


def _owner(number: int) -> Address:
    return Address(keccak256(number.to_bytes(4, "big"))[:20])


def _copy(path: Path, first: JobBody, count: int, due_sql: str, marks: Mapping[str, str]) -> range:
    """Copy the first job's row and body, marks filled in; nobody else has the store open."""
    with closing(connect(path)) as connection:
        connection.create_function("nth_id", 1, lambda n: str(first.job_id + n), deterministic=True)
        connection.execute("PRAGMA synchronous = OFF")  # a store that is not whole after a crash is made again
        connection.execute("CREATE TEMP TABLE owners (place INTEGER PRIMARY KEY, user_id INTEGER)")
        connection.execute("INSERT INTO owners SELECT ROW_NUMBER() OVER (ORDER BY user_id) - 1, user_id FROM users")
        connection.execute("CREATE TEMP TABLE numbers (n INTEGER PRIMARY KEY)")
        connection.executemany("INSERT INTO numbers VALUES (?)", zip(range(1, count), strict=True))
        found = connection.execute("SELECT * FROM jobs WHERE job_id = ?", (str(first.job_id),)).fetchone()
        columns = list(found.keys())
        given = {
            "job_number": ":number + n.n",
            "job_id": "nth_id(n.n)",
            "owner": "u.user_address",
            "user_id": "u.user_id",
            "next_due_at": due_sql.replace(":n", "n.n"),
            "trigger_terms": _filled("j.trigger_terms", marks, "n.n"),
        }
        values = ", ".join(given.get(column, f"j.{column}") for column in columns)
        parameters = {"number": found["job_number"], "first": str(first.job_id), "owners": OWNERS}
        connection.execute("BEGIN IMMEDIATE")
        connection.execute(
            f"INSERT INTO jobs ({', '.join(columns)}) SELECT {values} FROM numbers n, jobs j "  # noqa: S608  our own names
            "JOIN owners o ON o.place = n.n % :owners JOIN users u ON u.user_id = o.user_id "
            "WHERE j.job_number = :number",
            parameters,
        )
        body = f"replace({_filled('b.body', marks, 'n.n')}, :first, nth_id(n.n))"
        connection.execute(
            f"INSERT INTO job_bodies (job_number, body) SELECT :number + n.n, {body} "  # noqa: S608  our own names
            "FROM numbers n, job_bodies b WHERE b.job_number = :number",
            parameters,
        )
        connection.execute(
            f"UPDATE jobs SET next_due_at = {due_sql.replace(':n', '0')}, "  # noqa: S608  our own names
            f"trigger_terms = {_filled('trigger_terms', marks, '0')} WHERE job_number = :number",
            parameters,
        )
        connection.execute("COMMIT")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    number = int(found["job_number"])
    return range(number, number + count)


def _filled(column: str, marks: Mapping[str, str], number: str) -> str:
    """SQL of a text with the marks of job `number` filled in."""
    for mark, value in marks.items():
        column = f"replace({column}, '{mark}', {value.replace(':n', number)})"
    return column


class _Nowhere(io.StringIO):
    """Takes every line and keeps none."""

    def write(self, text: str) -> int:
        """Say that it was written."""
        return len(text)


@asynccontextmanager
async def beside(*loops: Coroutine[Any, Any, object]) -> AsyncIterator[None]:
    """Run loops beside the block; one that fails ends the block at once, and the block's end cancels the others."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(loop) for loop in loops]
        yield
        for task in tasks:
            task.cancel()


def event_loops(services: Services) -> tuple[Coroutine[Any, Any, object], ...]:
    """The loops from a chain's events to firings, wired as the engine's role wires them."""
    prices = Prices(services, user_runs_per_day_max=USER_RUNS_PER_DAY_MAX)
    queue = Queue(services, prices, on_time_s=ON_TIME_S, poll_s=POLL_S)
    views = Views(services, ConditionJobs(services, prices))
    return prices.run(), queue.run(), ChainWatcher(services, queue, views, chain_id=CHAIN, poll_s=POLL_S).run()
