"""An engine that is killed at named points again and again, in virtual time, and what the judge says of its history.

The whole role runs over a real store; the chain, the peers and the clock are the test's. A time, an event and a
condition job go on all the while. A performer acts on every order it takes on, once: two that act on one task are a
doubled run, for these jobs have no hub that would refuse the second.
"""

import argparse
import asyncio
import contextlib
import random
import sys
import tempfile
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, NoReturn

from tests.rigs import crash_points
from tests.rigs.causes import due_causes, edge_causes, log_causes
from tests.rigs.judge import Cause, Done, Finding, History, Run, judge
from tests.roles.scene import BALANCE_OF, Scene, open_scene, peer_of
from tests.unit.core.sample import BALANCE_ABOVE_100, CHAIN, CREATED_AT, KEEPERS, PAID, TOKEN, job_body
from triggerx.core.job import EventTrigger, Job, JobId, Limits, ScheduleType, TimeTrigger, Trigger
from triggerx.core.keeper import CheckIn
from triggerx.core.ledger import NewEntry
from triggerx.core.messages import AssignTasks, CheckedIn, Heard, Order, Reply, TaskAnswer, TaskAnswers
from triggerx.events import JobCreated
from triggerx.evm.registry import pack_job_id
from triggerx.evm.types import Hash32
from triggerx.ports.chain import LogFilter
from triggerx_engine.role import EngineConfig, EngineRole

INTERVAL_S: Final = 2
ON_TIME_S: Final = 15
SECONDS_A_CYCLE: Final = 20
"""A point that was not passed after as many seconds is never passed: every job has occurred several times by then."""
DOWN_S_MAX: Final = 2
LAST_S: Final = 6
"""At the end, without a kill: what is left waits for confirmations and polls alone."""
SETTLE_ROUNDS: Final = 10
NETWORK_CONFIRMATIONS: Final = 1
PLENTY: Final = Limits(runs_max=1_000_000, runs_per_day_max=1_000_000)
CAUGHT_UP: Final = "engine.chain.after-catch-up"
"""Is passed for a job that is new, so one is added."""
EVERY_TWO_S: Final = TimeTrigger(schedule_type=ScheduleType.INTERVAL, interval_s=INTERVAL_S)
PAID_ONCE_CONFIRMED: Final = replace(PAID, confirmations=1)


class Killed(BaseException):
    """Ends the engine where it stands; nothing in it may catch this."""


@dataclass
class Trap:
    """A crash point that kills at the `nth` pass of one name, once."""

    name: str = ""
    nth: int = 1
    passed: Counter[str] = field(default_factory=Counter)

    def __call__(self, name: str) -> None:
        """Pass a point, or die."""
        self.passed[name] += 1
        if name == self.name:
            self.nth -= 1
            if self.nth == 0:
                self.name = ""
                raise Killed(name)


@dataclass
class Course:
    """One engine with its jobs, and everything that happens to them; `killed` counts the kills of each point."""

    scene: Scene
    seed: int
    killed: Counter[str] = field(default_factory=Counter)
    jobs: list[Job] = field(default_factory=list)
    runs: dict[tuple[Hash32, int], Run] = field(default_factory=dict)
    """The first run of each task by each performer."""

    async def begin(self) -> None:
        """Make the node, its jobs, and performers that take everything on."""
        self._chance = random.Random(self.seed)  # noqa: S311 - repeatable on purpose
        self._values = [0]
        self._trap = Trap()
        self.node = await self.scene.engine()
        for number, key in enumerate(KEEPERS):
            keeper = await self.scene.network.join(key.address, peer_of(number))
            await keeper.announce(CheckedIn(addresses=(), version="1"), lifetime_s=10**6)
            keeper.answer(AssignTasks, self._performer(number))
        self.scene.chain.answer_at(TOKEN, BALANCE_OF, lambda block, _: self._value_at(block))
        for trigger in (EVERY_TWO_S, PAID_ONCE_CONFIRMED, BALANCE_ABOVE_100):
            await self._add_job(trigger)
        self._start()

    async def _add_job(self, trigger: Trigger) -> None:
        body = replace(
            job_body(is_guarded=False, trigger=trigger),
            job_id=JobId(pack_job_id(CHAIN, CREATED_AT, len(self.jobs) + 1)),
            time_frame_s=10**6,
            limits=PLENTY,
        )
        due = CREATED_AT + INTERVAL_S if isinstance(trigger, TimeTrigger) else None
        self.jobs.append(await self.scene.store_job(self.node, body, next_due_at=due))
        await self.node.services.bus.publish(JobCreated(body.job_id))

    def _performer(self, number: int) -> Callable[[Heard[AssignTasks]], Awaitable[Reply]]:
        def take_on(given: Order) -> TaskAnswer:
            order = given.assignment.assignment
            run = Run(task_key=order.task_key, tx_hash=Hash32(bytes(31) + bytes([number])), timestamp=self._now)
            self.runs.setdefault((order.task_key, number), run)
            return TaskAnswer(
                task_key=order.task_key, attempt=order.attempt, is_accepted=True, code="ok", message="taken on"
            )

        async def take_all_on(heard: Heard[AssignTasks]) -> Reply:
            return TaskAnswers(answers=tuple(map(take_on, heard.message.orders)))

        return take_all_on

    @property
    def _now(self) -> int:
        return self.scene.clock.now()

    def _value_at(self, block: int) -> int:
        """What the balance was; the newest blocks have the newest value."""
        return self._values[min(block, len(self._values) - 1)]

    def _start(self) -> None:
        role = EngineRole(replace(self.node.services, crash_point=self._trap), EngineConfig(on_time_s=ON_TIME_S))
        self._engine = asyncio.create_task(role.run(started=lambda: None), name="the engine under test")

    async def kill_at(self, point: str) -> bool:
        """Let the engine run until it passes this point and dies, and start it again; False when it never did."""
        self._trap.name, self._trap.nth = point, self._chance.randint(1, 2)
        if point == CAUGHT_UP:
            self._trap.nth = 1
            await self._add_job(PAID_ONCE_CONFIRMED)
        for _ in range(SECONDS_A_CYCLE):
            await self._pass_second()
            if self._engine.done():
                break
        else:
            self._trap.name = ""
            return False
        await _bury(self._engine)
        self.killed[point] += 1
        for _ in range(self._chance.randint(0, DOWN_S_MAX)):
            await self._pass_second()
        self.node = await self.scene.restarted(self.node)
        self._start()
        return True

    async def _pass_second(self) -> None:
        """Let a second pass, in which this and that happens on the chain."""
        scene, chance = self.scene, self._chance
        for number, key in enumerate(KEEPERS):
            check_in = CheckIn(
                operator=key.address, peer_id=peer_of(number), addresses=(), version="1", checked_in_at=self._now
            )
            await self.node.store.keepers.record_check_in(check_in)
        value = self._values[-1]
        if chance.random() < 0.5:
            value = chance.choice((0, 50, 100)) if value > 100 else 101 + chance.randint(0, 2**64)
        head = await scene.chain.head()
        self._values += [self._values[-1]] * (head.number + 1 - len(self._values)) + [value]
        if chance.random() < 0.5:
            await scene.pay(salt=chance.randbytes(8))
        else:
            await scene.clock.advance(1)
            await scene.chain.mine(timestamp=self._now)
        await scene.settle(SETTLE_ROUNDS)

    async def end(self) -> list[Finding]:
        """Let everything be decided, stop the engine, and judge."""
        for _ in range(LAST_S):
            await self.scene.clock.advance(1)
            await self.scene.chain.mine(timestamp=self._now)
            await self.scene.settle()
        self._engine.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._engine
        return judge(await self.history())

    async def history(self) -> History:
        """Gather what is judged: causes by brute force from the chain, and what the store holds."""
        store, chain = self.node.store, self.scene.chain
        head = await chain.head()
        found = [await chain.block(number) for number in range(head.number + 1)]
        blocks = [block for block in found if block is not None]
        times = {block.hash: block.timestamp for block in blocks}
        logs = await chain.logs(LogFilter(addresses=(TOKEN,)), from_block=0, to_block=head.number)
        read = [(block.timestamp, self._value_at(block.number)) for block in blocks[:-NETWORK_CONFIRMATIONS]]
        causes: list[Cause] = []
        for job in self.jobs:
            match job.body.trigger:
                case TimeTrigger():
                    causes += due_causes(
                        job.job_id, created_at=CREATED_AT, interval_s=INTERVAL_S, after=CREATED_AT, until=self._now
                    )
                case EventTrigger():
                    causes += log_causes(
                        job.job_id,
                        logs,
                        chain_id=CHAIN,
                        is_wanted=lambda log: log.topics[2] == bytes(12) + job_body().owner,
                        times=times,
                        span=(CREATED_AT, self._now),
                    )
                case _:
                    causes += edge_causes(job.job_id, read, above=100)
        entries: list[NewEntry] = []
        tasks: list[Done] = []
        for job in self.jobs:
            rows = await store.ledger.list_by_job(job.job_id, since=0, until=1 << 40, limit=1_000_000)
            entries += [row.entry for row in rows]
            tasks += [Done(task_key=task.task_key) for task in await store.tasks.list_by_job(job.job_id)]
        runs = list(self.runs.values())
        return History(causes=causes, entries=entries, tasks=tasks, runs=runs, on_time_s=ON_TIME_S)


async def _bury(engine: asyncio.Task[NoReturn]) -> None:
    try:
        await engine
    except BaseExceptionGroup as group:
        killed, others = group.split(Killed)
        if killed is None or others is not None:
            raise
    else:
        raise AssertionError("the engine ended by itself")


async def take_course(path: Path, *, cycles: int, seed: int) -> Course:
    """Kill so many times, at one point after the other; raises `AssertionError` with what the judge found."""
    async with open_scene(path) as scene:
        course = Course(scene, seed)
        await course.begin()
        for cycle in range(cycles):
            point = crash_points.ENGINE[cycle % len(crash_points.ENGINE)]
            if not await course.kill_at(point):
                raise AssertionError(f"cycle {cycle}: {point} was not passed within {SECONDS_A_CYCLE} s")
        found = await course.end()
        if found or not course.runs:
            raise AssertionError(f"seed {seed}, {cycles} cycles, {len(course.runs)} runs: {found}")
        return course


def main() -> None:
    """Take the course by hand: `python -m tests.rigs.kills --cycles 2000`."""
    parser = argparse.ArgumentParser(description="Kill an engine at every crash point, and judge its history.")
    parser.add_argument("--cycles", type=int, default=2_000)
    parser.add_argument("--cycles-each", type=int, default=100, help="of one engine, before the next begins anew")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    total: Counter[str] = Counter()
    for place, done in enumerate(range(0, given.cycles, given.cycles_each)):
        cycles = min(given.cycles_each, given.cycles - done)
        with tempfile.TemporaryDirectory() as folder:
            course = asyncio.run(take_course(Path(folder), cycles=cycles, seed=given.seed + place))
        total += course.killed
        sys.stdout.write(f"{total.total()} kills, {len(course.runs)} runs since the last line, nothing wrong\n")


if __name__ == "__main__":
    main()
