"""The task document: everything an attester needs to judge one task, addressed by its content.

Its canonical JSON is what the CID names and what `data` of the Attestation Center's TaskInfo carries (the CID's ASCII).
It names chain and contracts, because the task hash does not.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass

from triggerx.core.assignment_json import dump_assignment, parse_assignment
from triggerx.core.canonical import Json, canonical_json
from triggerx.core.computation import Computation, dump_computation, parse_computation
from triggerx.core.errors import InvalidInput
from triggerx.core.job import TaskDefinition
from triggerx.core.task import SignedAssignment
from triggerx.evm.nesting import shallow_json
from triggerx.evm.types import Address, ChainId, Hash32, Wei, checksum, from_hex, parse_address, parse_hash32, to_hex

DOCUMENT_VERSION = 1
DOCUMENT_BYTES_MAX = 256 * 1024  # a body with a large ABI is about 30 kB; the wire's own limit is 512 kB
PROVEN = ("assignment", "evidence", "action", "computation")
DEFINITIONS = frozenset(TaskDefinition)
CHAIN_ID_MAX = 2**32 - 1  # the width of the chain's part in a job id
WORD_MAX = 2**256 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionTaken:
    """The call on chain: transaction, who sent it, and what the hub was told to do. Amounts in wei."""

    chain_id: ChainId
    hub: Address
    tx_hash: Hash32
    sender: Address
    target: Address
    data: bytes
    value: Wei
    fee: Wei


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskDocument:
    """`performer` signs and is rewarded; it is the action's sender except where a successor found the action done.

    `body` is the job's canonical JSON object (with its mandate), of which decoding checks the task definition alone;
    `evidence` is what the trigger was seen to be, `computation` how a script computed the action's calldata.
    """

    attestation_chain_id: ChainId
    attestation_center: Address
    performer: Address
    assignment: SignedAssignment
    body: Mapping[str, Json]
    evidence: Mapping[str, Json]
    action: ActionTaken
    computation: Computation | None = None

    @property
    def task_definition_id(self) -> int:
        """The body's task definition, 1 to 7, which the task hash holds; raises `InvalidInput` for another."""
        definition = self.body.get("task_definition_id")
        if isinstance(definition, bool) or not isinstance(definition, int) or definition not in DEFINITIONS:
            raise InvalidInput("body.task_definition_id", "expected a number from 1 to 7")
        return definition


def proof_of_task(document: TaskDocument) -> str:
    """The commitment submitted as `proofOfTask`: sha256 over assignment, evidence, action and computation, `0x`-hex.

    The job's body is bound through the assignment (task key) and the registry's job hash.
    """
    whole = _dump(document)
    part: dict[str, Json] = {name: whole[name] for name in PROVEN if name in whole}
    return to_hex(hashlib.sha256(canonical_json(part)).digest())


def encode_document(document: TaskDocument) -> bytes:
    """Write the canonical bytes; the same document always gives the same."""
    return canonical_json(_dump(document))


def decode_document(content: bytes) -> TaskDocument:
    """Read and check; raises `InvalidInput` for anything that is not exactly what `encode_document` writes."""
    if len(content) > DOCUMENT_BYTES_MAX:
        raise InvalidInput("document", f"has {len(content)} bytes, more than the {DOCUMENT_BYTES_MAX} allowed")
    try:
        document = _parse(json.loads(shallow_json(content)))
        encoded = encode_document(document)
    except InvalidInput:
        raise
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise InvalidInput("document", f"is not a task document of version {DOCUMENT_VERSION}: {error!r}") from error
    if encoded != content:
        raise InvalidInput("document", "is not in canonical form, or has unknown fields")
    return document


def _dump(document: TaskDocument) -> dict[str, Json]:
    action = document.action
    computation = document.computation
    return ({} if computation is None else {"computation": dump_computation(computation)}) | {
        "version": DOCUMENT_VERSION,
        "attestation_chain_id": document.attestation_chain_id,
        "attestation_center": checksum(document.attestation_center),
        "performer": checksum(document.performer),
        "assignment": dump_assignment(document.assignment),
        "body": document.body,
        "evidence": document.evidence,
        "action": {
            "chain_id": action.chain_id,
            "hub": checksum(action.hub),
            "tx_hash": to_hex(action.tx_hash),
            "sender": checksum(action.sender),
            "target": checksum(action.target),
            "data": to_hex(action.data),
            "value": str(action.value),
            "fee": str(action.fee),
        },
    }


def _parse(value: object) -> TaskDocument:
    raw = _object(value)
    if isinstance(raw["version"], bool) or raw["version"] != DOCUMENT_VERSION:
        raise ValueError(f"version {raw['version']!r} is not {DOCUMENT_VERSION}")
    action = _object(raw["action"])
    document = TaskDocument(
        attestation_chain_id=_chain_id(raw["attestation_chain_id"]),
        attestation_center=parse_address(_text(raw["attestation_center"])),
        performer=parse_address(_text(raw["performer"])),
        assignment=parse_assignment(_object(raw["assignment"])),
        body=_object(raw["body"]),
        evidence=_object(raw["evidence"]),
        action=ActionTaken(
            chain_id=_chain_id(action["chain_id"]),
            hub=parse_address(_text(action["hub"])),
            tx_hash=parse_hash32(_text(action["tx_hash"])),
            sender=parse_address(_text(action["sender"])),
            target=parse_address(_text(action["target"])),
            data=from_hex(_text(action["data"])),
            value=_wei(action["value"]),
            fee=_wei(action["fee"]),
        ),
        computation=parse_computation(_object(raw["computation"])) if "computation" in raw else None,
    )
    _ = document.task_definition_id
    return document


def _object(value: object) -> Mapping[str, Json]:
    if not isinstance(value, dict):
        raise TypeError(f"expected an object, got {type(value).__name__}")
    return value


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"expected a text, got {type(value).__name__}")
    return value


def _chain_id(value: object) -> ChainId:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value <= CHAIN_ID_MAX:
        raise ValueError(f"expected a chain id from 1 to {CHAIN_ID_MAX}")
    return ChainId(value)


def _wei(value: object) -> Wei:
    number = int(_text(value))
    if not 0 <= number <= WORD_MAX:
        raise ValueError("expected an amount of wei of at most 256 bits")
    return Wei(number)
