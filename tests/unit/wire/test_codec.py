"""Payloads: one message, one byte string, and every other byte string refused by the name of its field."""

from dataclasses import replace
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.wire.examples import ANSWER, ASSIGNMENT, CID, MESSAGES, ONE_VOTE, ORDER
from triggerx.core.canonical import cid_of
from triggerx.core.errors import InvalidInput
from triggerx.core.job import JobId
from triggerx.core.messages import (
    Announcements,
    AssignTasks,
    CheckedIn,
    Document,
    FetchDocument,
    Message,
    Order,
    PullAnnouncements,
    TaskAnswer,
    TaskAnswers,
    TaskPerformed,
    Vote,
    VotesCast,
)
from triggerx.core.task import SignedAssignment
from triggerx.evm.hub import Assignment, Firing
from triggerx.evm.types import Address, ChainId, Hash32
from triggerx.wire import limits
from triggerx.wire.codec import Kind, decode_payload, encode_payload, payload_bytes_max

word = st.binary(min_size=32, max_size=32).map(Hash32)
uint256 = st.integers(0, 2**256 - 1)
count = st.integers(0, 2**63 - 1)
small = st.integers(0, 255)
cid = st.binary(max_size=8).map(cid_of)
code = st.text("abcdefghijklmnopqrstuvwxyz_", min_size=1, max_size=64)
text = st.text(st.characters(codec="utf-8"), max_size=limits.TEXT_CHARACTERS_MAX)
signature = st.binary(min_size=65, max_size=65)

assignments = st.builds(
    SignedAssignment,
    assignment=st.builds(
        Assignment,
        task_key=word,
        performer=st.binary(min_size=20, max_size=20).map(Address),
        attempt=small,
        not_before=count,
        not_after=count,
    ),
    job_id=uint256.map(JobId),
    firing=st.builds(Firing, kind=small, index=uint256, chain_id=count.map(ChainId), tx_hash=word),
    seed_block=count,
    seed_block_hash=word,
    roster=st.lists(count, max_size=20).map(tuple),
    signature=signature,
)

votes = st.builds(
    Vote,
    task_key=word,
    task_hash=word,
    cid=cid,
    is_approved=st.booleans(),
    code=code,
    signature=st.binary(min_size=64, max_size=64),
)
announcements: st.SearchStrategy[Message] = st.one_of(
    st.builds(
        CheckedIn,
        addresses=st.lists(st.text(st.characters(codec="ascii"), min_size=1, max_size=40), max_size=16).map(tuple),
        version=st.text(st.characters(codec="utf-8"), max_size=64),
    ),
    st.builds(TaskPerformed, task_key=word, cid=cid, execution_tx_hash=word, tp_signature=signature),
    st.builds(VotesCast, votes=st.lists(votes, min_size=1, max_size=3).map(tuple)),
)
orders = st.builds(
    Order,
    assignment=assignments,
    body=st.binary(min_size=1, max_size=200),
    evidence=st.binary(min_size=1, max_size=200),
)
answers = st.builds(TaskAnswer, task_key=word, attempt=small, is_accepted=st.booleans(), code=code, message=text)
others: st.SearchStrategy[Message] = st.one_of(
    st.builds(AssignTasks, orders=st.lists(orders, min_size=1, max_size=3).map(tuple)),
    st.builds(FetchDocument, cid=cid),
    st.builds(PullAnnouncements, issued_since=count),
    st.builds(TaskAnswers, answers=st.lists(answers, min_size=1, max_size=3).map(tuple)),
    st.builds(Document, content=st.binary(max_size=300)),
    st.builds(Announcements, envelopes=st.lists(st.binary(min_size=1, max_size=50), max_size=8).map(tuple)),
)


@given(st.one_of(announcements, others))
@settings(max_examples=300)
def test_payload_when_decoded_then_is_the_message_that_was_encoded(message: Message) -> None:
    kind, payload = encode_payload(message)
    assert decode_payload(kind, payload) == message


@given(st.sampled_from(sorted(MESSAGES)), st.data())
@settings(max_examples=500)
def test_payload_when_a_byte_is_changed_then_is_refused_or_another_message(name: str, data: st.DataObject) -> None:
    kind, payload = encode_payload(MESSAGES[name])
    at = data.draw(st.integers(0, len(payload) - 1))
    byte = data.draw(st.integers(0, 255).filter(lambda b: b != payload[at]))
    changed = payload[:at] + bytes([byte]) + payload[at + 1 :]
    try:
        message = decode_payload(kind, changed)
    except InvalidInput:
        return
    assert message != MESSAGES[name]
    assert encode_payload(message) == (kind, changed)


@given(st.sampled_from(sorted(Kind)), st.binary(max_size=200))
def test_payload_when_it_is_garbage_then_is_refused_without_another_error(kind: int, garbage: bytes) -> None:
    try:
        message = decode_payload(kind, garbage)
    except InvalidInput:
        return
    assert encode_payload(message) == (kind, garbage)


@pytest.mark.parametrize("name", sorted(MESSAGES))
def test_payload_when_bytes_are_missing_or_left_over_then_is_refused(name: str) -> None:
    kind, payload = encode_payload(MESSAGES[name])
    for bad in (payload[:-1], payload + b"\0", b""):
        with pytest.raises(InvalidInput):
            decode_payload(kind, bad)


@pytest.mark.parametrize("name", sorted(MESSAGES))
def test_payload_when_a_field_is_missing_or_extra_then_is_refused(name: str) -> None:
    kind, payload = encode_payload(MESSAGES[name])
    fields = msgspec.msgpack.decode(payload)
    for bad in (fields[:-1], [*fields, 0], {"0": fields}, [fields]):
        with pytest.raises(InvalidInput):
            decode_payload(kind, msgspec.msgpack.encode(bad))


def test_payload_when_the_kind_is_unknown_then_names_the_kind() -> None:
    with pytest.raises(InvalidInput, match=r"^kind: 99 "):
        decode_payload(99, b"\x90")


def test_payload_when_a_number_is_longer_than_needed_then_is_refused() -> None:
    assert decode_payload(Kind.PULL_ANNOUNCEMENTS, b"\x91\x05") == PullAnnouncements(issued_since=5)
    with pytest.raises(InvalidInput, match="shortest form"):
        decode_payload(Kind.PULL_ANNOUNCEMENTS, b"\x91\xcc\x05")


@pytest.mark.parametrize("kind", sorted(Kind))
def test_payload_when_above_its_kinds_limit_then_is_refused_before_it_is_parsed(kind: Kind) -> None:
    with pytest.raises(InvalidInput, match=f"^payload: {kind.name} has {payload_bytes_max(kind) + 1} bytes"):
        decode_payload(kind, bytes(payload_bytes_max(kind) + 1))


def changed(name: str, **changes: Any) -> Message:
    return replace(MESSAGES[name], **changes)


def ordered(**changes: Any) -> Message:
    """Two orders, the second of them changed."""
    return AssignTasks(orders=(ORDER, replace(ORDER, **changes)))


def voted(**changes: Any) -> Message:
    """Two votes, the second of them changed."""
    return VotesCast(votes=(ONE_VOTE, replace(ONE_VOTE, **changes)))


def answered(**changes: Any) -> Message:
    """Two answers, the second of them changed."""
    return TaskAnswers(answers=(ANSWER.answers[0], replace(ANSWER.answers[0], **changes)))


REFUSED: dict[str, tuple[Message, str]] = {
    "addresses_17": (changed("checked_in", addresses=("/ip4/1.2.3.4",) * 17), "addresses"),
    "address_long": (changed("checked_in", addresses=("/ip4", "a" * 257)), r"addresses\[1\]"),
    "address_empty": (changed("checked_in", addresses=("",)), r"addresses\[0\]"),
    "version_long": (changed("checked_in", version="v" * 65), "version"),
    "version_surrogate": (changed("checked_in", version="\ud800"), "checked_in"),
    "key_short": (changed("task_performed", task_key=bytes(31)), "task_key"),
    "key_long": (voted(task_key=bytes(33)), r"votes\[1\].task_key"),
    "cid_of_another_kind": (voted(cid="Qm" + "a" * 44), r"votes\[1\].cid"),
    "cid_upper": (changed("fetch_document", cid=CID.upper()), "cid"),
    "cid_newline": (changed("fetch_document", cid=CID + "\n"), "cid"),
    "tp_signature": (changed("task_performed", tp_signature=bytes(64)), "tp_signature"),
    "bls_signature": (voted(signature=bytes(65)), r"votes\[1\].signature"),
    "code_empty": (voted(code=""), r"votes\[1\].code"),
    "code_long": (answered(code="c" * 65), r"answers\[1\].code"),
    "approval_number": (voted(is_approved=1), r"votes\[1\].is_approved"),
    "attempt_256": (answered(attempt=256), r"answers\[1\].attempt"),
    "message_long": (answered(message="m" * 513), r"answers\[1\].message"),
    "body_empty": (ordered(body=b""), r"orders\[1\].body"),
    "body_large": (ordered(body=bytes(limits.BODY_BYTES_MAX + 1)), r"orders\[1\].body"),
    "evidence_large": (ordered(evidence=bytes(limits.EVIDENCE_BYTES_MAX + 1)), r"orders\[1\].evidence"),
    "job_id_257_bits": (ordered(assignment=replace(ASSIGNMENT, job_id=JobId(2**256))), "assign_tasks"),
    "job_id_negative": (ordered(assignment=replace(ASSIGNMENT, job_id=JobId(-1))), "assign_tasks"),
    "block_2_63": (ordered(assignment=replace(ASSIGNMENT, seed_block=2**63)), r"orders\[1\].assignment.seed_block"),
    "block_2_64": (ordered(assignment=replace(ASSIGNMENT, seed_block=2**64)), "assign_tasks"),
    "roster_negative": (
        ordered(assignment=replace(ASSIGNMENT, roster=(1, -2))),
        r"orders\[1\].assignment.roster\[1\]",
    ),
    "roster_long": (
        ordered(assignment=replace(ASSIGNMENT, roster=(1,) * (limits.ROSTER_MAX + 1))),
        r"orders\[1\].assignment.roster",
    ),
    "votes_none": (VotesCast(votes=()), "votes"),
    "votes_many": (VotesCast(votes=(ONE_VOTE,) * (limits.VOTES_MAX + 1)), "votes"),
    "orders_none": (AssignTasks(orders=()), "orders"),
    "orders_many": (AssignTasks(orders=(ORDER,) * (limits.ORDERS_MAX + 1)), "orders"),
    "answers_none": (TaskAnswers(answers=()), "answers"),
    "answers_many": (TaskAnswers(answers=ANSWER.answers * limits.ORDERS_MAX), "answers"),
    "since_negative": (changed("pull_announcements", issued_since=-1), "issued_since"),
    "content_large": (changed("document", content=bytes(limits.CONTENT_BYTES_MAX + 1)), "content"),
    "envelope_empty": (changed("announcements", envelopes=(b"",)), r"envelopes\[\]|envelopes\[0\]"),
    "envelope_large": (
        changed("announcements", envelopes=(bytes(limits.ANNOUNCEMENT_BYTES_MAX + 1),)),
        r"envelopes\[\]|envelopes\[0\]",
    ),
    "envelopes_many": (changed("announcements", envelopes=(b"e",) * (limits.ENVELOPES_MAX + 1)), "envelopes"),
    "envelopes_large": (
        changed("announcements", envelopes=(bytes(limits.ANNOUNCEMENT_BYTES_MAX),) * 49),
        "envelopes: have",
    ),
}


@pytest.mark.parametrize("case", sorted(REFUSED))
def test_message_when_a_field_is_out_of_bounds_then_is_not_even_written(case: str) -> None:
    message, field = REFUSED[case]
    with pytest.raises(InvalidInput, match=f"^(?:{field})"):
        encode_payload(message)


def test_message_when_every_field_is_as_large_as_allowed_then_is_written_and_read() -> None:
    largest: list[Message] = [
        CheckedIn(addresses=("/" * limits.ADDRESS_CHARACTERS_MAX,) * limits.ADDRESSES_MAX, version="v" * 64),
        VotesCast(votes=(replace(ONE_VOTE, code="\U0001f600" * limits.CODE_CHARACTERS_MAX),) * limits.VOTES_MAX),
        AssignTasks(
            orders=(
                Order(
                    assignment=replace(ASSIGNMENT, roster=(2**63 - 1,) * limits.ROSTER_MAX),
                    body=bytes(limits.BODY_BYTES_MAX),
                    evidence=bytes(limits.EVIDENCE_BYTES_MAX),
                ),
            )
        ),
        TaskAnswers(
            answers=(replace(ANSWER.answers[0], message="\U0001f600" * limits.TEXT_CHARACTERS_MAX),) * limits.ORDERS_MAX
        ),
        Document(content=bytes(limits.CONTENT_BYTES_MAX)),
        Announcements(envelopes=(bytes(limits.ENVELOPES_BYTES_MAX // limits.ENVELOPES_MAX),) * limits.ENVELOPES_MAX),
    ]
    for message in largest:
        kind, payload = encode_payload(message)
        assert decode_payload(kind, payload) == message
