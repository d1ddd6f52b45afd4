"""The order desk checks a trigger of every kind itself: a true one is taken on, a lying engine is refused."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.roles.keeper.desk_scene import open_desk, open_desk_for
from tests.roles.keeper.occurrences import KINDS, LIES, Occur
from tests.roles.scene import Scene
from tests.unit.core.sample import DUE, PAID, job_body
from triggerx.core.canonical import canonical_json
from triggerx.core.evidence import Evidence, TimeEvidence, dump_evidence, parse_evidence
from triggerx.core.job import JobBody, TaskDefinition
from triggerx.core.job_body import encode_body


@pytest.mark.parametrize("occur", KINDS)
async def test_answer_when_a_trigger_of_any_kind_is_true_then_the_order_is_taken_on_with_its_evidence(
    tmp_path: Path, occur: Occur
) -> None:
    async with open_desk_for(tmp_path, occur) as (desk, body, evidence):
        order = await desk.scene.order(body, evidence=evidence)
        answer = await desk.ask(order, body=encode_body(body), evidence=canonical_json(dump_evidence(evidence)))
        assert (answer.is_accepted, answer.code) == (True, "ok")
        (performance,) = await desk.taken()
        assert parse_evidence(performance.evidence, order.firing) == evidence
        assert order.assignment.not_before == evidence.moment


@pytest.mark.parametrize("occur", KINDS)
async def test_answer_when_the_order_begins_before_the_moment_then_it_is_refused(tmp_path: Path, occur: Occur) -> None:
    async with open_desk_for(tmp_path, occur) as (desk, body, evidence):
        order = desk.signed(await desk.scene.order(body, evidence=evidence), not_before=evidence.moment - 1)
        answer = await desk.ask(order, body=encode_body(body), evidence=canonical_json(dump_evidence(evidence)))
        assert (answer.is_accepted, answer.code) == (False, "too_early")


@pytest.mark.parametrize("lie", LIES)
async def test_answer_when_the_engine_claims_what_was_not_then_it_is_refused(tmp_path: Path, lie: Occur) -> None:
    async with open_desk_for(tmp_path, lie) as (desk, body, evidence):
        order = await desk.scene.order(body, evidence=evidence)
        answer = await desk.ask(order, body=encode_body(body), evidence=canonical_json(dump_evidence(evidence)))
        assert (answer.is_accepted, answer.code) == (False, "trigger_false")
        assert await desk.taken() == ()


async def test_answer_when_the_event_has_not_been_seen_here_yet_then_it_is_unknown_and_taken_on_later(
    tmp_path: Path,
) -> None:
    async def fresh(scene: Scene) -> tuple[JobBody, Evidence]:
        return job_body(trigger=PAID), await scene.pay()

    async with open_desk_for(tmp_path, fresh) as (desk, body, evidence):
        order = await desk.scene.order(body, evidence=evidence)
        content = canonical_json(dump_evidence(evidence))
        assert (await desk.ask(order, body=encode_body(body), evidence=content)).code == "trigger_unknown"
        await desk.scene.pass_time(1)
        assert (await desk.ask(order, body=encode_body(body), evidence=content)).is_accepted


async def test_answer_when_the_evidence_is_of_another_firing_then_it_is_malformed(tmp_path: Path) -> None:
    async with open_desk(tmp_path) as desk:
        for evidence in (TimeEvidence(due=DUE + 10), await desk.scene.pay()):
            answer = await desk.ask(await desk.order(), evidence=canonical_json(dump_evidence(evidence)))
            assert (answer.is_accepted, answer.code) == (False, "malformed")


async def test_answer_when_a_script_is_to_say_the_whole_call_then_it_is_unsupported(tmp_path: Path) -> None:
    async with open_desk(tmp_path) as desk:
        honest = job_body(is_guarded=False)
        action = replace(honest.action, script_url="https://example.org/script", language="python", arguments=())
        body = replace(honest, task_definition_id=TaskDefinition.CUSTOM_SCRIPT, action=action)
        answer = await desk.ask(await desk.order(), body=encode_body(body))
        assert (answer.is_accepted, answer.code) == (False, "unsupported")
