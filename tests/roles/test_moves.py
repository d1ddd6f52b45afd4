"""Moving a task: its row, its entry in the event log and the wake-ups belong together."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.fakes.firings import fire
from tests.roles.scene import Node, Scene, open_scene
from tests.unit.core.sample import CHAIN, DUE, KEEPERS, job_body
from triggerx.core.evidence import TimeEvidence
from triggerx.core.task import FINAL, Task, TaskStatus
from triggerx.core.task_inputs import EngineAssigned, PeerAcknowledged, PeerRefused, TaskInput
from triggerx.core.terms import DAY_S
from triggerx.events import TaskChanged, TaskEnded
from triggerx.evm.hub import Firing, task_key
from triggerx.moves import fail_task, move_task, move_tasks
from triggerx.ports.store.jobs import Fired

ASSIGNED = EngineAssigned(performer=KEEPERS[0].address, deadline_at=DUE + 20)
KEY = task_key(job_body().job_id, Firing.time(DUE))


async def stored_task(scene: Scene, node: Node) -> Task:
    job = await scene.store_job(node)
    return await fire(node.store, job.job_id, TimeEvidence(due=DUE))


async def test_move_task_when_the_input_counts_then_row_log_and_event_say_the_same(tmp_path: Path) -> None:
    async with open_scene(tmp_path) as scene:
        node = await scene.engine()
        task = await stored_task(scene, node)
        async with node.store.transaction() as queries:
            events = await move_task(queries, task, ASSIGNED, attempts_max=3, now_ms=DUE * 1000)
        found = await node.store.tasks.by_key(KEY)
        assert found is not None and found.status is TaskStatus.ASSIGNED
        assert events == [TaskChanged(KEY, TaskStatus.ASSIGNED)]
        (entry,) = await node.store.events.after(0, limit=10)
        assert (entry.kind, entry.subject) == ("task_moved", f"task:0x{KEY.hex()}")
        assert entry.payload == {"input": "EngineAssigned", "status": "assigned", "attempt": 1, "error": ""}


async def test_move_tasks_when_there_are_several_then_each_is_moved_as_alone(tmp_path: Path) -> None:
    async with open_scene(tmp_path) as scene:
        node = await scene.engine()
        task = await stored_task(scene, node)
        other_key = task_key(job_body().job_id, Firing.time(DUE + 1))
        late = await fire(node.store, task.job_id, TimeEvidence(due=DUE + 1))
        async with node.store.transaction() as queries:
            moves: list[tuple[Task, TaskInput]] = [(late, PeerAcknowledged(attempt=1)), (task, ASSIGNED)]
            events = await move_tasks(queries, moves, attempts_max=3, now_ms=DUE * 1000)
        assert events == [(), [TaskChanged(KEY, TaskStatus.ASSIGNED)]]
        found = await node.store.tasks.by_keys([KEY, other_key])
        assert [(each.status, each.attempt) for each in found] == [(TaskStatus.ASSIGNED, 1), (TaskStatus.CREATED, 0)]
        (entry,) = await node.store.events.after(0, limit=10)
        assert (entry.kind, entry.subject) == ("task_moved", f"task:0x{KEY.hex()}")


async def test_move_tasks_when_one_ends_then_its_run_is_given_back(tmp_path: Path) -> None:
    async with open_scene(tmp_path) as scene:
        node = await scene.engine()
        task = await stored_task(scene, node)
        terms = await node.store.jobs.terms_of(task.job_id)
        assert terms is not None
        await node.store.jobs.count_fired([Fired(number=terms.number, user_id=terms.user_id, runs=2, day=DUE // DAY_S)])
        async with node.store.transaction() as queries:
            await move_task(queries, task, ASSIGNED, attempts_max=1, now_ms=DUE * 1000)
            assigned = await queries.tasks.by_key(KEY)
            assert assigned is not None
            refused = PeerRefused(attempt=1, reason="no")
            (events,) = await move_tasks(queries, [(assigned, refused)], attempts_max=1, now_ms=DUE * 1000)
        assert events == [TaskChanged(KEY, TaskStatus.FAILED), TaskEnded(KEY, TaskStatus.FAILED)]
        terms = await node.store.jobs.terms_of(task.job_id)
        assert terms is not None
        assert terms.runs == 1


async def test_move_task_when_the_input_is_late_then_nothing_is_written(tmp_path: Path) -> None:
    async with open_scene(tmp_path) as scene:
        node = await scene.engine()
        task = await stored_task(scene, node)
        async with node.store.transaction() as queries:
            late = PeerAcknowledged(attempt=1)
            assert await move_task(queries, task, late, attempts_max=3, now_ms=DUE * 1000) == ()
        assert await node.store.events.after(0, limit=10) == ()


async def test_fail_task_when_it_is_open_then_it_ends_with_the_reason(tmp_path: Path) -> None:
    async with open_scene(tmp_path) as scene:
        node = await scene.engine()
        task = await stored_task(scene, node)
        async with node.store.transaction() as queries:
            events = await fail_task(queries, task, f"chain {CHAIN} is gone", now_ms=DUE * 1000)
        found = await node.store.tasks.by_key(KEY)
        assert found is not None
        assert (found.status, found.task_error) == (TaskStatus.FAILED, f"chain {CHAIN} is gone")
        assert events == (TaskChanged(KEY, TaskStatus.FAILED), TaskEnded(KEY, TaskStatus.FAILED))


@pytest.mark.parametrize("status", sorted(FINAL))
async def test_fail_task_when_it_is_over_already_then_its_end_stays(tmp_path: Path, status: TaskStatus) -> None:
    async with open_scene(tmp_path) as scene:
        node = await scene.engine()
        over = replace(await stored_task(scene, node), status=status)
        await node.store.tasks.save(over)
        async with node.store.transaction() as queries:
            assert await fail_task(queries, over, "too late", now_ms=DUE * 1000) == ()
        assert await node.store.tasks.by_key(KEY) == over
