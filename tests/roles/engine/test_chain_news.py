"""Jobs that come or change while their chain stands still: caught up with at once, and no range is given up for it."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.roles.engine.test_chain_watcher import FIRED, event_job, outcomes, waiting_for_payment, watcher_of
from tests.roles.engine.test_slots import another
from tests.roles.scene import open_scene, running
from triggerx.core.job import JobStatus
from triggerx.events import JobChanged
from triggerx_engine import catch_up


async def test_run_when_the_chain_makes_no_block_then_a_new_job_is_caught_up_with_all_the_same(tmp_path: Path) -> None:
    async with open_scene(tmp_path) as scene:
        node = await scene.engine()
        async with running(watcher_of(node).run()):
            first = await event_job(scene, node, replace(waiting_for_payment(), job_id=another(1).job_id))
            await scene.pass_time(2)
            await scene.pay()
            await scene.settle()
            late = await event_job(scene, node)
            await scene.settle()
            assert await outcomes(node, late) == [FIRED]
            await node.store.jobs.set_status(first.job_id, JobStatus.STOPPED, reason="its owner asked")
            await node.services.bus.publish(JobChanged(first.job_id))
            await scene.settle()
            await scene.pay(salt=b"again")
            await scene.settle()
        assert await outcomes(node, first) == [FIRED]
        assert await outcomes(node, late) == [FIRED, FIRED]


async def test_run_when_many_jobs_come_while_the_chain_makes_no_block_then_all_are_caught_up_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catch_up, "JOBS_AT_ONCE", 2)
    async with open_scene(tmp_path) as scene:
        node = await scene.engine()
        async with running(watcher_of(node).run()):
            await event_job(scene, node, replace(waiting_for_payment(), job_id=another(1).job_id))
            await scene.pass_time(2)
            await scene.pay()
            late = [
                await event_job(scene, node, replace(waiting_for_payment(), job_id=another(number).job_id))
                for number in range(2, 7)
            ]
            for _ in range(4):
                await scene.settle()
            assert [await outcomes(node, job) for job in late] == [[FIRED]] * 5


async def test_run_when_other_jobs_change_then_the_range_that_is_on_its_way_is_not_given_up(tmp_path: Path) -> None:
    async with open_scene(tmp_path) as scene:
        node = await scene.engine()
        watcher = watcher_of(node)
        begun = 0
        ranges = scene.chain.canonical_ranges

        def counted(*arguments: Any, **named: Any) -> Any:
            nonlocal begun
            begun += 1
            return ranges(*arguments, **named)

        scene.chain.canonical_ranges = counted  # type: ignore[method-assign]  # counts, and answers as before
        async with running(watcher.run()):
            job = await event_job(scene, node)
            await scene.pass_time(1)
            timed = await scene.store_job(node, another(2))
            for _ in range(5):
                await node.services.bus.publish(JobChanged(timed.job_id))
                await scene.settle()
            assert begun == 1
            await scene.pay()
            await scene.settle()
        assert await outcomes(node, job) == [FIRED]
