"""Evidence: the JSON form of each kind, and what is no evidence of a firing."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triggerx.core.canonical import canonical_json
from triggerx.core.errors import InvalidInput
from triggerx.core.evidence import (
    COUNT_MAX,
    SECOND_MAX,
    ConditionEvidence,
    EventEvidence,
    Evidence,
    ManualEvidence,
    TimeEvidence,
    dump_evidence,
    evidence_json,
    firing_of,
    moment_of,
    parse_evidence,
)
from triggerx.evm.hub import Firing
from triggerx.evm.types import ChainId, Hash32

HASH = Hash32(bytes(range(32)))
EVENT = EventEvidence(
    chain_id=ChainId(5), tx_hash=HASH, ordinal=3, block_number=9, block_hash=HASH, block_timestamp=1_700_000_000
)
CONDITION = ConditionEvidence(edge=2, source="oracle:abc", value="-12.5", observed_at_ms=1_700_000_000_999)
MANUAL = ManualEvidence(nonce=77, requested_at=1_700_000_001, signature=bytes(65))
TIME = TimeEvidence(due=1_700_000_002)
ALL: list[Evidence] = [TIME, EVENT, CONDITION, MANUAL]

seconds = st.integers(0, SECOND_MAX)
counts = st.integers(0, COUNT_MAX)
hashes = st.binary(min_size=32, max_size=32).map(Hash32)
anything: st.SearchStrategy[Evidence] = st.one_of(
    st.builds(TimeEvidence, due=seconds),
    st.builds(
        EventEvidence,
        chain_id=st.integers(0, 2**32 - 1).map(ChainId),
        tx_hash=hashes,
        ordinal=counts,
        block_number=counts,
        block_hash=hashes,
        block_timestamp=seconds,
    ),
    st.builds(
        ConditionEvidence,
        edge=counts,
        source=st.text("abc:", max_size=20),
        value=st.integers(-(2**256), 2**256).map(str),
        observed_at_ms=st.integers(0, SECOND_MAX * 1000),
        block_number=st.none() | counts,
        block_hash=st.none() | hashes,
        response_hash=st.none() | hashes,
    ),
    st.builds(ManualEvidence, nonce=counts, requested_at=seconds, signature=st.binary(min_size=65, max_size=65)),
)


@given(anything)
def test_evidence_when_dumped_and_parsed_then_it_is_the_same(evidence: Evidence) -> None:
    assert parse_evidence(dump_evidence(evidence), firing_of(evidence)) == evidence


@pytest.mark.parametrize("evidence", [TIME, EVENT, CONDITION, MANUAL])
def test_evidence_when_written_as_text_then_it_is_the_canonical_one(evidence: Evidence) -> None:
    assert evidence_json(evidence).encode() == canonical_json(dump_evidence(evidence))


@pytest.mark.parametrize(
    ("evidence", "moment"),
    [(TIME, 1_700_000_002), (EVENT, 1_700_000_000), (CONDITION, 1_700_000_000), (MANUAL, 1_700_000_001)],
)
def test_moment_when_asked_then_it_is_the_second_of_the_occurrence(evidence: Evidence, moment: int) -> None:
    assert moment_of(firing_of(evidence), dump_evidence(evidence)) == moment


@pytest.mark.parametrize("evidence", ALL)
@pytest.mark.parametrize(
    "other",
    [
        Firing.time(1),
        Firing.event(ChainId(5), HASH, 4),
        Firing.condition(9),
        Firing.manual(1),
        replace(Firing.time(1), kind=9),
    ],
)
def test_parse_when_it_is_of_another_firing_then_it_is_refused(evidence: Evidence, other: Firing) -> None:
    with pytest.raises(InvalidInput, match="evidence"):
        parse_evidence(dump_evidence(evidence), other)


@pytest.mark.parametrize(
    ("evidence", "change"),
    [
        (TIME, {"extra": 1}),
        (TIME, {"kind": "event"}),
        (EVENT, {"tx_hash": "0x12"}),
        (EVENT, {"block_number": "9"}),
        (EVENT, {"chain_id": 5}),
        (CONDITION, {"value": "1e3"}),
        (CONDITION, {"value": "012"}),
        (CONDITION, {"value": "much"}),
        (CONDITION, {"source": "x" * 129}),
        (MANUAL, {"signature": "0x00"}),
        (MANUAL, {"nonce": 77}),
    ],
)
def test_parse_when_a_field_is_not_in_its_form_then_it_is_refused(
    evidence: Evidence, change: dict[str, object]
) -> None:
    raw = {**dump_evidence(evidence), **change}
    with pytest.raises(InvalidInput):
        parse_evidence(raw, firing_of(evidence))  # type: ignore[arg-type]  # as it comes from a peer
