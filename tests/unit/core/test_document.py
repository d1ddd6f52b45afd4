"""The task document: canonical both ways, and whatever else a stranger sends is `InvalidInput`, never a crash."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.core.sample import NETWORK, OTHER_HASH, STRANGER, order_for, sample
from triggerx.core.canonical import Json, cid_of
from triggerx.core.document import (
    DOCUMENT_BYTES_MAX,
    TaskDocument,
    decode_document,
    encode_document,
    proof_of_task,
)
from triggerx.core.errors import InvalidInput
from triggerx.core.job_body import parse_body
from triggerx.core.validation import judge
from triggerx.evm.types import Wei

HONEST = sample()
CONTENT = encode_document(HONEST.document)


def changed(**changes: object) -> bytes:
    """The honest document's JSON with fields replaced, canonical again wherever that is possible."""
    return _encoded({**json.loads(CONTENT), **changes})


def nested(name: str, **changes: object) -> bytes:
    raw = json.loads(CONTENT)
    raw[name].update(changes)
    return _encoded(raw)


def _encoded(raw: object) -> bytes:
    return json.dumps(raw, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode(errors="surrogatepass")


@pytest.mark.parametrize("is_guarded", [True, False])
def test_decode_document_when_it_was_encoded_then_it_is_the_same_again(is_guarded: bool) -> None:
    document = sample(is_guarded=is_guarded).document
    content = encode_document(document)
    assert decode_document(content) == document
    assert cid_of(encode_document(decode_document(content))) == cid_of(content)
    assert parse_body(document.body) == sample(is_guarded=is_guarded).body


@pytest.mark.parametrize("name", sorted(json.loads(CONTENT)))
def test_decode_document_when_a_field_is_missing_then_it_is_refused(name: str) -> None:
    raw = json.loads(CONTENT)
    del raw[name]
    with pytest.raises(InvalidInput):
        decode_document(_encoded(raw))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff",
        b"null",
        b"[]",
        b"7",
        b'"text"',
        b"{}",
        b'{"version":1}',
        CONTENT[:-1],
        CONTENT + b" ",
        CONTENT.replace(b":", b": ", 1),
        b"[" * 200_000,
        b"{" * 300_000,
        bytes(DOCUMENT_BYTES_MAX + 1),
        changed(version=2),
        changed(version=True),
        changed(version=1.0),
        changed(more="than it has"),
        changed(attestation_chain_id=-1),
        changed(attestation_chain_id=0),
        changed(attestation_chain_id="31337"),
        changed(attestation_chain_id=2**63),
        changed(attestation_chain_id=True),
        CONTENT.replace(b'"attestation_chain_id":31337', b'"attestation_chain_id":1e999'),
        CONTENT.replace(b'"attestation_chain_id":31337', b'"attestation_chain_id":NaN'),
        changed(attestation_center="0x0C0c0C0c0c0c0C0C0c0C0c0c0C0c0C0C0C0C0c0c"),
        changed(attestation_center=7),
        changed(performer=None),
        changed(performer=[1] * 20),
        changed(assignment=None),
        changed(assignment=[]),
        changed(assignment="order"),
        changed(body=None),
        changed(body=[]),
        changed(body="a body"),
        changed(body={}),
        changed(body=[["task_definition_id", 1]]),
        changed(evidence=None),
        changed(evidence=[]),
        changed(evidence={"value": 1.5}),
        changed(evidence={"value": 2**53}),
        changed(evidence={"value": "\ud800"}),
        CONTENT.replace(b'"kind":"time"', b'"kind":"\\ud800"'),
        changed(action=None),
        changed(action=[]),
        nested("body", task_definition_id=0),
        nested("body", task_definition_id=8),
        nested("body", task_definition_id=70_000),
        nested("body", task_definition_id=-1),
        nested("body", task_definition_id="1"),
        nested("body", task_definition_id=True),
        nested("body", task_definition_id=None),
        nested("action", chain_id=-1),
        nested("action", chain_id=None),
        nested("action", tx_hash="0x"),
        nested("action", data="00"),
        nested("action", data=5),
        nested("action", value=0),
        nested("action", value="-1"),
        nested("action", value="1e3"),
        nested("action", fee="0x10"),
        nested("action", fee=" 7"),
        nested("action", fee=str(2**256)),
        CONTENT.replace(b'"fee":"1000"', b'"fee":1e999'),
        nested("assignment", job_id="-1"),
        nested("assignment", job_id=str(2**256)),
        nested("assignment", seed_block=-1),
        nested("assignment", roster=[-1]),
        nested("assignment", attempt=256),
        nested("assignment", firing={"kind": 1}),
        nested("assignment", firing=None),
    ],
)
def test_decode_document_when_it_is_malformed_then_it_is_refused(content: bytes) -> None:
    with pytest.raises(InvalidInput):
        decode_document(content)


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
places = st.sampled_from(
    [(name,) for name in json.loads(CONTENT)]
    + [("assignment", name) for name in json.loads(CONTENT)["assignment"]]
    + [("assignment", "firing", name) for name in json.loads(CONTENT)["assignment"]["firing"]]
    + [("action", name) for name in json.loads(CONTENT)["action"]]
    + [("body", name) for name in json.loads(CONTENT)["body"]]
)


@given(places, anything)
def test_decode_document_when_any_value_stands_in_any_place_then_it_is_judged_or_refused(
    place: tuple[str, ...], value: Any
) -> None:
    raw = json.loads(CONTENT)
    inner = raw
    for name in place[:-1]:
        inner = inner[name]
    inner[place[-1]] = value
    content = _encoded(raw)
    try:
        document = decode_document(content)
        body = parse_body(document.body)
    except InvalidInput:
        return
    assert encode_document(document) == content
    judge(document, body, HONEST.facts, NETWORK)


@given(st.binary(max_size=200))
def test_decode_document_when_it_is_any_bytes_then_it_is_refused(content: bytes) -> None:
    with pytest.raises(InvalidInput):
        decode_document(content)


@pytest.mark.parametrize(
    "change",
    [
        lambda d: replace(d, assignment=order_for(2)),
        lambda d: replace(d, assignment=replace(d.assignment, roster=(1, 2))),
        lambda d: replace(d, evidence={"kind": "time", "due": 1}),
        lambda d: replace(d, action=replace(d.action, tx_hash=OTHER_HASH)),
        lambda d: replace(d, action=replace(d.action, sender=STRANGER.address)),
        lambda d: replace(d, action=replace(d.action, fee=Wei(1001))),
    ],
)
def test_proof_of_task_when_assignment_evidence_or_action_differ_then_it_differs(
    change: Callable[[TaskDocument], TaskDocument],
) -> None:
    assert proof_of_task(change(HONEST.document)) != proof_of_task(HONEST.document)


def test_proof_of_task_when_the_document_is_the_same_then_it_is_sha256_in_hex() -> None:
    proof = proof_of_task(HONEST.document)
    assert proof == proof_of_task(decode_document(CONTENT))
    assert len(proof) == 66 and int(proof, 16) > 0


def test_task_definition_id_when_a_document_was_decoded_then_it_is_the_bodys() -> None:
    body: Mapping[str, Json] = HONEST.document.body
    assert decode_document(CONTENT).task_definition_id == body["task_definition_id"] == 1
