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
from triggerx.core.errors import InvalidInput
from triggerx.core.task import SignedAssignment
from triggerx.evm.nesting import shallow_json
from triggerx.evm.types import Address, ChainId, Hash32, Wei, checksum, from_hex, parse_address, parse_hash32, to_hex

DOCUMENT_VERSION = 1
DOCUMENT_BYTES_MAX = 256 * 1024  # a body with a large ABI is about 30 kB; the wire's own limit is 512 kB


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

    `body` is the job's canonical JSON object (with its mandate), `evidence` what the trigger was seen to be.
    """

    attestation_chain_id: ChainId
    attestation_center: Address
    performer: Address
    assignment: SignedAssignment
    body: Mapping[str, Json]
    evidence: Mapping[str, Json]
    action: ActionTaken


def proof_of_task(document: TaskDocument) -> str:
    """The commitment submitted as `proofOfTask`: sha256 over assignment, evidence and action, `0x`-hex.

    The job's body is bound through the assignment (task key) and the registry's job hash.
    """
    whole = _dump(document)
    part: dict[str, Json] = {name: whole[name] for name in ("assignment", "evidence", "action")}
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
    return {
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


def _parse(raw: object) -> TaskDocument:
    if not isinstance(raw, dict):
        raise TypeError("expected an object")
    if raw["version"] != DOCUMENT_VERSION:
        raise ValueError(f"version {raw['version']!r} is not {DOCUMENT_VERSION}")
    action = raw["action"]
    return TaskDocument(
        attestation_chain_id=ChainId(int(raw["attestation_chain_id"])),
        attestation_center=parse_address(raw["attestation_center"]),
        performer=parse_address(raw["performer"]),
        assignment=parse_assignment(raw["assignment"]),
        body=raw["body"],
        evidence=raw["evidence"],
        action=ActionTaken(
            chain_id=ChainId(int(action["chain_id"])),
            hub=parse_address(action["hub"]),
            tx_hash=parse_hash32(action["tx_hash"]),
            sender=parse_address(action["sender"]),
            target=parse_address(action["target"]),
            data=from_hex(action["data"]),
            value=Wei(int(action["value"])),
            fee=Wei(int(action["fee"])),
        ),
    )
