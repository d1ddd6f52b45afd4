"""The attester finds out about triggers of every kind itself: a lying engine and its performer get a no."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.fakes.pages import Pages
from tests.roles.keeper.acts import document_of, execute, hash_of
from tests.roles.keeper.booth import Booth, open_booth
from tests.roles.keeper.occurrences import KINDS, LIES, PRICE_URL, Occur, on_time, paid, price_below
from tests.unit.core.sample import job_body
from triggerx.core.document import TaskDocument
from triggerx.core.evidence import EventEvidence
from triggerx.core.job import TaskDefinition
from triggerx.core.job_body import dump_body


async def performed(booth: Booth, occur: Occur) -> TaskDocument:
    """The document of an action that was done, with its confirmation, because this is said to have occurred."""
    body, evidence = await occur(booth.scene)
    await booth.scene.register(body)
    order = await booth.scene.order(body, evidence=evidence)
    document = document_of(order, await execute(booth.scene, order, body=body), body=body, evidence=evidence)
    await booth.scene.chain.mine()
    return document


@pytest.mark.parametrize("occur", KINDS)
async def test_run_when_a_trigger_of_any_kind_is_true_then_it_votes_yes(tmp_path: Path, occur: Occur) -> None:
    async with open_booth(tmp_path) as booth, booth.at_work():
        share = await booth.vote_on(await performed(booth, occur))
        assert (share.is_approved, share.code) == (True, "ok")


@pytest.mark.parametrize("lie", LIES)
async def test_run_when_the_trigger_was_not_then_it_votes_no(tmp_path: Path, lie: Occur) -> None:
    async with open_booth(tmp_path) as booth, booth.at_work():
        share = await booth.vote_on(await performed(booth, lie))
        assert (share.is_approved, share.code) == (False, "trigger_false")


async def test_run_when_the_evidence_is_not_that_of_the_firing_then_it_votes_no(tmp_path: Path) -> None:
    async with open_booth(tmp_path) as booth, booth.at_work():
        document = await performed(booth, paid)
        share = await booth.vote_on(replace(document, evidence={**document.evidence, "ordinal": 0}))
        assert (share.is_approved, share.code) == (False, "evidence_malformed")


async def test_run_when_a_script_was_to_say_the_whole_call_then_it_does_not_vote(tmp_path: Path) -> None:
    async with open_booth(tmp_path) as booth, booth.at_work():
        document = await performed(booth, on_time)
        action = replace(job_body().action, script_url="https://example.org/script", language="python", arguments=())
        scripted = replace(job_body(), task_definition_id=TaskDefinition.CUSTOM_SCRIPT, action=action)
        await booth.hear(replace(document, body=dump_body(scripted)))
        await booth.scene.pass_time(2)
        assert await booth.bound() == []
        (reason,) = {r.fields["reason"] for r in booth.attester.log.records if r.event == "no vote"}
        assert "a script says the action" in str(reason)


async def test_run_when_the_event_is_in_another_block_here_then_it_waits_without_a_vote(tmp_path: Path) -> None:
    async with open_booth(tmp_path) as booth, booth.at_work():
        body, evidence = await paid(booth.scene)
        assert isinstance(evidence, EventEvidence)
        await booth.scene.register(body)
        order = await booth.scene.order(body, evidence=evidence)
        await booth.scene.chain.reorganise(2)
        document = document_of(order, await execute(booth.scene, order, body=body), body=body, evidence=evidence)
        await booth.scene.chain.mine()
        await booth.hear(document)
        await booth.scene.pass_time(3)
        assert await booth.attester.store.votes.shares(hash_of(document)) == ()
        assert len(await booth.attester.store.votes.open_documents()) == 1


@pytest.mark.parametrize("is_forged", [True, False])
async def test_run_when_no_engine_ordered_the_task_then_it_asks_nobody_outside_about_it(
    tmp_path: Path, is_forged: bool
) -> None:
    async with open_booth(tmp_path) as booth:
        pages = Pages({PRICE_URL: b'{"price":1990}'})
        booth.attester.services = replace(booth.attester.services, fetch=pages)
        document = await performed(booth, price_below)
        if is_forged:
            document = replace(document, assignment=replace(document.assignment, signature=bytes(65)))
        async with booth.at_work():
            share = await booth.vote_on(document)
        assert share.code == ("assignment_forged" if is_forged else "ok")
        assert pages.asked == ([] if is_forged else [PRICE_URL])
