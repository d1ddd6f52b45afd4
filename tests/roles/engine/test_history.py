"""One replay path: what the engine did live equals what a simulation finds in the chain, and an audit agrees."""

import random
from itertools import pairwise
from pathlib import Path

import pytest

from tests.roles.engine.history import TRIGGERS, Course, live, open_course
from triggerx.core.ledger import LedgerEntry, Outcome, Reason
from triggerx.evm.types import Hash32
from triggerx.ports.scripts import NoScripts, NoScriptSources
from triggerx.triggers.ledger_check import Bounds
from triggerx.triggers.simulation import World, simulate

FRAMES_S = {"time": 90, "event at once": 500, "event confirmed": 60, "edge": 70, "level": 500}


async def entries(course: Course, name: str) -> list[LedgerEntry]:
    job = course.jobs[name]
    return list(await course.node.store.ledger.list_by_job(job.job_id, since=0, until=1 << 40, limit=10_000))


def stands(stored: LedgerEntry) -> bool:
    """Whether an entry is of something that is on the chain."""
    return stored.entry.reason is not Reason.REORGED


async def replayed(course: Course, name: str, last: int) -> set[Hash32]:
    """The task keys that a simulation of the job's body finds up to a block."""
    services, job = course.services, course.jobs[name]
    found = await simulate(
        job.body,
        World(
            network=services.network,
            chains=services.chains,
            conditions=services.store.conditions,
            scripts=NoScripts(),
            script_sources=NoScriptSources(),
        ),
        first=0,
        last=last,
    )
    return {trial.occurrence.key(job.job_id) for trial in found.trials}


@pytest.mark.parametrize("seed", range(5))
async def test_history_when_replayed_then_has_the_firings_of_the_live_ledger_and_no_fault(
    tmp_path: Path, seed: int
) -> None:
    chance = random.Random(seed)  # noqa: S311 - chance that is repeated
    async with open_course(tmp_path) as course:
        for name in TRIGGERS:
            await course.add(name, time_frame_s=FRAMES_S.get(name, 500))
        await live(course, chance, steps=70)
        for name in TRIGGERS:
            audit = await course.audit(name)
            assert (name, audit.findings) == (name, ())
            assert audit.bounds.since <= audit.bounds.until
            own = await entries(course, name)
            assert audit.expected == sum(stored.entry.count for stored in own if stands(stored))
            if name != "time":
                assert {stored.entry.task_key for stored in own if stands(stored)} == await replayed(
                    course, name, audit.last_block
                )
        fired = {stored.outcome for name in TRIGGERS for stored in await entries(course, name)}
        assert Outcome.FIRED in fired


async def test_audit_when_made_in_parts_then_the_parts_add_up_to_the_whole(tmp_path: Path) -> None:
    async with open_course(tmp_path) as course:
        for name in TRIGGERS:
            await course.add(name, time_frame_s=500)
        await live(course, random.Random(11), steps=40)  # noqa: S311 - chance that is repeated
        for name in TRIGGERS:
            whole = await course.audit(name)
            cuts = [0, 43, 55, 66, whole.last_block + 1]
            parts = [await course.audit(name, first=a, last=b - 1) for a, b in pairwise(cuts)]
            assert [part.findings for part in parts] == [()] * 4
            assert sum(part.expected for part in parts) == whole.expected > 0
            assert sum(part.tasks for part in parts) == whole.tasks
            assert sum(sum(part.outcomes.values()) for part in parts) == sum(whole.outcomes.values())


async def test_audit_when_the_engine_has_handled_nothing_then_says_so_and_demands_nothing(tmp_path: Path) -> None:
    async with open_course(tmp_path) as course:
        await course.add("edge", time_frame_s=500)
        audit = await course.audit("edge")
        assert audit.bounds == Bounds(since=0, until=-1)
        assert audit.notes == ("the engine has handled no block of this chain yet",)
