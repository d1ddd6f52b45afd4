"""Tasks that come together: one request a performer, and each its own outcome."""

from dataclasses import replace
from pathlib import Path

from tests.fakes.firings import fire
from tests.roles.engine.staging import ATTEMPTS_MAX, KEY, Stage, answer, dispatcher, stage
from tests.roles.scene import running
from tests.unit.core.sample import CHAIN, CREATED_AT, DUE, job_body
from triggerx.core.evidence import TimeEvidence
from triggerx.core.job import JobBody, JobId
from triggerx.core.messages import Order, Reply, TaskAnswer
from triggerx.core.task import TaskStatus
from triggerx.evm.registry import pack_job_id
from triggerx.evm.types import ChainId, Hash32
from triggerx.ports.store.tasks import AssignmentStatus

UNGUARDED = job_body(is_guarded=False)


async def add_jobs(it: Stage, count: int, body: JobBody = UNGUARDED) -> list[Hash32]:
    """So many more jobs whose task is due with the first one's; returns the keys of all."""
    keys = [KEY]
    for number in range(1, count):
        other = replace(body, job_id=JobId(pack_job_id(CHAIN, CREATED_AT, 1_000 + number)))
        await it.scene.store_job(it.engine, other)
        keys.append((await fire(it.engine.store, other.job_id, TimeEvidence(due=DUE))).task_key)
    return keys


async def test_run_when_tasks_come_together_then_a_performer_has_them_in_one_request(tmp_path: Path) -> None:
    async with stage(tmp_path, body=UNGUARDED, online=False) as it:
        keys = await add_jobs(it, 5)
        await it.come_online(2)
        async with running(dispatcher(it.engine).run()):
            await it.scene.settle()
        assert it.requests == [(2, 5)]
        assert sorted(order.assignment.assignment.task_key for _, order in it.orders) == sorted(keys)
        for key in keys:
            assert (await it.task(key)).status is TaskStatus.ACKNOWLEDGED
            assert await it.statuses(key) == [AssignmentStatus.ACKNOWLEDGED]


async def test_run_when_one_of_several_is_refused_then_it_alone_goes_to_the_next(tmp_path: Path) -> None:
    async with stage(tmp_path, body=UNGUARDED, online=False) as it:
        keys = await add_jobs(it, 3)

        async def refuse_the_first(order: Order) -> TaskAnswer | Reply:
            return answer(order, is_accepted=order.assignment.assignment.task_key != KEY, code="job_inactive")

        await it.come_online(1)
        it.handlers[1] = refuse_the_first
        async with running(dispatcher(it.engine).run()):
            await it.scene.settle()
        assert it.requests[0] == (1, 3)
        assert (await it.task()).attempt == ATTEMPTS_MAX
        assert [(await it.task(key)).attempt for key in keys[1:]] == [1, 1]


async def test_run_when_one_of_several_is_poisonous_then_the_others_are_assigned(tmp_path: Path) -> None:
    async with stage(tmp_path, body=UNGUARDED, online=False) as it:
        keys = await add_jobs(it, 3)
        elsewhere = replace(
            UNGUARDED,
            job_id=JobId(pack_job_id(CHAIN, CREATED_AT, 7)),
            action=replace(UNGUARDED.action, chain_id=ChainId(5)),
        )
        user = await it.engine.store.users.ensure(elsewhere.owner, now=DUE)
        known = await it.engine.store.jobs.get(UNGUARDED.job_id)
        assert known is not None
        assert await it.engine.store.jobs.insert(replace(known, body=elsewhere, user_id=user.user_id), api_key_id=None)
        poisonous = await fire(it.engine.store, elsewhere.job_id, TimeEvidence(due=DUE))
        await it.come_online(0)
        async with running(dispatcher(it.engine).run()):
            await it.scene.settle()
        assert (await it.task(poisonous.task_key)).status is TaskStatus.FAILED
        assert [(await it.task(key)).status for key in keys] == [TaskStatus.ACKNOWLEDGED] * 3
        (aside,) = await it.engine.store.quarantine.list_all(limit=10)
        assert aside.subject == f"task:0x{poisonous.task_key.hex()}"
