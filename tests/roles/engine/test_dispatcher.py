"""The dispatcher: who is elected gets the order, who does not deliver is replaced, and never is anything done twice."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from tests.roles.scene import ENGINE_PEER, Node, Scene, open_scene, peer_of, running
from tests.unit.core.sample import CHAIN, DUE, ENGINE, HUB, KEEPERS, NETWORK, job_body
from triggerx.core.errors import RecoverableError
from triggerx.core.job import JobBody
from triggerx.core.keeper import CheckIn
from triggerx.core.messages import AssignTask, CheckedIn, Document, Heard, Reply, TaskAnswer
from triggerx.core.task import Task, TaskStatus
from triggerx.core.validation import signer_of
from triggerx.evm.hub import Firing, assignment_digest, task_key
from triggerx.evm.types import ChainId
from triggerx.ports.store.tasks import AssignmentStatus, NewTask
from triggerx_engine.dispatcher import Dispatcher

POLL_S = 1.0
ATTEMPTS_MAX = 3
KEY = task_key(job_body().job_id, Firing.time(DUE))
ATTEMPT_S = NETWORK.timing.performer_window_s + NETWORK.timing.announce_grace_s

Handler = Callable[[Heard[AssignTask]], Awaitable[Reply]]


def dispatcher(node: Node) -> Dispatcher:
    return Dispatcher(node.services, attempts_max=ATTEMPTS_MAX, acknowledge_timeout_s=3, poll_s=POLL_S)


def answer(heard: Heard[AssignTask], *, is_accepted: bool = True, code: str = "ok") -> TaskAnswer:
    order = heard.message.assignment.assignment
    return TaskAnswer(
        task_key=order.task_key, attempt=order.attempt, is_accepted=is_accepted, code=code, message="as the test says"
    )


async def accept(heard: Heard[AssignTask]) -> Reply:
    return answer(heard)


async def refuse(heard: Heard[AssignTask]) -> Reply:
    return answer(heard, is_accepted=False, code="job_inactive")


async def be_busy(heard: Heard[AssignTask]) -> Reply:
    return answer(heard, is_accepted=False, code="busy")


async def be_silent(heard: Heard[AssignTask]) -> Reply:
    raise RecoverableError("killed while it worked on the answer")


async def say_something_else(heard: Heard[AssignTask]) -> Reply:
    return Document(content=b"what you did not ask for")


@dataclass
class Stage:
    """An engine with one task, and four performers that answer as the test says."""

    scene: Scene
    engine: Node
    handlers: dict[int, Handler] = field(default_factory=dict)
    orders: list[tuple[int, AssignTask]] = field(default_factory=list)
    ranks: tuple[int, ...] = ()
    """The performers' numbers in the order of the draw."""

    async def task(self) -> Task:
        found = await self.engine.store.tasks.by_key(KEY)
        assert found is not None
        return found

    async def statuses(self) -> list[AssignmentStatus]:
        return [row.status for row in await self.engine.store.assignments.list_by_task(KEY)]

    def performers(self) -> list[int]:
        return [number for number, _ in self.orders]

    async def come_online(self, *numbers: int) -> None:
        for number in numbers:
            check_in = CheckIn(
                operator=KEEPERS[number].address,
                peer_id=peer_of(number),
                addresses=(),
                version="1",
                checked_in_at=self.scene.clock.now(),
            )
            await self.engine.store.keepers.record_check_in(check_in)

    def set(self, rank: int, handler: Handler) -> None:
        """How the performer of this rank answers."""
        self.handlers[self.ranks[rank]] = handler

    def kill(self, rank: int) -> None:
        self.scene.network.cut.add(peer_of(self.ranks[rank]))


@asynccontextmanager
async def stage(
    tmp_path: Path, *, body: JobBody | None = None, online: bool = True, blocks: int = 40
) -> AsyncIterator[Stage]:
    body = body or job_body()
    async with open_scene(tmp_path, now=DUE, blocks=blocks) as scene:
        engine = await scene.engine()
        it = Stage(scene, engine)
        for number, key in enumerate(KEEPERS):
            peers = await scene.network.join(key.address, peer_of(number))
            await peers.announce(CheckedIn(addresses=(), version="1"), lifetime_s=60)

            async def handle(heard: Heard[AssignTask], number: int = number) -> Reply:
                it.orders.append((number, heard.message))
                return await it.handlers.get(number, accept)(heard)

            peers.answer(AssignTask, handle)
        if online:
            await it.come_online(0, 1, 2, 3)
        await scene.store_job(engine, body)
        new = NewTask(
            task_key=KEY,
            job_id=body.job_id,
            task_definition_id=body.task_definition_id,
            firing=Firing.time(DUE),
            is_guarded=body.is_guarded,
            evidence={"kind": "time", "due": DUE},
            created_at=DUE,
            fired_at_ms=DUE * 1000,
        )
        assert await engine.store.tasks.insert(new) is not None
        by_address = {key.address: number for number, key in enumerate(KEEPERS)}
        it.ranks = tuple(by_address[operator.address] for operator in await scene.ranks(KEY))
        yield it


UNGUARDED = job_body(is_guarded=False)


async def test_run_when_the_elected_accepts_then_it_alone_has_the_order(tmp_path: Path) -> None:
    async with stage(tmp_path) as it:
        async with running(dispatcher(it.engine).run()):
            await it.scene.settle()
        task = await it.task()
        assert (task.status, task.attempt) == (TaskStatus.ACKNOWLEDGED, 1)
        assert task.deadline_at == DUE + ATTEMPT_S
        assert it.performers() == [it.ranks[0]]
        assert await it.statuses() == [AssignmentStatus.ACKNOWLEDGED]
        ((_, sent),) = it.orders
        order = sent.assignment.assignment
        assert (order.not_before, order.not_after) == (DUE, DUE + NETWORK.timing.performer_window_s)
        assert signer_of(assignment_digest(order, CHAIN, HUB), sent.assignment.signature) == ENGINE.address
        assert (sent.assignment.seed_block, sent.assignment.seed_block_hash) == await it.scene.seed()


async def test_run_when_the_elected_refuses_then_the_next_in_the_draw_is_asked_at_once(tmp_path: Path) -> None:
    async with stage(tmp_path) as it:
        it.set(0, refuse)
        async with running(dispatcher(it.engine).run()):
            await it.scene.settle()
        assert it.performers() == [it.ranks[0], it.ranks[1]]
        assert await it.statuses() == [AssignmentStatus.REFUSED, AssignmentStatus.ACKNOWLEDGED]
        assert (await it.task()).attempt == 2


@pytest.mark.parametrize("body", [job_body(), UNGUARDED])
async def test_run_when_the_elected_cannot_be_reached_then_the_next_is_asked_at_once(
    tmp_path: Path, body: JobBody
) -> None:
    async with stage(tmp_path, body=body) as it:
        it.kill(0)
        async with running(dispatcher(it.engine).run()):
            await it.scene.settle()
        assert it.performers() == [it.ranks[1]]
        assert await it.statuses() == [AssignmentStatus.UNREACHABLE, AssignmentStatus.ACKNOWLEDGED]


@pytest.mark.parametrize("handler", [be_silent, say_something_else])
async def test_run_when_a_guarded_order_gets_no_answer_then_the_next_is_asked_at_once(
    tmp_path: Path, handler: Handler
) -> None:
    async with stage(tmp_path) as it:
        it.set(0, handler)
        async with running(dispatcher(it.engine).run()):
            await it.scene.settle()
        assert it.performers() == [it.ranks[0], it.ranks[1]]
        assert (await it.statuses())[1] is AssignmentStatus.ACKNOWLEDGED


@pytest.mark.parametrize("handler", [be_silent, say_something_else])
async def test_run_when_an_unguarded_order_gets_no_answer_then_nobody_else_is_asked_ever(
    tmp_path: Path, handler: Handler
) -> None:
    async with stage(tmp_path, body=UNGUARDED) as it:
        it.set(0, handler)
        async with running(dispatcher(it.engine).run()):
            await it.scene.settle()
            assert (await it.task()).status is TaskStatus.ACKNOWLEDGED
            await it.scene.pass_time(ATTEMPT_S + 2)
        assert it.performers() == [it.ranks[0]]
        task = await it.task()
        assert task.status is TaskStatus.UNKNOWN
        assert "fell silent" in task.task_error


async def test_run_when_a_guarded_performer_does_not_deliver_then_the_next_takes_over_at_the_deadline(
    tmp_path: Path,
) -> None:
    async with stage(tmp_path) as it, running(dispatcher(it.engine).run()):
        await it.scene.settle()
        await it.scene.pass_time(ATTEMPT_S - 1)
        assert it.performers() == [it.ranks[0]]
        await it.scene.pass_time(2)
        assert it.performers() == [it.ranks[0], it.ranks[1]]
        assert (await it.task()).attempt == 2


async def test_run_when_every_attempt_is_refused_then_the_task_fails_with_the_last_reason(tmp_path: Path) -> None:
    async with stage(tmp_path) as it:
        for rank in range(4):
            it.set(rank, refuse)
        async with running(dispatcher(it.engine).run()):
            await it.scene.pass_time(3)
        task = await it.task()
        assert (task.status, task.attempt) == (TaskStatus.FAILED, ATTEMPTS_MAX)
        assert task.task_error == "job_inactive: as the test says"
        assert it.performers() == list(it.ranks[:ATTEMPTS_MAX])


async def test_run_when_it_restarts_before_the_answer_then_the_same_order_is_sent_again(tmp_path: Path) -> None:
    async with stage(tmp_path) as it:
        async with running(dispatcher(it.engine).run()):
            await it.scene.settle()
        task = await it.task()
        await it.engine.store.tasks.save(replace(task, status=TaskStatus.ASSIGNED))  # killed before it was noted
        it.engine = await it.scene.restarted(it.engine)
        async with running(dispatcher(it.engine).run()):
            await it.scene.settle()
        first, second = it.orders
        assert first == second
        assert (await it.task()).status is TaskStatus.ACKNOWLEDGED


@pytest.mark.parametrize(
    ("body", "asked", "status"),
    [(job_body(), 2, TaskStatus.ACKNOWLEDGED), (UNGUARDED, 1, TaskStatus.UNKNOWN)],
)
async def test_run_when_a_performer_took_the_order_and_is_gone_at_the_resend_then_only_a_guarded_task_goes_on(
    tmp_path: Path, body: JobBody, asked: int, status: TaskStatus
) -> None:
    async with stage(tmp_path, body=body) as it:
        async with running(dispatcher(it.engine).run()):
            await it.scene.settle()
        task = await it.task()
        await it.engine.store.tasks.save(replace(task, status=TaskStatus.ASSIGNED))  # killed before it was noted
        it.kill(0)
        it.engine = await it.scene.restarted(it.engine)
        async with running(dispatcher(it.engine).run()):
            await it.scene.pass_time(ATTEMPT_S + 2 if asked == 1 else 0)
            await it.scene.settle()
        assert len(set(it.performers())) == asked
        assert (await it.task()).status is status


async def test_run_when_nobody_is_online_then_the_task_waits_and_goes_on_when_somebody_is(tmp_path: Path) -> None:
    async with stage(tmp_path, online=False) as it, running(dispatcher(it.engine).run()):
        await it.scene.pass_time(3)
        assert (await it.task()).status is TaskStatus.CREATED
        assert "task waits" in it.engine.log.events("warning")
        await it.come_online(2)
        await it.scene.pass_time(2)
        assert it.performers() == [2]
        assert (await it.task()).status is TaskStatus.ACKNOWLEDGED


async def test_run_when_the_check_in_is_older_than_an_epoch_then_the_keeper_is_not_on_the_roster(
    tmp_path: Path,
) -> None:
    async with stage(tmp_path, online=False) as it:
        await it.come_online(1)
        await it.scene.pass_time(NETWORK.timing.epoch_s + 1)
        await it.come_online(3)
        async with running(dispatcher(it.engine).run()):
            await it.scene.settle()
        ((number, sent),) = it.orders
        assert (number, sent.assignment.roster) == (3, (4,))


async def test_run_when_the_chains_newest_block_is_old_then_the_task_waits_for_the_one_that_follows(
    tmp_path: Path,
) -> None:
    seed_at = DUE - NETWORK.timing.seed_lag_s
    async with stage(tmp_path, blocks=34) as it:
        behind = await it.scene.chain.head()
        assert behind.timestamp == seed_at - 2
        async with running(dispatcher(it.engine).run()):
            await it.scene.settle()
            assert it.orders == []
            seed = await it.scene.chain.mine(timestamp=seed_at)
            await it.scene.pass_time(2)
        ((_, sent),) = it.orders
        assert sent.assignment.seed_block == seed.number


async def test_run_when_the_chain_stands_still_then_its_newest_block_is_the_seed_after_a_while(tmp_path: Path) -> None:
    async with stage(tmp_path, blocks=34) as it:
        async with running(dispatcher(it.engine).run()):
            await it.scene.clock.advance(NETWORK.timing.seed_lag_s - 1)
            await it.scene.settle()
            assert it.orders == []
            await it.scene.clock.advance(1)
            await it.scene.settle()
        ((_, sent),) = it.orders
        assert sent.assignment.seed_block == (await it.scene.chain.head()).number


async def test_run_when_one_task_is_poisonous_then_it_is_set_aside_and_the_others_go_on(tmp_path: Path) -> None:
    elsewhere = replace(job_body(is_guarded=False), action=replace(job_body().action, chain_id=ChainId(1)))
    async with stage(tmp_path, body=elsewhere) as it:
        async with running(dispatcher(it.engine).run()):
            await it.scene.settle()
        task = await it.task()
        assert task.status is TaskStatus.FAILED
        assert "chain 1 is not part of network" in task.task_error
        (entry,) = await it.engine.store.quarantine.list_all(limit=5)
        assert (entry.kind, entry.subject) == ("task", f"task:0x{KEY.hex()}")


async def test_run_when_the_engine_is_cut_off_then_the_task_waits_and_goes_on_when_it_is_back(tmp_path: Path) -> None:
    async with stage(tmp_path) as it, running(dispatcher(it.engine).run()):
        it.scene.network.cut.add(ENGINE_PEER)
        await it.scene.pass_time(5)
        assert it.orders == []
        assert (await it.task()).attempt == 0
        await it.scene.network.reconnect(ENGINE_PEER)
        await it.scene.pass_time(2)
        assert it.performers() == [it.ranks[0]]
        assert (await it.task()).status is TaskStatus.ACKNOWLEDGED


async def test_run_when_the_performer_has_told_no_peer_id_then_the_next_is_asked(tmp_path: Path) -> None:
    async with stage(tmp_path) as it:
        it.kill(0)
        it.engine = await it.scene.restarted(it.engine)  # which pulls the check-ins of those it reaches
        async with running(dispatcher(it.engine).run()):
            await it.scene.settle()
        assert it.performers() == [it.ranks[1]]
        (row, _) = await it.engine.store.assignments.list_by_task(KEY)
        assert row.status is AssignmentStatus.UNREACHABLE


async def test_run_when_the_elected_is_busy_then_it_is_asked_again_until_its_time_is_over(tmp_path: Path) -> None:
    async with stage(tmp_path) as it, running(dispatcher(it.engine).run()):
        it.set(0, be_busy)
        await it.scene.pass_time(4)
        assert set(it.performers()) == {it.ranks[0]}
        assert 3 <= len(it.orders) <= 6
        it.set(0, accept)
        await it.scene.pass_time(2)
        assert set(it.performers()) == {it.ranks[0]}
        assert (await it.task()).status is TaskStatus.ACKNOWLEDGED
        assert (await it.task()).attempt == 1


async def test_run_when_the_elected_stays_busy_then_the_next_takes_over_at_the_deadline(tmp_path: Path) -> None:
    async with stage(tmp_path) as it, running(dispatcher(it.engine).run()):
        it.set(0, be_busy)
        await it.scene.pass_time(ATTEMPT_S + 3)
        assert it.performers()[-1] == it.ranks[1]
        assert (await it.task()).attempt == 2
