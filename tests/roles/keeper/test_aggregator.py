"""The aggregator: who is first in line submits at the quorum, the next takes over, and a bad share spoils nothing."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import pytest

from tests.fakes.transactions import FakeTransactions
from tests.roles.keeper.acts import announcement, document_of, execute, hash_of, identity, number_of
from tests.roles.scene import Node, Scene, open_scene, running
from tests.unit.core.sample import CENTER, CHAIN, DUE, KEEPERS, NETWORK, OWNER, job_body, with_mandate
from triggerx.core.canonical import cid_of
from triggerx.core.document import TaskDocument, encode_document, proof_of_task
from triggerx.core.election import Duty
from triggerx.core.job import JobBody
from triggerx.events import VoteHeard
from triggerx.evm.bn254 import curve
from triggerx.evm.bn254.bls import BlsKey, aggregate_signatures
from triggerx.evm.bn254.field import P
from triggerx.evm.contracts import AttestationCenter
from triggerx.evm.tasks import TASKS_DOMAIN
from triggerx.ports.chain import TransactionIntent, TransactionOutcome, TransactionStatus
from triggerx.ports.store.peering import AnnouncedDocument, Share
from triggerx_keeper.aggregator import Aggregator
from triggerx_keeper.attester import ballot_message
from triggerx_keeper.shelf import Shelf

POLL_S = 2.0
GRACE_S = 0.15
WINDOW_S = NETWORK.timing.aggregator_window_s
BLS = [BlsKey.from_private_key(key.reveal()) for key in KEEPERS]
Point = tuple[int, int]


def octets(point: Point) -> bytes:
    return point[0].to_bytes(32, "big") + point[1].to_bytes(32, "big")


@dataclass
class Hall:
    """The aggregator's node of one rank in the line, and a document to be voted on."""

    scene: Scene
    node: Node
    document: TaskDocument

    @property
    def lane(self) -> FakeTransactions:
        return self.node.transactions

    def loop(self) -> Aggregator:
        services = self.node.services
        return Aggregator(services, identity(self.node), Shelf(services), poll_s=POLL_S, grace_s=GRACE_S)

    def message(self, *, is_approved: bool = True) -> bytes:
        return ballot_message(self.document, cid_of(encode_document(self.document)), is_approved=is_approved)

    def signature(self, number: int, *, is_approved: bool = True) -> Point:
        return BLS[number].sign(TASKS_DOMAIN, self.message(is_approved=is_approved))

    async def vote(self, number: int, *, is_approved: bool = True, signature: Point | None = None) -> None:
        share = Share(
            task_key=self.document.assignment.assignment.task_key,
            task_hash=hash_of(self.document),
            operator_id=number + 1,
            is_approved=is_approved,
            code="ok" if is_approved else "wrong_fee",
            signature=octets(signature or self.signature(number, is_approved=is_approved)),
        )
        assert await self.node.store.votes.add_share(share)
        await self.node.services.bus.publish(VoteHeard(share.task_hash))

    async def votes(self, numbers: Iterable[int], *, is_approved: bool = True) -> None:
        for number in numbers:
            await self.vote(number, is_approved=is_approved)

    async def rest(self) -> None:
        """Let the grace for further votes pass."""
        await self.scene.settle()
        await self.scene.clock.advance(GRACE_S + 0.1)
        await self.scene.settle()

    async def is_open(self) -> bool:
        return bool(await self.node.store.votes.open_documents())


@asynccontextmanager
async def open_hall(tmp_path: Path, *, rank: int = 0, body: JobBody | None = None) -> AsyncIterator[Hall]:
    async with open_scene(tmp_path, now=DUE) as scene:
        order = await scene.order(body)
        line = await scene.ranks(order.assignment.task_key, duty=Duty.AGGREGATOR)
        node = await scene.keeper(number_of(line[rank].address))
        document = document_of(order, await execute(scene, order, body=body), body=body)
        cid = await node.services.content.put(encode_document(document))
        announced = AnnouncedDocument(
            task_key=order.assignment.task_key,
            task_hash=hash_of(document),
            cid=cid,
            performer=document.performer,
            execution_tx_hash=document.action.tx_hash,
            tp_signature=announcement(document).tp_signature,
            heard_at=DUE,
        )
        assert await node.store.votes.announce(announced)
        yield Hall(scene, node, document)


def submission(intent: TransactionIntent) -> tuple[tuple[object, ...], tuple[bool, bytes, Point, list[int]]]:
    assert (intent.chain_id, intent.to) == (CHAIN, CENTER)
    task, details = AttestationCenter.submitTask.decode_input(intent.data)
    is_approved, tp_signature, point, ids = cast("tuple[bool, bytes, Point, tuple[int, ...]]", details)
    return cast("tuple[object, ...]", task), (is_approved, tp_signature, (point[0], point[1]), list(ids))


async def test_run_when_the_first_in_line_has_a_quorum_then_it_submits_the_aggregate_and_closes(tmp_path: Path) -> None:
    async with open_hall(tmp_path) as hall, running(hall.loop().run()):
        await hall.votes([3, 1])
        await hall.rest()
        assert hall.lane.sent == []
        await hall.vote(2)
        await hall.rest()
        (intent,) = hall.lane.sent
        task, (is_approved, tp_signature, point, ids) = submission(intent)
        cid = cid_of(encode_document(hall.document))
        assert task == (proof_of_task(hall.document), cid.encode(), hall.document.performer, 1)
        assert (is_approved, tp_signature) == (True, announcement(hall.document).tp_signature)
        assert ids == [2, 3, 4]
        assert point == aggregate_signatures([hall.signature(number) for number in (1, 2, 3)])
        assert not await hall.is_open()


async def test_run_when_the_job_demands_more_power_than_the_contract_then_it_waits_for_more_votes(
    tmp_path: Path,
) -> None:
    body = job_body()
    assert body.mandate is not None
    body = with_mandate(replace(body, security=2), replace(body.mandate.mandate, security=2), OWNER)
    async with open_hall(tmp_path, body=body) as hall, running(hall.loop().run()):
        await hall.votes([1, 2, 3])  # 3900 of 5000, 4166 are demanded
        await hall.rest()
        assert hall.lane.sent == []
        assert await hall.is_open()
        await hall.vote(0)
        await hall.rest()
        (intent,) = hall.lane.sent
        assert submission(intent)[1][3] == [1, 2, 3, 4]


async def test_run_when_everybody_has_voted_then_it_does_not_wait_for_more(tmp_path: Path) -> None:
    async with open_hall(tmp_path) as hall:
        await hall.votes(range(4))
        async with running(hall.loop().run()):
            await hall.scene.settle()
        (intent,) = hall.lane.sent
        assert submission(intent)[1][3] == [1, 2, 3, 4]


async def test_run_when_a_third_refuses_then_the_rejection_is_submitted(tmp_path: Path) -> None:
    async with open_hall(tmp_path) as hall, running(hall.loop().run()):
        await hall.vote(0)
        await hall.votes([2, 3], is_approved=False)
        await hall.rest()
        (intent,) = hall.lane.sent
        _, (is_approved, _, point, ids) = submission(intent)
        assert (is_approved, ids) == (False, [3, 4])
        assert point == aggregate_signatures([hall.signature(number, is_approved=False) for number in (2, 3)])


async def test_run_when_it_is_second_in_line_then_it_submits_only_after_the_firsts_window(tmp_path: Path) -> None:
    async with open_hall(tmp_path, rank=1) as hall, running(hall.loop().run()):
        await hall.votes([1, 2, 3])
        await hall.scene.pass_time(WINDOW_S - 1)
        assert hall.lane.sent == []
        await hall.scene.pass_time(2)
        assert len(hall.lane.sent) == 1


async def test_run_when_it_was_submitted_already_then_the_document_is_closed(tmp_path: Path) -> None:
    async with open_hall(tmp_path) as hall, running(hall.loop().run()):

        async def refused(intent: TransactionIntent) -> TransactionOutcome:
            return TransactionOutcome(status=TransactionStatus.REFUSED, reason="MessageAlreadySigned()")

        hall.lane.answer = refused
        await hall.votes([1, 2, 3])
        await hall.rest()
        assert len(hall.lane.sent) == 1
        assert not await hall.is_open()


async def test_run_when_the_submission_is_refused_then_it_is_tried_anew_once_a_window(tmp_path: Path) -> None:
    async with open_hall(tmp_path) as hall, running(hall.loop().run()):

        async def refused(intent: TransactionIntent) -> TransactionOutcome:
            return TransactionOutcome(status=TransactionStatus.REFUSED, reason="InsufficientVotingPower()")

        hall.lane.answer = refused
        await hall.votes([1, 2, 3])
        await hall.rest()
        assert len(hall.lane.sent) == 1
        await hall.scene.pass_time(4 * WINDOW_S)
        assert 2 <= len(hall.lane.sent) <= 6
        assert len({intent.intent_id for intent in hall.lane.sent}) == len(hall.lane.sent)
        assert await hall.is_open()


async def test_run_when_it_is_killed_while_the_submission_is_pending_then_it_waits_for_the_same_one(
    tmp_path: Path,
) -> None:
    async with open_hall(tmp_path) as hall:

        async def pending(intent: TransactionIntent) -> None:
            return None

        hall.lane.answer = pending
        await hall.votes(range(4))
        async with running(hall.loop().run()):
            await hall.scene.settle()
        hall.node = await hall.scene.restarted(hall.node)
        async with running(hall.loop().run()):
            await hall.scene.settle()
            (intent,) = hall.lane.sent
            await hall.lane.settle(intent.intent_id, TransactionOutcome(status=TransactionStatus.MINED))
            await hall.scene.settle()
        assert len(hall.lane.sent) == 1
        assert not await hall.is_open()


async def test_run_when_one_share_is_bad_then_it_is_found_and_left_out(tmp_path: Path) -> None:
    async with open_hall(tmp_path) as hall, running(hall.loop().run()):
        other = BLS[0].sign(TASKS_DOMAIN, b"another message")
        await hall.vote(0, signature=other)
        await hall.votes([1, 2, 3])
        await hall.rest()
        (intent,) = hall.lane.sent
        assert submission(intent)[1][3] == [2, 3, 4]
        assert "shares with bad signatures left out" in hall.node.log.events("warning")


async def test_run_when_the_shares_left_are_no_quorum_then_nothing_is_submitted_until_another_votes(
    tmp_path: Path,
) -> None:
    async with open_hall(tmp_path) as hall, running(hall.loop().run()):
        await hall.vote(0, signature=hall.signature(0, is_approved=False))
        await hall.votes([1, 2])
        await hall.rest()
        assert hall.lane.sent == []
        await hall.vote(3)
        await hall.rest()
        assert [submission(intent)[1][3] for intent in hall.lane.sent] == [[2, 3, 4]]


async def test_run_when_no_share_is_bad_then_the_aggregate_is_checked_once(tmp_path: Path) -> None:
    async with open_hall(tmp_path) as hall, running(hall.loop().run()):
        await hall.votes(range(4))
        await hall.rest()
        assert len(hall.lane.sent) == 1
        assert hall.scene.chain.pairings == 1


@pytest.mark.parametrize("count", [1, 3])
async def test_run_when_a_share_cancels_the_others_then_it_is_left_out_and_the_keeper_lives(
    tmp_path: Path, count: int
) -> None:
    async with open_hall(tmp_path) as hall, running(hall.loop().run()):
        honest = [hall.signature(number) for number in range(1, 1 + count)]
        total = curve.total(honest)
        assert total is not None
        await hall.vote(0, signature=(total[0], P - total[1]))
        await hall.votes([1, 2, 3])
        await hall.rest()
        (intent,) = hall.lane.sent
        assert submission(intent)[1][3] == [2, 3, 4]


async def test_run_when_a_voter_is_not_active_any_more_then_its_share_does_not_count(tmp_path: Path) -> None:
    async with open_hall(tmp_path) as hall:
        await hall.votes(range(4))
        share = (await hall.node.store.votes.shares(hash_of(hall.document)))[0]
        assert await hall.node.store.votes.add_share(replace(share, operator_id=9))
        async with running(hall.loop().run()):
            await hall.scene.settle()
        (intent,) = hall.lane.sent
        assert submission(intent)[1][3] == [1, 2, 3, 4]


async def test_run_when_the_keeper_is_registered_with_another_key_then_it_does_not_submit(tmp_path: Path) -> None:
    async with open_hall(tmp_path) as hall, running(hall.loop().run()):
        hall.scene.operators.bls_keys[hall.lane.address] = BLS[0].public
        if hall.lane.address == KEEPERS[0].address:
            hall.scene.operators.bls_keys[hall.lane.address] = BLS[1].public
        await hall.votes([1, 2, 3])
        await hall.rest()
        assert hall.lane.sent == []
