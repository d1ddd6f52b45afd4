"""The attester: one vote a document, one yes a task, on disk before it is signed; what is not known yet waits."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.roles.keeper.acts import (
    document_of,
    execute,
    execute_unguarded,
    hash_of,
    hub_call,
    number_of,
)
from tests.roles.keeper.booth import EVENT_S, POLL_S, honest, open_booth
from tests.roles.scene import REGISTRY
from tests.unit.core.sample import DUE, KEEPERS, NETWORK, job_body
from triggerx.core.document import TaskDocument
from triggerx.core.errors import RecoverableError
from triggerx.core.messages import VotesCast
from triggerx.events import VoteHeard
from triggerx.evm.bn254.hash_to_point import hash_to_point
from triggerx.evm.contracts import JobRegistry
from triggerx.evm.keccak import keccak256
from triggerx.evm.tasks import TASKS_DOMAIN
from triggerx.evm.types import Wei
from triggerx.ports.chain import CallReverted
from triggerx.ports.store.peering import OwnVote
from triggerx_keeper.attester import PHASE, VOTE_WITHIN_S, ballot_message
from triggerx_keeper.ballots import point_of


async def test_run_when_the_document_is_true_then_it_votes_yes_once_and_tells_everybody(tmp_path: Path) -> None:
    async with open_booth(tmp_path) as booth, booth.at_work():
        other = await booth.scene.keeper((booth.number + 1) % 4)
        document = await honest(booth.scene)
        async with other.peers.announcements(VotesCast) as votes:
            share = await booth.vote_on(document)
            async with asyncio.timeout(EVENT_S):
                heard = await anext(aiter(votes))
        await booth.scene.pass_time(3)
        assert (share.operator_id, share.is_approved, share.code) == (booth.number + 1, True, "ok")
        (vote,) = heard.message.votes
        assert (vote.signature, vote.task_hash) == (share.signature, hash_of(document))
        assert heard.sender == KEEPERS[booth.number].address
        assert await booth.bound() == [(True, "ok")]
        signer = booth.attester.services.keeper_signer
        assert signer is not None
        message = ballot_message(document, vote.cid, is_approved=True)
        assert point_of(share.signature) == signer.sign_bls(TASKS_DOMAIN, message)
        assert hash_to_point(TASKS_DOMAIN, message) != point_of(share.signature)


async def test_run_when_documents_are_judged_together_then_their_votes_are_one_announcement(tmp_path: Path) -> None:
    async with open_booth(tmp_path) as booth:
        other = await booth.scene.keeper((booth.number + 1) % 4)
        document = await honest(booth.scene)
        false = [replace(document, action=replace(document.action, fee=Wei(fee))) for fee in (7, 8, 9)]
        for each in false:
            await booth.hear(each)
        async with other.peers.announcements(VotesCast) as votes, booth.at_work():
            async with asyncio.timeout(EVENT_S):
                heard = await anext(aiter(votes))
        assert {(vote.task_hash, vote.is_approved) for vote in heard.message.votes} == {
            (hash_of(each), False) for each in false
        }


Change = Callable[[TaskDocument], TaskDocument]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda d: replace(d, action=replace(d.action, fee=Wei(7))), "wrong_fee"),
        (lambda d: replace(d, action=replace(d.action, data=b"\x01")), "wrong_claim"),
        (lambda d: replace(d, action=replace(d.action, sender=KEEPERS[0].address[::-1])), "wrong_sender"),
        (lambda d: replace(d, attestation_center=d.action.hub), "other_network"),
        (lambda d: replace(d, assignment=replace(d.assignment, signature=bytes(65))), "assignment_forged"),
    ],
)
async def test_run_when_the_document_is_false_then_it_votes_no_and_the_vote_says_why(
    tmp_path: Path, change: Change, code: str
) -> None:
    async with open_booth(tmp_path) as booth, booth.at_work():
        share = await booth.vote_on(change(await honest(booth.scene)))
        assert (share.is_approved, share.code) == (False, code)
        assert await booth.bound() == [(False, code)]
        assert "task refused" in booth.attester.log.events("warning")


async def test_run_when_the_inner_call_failed_then_it_votes_no(tmp_path: Path) -> None:
    async with open_booth(tmp_path) as booth, booth.at_work():
        order = await booth.scene.order()
        tx_hash = await execute(booth.scene, order, is_success=False)
        share = await booth.vote_on(document_of(order, tx_hash))
        assert (share.is_approved, share.code) == (False, "inner_call_failed")


async def test_run_when_the_action_is_not_mined_yet_then_it_waits_and_votes_once_it_is(tmp_path: Path) -> None:
    async with open_booth(tmp_path) as booth, booth.at_work():
        order = await booth.scene.order()
        tx_hash = keccak256(b"to be mined")
        document = document_of(order, tx_hash)
        await booth.hear(document)
        assert await booth.has_not_voted(document)
        await execute(booth.scene, order, tx_hash=tx_hash)
        await booth.scene.clock.advance(1)
        assert await booth.has_not_voted(document)  # it has no confirmation yet
        async with booth.attester.services.bus.subscribe(VoteHeard) as votes:
            await booth.scene.pass_time(2)
            async with asyncio.timeout(EVENT_S):
                await anext(aiter(votes))
        assert (await booth.share(document)).is_approved


async def test_run_when_the_chain_or_the_registry_is_away_then_it_waits_and_votes_later(tmp_path: Path) -> None:
    async with open_booth(tmp_path) as booth, booth.at_work():
        document = await honest(booth.scene)
        registered = booth.scene.entries[job_body().job_id]

        def away(_: int) -> tuple[object, ...]:
            raise CallReverted("the state of this block is gone")

        booth.scene.chain.answer(REGISTRY, JobRegistry.getJob, away)
        await booth.hear(document)
        assert await booth.has_not_voted(document)
        booth.scene.chain.answer(REGISTRY, JobRegistry.getJob, lambda _: registered)
        booth.scene.chain.fault = RecoverableError("no endpoint answers")
        await booth.scene.clock.advance(2)
        assert await booth.has_not_voted(document)
        booth.scene.chain.fault = None
        async with booth.attester.services.bus.subscribe(VoteHeard) as votes:
            await booth.scene.pass_time(2)
            async with asyncio.timeout(EVENT_S):
                await anext(aiter(votes))
        assert (await booth.share(document)).is_approved


async def test_run_when_the_registry_answers_nonsense_then_it_waits(tmp_path: Path) -> None:
    async with open_booth(tmp_path) as booth, booth.at_work():
        document = await honest(booth.scene)
        short = JobRegistry.getJobOwner  # an answer of one word, which is no job
        booth.scene.chain._answers[REGISTRY, JobRegistry.getJob.selector] = (
            replace(short, name="getJob", inputs=JobRegistry.getJob.inputs),
            lambda _block, _: KEEPERS[0].address,
        )
        await booth.hear(document)
        assert await booth.has_not_voted(document)
        assert "document waits" in booth.attester.log.events("warning")


async def test_run_when_it_was_killed_after_it_bound_itself_then_it_signs_the_same_vote(tmp_path: Path) -> None:
    async with open_booth(tmp_path) as booth:
        document = await honest(booth.scene)
        own = OwnVote(
            phase=PHASE,
            task_key=document.assignment.assignment.task_key,
            attempt=1,
            task_hash=hash_of(document),
            is_approved=True,
            code="ok",
            recorded_at=DUE,
        )
        await booth.attester.store.votes.bind(own)
        async with booth.at_work():
            assert (await booth.vote_on(document)).is_approved
        assert await booth.bound() == [(True, "ok")]


async def test_run_when_it_was_killed_after_a_vote_that_it_would_not_cast_now_then_it_signs_nothing(
    tmp_path: Path,
) -> None:
    async with open_booth(tmp_path) as booth:
        document = await honest(booth.scene)
        own = OwnVote(
            phase=PHASE,
            task_key=document.assignment.assignment.task_key,
            attempt=1,
            task_hash=hash_of(document),
            is_approved=False,
            code="wrong_fee",
            recorded_at=DUE,
        )
        await booth.attester.store.votes.bind(own)
        async with booth.at_work():
            await booth.hear(document)
            await booth.scene.pass_time(2)
            assert await booth.attester.store.votes.shares(hash_of(document)) == ()
        assert "no vote" in booth.attester.log.events("warning")


async def test_run_when_a_second_true_document_of_the_task_comes_then_it_gets_no_second_yes(tmp_path: Path) -> None:
    async with open_booth(tmp_path) as booth, booth.at_work():
        document = await honest(booth.scene)
        assert (await booth.vote_on(document)).is_approved
        second = replace(document, body={**document.body, "job_cost_prediction": "5"})
        await booth.hear(second)
        await booth.scene.pass_time(2)
        assert await booth.attester.store.votes.shares(hash_of(second)) == ()
        assert await booth.bound() == [(True, "ok")]
        assert "no vote" in booth.attester.log.events("warning")


async def test_run_when_it_restarts_after_its_vote_then_it_does_not_vote_again(tmp_path: Path) -> None:
    async with open_booth(tmp_path) as booth:
        document = await honest(booth.scene)
        async with booth.at_work():
            await booth.vote_on(document)
        sent = booth.scene.network.sent
        booth.attester = await booth.scene.restarted(booth.attester)
        async with booth.at_work():
            await booth.scene.pass_time(3)
        assert booth.scene.network.sent == sent


async def test_run_when_the_operator_is_not_registered_with_this_key_then_it_does_not_vote(tmp_path: Path) -> None:
    async with open_booth(tmp_path) as booth, booth.at_work():
        booth.scene.operators.bls_keys[KEEPERS[booth.number].address] = (1, 2, 3, 4)
        document = await honest(booth.scene)
        await booth.hear(document)
        await booth.scene.pass_time(1)
        assert await booth.has_not_voted(document)


async def test_run_when_the_announcement_was_late_then_it_abstains_without_looking_again_and_again(
    tmp_path: Path,
) -> None:
    async with open_booth(tmp_path) as booth, booth.at_work():
        document = await honest(booth.scene)
        await booth.hear(
            document, heard_at=document.assignment.assignment.not_after + NETWORK.timing.announce_grace_s + 1
        )
        await booth.scene.pass_time(2)
        assert await booth.has_not_voted(document)
        looked = len(booth.scene.chain.calls)
        await booth.scene.pass_time(5)
        assert len(booth.scene.chain.calls) == looked


async def test_run_when_nothing_is_found_out_for_long_then_it_looks_less_and_less_often_and_ends(
    tmp_path: Path,
) -> None:
    async with open_booth(tmp_path) as booth, booth.at_work():
        looks: list[int] = []
        receipt = booth.scene.chain.receipt

        async def counted(tx_hash: bytes) -> None:
            looks.append(booth.scene.clock.now())
            await receipt(keccak256(tx_hash))

        booth.scene.chain.receipt = counted  # type: ignore[method-assign]  # it only counts
        document = document_of(await booth.scene.order(), keccak256(b"never mined"))
        await booth.hear(document)
        for _ in range(VOTE_WITHIN_S // 10 + 2):
            await booth.scene.clock.advance(10)
            await booth.scene.settle()
        assert 10 < len(looks) < 100
        assert await booth.attester.store.votes.open_documents() == ()
        assert await booth.has_not_voted(document)


async def test_run_when_a_vote_led_to_nothing_then_the_document_is_closed_in_the_end(tmp_path: Path) -> None:
    async with open_booth(tmp_path) as booth, booth.at_work():
        await booth.vote_on(await honest(booth.scene))
        assert len(await booth.attester.store.votes.open_documents()) == 1
        await booth.scene.clock.advance(VOTE_WITHIN_S + POLL_S)
        await booth.scene.clock.advance(POLL_S)
        await booth.scene.settle()
        assert await booth.attester.store.votes.open_documents() == ()


async def test_run_when_a_stranger_claims_the_action_first_then_the_honest_document_is_still_approved(
    tmp_path: Path,
) -> None:
    async with open_booth(tmp_path) as booth, booth.at_work():
        document = await honest(booth.scene)
        thief = KEEPERS[number_of(document.performer) - 1]
        stolen = replace(
            document,
            performer=thief.address,
            assignment=replace(
                document.assignment, assignment=replace(document.assignment.assignment, task_key=keccak256(b"mine"))
            ),
        )
        assert not (await booth.vote_on(stolen)).is_approved
        assert (await booth.vote_on(document)).is_approved


async def test_run_when_one_unguarded_action_is_announced_for_two_firings_then_the_second_is_refused(
    tmp_path: Path,
) -> None:
    body = job_body(is_guarded=False)
    async with open_booth(tmp_path) as booth, booth.at_work():
        order = await booth.scene.order(body)
        document = document_of(order, await execute_unguarded(booth.scene, order), body=body)
        await booth.scene.chain.mine()
        assert (await booth.vote_on(document)).is_approved
        await booth.scene.pass_time(10)
        again = await booth.scene.order(body, due=DUE + 10)
        assert number_of(again.assignment.performer) >= 0
        copied = replace(document_of(again, document.action.tx_hash, body=body), performer=document.performer)
        copied = replace(
            copied,
            action=document.action,
            assignment=replace(again, assignment=replace(again.assignment, performer=document.performer)),
        )
        await booth.hear(copied)
        async with booth.attester.services.bus.subscribe(VoteHeard) as votes:
            await booth.scene.pass_time(1)
            async with asyncio.timeout(EVENT_S):
                await anext(aiter(votes))
        assert not (await booth.share(copied)).is_approved
        assert hub_call(order, body) == hub_call(again, body)
