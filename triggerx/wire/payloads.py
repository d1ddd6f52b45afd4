"""The fields of each message kind as they stand in a payload: fixed order, fixed lengths, every list bounded.

A payload is a MessagePack array of its fields. Numbers of 256 bits are 32 bytes, big-endian; what the chain counts up
from one (ids of operators, blocks, chains, times) is an unsigned integer below 2^63.
"""

from typing import Annotated

import msgspec
from msgspec import Meta

from triggerx.wire import limits

Word = Annotated[bytes, Meta(min_length=32, max_length=32)]
AddressBytes = Annotated[bytes, Meta(min_length=20, max_length=20)]
EcdsaSignature = Annotated[bytes, Meta(min_length=65, max_length=65)]
G1Point = Annotated[bytes, Meta(min_length=64, max_length=64)]
Count = Annotated[int, Meta(ge=0, le=2**63 - 1)]
Small = Annotated[int, Meta(ge=0, le=255)]
Cid = Annotated[str, Meta(pattern=r"^b[a-z2-7]{58}\Z")]
Code = Annotated[str, Meta(min_length=1, max_length=limits.CODE_CHARACTERS_MAX)]
Text = Annotated[str, Meta(max_length=limits.TEXT_CHARACTERS_MAX)]
MultiaddressText = Annotated[str, Meta(min_length=1, max_length=limits.ADDRESS_CHARACTERS_MAX)]
EnvelopeBytes = Annotated[bytes, Meta(min_length=1, max_length=limits.ANNOUNCEMENT_BYTES_MAX)]


class Fields(msgspec.Struct, array_like=True, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """Base of all payloads: an array with exactly these elements."""


class CheckedInFields(Fields, frozen=True):
    """Kind 1."""

    addresses: Annotated[list[MultiaddressText], Meta(max_length=limits.ADDRESSES_MAX)]
    version: Annotated[str, Meta(max_length=limits.VERSION_CHARACTERS_MAX)]


class TaskPerformedFields(Fields, frozen=True):
    """Kind 2."""

    task_key: Word
    cid: Cid
    execution_tx_hash: Word
    tp_signature: EcdsaSignature


class VoteFields(Fields, frozen=True):
    """One vote of kind 3."""

    task_key: Word
    task_hash: Word
    cid: Cid
    is_approved: bool
    code: Code
    signature: G1Point


class VotesCastFields(Fields, frozen=True):
    """Kind 3."""

    votes: Annotated[list[VoteFields], Meta(min_length=1, max_length=limits.VOTES_MAX)]


class FiringFields(Fields, frozen=True):
    """The firing inside an assignment."""

    kind: Small
    index: Word
    chain_id: Count
    tx_hash: Word


class AssignmentFields(Fields, frozen=True):
    """A signed assignment with what anybody needs to repeat its draw."""

    task_key: Word
    performer: AddressBytes
    attempt: Small
    not_before: Count
    not_after: Count
    job_id: Word
    firing: FiringFields
    seed_block: Count
    seed_block_hash: Word
    roster: Annotated[list[Count], Meta(max_length=limits.ROSTER_MAX)]
    signature: EcdsaSignature


class OrderFields(Fields, frozen=True):
    """One order of kind 16."""

    assignment: AssignmentFields
    body: Annotated[bytes, Meta(min_length=1, max_length=limits.BODY_BYTES_MAX)]
    evidence: Annotated[bytes, Meta(min_length=1, max_length=limits.EVIDENCE_BYTES_MAX)]


class AssignTasksFields(Fields, frozen=True):
    """Kind 16."""

    orders: Annotated[list[OrderFields], Meta(min_length=1, max_length=limits.ORDERS_MAX)]


class FetchDocumentFields(Fields, frozen=True):
    """Kind 17."""

    cid: Cid


class PullAnnouncementsFields(Fields, frozen=True):
    """Kind 18."""

    issued_since: Count


class TaskAnswerFields(Fields, frozen=True):
    """One answer of kind 32."""

    task_key: Word
    attempt: Small
    is_accepted: bool
    code: Code
    message: Text


class TaskAnswersFields(Fields, frozen=True):
    """Kind 32."""

    answers: Annotated[list[TaskAnswerFields], Meta(min_length=1, max_length=limits.ORDERS_MAX)]


class DocumentFields(Fields, frozen=True):
    """Kind 33."""

    content: Annotated[bytes, Meta(max_length=limits.CONTENT_BYTES_MAX)]


class AnnouncementsFields(Fields, frozen=True):
    """Kind 34."""

    envelopes: Annotated[list[EnvelopeBytes], Meta(max_length=limits.ENVELOPES_MAX)]
