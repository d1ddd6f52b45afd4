"""A task at the Attestation Center: what its performer signs, what its attesters sign, and how much power decides.

Follows AttestationCenter.submitTask; the hashes are vectors checked on a chain.
"""

from typing import Final

from triggerx.evm.abi.codec import encode
from triggerx.evm.keccak import Hash32, keccak256
from triggerx.evm.types import Address, ChainId

TASKS_DOMAIN: Final = Hash32(bytes.fromhex("b110049506439a07d78731efed3c809a6b13e0bab7cc9805f3bb45fb1e9a67e8"))
"""keccak256("TasksManager"), the BLS domain of votes; a test holds it equal, so that importing hashes nothing."""

INTERNAL_DEFINITIONS: Final = range(10_001, 10_004)
"""Task definitions of the Attestation Center itself: their submissions are nobody's jobs."""

_TASK: Final = ("string", "bytes", "address", "uint16")


def task_hash(proof_of_task: str, data: bytes, performer: Address, task_definition_id: int) -> Hash32:
    """What the performer signs as it is, without a prefix; the contract accepts each hash once ever."""
    return keccak256(encode(_TASK, (proof_of_task, data, performer, task_definition_id)))


def vote_hash(  # noqa: PLR0913, PLR0917 - the contract hashes these seven fields, in this order
    proof_of_task: str,
    data: bytes,
    performer: Address,
    task_definition_id: int,
    attestation_center: Address,
    chain_id: ChainId,
    is_approved: bool,
) -> Hash32:
    """What a vote is about: the task, the contract and chain it is for, and yes or no."""
    types = (*_TASK, "address", "uint256", "bool")
    values = (proof_of_task, data, performer, task_definition_id, attestation_center, chain_id, is_approved)
    return keccak256(encode(types, values))


def vote_message(hashed_vote: Hash32) -> bytes:
    """The message to sign under `TASKS_DOMAIN`: abi.encode(voteHash), which is the hash's own 32 bytes."""
    return encode(("bytes32",), (hashed_vote,))


def approve_power(total: int) -> int:
    """The least voting power that approves, of an active total: ⌊2·total/3⌋, equality passes."""
    return 2 * total // 3


def reject_power(total: int) -> int:
    """The least voting power that rejects: ⌊total/3⌋; both can be reachable at once."""
    return total // 3
