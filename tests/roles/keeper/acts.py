"""What performers do, for tests of those who hear of it: an action on the chain, its document, its announcement."""

from dataclasses import replace

from tests.fakes.mining import log_of, mine_transaction, transaction
from tests.roles.scene import HUB, Node, Scene
from tests.unit.core.sample import CENTER, CHAIN, KEEPERS, TARGET, job_body
from triggerx.core.canonical import cid_of
from triggerx.core.computation import Computation
from triggerx.core.document import ActionTaken, TaskDocument, encode_document, proof_of_task
from triggerx.core.evidence import Evidence, TimeEvidence, dump_evidence
from triggerx.core.job import JobBody
from triggerx.core.job_body import dump_body, static_calldata
from triggerx.core.messages import TaskPerformed
from triggerx.core.task import SignedAssignment
from triggerx.evm.contracts import TaskExecutionHub
from triggerx.evm.keccak import keccak256
from triggerx.evm.keys import PrivateKey
from triggerx.evm.tasks import task_hash
from triggerx.evm.types import Address, Hash32, Wei
from triggerx_keeper.identity import Identity

FEE = 1000
NO_QUORUM = ((), (0, 0))


def key_of(performer: Address) -> PrivateKey:
    """The private key of a keeper."""
    return next(key for key in KEEPERS if key.address == performer)


def number_of(performer: Address) -> int:
    """The number of a keeper."""
    return KEEPERS.index(key_of(performer))


def identity(node: Node) -> Identity:
    """Who a keeper's node is."""
    assert node.services.keeper_signer is not None
    return Identity(node.services, node.services.keeper_signer)


def hub_call(order: SignedAssignment, body: JobBody, data: bytes | None = None) -> bytes:
    """The calldata by which a performer has the hub do the action; the target's is the body's where none is given."""
    data = data or static_calldata(body)
    if body.mandate is None:
        return TaskExecutionHub.executeFunction.encode(body.job_id, FEE, TARGET, data)
    return TaskExecutionHub.executeTask.encode(
        body.mandate.mandate.as_tuple(),
        body.mandate.signature,
        order.firing.as_tuple(),
        order.assignment.as_tuple(),
        order.signature,
        FEE,
        0,
        data,
        NO_QUORUM,
    )


async def execute(
    scene: Scene,
    order: SignedAssignment,
    *,
    body: JobBody | None = None,
    data: bytes | None = None,
    tx_hash: Hash32 | None = None,
    is_success: bool = True,
) -> Hash32:
    """Mine the action of a guarded order by its performer, one block from now."""
    body, performer = body or job_body(), order.assignment.performer
    data = data or static_calldata(body)
    tx_hash = tx_hash or keccak256(order.assignment.task_key + bytes([order.assignment.attempt]))
    outcome = {"keeper": performer, "target": TARGET, "data": data, "value": 0}
    called = (
        log_of(HUB, TaskExecutionHub.FunctionExecuted, **outcome)
        if is_success
        else log_of(HUB, TaskExecutionHub.FunctionExecutionFailed, **outcome, result=b"")
    )
    executed = log_of(
        HUB,
        TaskExecutionHub.TaskExecuted,
        taskKey=order.assignment.task_key,
        jobId=body.job_id,
        performer=performer,
        success=is_success,
        attempt=order.assignment.attempt,
        fee=FEE,
        value=0,
    )
    call = transaction(tx_hash, sender=performer, to=HUB, data=hub_call(order, body, data))
    await mine_transaction(scene.chain, call, [called, executed])
    return tx_hash


async def execute_unguarded(scene: Scene, order: SignedAssignment, *, tx_hash: Hash32 | None = None) -> Hash32:
    """Mine the action of an unguarded order by its performer, one block from now."""
    body, performer = job_body(is_guarded=False), order.assignment.performer
    tx_hash = tx_hash or keccak256(b"unguarded" + order.assignment.task_key)
    called = log_of(
        HUB, TaskExecutionHub.FunctionExecuted, keeper=performer, target=TARGET, data=static_calldata(body), value=0
    )
    call = transaction(tx_hash, sender=performer, to=HUB, data=hub_call(order, body))
    await mine_transaction(scene.chain, call, [called])
    return tx_hash


def document_of(
    order: SignedAssignment,
    tx_hash: Hash32,
    *,
    body: JobBody | None = None,
    sender: Address | None = None,
    evidence: Evidence | None = None,
    data: bytes | None = None,
    computation: Computation | None = None,
) -> TaskDocument:
    """The honest document of an action."""
    body, evidence = body or job_body(), evidence or TimeEvidence(due=order.firing.index)
    return TaskDocument(
        attestation_chain_id=CHAIN,
        attestation_center=CENTER,
        performer=order.assignment.performer,
        assignment=order,
        body=dump_body(body),
        evidence=dump_evidence(evidence),
        action=ActionTaken(
            chain_id=CHAIN,
            hub=HUB,
            tx_hash=tx_hash,
            sender=sender or order.assignment.performer,
            target=TARGET,
            data=data or static_calldata(body),
            value=Wei(0),
            fee=Wei(FEE),
        ),
        computation=computation,
    )


def hash_of(document: TaskDocument) -> Hash32:
    """The Attestation Center's task hash of a document."""
    cid = cid_of(encode_document(document))
    return task_hash(proof_of_task(document), cid.encode(), document.performer, document.task_definition_id)


def announcement(document: TaskDocument, *, signer: PrivateKey | None = None) -> TaskPerformed:
    """What its performer announces, or somebody else who signs."""
    return TaskPerformed(
        task_key=document.assignment.assignment.task_key,
        cid=cid_of(encode_document(document)),
        execution_tx_hash=document.action.tx_hash,
        tp_signature=(signer or key_of(document.performer)).sign_digest(hash_of(document)),
    )


async def announce(node: Node, document: TaskDocument, **changes: object) -> TaskPerformed:
    """Keep the document at the node and announce it from there, with fields of the announcement changed."""
    await node.services.content.put(encode_document(document))
    message = replace(announcement(document), **changes)  # type: ignore[arg-type]  # by field name
    await node.peers.announce(message, lifetime_s=600)
    return message
