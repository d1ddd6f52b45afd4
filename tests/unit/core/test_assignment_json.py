"""The JSON form of assignments and firings: exact both ways, and nothing malformed comes through."""

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.core.sample import order_for
from tests.unit.core.strategies import addresses, chain_ids, hashes32, words
from triggerx.core.assignment_json import dump_assignment, dump_firing, parse_assignment, parse_firing
from triggerx.core.canonical import Json, canonical_json
from triggerx.core.job import JobId
from triggerx.core.task import SignedAssignment
from triggerx.evm.hub import Assignment, Firing

moments = st.integers(0, 2**53 - 1)
firings = st.builds(Firing, kind=st.integers(0, 255), index=words, chain_id=chain_ids, tx_hash=hashes32)
assignments = st.builds(
    SignedAssignment,
    assignment=st.builds(
        Assignment,
        task_key=hashes32,
        performer=addresses,
        attempt=st.integers(0, 255),
        not_before=moments,
        not_after=moments,
    ),
    job_id=words.map(JobId),
    firing=firings,
    seed_block=moments,
    seed_block_hash=hashes32,
    roster=st.lists(moments, max_size=5).map(tuple),
    signature=st.binary(min_size=65, max_size=65),
)


@given(assignments)
def test_parse_assignment_when_it_was_dumped_then_it_is_the_same_again(signed: SignedAssignment) -> None:
    raw = dump_assignment(signed)
    assert parse_assignment(raw) == signed
    assert canonical_json(dump_assignment(parse_assignment(raw))) == canonical_json(raw)


@given(firings)
def test_parse_firing_when_it_was_dumped_then_it_is_the_same_again(firing: Firing) -> None:
    assert parse_firing(dump_firing(firing)) == firing


RAW: Mapping[str, Json] = dump_assignment(order_for(1))
FIRING: Mapping[str, Json] = dump_firing(order_for(1).firing)


@pytest.mark.parametrize("name", sorted(RAW))
def test_parse_assignment_when_a_field_is_missing_then_it_is_refused(name: str) -> None:
    with pytest.raises(KeyError):
        parse_assignment({key: value for key, value in RAW.items() if key != name})


@pytest.mark.parametrize(
    "change",
    [
        {"task_key": "0x00"},
        {"task_key": 1},
        {"performer": None},
        {"attempt": 1.0},
        {"attempt": True},
        {"attempt": -1},
        {"attempt": 256},
        {"not_after": 2**64},
        {"not_before": -1},
        {"job_id": "-1"},
        {"job_id": str(2**256)},
        {"job_id": "1" * 5000},
        {"job_id": []},
        {"seed_block": -1},
        {"seed_block": 2**63},
        {"seed_block_hash": "0x"},
        {"roster": "1,2"},
        {"roster": {"1": 1}},
        {"roster": [None]},
        {"roster": [-1]},
        {"roster": [1.5]},
        {"signature": 7},
        {"signature": "0xzz"},
        {"firing": None},
        {"firing": []},
        {"firing": "time"},
        {"firing": {**FIRING, "kind": 256}},
        {"firing": {**FIRING, "index": str(2**256)}},
        {"firing": {**FIRING, "index": "-5"}},
        {"firing": {**FIRING, "chain_id": None}},
        {"firing": {**FIRING, "tx_hash": "0x01"}},
        {"firing": {"kind": 1}},
    ],
)
def test_parse_assignment_when_a_value_does_not_fit_then_it_is_refused(change: Mapping[str, object]) -> None:
    with pytest.raises((KeyError, TypeError, ValueError)):
        parse_assignment({**RAW, **change})
