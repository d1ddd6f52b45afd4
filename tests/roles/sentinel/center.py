"""What the Attestation Center and AvsGovernance say, for tests of the sentinel."""

from collections.abc import Sequence

from tests.fakes.mining import log_of, mine_transaction, transaction
from tests.roles.keeper.acts import announcement, hash_of
from tests.roles.scene import Scene
from tests.unit.core.sample import CENTER, KEEPERS
from triggerx.core.canonical import cid_of
from triggerx.core.document import TaskDocument, encode_document, proof_of_task
from triggerx.evm.abi import Event
from triggerx.evm.contracts import AttestationCenter
from triggerx.evm.keccak import keccak256
from triggerx.evm.types import Address, Hash32
from triggerx.ports.chain import Log

TA_SIGNATURE = (5, 6)
AGGREGATOR = KEEPERS[3].address


def decision_log(
    document: TaskDocument, *, is_approved: bool = True, number: int = 1, ids: Sequence[int] = (1, 2, 3)
) -> Log:
    """The Attestation Center's word on a document."""
    return log_of(
        CENTER,
        AttestationCenter.TaskSubmitted if is_approved else AttestationCenter.TaskRejected,
        operator=document.performer,
        taskNumber=number,
        proofOfTask=proof_of_task(document),
        data=cid_of(encode_document(document)).encode(),
        taskDefinitionId=document.task_definition_id,
        attestersIds=tuple(ids),
    )


def submission_call(document: TaskDocument, *, is_approved: bool = True, ids: Sequence[int] = (1, 2, 3)) -> bytes:
    """The calldata of the submission."""
    return AttestationCenter.submitTask.encode(
        (
            proof_of_task(document),
            cid_of(encode_document(document)).encode(),
            document.performer,
            document.task_definition_id,
        ),
        (is_approved, announcement(document).tp_signature, TA_SIGNATURE, tuple(ids)),
    )


async def submit(
    scene: Scene,
    document: TaskDocument,
    *,
    is_approved: bool = True,
    number: int = 1,
    to: Address = CENTER,
    data: bytes | None = None,
) -> Hash32:
    """Mine a submission with its decision and the performer's reward, and a block that confirms it."""
    tx_hash = keccak256(b"submission" + hash_of(document) + bytes([is_approved, number]))
    call = transaction(
        tx_hash,
        sender=AGGREGATOR,
        to=to,
        data=submission_call(document, is_approved=is_approved) if data is None else data,
    )
    logs = [decision_log(document, is_approved=is_approved, number=number)]
    if is_approved:
        logs.append(center_log(AttestationCenter.RewardAccumulated, operatorId=1, fee=77, taskNumber=number))
    await mine_transaction(scene.chain, call, logs)
    await scene.chain.mine()
    return tx_hash


def center_log(event: Event, **values: object) -> Log:
    """Another log of the Attestation Center."""
    return log_of(CENTER, event, **values)
