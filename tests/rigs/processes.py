"""A network of real processes whose core is killed by `kill -9` again and again, and what the judge says of it.

The core is engine, sentinel, pulse and librarian in one process; three keepers and the chain live on. It dies where a
crash point's environment says, or at a seeded moment by its own handle, and starts again over the same data directory.
A time, an event and a condition job keep each other going. What should have fired is taken from the schedule and the
chain by brute force, what was done from the hub's log; only the ledger and the tasks are the core's word.
"""

import argparse
import asyncio
import contextlib
import json
import random
import sqlite3
import sys
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, cast

from tests.e2e.apart import Apart, running_apart
from tests.rigs import crash_points
from tests.rigs.judge import History, judge
from tests.rigs.process_history import EXAMPLE_EVENT, history_of
from triggerx.client.api import Api
from triggerx.client.owner import Owner
from triggerx.client.signing import MandateTerms, sign_mandate
from triggerx.core.canonical import Json
from triggerx.core.errors import UnavailableError
from triggerx.core.followers import chain_follower, views_follower
from triggerx.core.job import JobBody
from triggerx.core.job_body import parse_body
from triggerx.core.ledger import Outcome, Reason
from triggerx.core.mandate import dump_mandate
from triggerx.evm.registry import pack_job_id
from triggerx.evm.types import Wei, checksum
from triggerx.ports.chain import LogFilter
from triggerx.storage import open_store

KEEPERS: Final = 3
INTERVAL_S: Final = 3
WITHIN_S: Final = 120.0
"""For whatever has to happen: a machine that others load takes its time, and no result depends on how much."""
LOOK_S: Final = 0.25
MOMENT_S_MAX: Final = 5.0
"""After the start of a process that is killed at no named point: some die before they have started."""
MOMENT: Final = ""
"""In the place of a crash point: a seeded moment."""
CAUGHT_UP: Final = "engine.chain.after-catch-up"
"""Is passed for an event job that is new, so one is added."""
POINTS: Final = (*crash_points.ENGINE, *crash_points.SENTINEL)
POINTS_A_MOMENT: Final = 3
DEPOSIT: Final = Wei(10**18)
RUNS: Final = 100_000
PLENTY: Final = {"runs_max": RUNS, "runs_per_day_max": RUNS, "wei_max": str(10**24), "wei_per_day_max": str(10**24)}
ADDED_BY_TIME: Final = 7
ADDED_BY_EVENT: Final = 5
ADDED_BY_CONDITION: Final = 1
ADDED_BY_LATER: Final = 3
"""What each job's run adds to the example target: the last amount goes up and down across the condition's limit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What the core's store says while it runs: what is not over yet, and up to which block everything was seen."""

    waiting: int
    open_tasks: int
    seen_block: int
    next_due_at: int


@dataclass
class Course:
    """The network, its jobs, and every kill: `killed` counts those of each point."""

    network: Apart
    stack: AsyncExitStack
    chance: random.Random
    owner: Owner
    killed: Counter[str] = field(default_factory=Counter)
    jobs: list[JobBody] = field(default_factory=list)
    unanswered: list[dict[str, Json]] = field(default_factory=list)
    paused_from: int = 0
    """No due second before this one may be left out as paused."""

    async def begin(self) -> None:
        """Make the jobs, in an order in which each is watched before it can occur."""
        await self.owner.deposit(DEPOSIT)
        target = checksum(self.network.ground.example_target)
        await self.post(
            await self.create(
                ADDED_BY_CONDITION,
                task_definition_id=5,
                condition_type="greater_equal",
                upper_limit=str(ADDED_BY_TIME),
                value_source_type="view",
                value_source_url=target,
                value_source_chain_id=str(self.owner.contracts.chain_id),
                value_source_function="lastAmount() returns (uint256)",
            )
        )
        await self.network.core.logged("conditions changed", fired=0, within_s=WITHIN_S)
        await self.post(await self.create(ADDED_BY_EVENT, **self._on_amount(ADDED_BY_TIME)))
        by_time: dict[str, Json] = {
            "task_definition_id": 1,
            "schedule_type": "interval",
            "time_interval": INTERVAL_S,
            "misfire_policy": "all",
        }
        await self.post(await self.create(ADDED_BY_TIME, **by_time))
        self.by_time = self.jobs[-1].job_id

    def _on_amount(self, amount: int) -> dict[str, Json]:
        return {
            "task_definition_id": 3,
            "trigger_chain_id": str(self.owner.contracts.chain_id),
            "trigger_contract_address": checksum(self.network.ground.example_target),
            "trigger_event": EXAMPLE_EVENT,
            "event_filters": [{"name": "amount", "value": str(amount)}],
            "event_confirmations": 1,
        }

    async def create(self, adds: int, **trigger: Json) -> dict[str, Json]:
        """Create a job on chain that adds this amount; returns the body to post, with its mandate."""
        ground, contracts = self.network.ground, self.owner.contracts
        fields: dict[str, Json] = {
            "job_id": str(pack_job_id(contracts.chain_id, 0, 1)),
            "user_address": checksum(ground.user.address),
            "job_title": f"adds {adds}",
            "time_frame": 86_400,
            "recurring": True,
            "created_chain_id": str(contracts.chain_id),
            "target_chain_id": str(contracts.chain_id),
            "target_contract_address": checksum(ground.example_target),
            "target_function": "increment",
            "abi": json.dumps(ground.example_abi),
            "arguments": [str(adds)],
            "limits": cast("Json", PLENTY),
            **trigger,
        }
        created = await self.owner.create(parse_body(fields))
        fields["job_id"] = str(created.job_id)
        body = parse_body(fields)
        signed = sign_mandate(body, created.entry, MandateTerms(runs_max=RUNS), contracts=contracts, signer=ground.user)
        self.jobs.append(body)
        return {**fields, "mandate": dump_mandate(signed)}

    async def post(self, fields: Mapping[str, Json]) -> None:
        """Hand a job in to the core that runs now."""
        async with self.api() as api:
            await api.post_job(fields)

    @asynccontextmanager
    async def api(self) -> AsyncIterator[Api]:
        """The API of the core that runs now; each start has another port."""
        started = await self.network.core.logged("api started", within_s=WITHIN_S)
        async with Api.open(started["url"], key=self.network.api_key, named_by="the rig") as api:
            yield api

    async def kill(self, point: str, restart_to: str) -> None:
        """Let the core die at `point`, for which it was started, and start it for the next one."""
        core = self.network.core
        added: dict[str, Json] | None = None
        if point == MOMENT:
            await asyncio.sleep(self.chance.uniform(0, MOMENT_S_MAX))
            core.process.kill()
        elif point == CAUGHT_UP:
            added = await self.create(ADDED_BY_LATER, **self._on_amount(ADDED_BY_CONDITION))
            with contextlib.suppress(UnavailableError):  # it may die before it answers
                await self.post(added)
        try:
            await core.killed(within_s=WITHIN_S)
        except TimeoutError as error:
            raise AssertionError(f"{point} was not passed within {WITHIN_S:g} s: {core.lines[-3:]}") from error
        self.killed[point] += 1
        environment = {
            "TRIGGERX_CRASH_AT": restart_to,
            "TRIGGERX_CRASH_ONCE": str(self.network.folder / f"crashed-{self.killed.total()}"),
        }
        await self.network.restart_core(self.stack, {} if restart_to == MOMENT else environment)
        if added is not None:
            self.unanswered.append(added)
        while self.unanswered:
            try:
                await self.post(self.unanswered[0])
            except UnavailableError:
                return  # this core has died in its turn: the next one is asked
            del self.unanswered[0]

    async def settle(self) -> None:
        """Pause the time job, which all others live by, and wait until nothing is left to be decided or done."""
        head = await self.owner.chain.head()
        standing = await self._standing_when(lambda now: now.next_due_at > head.timestamp)
        self.paused_from = standing.next_due_at
        async with self.api() as api:
            await api.pause_job(self.by_time)
        filters = LogFilter(addresses=(self.network.ground.example_target,))
        while True:
            standing = await self._standing_when(lambda now: now.waiting == now.open_tasks == 0)
            head = await self.owner.chain.head()
            logs = await self.owner.chain.logs(filters, from_block=0, to_block=head.number)
            if logs and logs[-1].block_number < standing.seen_block:  # and has a block on top, as it is to have
                return
            await self._standing_when(lambda now: now.seen_block > head.number)  # noqa: B023 - awaited at once

    async def _standing_when(self, is_reached: Callable[[Standing], bool]) -> Standing:
        standing = None
        try:
            async with asyncio.timeout(WITHIN_S):
                while standing is None or not is_reached(standing):
                    await asyncio.sleep(LOOK_S)
                    standing = await asyncio.to_thread(self._standing)
        except TimeoutError as error:
            said = self.network.core.lines[-3:]
            raise AssertionError(f"not settled within {WITHIN_S:g} s: {standing}; the core said {said}") from error
        return standing

    def _standing(self) -> Standing:
        """Read all of it in one statement, so that it is of one moment."""
        chain_id = self.owner.contracts.chain_id
        with contextlib.closing(sqlite3.connect(f"file:{self.store_file}?mode=ro", uri=True)) as store:
            row = store.execute(
                "SELECT (SELECT count(*) FROM ledger WHERE outcome IN ('confirming', 'queued', 'held')),"
                " (SELECT count(*) FROM tasks WHERE status NOT IN ('attested', 'rejected', 'failed', 'unknown')),"
                " min((SELECT max(number) FROM chain_blocks WHERE follower = ?),"
                " (SELECT number FROM chain_cursors WHERE name = ?)),"
                " (SELECT next_due_at FROM jobs WHERE job_id = ?)",
                (chain_follower(chain_id), views_follower(chain_id), str(self.by_time)),
            ).fetchone()
        waiting, open_tasks, seen_block, next_due_at = row
        return Standing(waiting=waiting, open_tasks=open_tasks, seen_block=seen_block, next_due_at=next_due_at)

    @property
    def store_file(self) -> Path:
        """The core's store."""
        return self.network.folder / "core" / "triggerx.db"

    def broken_promises(self, history: History) -> list[str]:
        """What the policy `all` rules out: that a due second before the pause did not fire, whatever was killed."""
        return [
            f"job {entry.job_id}: {entry.count} due at {entry.moment} are {entry.outcome} for {entry.reason!r}"
            for entry in history.entries
            if entry.outcome is not Outcome.FIRED
            and (entry.reason is not Reason.PAUSED or entry.moment < self.paused_from)
        ]

    async def history(self) -> History:
        """Gather what is judged; the core must have stopped."""
        async with open_store(self.store_file) as store:
            return await history_of(self.owner.chain, self.network.ground, store, self.jobs)


def plan(cycles: int, chance: random.Random) -> list[str]:
    """Where the core dies each time: every point in turn, in an order of the seed's, and moments between them.

    The first is a moment, for the jobs are made by a core that was started for no point.
    """
    order = chance.sample(POINTS, len(POINTS))
    points = (order[number % len(order)] for number in range(cycles))
    return [MOMENT if number % (POINTS_A_MOMENT + 1) == 0 else next(points) for number in range(cycles)]


async def take_course(folder: Path, *, cycles: int, seed: int) -> tuple[Course, History]:
    """Kill so many times; raises `AssertionError` with what the judge found."""
    chance = random.Random(seed)  # noqa: S311 - repeatable on purpose
    async with running_apart(folder, keepers=KEEPERS) as (network, stack):
        ground = network.ground
        chain_id = ground.network.l2_chain_id
        owner = Owner(ground.reads[chain_id], ground.network.action_chains[chain_id], ground.user)
        course = Course(network=network, stack=stack, chance=chance, owner=owner)
        await course.begin()
        points = plan(cycles, chance)
        for point, following in zip(points, [*points[1:], MOMENT], strict=True):
            await course.kill(point, following)
        await course.settle()
        if (status := await network.core.stop()) != 0:
            raise AssertionError(f"the core ended with {status}: {network.core.lines[-5:]}")
        history = await course.history()
        found = [*map(str, judge(history)), *course.broken_promises(history)]
        if found:
            raise AssertionError(f"seed {seed}, {cycles} cycles, {len(history.runs)} runs: {found}")
        return course, history


def main() -> None:
    """Take the course by hand: `python -m tests.rigs.processes --cycles 60`."""
    parser = argparse.ArgumentParser(description="Kill the core of a network of processes, and judge its history.")
    parser.add_argument("--cycles", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        course, history = asyncio.run(take_course(Path(folder), cycles=given.cycles, seed=given.seed))
    attested = sum(task.is_attested for task in history.tasks)
    for point, count in sorted(course.killed.items()):
        sys.stdout.write(f"{count:4} kills at {point or 'a seeded moment'}\n")
    sys.stdout.write(
        f"{len(history.causes)} occurrences, {len(history.tasks)} tasks, {len(history.runs)} runs, {attested} attested;"
        " nothing lost, nothing done twice\n"
    )


if __name__ == "__main__":
    main()
