"""Counts that must not grow: requests a block, SQL statements a firing, syncs of the disk; on any machine the same."""

import re
import sqlite3
from collections import Counter
from pathlib import Path

import pytest

from bench.p04_requests import FEW, MANY, METHODS, methods_a_block
from bench.stage import ON_TIME_S, POLL_S, USER_RUNS_PER_DAY_MAX, put_jobs, stage
from tests.fakes.chain import FakeChain
from tests.unit.core.sample import CHAIN
from triggerx.chains.multicall import VIEWS_MAX
from triggerx.core.job import ScheduleType, TimeTrigger
from triggerx.storage import sqlite_file
from triggerx.storage.sqlite import connect
from triggerx_engine.prices import Prices
from triggerx_engine.slots import DUE_PER_ROUND, TimeWatcher

EVERY_DAY = TimeTrigger(schedule_type=ScheduleType.INTERVAL, interval_s=86_400)
OF_EACH_FIRING = {"UPDATE jobs": 1, "INSERT INTO ledger": 1, "INSERT INTO event_log": 1}
OF_A_ROUND_MAX = 5


async def test_methods_when_jobs_are_many_then_a_block_costs_what_it_costs_for_few_and_a_call_for_500_views(
    tmp_path: Path,
) -> None:
    few = await methods_a_block(tmp_path / "few", FEW)
    many = await methods_a_block(tmp_path / "many", MANY)
    assert {counted.total() for counted in few} == {METHODS + 1}, few
    assert {counted.total() for counted in many} == {METHODS + MANY.conditions // VIEWS_MAX}, many


async def statements_of(folder: Path, jobs: int, monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """What the writing connection runs for one round with so many due jobs, each by its first three words."""
    seen: list[str] = []

    def traced(path: Path) -> sqlite3.Connection:
        connection = connect(path)
        connection.set_trace_callback(seen.append)
        return connection

    await put_jobs(folder, EVERY_DAY, jobs, due_sql="CAST(strftime('%s', 'now') AS INTEGER) + 0 * :n")
    monkeypatch.setattr(sqlite_file, "connect", traced)
    async with stage(folder, {CHAIN: FakeChain()}) as services:
        prices = Prices(services, user_runs_per_day_max=USER_RUNS_PER_DAY_MAX)
        await prices.look()
        seen.clear()
        assert await TimeWatcher(services, prices, on_time_s=ON_TIME_S, poll_s=POLL_S).fire_due() == jobs
        counted = Counter(" ".join(re.findall(r"\w+", text)[: 3 if "INTO" in text else 2]) for text in seen)
    monkeypatch.undo()
    return counted


async def test_statements_when_jobs_are_due_then_each_firing_takes_three_and_all_share_one_commit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = await statements_of(tmp_path / "few", 10, monkeypatch)
    many = await statements_of(tmp_path / "many", DUE_PER_ROUND, monkeypatch)
    grown = {name: (many - few)[name] / (DUE_PER_ROUND - 10) for name in (many - few)}
    assert {name: share for name, share in grown.items() if name != "UPDATE users"} == OF_EACH_FIRING
    assert many["UPDATE users"] == DUE_PER_ROUND  # each job has another owner here; an owner's jobs share one
    assert (few["COMMIT"], many["COMMIT"], many["INSERT INTO tasks"]) == (1, 1, 1)
    of_firings = sum(OF_EACH_FIRING.values()) * DUE_PER_ROUND + many["UPDATE users"]
    assert many.total() - of_firings <= OF_A_ROUND_MAX
