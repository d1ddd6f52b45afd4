"""An engine's dispatcher on a stage: performers that answer as a test says, and what reached them."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.fakes.firings import fire
from tests.roles.scene import Node, Scene, open_scene, peer_of
from tests.unit.core.sample import DUE, KEEPERS, NETWORK, job_body
from triggerx.core.errors import RecoverableError
from triggerx.core.evidence import TimeEvidence
from triggerx.core.job import JobBody, TimeTrigger
from triggerx.core.keeper import CheckIn
from triggerx.core.messages import (
    DECLINED,
    AssignTasks,
    CheckedIn,
    Document,
    Heard,
    Order,
    Reply,
    TaskAnswer,
    TaskAnswers,
)
from triggerx.core.task import Task
from triggerx.evm.hub import Firing, task_key
from triggerx.evm.types import Hash32
from triggerx.ports.store.tasks import AssignmentStatus
from triggerx_engine.dispatcher import Dispatcher

POLL_S = 1.0
ATTEMPTS_MAX = 3
KEY = task_key(job_body().job_id, Firing.time(DUE))
ATTEMPT_S = NETWORK.timing.performer_window_s + NETWORK.timing.announce_grace_s

Handler = Callable[[Order], Awaitable[TaskAnswer | Reply]]


def dispatcher(node: Node) -> Dispatcher:
    return Dispatcher(node.services, attempts_max=ATTEMPTS_MAX, acknowledge_timeout_s=3, poll_s=POLL_S)


def answer(given: Order, *, is_accepted: bool = True, code: str = "ok") -> TaskAnswer:
    order = given.assignment.assignment
    return TaskAnswer(
        task_key=order.task_key, attempt=order.attempt, is_accepted=is_accepted, code=code, message="as the test says"
    )


async def accept(order: Order) -> TaskAnswer | Reply:
    return answer(order)


async def refuse(order: Order) -> TaskAnswer | Reply:
    return answer(order, is_accepted=False, code="job_inactive")


async def decline(order: Order) -> TaskAnswer | Reply:
    return answer(order, is_accepted=False, code=DECLINED)


async def be_busy(order: Order) -> TaskAnswer | Reply:
    return answer(order, is_accepted=False, code="busy")


async def not_know_the_trigger(order: Order) -> TaskAnswer | Reply:
    return answer(order, is_accepted=False, code="trigger_unknown")


async def be_expired(order: Order) -> TaskAnswer | Reply:
    return answer(order, is_accepted=False, code="expired")


async def be_silent(order: Order) -> TaskAnswer | Reply:
    raise RecoverableError("killed while it worked on the answer")


async def say_something_else(order: Order) -> TaskAnswer | Reply:
    return Document(content=b"what you did not ask for")


@dataclass
class Stage:
    """An engine, and four performers that answer as the test says."""

    scene: Scene
    engine: Node
    handlers: dict[int, Handler] = field(default_factory=dict)
    orders: list[tuple[int, Order]] = field(default_factory=list)
    requests: list[tuple[int, int]] = field(default_factory=list)
    """Of each request its performer's number, and how many orders it brought."""
    ranks: tuple[int, ...] = ()
    """The performers' numbers in the order of the draw."""

    async def task(self, key: Hash32 = KEY) -> Task:
        found = await self.engine.store.tasks.by_key(key)
        assert found is not None
        return found

    async def statuses(self, key: Hash32 = KEY) -> list[AssignmentStatus]:
        return [row.status for row in await self.engine.store.assignments.list_by_task(key)]

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
    """Four performers that take everything on; a time job has fired at `DUE`, another kind of job is to fire yet."""
    body = body or job_body()
    async with open_scene(tmp_path, now=DUE, blocks=blocks) as scene:
        engine = await scene.engine()
        it = Stage(scene, engine)
        for number, key in enumerate(KEEPERS):
            peers = await scene.network.join(key.address, peer_of(number))
            await peers.announce(CheckedIn(addresses=(), version="1"), lifetime_s=60)

            async def handle(heard: Heard[AssignTasks], number: int = number) -> Reply:
                it.requests.append((number, len(heard.message.orders)))
                answers: list[TaskAnswer] = []
                for order in heard.message.orders:
                    it.orders.append((number, order))
                    said = await it.handlers.get(number, accept)(order)
                    if not isinstance(said, TaskAnswer):
                        return said
                    answers.append(said)
                return TaskAnswers(answers=tuple(answers))

            peers.answer(AssignTasks, handle)
        if online:
            await it.come_online(0, 1, 2, 3)
        if isinstance(body.trigger, TimeTrigger):
            await scene.store_job(engine, body)
            await fire(engine.store, body.job_id, TimeEvidence(due=DUE))
        else:
            await scene.store_job(engine, body, next_due_at=None)
        by_address = {key.address: number for number, key in enumerate(KEEPERS)}
        it.ranks = tuple(by_address[operator.address] for operator in await scene.ranks(KEY))
        yield it
