import asyncio
from dataclasses import replace

import pytest

from tests.contract.storage.nouns import (
    BIG,
    NOW,
    OWNER,
    address,
    event_body,
    fired,
    hash32,
    job_id,
    signed,
    stored_job,
    stored_task,
    time_body,
)
from triggerx.core.errors import NotFound
from triggerx.core.evidence import TimeEvidence, dump_evidence
from triggerx.core.job import TaskDefinition
from triggerx.core.ledger import Outcome
from triggerx.core.task import Task, TaskId, TaskStatus
from triggerx.evm.types import Wei
from triggerx.ports.store import Store
from triggerx.ports.store.tasks import AssignmentRow, AssignmentStatus, PerformerLoad, Place


def finished(task: Task) -> Task:
    """The task with every column set."""
    return replace(
        task,
        status=TaskStatus.ATTESTED,
        attempt=2,
        task_number=41,
        task_cost=Wei(BIG),
        execution_timestamp=NOW + 3,
        execution_tx_hash=hash32(50),
        task_performer=address(0x77),
        proof_of_task="0xproof",
        action_data_cid="bafkcid",
        task_attester_ids=(3, 1, 2),
        is_approved=True,
        tp_signature=bytes(65),
        ta_signature=bytes(64),
        task_submission_tx_hash=hash32(51),
        is_successful=False,
        task_error="none",
        deadline_at=NOW + 15,
        executed_at_ms=NOW * 1000,
        attested_at_ms=NOW * 1000 + 1,
    )


async def test_a_task_when_its_occurrence_fired_is_made_from_entry_and_job(store: Store) -> None:
    await stored_job(store)
    task = await stored_task(store)
    assert (task.status, task.attempt, task.task_attester_ids) == (TaskStatus.CREATED, 0, ())
    assert await store.tasks.get(task.task_id) == task
    assert await store.tasks.by_key(hash32(1)) == task
    assert task.evidence == dump_evidence(fired().evidence)
    assert (task.firing, task.job_id, task.task_definition_id) == (
        fired().firing,
        job_id(1),
        TaskDefinition.TIME_STATIC,
    )
    assert (task.is_guarded, task.created_at, task.fired_at_ms) == (True, NOW, NOW * 1000 + 1)
    await stored_job(store, 2, body=event_body(2))
    other = await stored_task(store, 2, of=2)
    assert (other.is_guarded, other.task_definition_id) == (False, TaskDefinition.EVENT_DYNAMIC)


async def test_a_task_when_made_again_is_not_changed(store: Store) -> None:
    await stored_job(store)
    task = finished(await stored_task(store))
    await store.tasks.save(task)
    await store.ledger.put_back([replace(fired(), evidence=TimeEvidence(due=NOW), decided_at_ms=1)])
    await store.tasks.insert_fired([fired(), replace(fired(), evidence=TimeEvidence(due=NOW))])
    assert await store.tasks.by_key(hash32(1)) == task


async def test_a_task_when_fifty_make_it_is_one(store: Store) -> None:
    await stored_job(store)
    tasks = await asyncio.gather(*(stored_task(store) for _ in range(50)))
    (task,) = await store.tasks.list_by_job(job_id(1))
    assert tasks == [task] * 50


async def test_tasks_when_made_at_once_are_numbered_as_their_occurrences(store: Store) -> None:
    await stored_job(store)
    await store.ledger.add_many([fired(number) for number in range(60)])
    await store.tasks.insert_fired([fired(number) for number in reversed(range(60))])
    tasks = await store.tasks.list_by_job(job_id(1))
    assert [task.task_key for task in tasks] == [hash32(number) for number in range(60)]
    await store.tasks.insert_fired([])


async def test_a_task_when_its_occurrence_did_not_fire_or_is_unknown_is_not_made(store: Store) -> None:
    await stored_job(store)
    await store.ledger.add_many([replace(fired(), outcome=Outcome.HELD)])
    await store.tasks.insert_fired([fired(), fired(404)])
    assert await store.tasks.list_by_job(job_id(1)) == ()


async def test_a_task_when_saved_keeps_every_column(store: Store) -> None:
    await stored_job(store)
    done = finished(await stored_task(store))
    await store.tasks.save(done)
    assert await store.tasks.get(done.task_id) == done
    keeper = await store.keepers.by_address(address(0x77))
    assert keeper is not None  # who performs is a keeper, encountered here first


async def test_a_task_when_saved_back_forgets_what_is_none_again(store: Store) -> None:
    await stored_job(store)
    task = await stored_task(store)
    await store.tasks.save(finished(task))
    await store.tasks.save(task)
    assert await store.tasks.get(task.task_id) == task


async def test_tasks_when_saved_together_keep_every_column_but_the_attesters(store: Store) -> None:
    await stored_job(store)
    tasks = [finished(await stored_task(store, number)) for number in (1, 2)]
    await store.tasks.save_many(tasks)
    assert await store.tasks.by_keys([hash32(1), hash32(2)]) == tuple(
        replace(task, task_attester_ids=()) for task in tasks
    )
    await store.tasks.save(tasks[0])
    await store.tasks.save_many([replace(tasks[0], attempt=3), replace(tasks[1], task_performer=None)])
    assert await store.tasks.get(tasks[0].task_id) == replace(tasks[0], attempt=3)
    assert await store.tasks.get(tasks[1].task_id) == replace(tasks[1], task_attester_ids=(), task_performer=None)
    await store.tasks.save_many([])


async def test_tasks_when_asked_by_many_keys_are_those_there_are_oldest_first(store: Store) -> None:
    await stored_job(store)
    first, second = await stored_task(store, 2), await stored_task(store, 1)
    assert await store.tasks.by_keys([hash32(1), hash32(9), hash32(2)]) == (first, second)
    assert await store.tasks.by_keys([]) == ()


async def test_a_task_when_its_attesters_change_has_the_new_ones_in_their_order(store: Store) -> None:
    await stored_job(store)
    done = finished(await stored_task(store))
    await store.tasks.save(done)
    many = tuple(range(40, 0, -1))
    await store.tasks.save(replace(done, task_attester_ids=many))
    found = await store.tasks.get(done.task_id)
    assert found is not None
    assert found.task_attester_ids == many


async def test_a_task_when_saved_but_never_inserted_is_not_found(store: Store) -> None:
    await stored_job(store)
    task = await stored_task(store)
    with pytest.raises(NotFound, match="4711"):
        await store.tasks.save(replace(task, task_id=TaskId(4711), task_key=hash32(4711)))


async def test_a_task_when_asked_by_cid_is_the_one_with_that_document(store: Store) -> None:
    await stored_job(store)
    done = finished(await stored_task(store))
    await store.tasks.save(done)
    assert await store.tasks.by_cid("bafkcid") == done
    assert await store.tasks.by_cid("bafkother") is None


async def test_tasks_when_unknown_are_none(store: Store) -> None:
    assert await store.tasks.get(TaskId(1)) is None
    assert await store.tasks.by_key(hash32(1)) is None
    assert await store.tasks.list_by_job(job_id(1)) == ()


async def test_tasks_when_listed_follow_their_jobs_and_owners(store: Store) -> None:
    await stored_job(store, 1)
    await stored_job(store, 2)
    await stored_job(store, 3, body=replace(time_body(3), owner=address(0xBB), mandate=None))
    tasks = [await stored_task(store, number, of=of) for number, of in ((1, 1), (2, 2), (3, 1), (4, 3))]
    first, second, third, foreign = tasks
    assert await store.tasks.list_by_job(job_id(1)) == (first, third)
    assert await store.tasks.list_by_owner(OWNER, limit=9) == (third, second, first)
    assert await store.tasks.list_by_owner(OWNER, limit=1) == (third,)
    assert await store.tasks.list_recent(limit=2) == (foreign, third)


async def test_open_tasks_when_listed_leave_out_the_final_ones_oldest_first(store: Store) -> None:
    await stored_job(store)
    tasks = {}
    for number, status in enumerate(TaskStatus, start=1):
        tasks[status] = replace(await stored_task(store, number), status=status)
        await store.tasks.save(tasks[status])
    open_ones = (TaskStatus.CREATED, TaskStatus.ASSIGNED, TaskStatus.ACKNOWLEDGED, TaskStatus.PERFORMED)
    assert await store.tasks.list_open() == tuple(tasks[status] for status in open_ones)


async def test_a_task_when_two_transactions_read_and_save_it_loses_neither_change(store: Store) -> None:
    await stored_job(store)
    task = await stored_task(store)

    async def count_up() -> None:
        async with store.transaction() as queries:
            found = await queries.tasks.by_key(task.task_key)
            assert found is not None
            await queries.tasks.save(replace(found, attempt=found.attempt + 1))

    await asyncio.gather(*(count_up() for _ in range(8)))
    found = await store.tasks.get(task.task_id)
    assert found is not None
    assert found.attempt == 8


async def test_an_order_when_inserted_again_keeps_its_status(store: Store) -> None:
    await stored_job(store)
    await stored_task(store)
    await store.assignments.insert(signed(attempt=2))
    await store.assignments.insert(signed(attempt=1))
    await store.assignments.set_status(hash32(1), 1, AssignmentStatus.REFUSED, "busy")
    await store.assignments.insert(signed(attempt=1))
    assert await store.assignments.list_by_task(hash32(1)) == (
        AssignmentRow(signed=signed(attempt=1), status=AssignmentStatus.REFUSED, reason="busy"),
        AssignmentRow(signed=signed(attempt=2), status=AssignmentStatus.SENT),
    )


async def test_orders_when_inserted_together_are_there_and_a_known_one_keeps_its_status(store: Store) -> None:
    await stored_job(store)
    await stored_task(store)
    await store.assignments.insert(signed(attempt=1))
    await store.assignments.set_status(hash32(1), 1, AssignmentStatus.REFUSED, "busy")
    await store.assignments.insert_many([signed(attempt=1), signed(attempt=2)])
    await store.assignments.insert_many([])
    assert await store.assignments.list_by_task(hash32(1)) == (
        AssignmentRow(signed=signed(attempt=1), status=AssignmentStatus.REFUSED, reason="busy"),
        AssignmentRow(signed=signed(attempt=2), status=AssignmentStatus.SENT),
    )


async def test_an_order_when_its_task_or_itself_is_unknown_is_not_found(store: Store) -> None:
    with pytest.raises(NotFound):
        await store.assignments.insert(signed())
    with pytest.raises(NotFound, match="attempt 1"):
        await store.assignments.set_status(hash32(1), 1, AssignmentStatus.SILENT)
    assert await store.assignments.list_by_task(hash32(1)) == ()


async def with_status(store: Store, number: int, status: TaskStatus, *, of: int = 1, **changes: object) -> Task:
    task = await stored_task(store, number, of=of)
    changed: Task = replace(task, status=status, **changes)  # type: ignore[arg-type]  # each test's own fields
    await store.tasks.save(changed)
    return changed


async def test_tasks_when_workable_come_by_priority_then_the_oldest(store: Store) -> None:
    for priority in (1, 2, 3):
        await stored_job(store, priority, body=replace(time_body(priority), priority=priority))
    for number in range(1, 5):
        await stored_task(store, number, of=3 - number % 3)
    for number, status, deadline in (
        (11, TaskStatus.ACKNOWLEDGED, NOW),
        (12, TaskStatus.PERFORMED, NOW + 1),
        (13, TaskStatus.ACKNOWLEDGED, None),
        (14, TaskStatus.ASSIGNED, NOW + 99),
        (15, TaskStatus.ATTESTED, NOW),
    ):
        await with_status(store, number, status, of=2, deadline_at=deadline)

    async def keys(now: int, limit: int = 99, *, after: Place | None = None) -> list[int]:
        found = await store.tasks.list_workable(now, after=after, limit=limit)
        return [int.from_bytes(task.task_key, "big") for task in found]

    assert await keys(NOW) == [2, 1, 4, 11, 14, 3]
    assert await keys(NOW + 1) == [2, 1, 4, 11, 12, 14, 3]
    assert await keys(NOW - 1, limit=2) == [2, 1]
    first = await store.tasks.list_workable(NOW, after=None, limit=4)
    assert first[-1].place > first[0].place
    assert await keys(NOW, after=first[0].place) == [1, 4, 11, 14, 3]
    assert await keys(NOW, after=first[-1].place, limit=1) == [14]


async def test_a_jobs_tasks_when_counted_are_told_by_status_and_the_newest_dead_one_is_known(store: Store) -> None:
    await stored_job(store, 1)
    await stored_job(store, 2)
    await with_status(store, 1, TaskStatus.FAILED)
    newest = await with_status(store, 2, TaskStatus.REJECTED)
    await with_status(store, 3, TaskStatus.ATTESTED)
    await with_status(store, 4, TaskStatus.ATTESTED)
    await with_status(store, 5, TaskStatus.PERFORMED, of=2)
    assert await store.tasks.count_by_status(job_id(1)) == {
        TaskStatus.FAILED: 1,
        TaskStatus.REJECTED: 1,
        TaskStatus.ATTESTED: 2,
    }
    assert await store.tasks.count_by_status(job_id(9)) == {}
    assert await store.tasks.last_dead(job_id(1)) == newest
    assert await store.tasks.last_dead(job_id(2)) is None


async def test_dead_tasks_when_listed_are_the_newest_first_of_one_owner_or_all(store: Store) -> None:
    await stored_job(store, 1)
    await stored_job(store, 2, body=replace(time_body(2), owner=address(0xBB), mandate=None))
    failed = await with_status(store, 1, TaskStatus.FAILED)
    theirs = await with_status(store, 2, TaskStatus.REJECTED, of=2)
    unknown = await with_status(store, 3, TaskStatus.UNKNOWN)
    await with_status(store, 4, TaskStatus.ATTESTED)
    assert await store.tasks.list_dead(None, limit=9) == (unknown, theirs, failed)
    assert await store.tasks.list_dead(OWNER, limit=9) == (unknown, failed)
    assert await store.tasks.list_dead(OWNER, limit=1) == (unknown,)
    assert await store.tasks.list_dead(address(1), limit=9) == ()


async def test_loads_when_read_say_how_each_performers_tasks_stand(store: Store) -> None:
    await stored_job(store)
    for number, status in enumerate(TaskStatus, start=1):
        performer = None if status is TaskStatus.CREATED else address(0x10)
        await with_status(store, number, status, task_performer=performer)
    for attempt, went in enumerate(AssignmentStatus, start=1):
        await store.assignments.insert(signed(1, attempt))
        await store.assignments.set_status(hash32(1), attempt, went)
    assert await store.tasks.loads() == (
        PerformerLoad(performer=address(0x10), open=3, attested=1, rejected=1, failed=2, replaced=0),
        PerformerLoad(performer=address(0x77), open=0, attested=0, rejected=0, failed=0, replaced=4),
    )
