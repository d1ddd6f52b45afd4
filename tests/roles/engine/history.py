"""An engine that runs through a seeded history of events, values, due seconds, reorgs, outages and restarts."""

import random
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tests.fakes.mining import log_of
from tests.roles.engine.test_slots import another
from tests.roles.scene import BALANCE_OF, HUB, TRANSFER, Node, Scene, open_scene, running
from tests.unit.core.sample import BALANCE_ABOVE_100, CHAIN, NETWORK, OWNER, PAID, STRANGER, TOKEN
from triggerx.core.job import ConditionMode, Job, ScheduleType, TaskDefinition, TimeTrigger, Trigger
from triggerx.core.job_body import created_at_of
from triggerx.core.network import Network
from triggerx.core.task import TaskStatus
from triggerx.events import JobCreated
from triggerx.evm.keccak import keccak256
from triggerx.ports.chain import Log
from triggerx.ports.store import Store
from triggerx.role import Services
from triggerx.triggers.audit import JobAudit, audit_job
from triggerx.triggers.time import next_due
from triggerx_engine.chain_watcher import ChainWatcher
from triggerx_engine.completion import Completion
from triggerx_engine.polls import Polls
from triggerx_engine.prices import Prices
from triggerx_engine.queue import Queue
from triggerx_engine.slots import TimeWatcher
from triggerx_engine.values import ConditionJobs
from triggerx_engine.views import Views

DEPTH_MAX = 3  # of a reorg: as many as the chain's confirmations
POLL_S = 1.0
ON_TIME_S = 3
EVERY_7_S = TimeTrigger(schedule_type=ScheduleType.INTERVAL, interval_s=7)
EDGE, LEVEL = ConditionMode.EDGE, ConditionMode.LEVEL
TRIGGERS: dict[str, Trigger] = {
    "time": EVERY_7_S,
    "event at once": replace(PAID, confirmations=0),
    "event confirmed": PAID,
    "edge": BALANCE_ABOVE_100,
    "edge with hysteresis": replace(BALANCE_ABOVE_100, hysteresis="40", cooldown_s=9),
    "level": replace(BALANCE_ABOVE_100, mode=LEVEL, cooldown_s=60),
}
KINDS = {
    TimeTrigger: TaskDefinition.TIME_STATIC,
    type(PAID): TaskDefinition.EVENT_STATIC,
    type(BALANCE_ABOVE_100): TaskDefinition.CONDITION_STATIC,
}


def deep_network() -> Network:
    """The sample's network with a chain on which three blocks confirm."""
    chain = replace(NETWORK.action_chains[CHAIN], confirmations=DEPTH_MAX)
    return replace(NETWORK, action_chains={CHAIN: chain})


@dataclass(slots=True)
class Course:
    """The scene, the engine's node, its jobs by name, and what the chain holds by number."""

    scene: Scene
    node: Node
    services: Services
    jobs: dict[str, Job] = field(default_factory=dict)
    balances: dict[int, int] = field(default_factory=dict)
    logs: dict[int, list[Log]] = field(default_factory=dict)
    sent: int = 0

    def loops(self) -> Sequence[Coroutine[Any, Any, object]]:
        """The engine's loops over its store, with nothing in memory."""
        services = self.services
        prices = Prices(services, user_runs_per_day_max=10_000)
        queue = Queue(services, prices, on_time_s=ON_TIME_S, poll_s=POLL_S)
        values = ConditionJobs(services, prices)
        return (
            TimeWatcher(services, prices, on_time_s=ON_TIME_S, poll_s=POLL_S).run(),
            ChainWatcher(services, queue, Views(services, values), chain_id=CHAIN, poll_s=POLL_S).run(),
            Polls(services, values, source_poll_s=1.0, script_poll_s=10.0).run(),
            queue.run(),
            Completion(services, poll_s=POLL_S).run(),
        )

    async def add(self, name: str, *, time_frame_s: int) -> None:
        """Take a job in, created now."""
        trigger = TRIGGERS[name]
        body = replace(
            another(len(self.jobs) + 1),
            task_definition_id=KINDS[type(trigger)],
            trigger=trigger,
            time_frame_s=time_frame_s,
        )
        created_at = created_at_of(body.job_id)
        frame = {"created_at": created_at, "expires_at": created_at + time_frame_s}
        due = next_due(trigger, **frame, after=self.scene.clock.now()) if isinstance(trigger, TimeTrigger) else None
        self.jobs[name] = await self.scene.store_job(self.node, body, next_due_at=due)
        await self.services.bus.publish(JobCreated(body.job_id))

    def payment(self, *, is_wanted: bool) -> list[Log]:
        """A transaction of two logs, of which a job wants the second, or none."""
        self.sent += 1
        tx_hash = keccak256(b"payment" + self.sent.to_bytes(4, "big"))
        receiver = OWNER.address if is_wanted else STRANGER.address
        made = [log_of(TOKEN, TRANSFER, **{"from": HUB, "to": to, "value": 5}) for to in (HUB, receiver)]
        return [log._replace(tx_hash=tx_hash) for log in made]

    async def mine(self, logs: list[Log], balance: int) -> None:
        """Mine a block of a new second."""
        head = await self.scene.chain.head()
        await self.scene.clock.advance(max(1, head.timestamp + 1 - self.scene.clock.now()))
        self._note(head.number + 1, logs, balance)
        await self.scene.chain.mine(logs=logs, timestamp=self.scene.clock.now())

    async def reorganise(self, chance: random.Random, depth: int) -> None:
        """Replace blocks by one more; of their transactions some are mined again, in other blocks."""
        head = (await self.scene.chain.head()).number
        dropped = [log for number in range(head - depth + 1, head + 1) for log in self.logs.get(number, [])]
        again = {log.tx_hash: [each for each in dropped if each.tx_hash == log.tx_hash] for log in dropped}
        blocks: list[list[Log]] = [[] for _ in range(depth + 1)]
        for logs in again.values():
            if chance.random() < 0.7:
                chance.choice(blocks).extend(logs)
        for place, logs in enumerate(blocks):
            self._note(head - depth + 1 + place, logs, chance.choice(BALANCES))
        await self.scene.chain.reorganise(depth, blocks)

    def _note(self, number: int, logs: list[Log], balance: int) -> None:
        self.logs[number] = logs
        self.balances[number] = balance

    async def end_tasks(self, chance: random.Random) -> None:
        """Let some tasks fail, so that jobs can end."""
        for job in self.jobs.values():
            for task in await self.node.store.tasks.list_by_job(job.job_id):
                if task.status is TaskStatus.CREATED and chance.random() < 0.5:
                    await self.node.store.tasks.save(replace(task, status=TaskStatus.FAILED, task_error="it failed"))

    async def audit(self, name: str, *, store: Store | None = None, first: int = 0, last: int = 1_000) -> JobAudit:
        """Audit a job as it stands in the engine's store, or in a copy of it."""
        services, store = self.services, store or self.services.store
        job = await store.jobs.get(self.jobs[name].job_id)
        assert job is not None
        return await audit_job(store, job, network=services.network, chains=services.chains, first=first, last=last)


BALANCES = (0, 50, 70, 101, 150)


@asynccontextmanager
async def open_course(path: Path) -> AsyncIterator[Course]:
    """An engine without jobs on a chain that confirms after three blocks."""
    async with open_scene(path) as scene:
        node = await scene.engine()
        services = replace(node.services, network=deep_network())
        course = Course(scene, node, services)
        scene.chain.answer_at(TOKEN, BALANCE_OF, lambda block, _: course.balances.get(block, 0))
        yield course


async def live(course: Course, chance: random.Random, *, steps: int) -> None:
    """Let the engine live through `steps` random moments, and then come to rest."""
    left = steps
    while left > 0:
        stretch = min(left, chance.randint(5, 25))
        async with running(*course.loops()):
            for _ in range(stretch):
                await step(course, chance)
                await course.scene.settle(12)
        left -= stretch
        for _ in range(chance.choice((0, 0, 4))):  # it is away meanwhile
            await step(course, chance)
    async with running(*course.loops()):
        for _ in range(DEPTH_MAX + 3):
            await course.mine([], 0)
            await course.scene.settle()


async def step(course: Course, chance: random.Random) -> None:
    """One random thing happens."""
    roll = chance.random()
    if roll < 0.15:
        await course.reorganise(chance, chance.randint(1, DEPTH_MAX))
    elif roll < 0.25:
        await course.end_tasks(chance)
    else:
        payments = [course.payment(is_wanted=chance.random() < 0.6) for _ in range(chance.choice((0, 0, 1, 3)))]
        await course.mine([log for logs in payments for log in logs], chance.choice(BALANCES))
