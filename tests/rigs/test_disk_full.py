"""A disk that is full: the engine stops or waits with an error that says so, and afterwards nothing is lost."""

import asyncio
import contextlib
import resource
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.rigs.causes import due_causes
from tests.rigs.judge import Done, History, judge
from tests.roles.engine.test_slots import another
from tests.roles.scene import Node, open_scene
from tests.unit.core.sample import CREATED_AT
from triggerx.core.errors import RecoverableError, UnrecoverableError
from triggerx.core.job import Limits, Misfire, ScheduleType, TimeTrigger
from triggerx_engine.prices import Prices
from triggerx_engine.slots import TimeWatcher

ROOM_BYTES = 48 * 1024  # a few transactions
FULL_WITHIN_S = 200


@contextlib.contextmanager
def no_room(folder: Path) -> Iterator[None]:
    """Let no file of this process grow beyond the largest one of a folder by more than `ROOM_BYTES`."""
    largest = max(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (largest + ROOM_BYTES, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def watcher_of(node: Node) -> TimeWatcher:
    return TimeWatcher(node.services, Prices(node.services, user_runs_per_day_max=10**6), on_time_s=15, poll_s=1.0)


async def test_engine_when_the_disk_is_full_then_says_so_and_loses_nothing_once_there_is_room(tmp_path: Path) -> None:
    trigger = TimeTrigger(schedule_type=ScheduleType.INTERVAL, interval_s=1, misfire=Misfire.ALL)
    limits = Limits(runs_max=10**6, runs_per_day_max=10**6)
    body = replace(another(1), trigger=trigger, time_frame_s=10**6, limits=limits)
    async with open_scene(tmp_path) as scene:
        node = await scene.engine()
        await scene.store_job(node, body, next_due_at=CREATED_AT + 1)
        with no_room(tmp_path):
            task = asyncio.create_task(watcher_of(node).run())
            for _ in range(FULL_WITHIN_S):
                await scene.clock.advance(1)
                await asyncio.wait({task}, timeout=0)
                await node.store.jobs.next_due_at()
                if task.done():
                    break
            with pytest.raises((RecoverableError, UnrecoverableError, BaseExceptionGroup)) as caught:
                task.result()
        assert _is_said(caught.value)
        now = scene.clock.now()
    async with open_scene(tmp_path, now=now + 5) as scene:
        node = await scene.engine()
        job = await node.store.jobs.get(body.job_id)
        assert job is not None
        await watcher_of(node).fire_due()
        rows = await node.store.ledger.list_by_job(job.job_id, since=0, until=1 << 40, limit=10_000)
        tasks = await node.store.tasks.list_by_job(job.job_id)
        causes = due_causes(job.job_id, created_at=CREATED_AT, interval_s=1, after=CREATED_AT, until=now + 5)
        done = [Done(task_key=each.task_key) for each in tasks]
        assert judge(History(causes=causes, entries=[row.entry for row in rows], tasks=done)) == []
        assert len(rows) > 1


def _is_said(error: BaseException) -> bool:
    if isinstance(error, BaseExceptionGroup):
        return any(_is_said(each) for each in error.exceptions)
    return isinstance(error, RecoverableError | UnrecoverableError) and "transaction" in str(error)
