"""Outcomes: what the Attestation Center decided is closed here once it is confirmed, and nothing else is."""

from pathlib import Path

import pytest

from tests.fakes.mining import log_of
from tests.roles.keeper.acts import document_of, hash_of
from tests.roles.scene import Node, open_scene, running
from tests.unit.core.sample import CENTER, DUE
from triggerx.core.canonical import cid_of
from triggerx.core.document import TaskDocument, encode_document, proof_of_task
from triggerx.core.errors import RecoverableError
from triggerx.evm.contracts import AttestationCenter
from triggerx.evm.keccak import keccak256
from triggerx.evm.types import Hash32
from triggerx.ports.chain import Log
from triggerx.ports.store.peering import AnnouncedDocument
from triggerx_keeper.outcomes import PAUSE_S, Outcomes


def decided(document: TaskDocument, *, is_approved: bool = True) -> Log:
    """What the contract logs of its decision on a document."""
    return log_of(
        CENTER,
        AttestationCenter.TaskSubmitted if is_approved else AttestationCenter.TaskRejected,
        operator=document.performer,
        taskNumber=1,
        proofOfTask=proof_of_task(document),
        data=cid_of(encode_document(document)).encode(),
        taskDefinitionId=document.task_definition_id,
        attestersIds=(1, 2, 3),
    )


async def hear(node: Node, document: TaskDocument) -> Hash32:
    """Note the document at a node as announced."""
    announced = AnnouncedDocument(
        task_key=document.assignment.assignment.task_key,
        task_hash=hash_of(document),
        cid=cid_of(encode_document(document)),
        performer=document.performer,
        execution_tx_hash=document.action.tx_hash,
        tp_signature=bytes(65),
        heard_at=DUE,
    )
    assert await node.store.votes.announce(announced)
    return announced.task_hash


async def still_open(node: Node) -> list[Hash32]:
    return [document.task_hash for document in await node.store.votes.open_documents()]


@pytest.mark.parametrize("is_approved", [True, False])
async def test_document_when_the_chain_decided_it_then_is_closed_after_the_confirmations(
    tmp_path: Path, is_approved: bool
) -> None:
    async with open_scene(tmp_path, now=DUE) as scene:
        node, order = await scene.keeper(0), await scene.order()
        mine, other = (document_of(order, keccak256(name)) for name in (b"mine", b"other"))
        hashes = [await hear(node, document) for document in (mine, other)]
        async with running(Outcomes(node.services).run()):
            await scene.settle()
            await scene.chain.mine(logs=[decided(mine, is_approved=is_approved)])
            await scene.settle()
            assert await still_open(node) == hashes
            await scene.chain.mine()
            await scene.settle()
            assert await still_open(node) == hashes[1:]


async def test_outcomes_when_they_were_decided_before_the_start_then_are_found(tmp_path: Path) -> None:
    async with open_scene(tmp_path, now=DUE) as scene:
        node, document = await scene.keeper(0), document_of(await scene.order(), keccak256(b"action"))
        await hear(node, document)
        await scene.chain.mine(logs=[decided(document)])
        await scene.chain.mine(3)
        async with running(Outcomes(node.services).run()):
            await scene.settle()
            assert await still_open(node) == []


async def test_outcomes_when_the_chain_fails_or_reorganises_deeply_then_go_on_after_a_pause(tmp_path: Path) -> None:
    async with open_scene(tmp_path, now=DUE) as scene:
        node, order = await scene.keeper(0), await scene.order()
        document = document_of(order, keccak256(b"action"))
        await hear(node, document)
        scene.chain.fault = RecoverableError("away")
        async with running(Outcomes(node.services).run()):
            await scene.settle()
            scene.chain.fault = None
            await scene.clock.advance(PAUSE_S)
            await scene.settle()
            await scene.chain.reorganise(5)
            await scene.settle()
            await scene.clock.advance(PAUSE_S)
            await scene.settle()
            await scene.chain.mine(logs=[decided(document)])
            await scene.chain.mine(2)
            await scene.settle()
            assert await still_open(node) == []
        assert [r.event for r in node.log.records].count("decisions are not followed") == 2
