"""The draft of an order: seed and begin hang on the moment of the task's evidence, whatever made the job fire."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.roles.scene import Node, Scene, open_scene, wish
from tests.unit.core.sample import DUE, KEEPERS, NETWORK, PAID, job_body
from triggerx.core.canonical import Json
from triggerx.core.errors import InvalidInput
from triggerx.core.evidence import Evidence, TimeEvidence, dump_evidence, firing_of, moment_of
from triggerx.core.job import Job, JobBody
from triggerx.core.keeper import CheckIn
from triggerx.core.task import SignedAssignment, Task, TaskId
from triggerx.evm.hub import Firing, task_key
from triggerx_engine.draft import draft_assignments

LAG_S = NETWORK.timing.seed_lag_s


def task_of(job: Job, firing: Firing, evidence: Mapping[str, Json]) -> Task:
    """A task that nobody has been elected for."""
    return Task(
        task_id=TaskId(1),
        task_key=task_key(job.job_id, firing),
        job_id=job.job_id,
        task_definition_id=job.body.task_definition_id,
        created_at=DUE,
        firing=firing,
        is_guarded=True,
        evidence=evidence,
    )


async def engine_with(scene: Scene, body: JobBody) -> tuple[Node, Job]:
    """The engine with this job, all keepers online."""
    engine = await scene.engine()
    for key in KEEPERS:
        check_in = CheckIn(
            operator=key.address, peer_id="peer", addresses=(), version="1", checked_in_at=scene.clock.now()
        )
        await engine.store.keepers.record_check_in(check_in)
    return engine, await scene.store_job(engine, body)


@pytest.mark.parametrize("later_s", [1, 30])
async def test_draft_when_an_event_was_confirmed_late_then_its_own_second_fixes_seed_and_begin(
    tmp_path: Path, later_s: int
) -> None:
    async with open_scene(tmp_path, now=DUE) as scene:
        engine, job = await engine_with(scene, job_body(trigger=PAID))
        evidence = await scene.pay()
        await scene.pass_time(later_s)
        signed = await drafted(engine, task_of(job, *seen(evidence)), job)
        assert signed.assignment == (await scene.order(job.body, evidence=evidence)).assignment
        assert (signed.seed_block, signed.seed_block_hash) == await scene.seed(evidence.moment)
        assert signed.assignment.not_before == evidence.block_timestamp
        assert signed.assignment.not_after == DUE + 1 + later_s + NETWORK.timing.performer_window_s


async def test_draft_when_the_firing_is_of_time_or_by_hand_then_due_second_and_request_fix_the_seed(
    tmp_path: Path,
) -> None:
    async with open_scene(tmp_path, now=DUE) as scene:
        engine, job = await engine_with(scene, job_body())
        for evidence in (TimeEvidence(due=DUE), wish(job.body, at=DUE - 3)):
            signed = await drafted(engine, task_of(job, *seen(evidence)), job)
            block = await scene.chain.block(signed.seed_block)
            assert block is not None and block.timestamp == evidence.moment - LAG_S
            assert signed.assignment.not_before == evidence.moment


async def test_draft_when_the_evidence_is_not_that_of_the_firing_then_it_is_refused(tmp_path: Path) -> None:
    async with open_scene(tmp_path, now=DUE) as scene:
        engine, job = await engine_with(scene, job_body())
        another: dict[str, Json] = {"kind": "time", "due": DUE + 10}
        for evidence in ({}, another):
            with pytest.raises(InvalidInput, match="evidence"):
                await drafted(engine, task_of(job, Firing.time(DUE), evidence), job)


async def drafted(engine: Node, task: Task, job: Job) -> SignedAssignment:
    (signed,) = await draft_assignments(engine.services, moment_of(task.firing, task.evidence), [(task, job)])
    return signed


def seen(evidence: Evidence) -> tuple[Firing, dict[str, Json]]:
    """The firing with its evidence as the store holds it."""
    return firing_of(evidence), dump_evidence(evidence)
