"""Encoding and decoding against eth_abi, and against data that no honest encoder writes."""

from typing import Any

import pytest
from eth_abi.abi import default_codec as oracle
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.evm.abi.strategies import type_texts, value_of
from triggerx.evm.abi import DecodeError, decode, encode
from triggerx.evm.abi.codec import decode_type, encode_type
from triggerx.evm.abi.types import AbiType, parse_type

WORD = 32


TYPES = st.lists(type_texts, min_size=1, max_size=4)
CASES = TYPES.flatmap(lambda texts: st.tuples(st.just(texts), st.tuples(*(value_of(parse_type(t)) for t in texts))))


@settings(max_examples=200, deadline=None)
@given(CASES)
def test_values_when_encoded_then_equal_eth_abi_and_read_back(case: tuple[list[str], tuple[Any, ...]]) -> None:
    types, values = case
    encoded = encode(types, values)
    assert encoded == oracle.encode(types, values)
    assert decode(types, encoded) == values


@settings(max_examples=100, deadline=None)
@given(
    type_texts.map(parse_type).flatmap(lambda kind: st.tuples(st.just(kind), value_of(kind))), st.binary(max_size=70)
)
def test_value_when_its_encoding_begins_anywhere_then_reads_back(case: tuple[AbiType, Any], before: bytes) -> None:
    kind, value = case
    assert decode_type(kind, before + encode_type(kind, value), len(before)) == value


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from(["uint8", "(string,bytes)[]", "uint256[][]", "bool[2]", "(address,bytes4,int16)"]),
    st.binary(max_size=400),
)
def test_data_when_random_then_decodes_to_what_encodes_again_or_is_refused(text: str, data: bytes) -> None:
    try:
        values = decode([text], data)
    except DecodeError:
        return
    assert decode([text], encode([text], values)) == values


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("uint8", 256),
        ("uint8", -1),
        ("int8", 128),
        ("int8", -129),
        ("uint256", 2**256),
        ("uint256", True),
        ("uint256", 1.0),
        ("uint256", "1"),
        ("bool", 1),
        ("address", bytes(19)),
        ("address", "0x" + "00" * 20),
        ("bytes4", bytes(3)),
        ("bytes4", bytes(5)),
        ("bytes", "text"),
        ("string", b"bytes"),
        ("string", "\ud800"),
        ("uint8[2]", (1,)),
        ("uint8[2]", (1, 2, 3)),
        ("uint8[]", 1),
        ("uint8[]", b"\x01"),
        ("(uint8,uint8)", (1,)),
    ],
)
def test_value_when_it_does_not_fit_then_is_refused(text: str, value: object) -> None:
    with pytest.raises(ValueError, match=r"expected|surrogates"):
        encode([text], (value,))


@pytest.mark.parametrize(
    ("text", "data"),
    [
        ("uint8", b""),
        ("uint8", bytes(31)),
        ("uint8", (256).to_bytes(WORD, "big")),
        ("int8", (128).to_bytes(WORD, "big")),
        ("bool", (2).to_bytes(WORD, "big")),
        ("address", (1 << 160).to_bytes(WORD, "big")),
        ("bytes4", b"\x01" * WORD),
        ("string", (32).to_bytes(WORD, "big") + (1).to_bytes(WORD, "big") + b"\xff" + bytes(31)),
        ("bytes", (32).to_bytes(WORD, "big") + (33).to_bytes(WORD, "big") + bytes(WORD)),
        ("bytes", (2**255).to_bytes(WORD, "big")),
        ("bytes", (64).to_bytes(WORD, "big") + bytes(WORD)),
        ("uint8[]", (32).to_bytes(WORD, "big") + (2**200).to_bytes(WORD, "big")),
        ("uint8[]", (32).to_bytes(WORD, "big") + (3).to_bytes(WORD, "big") + bytes(2 * WORD)),
    ],
)
def test_data_when_it_is_no_encoding_then_is_refused(text: str, data: bytes) -> None:
    with pytest.raises(DecodeError, match="expected"):
        decode([text], data)


def test_data_when_offsets_overlap_then_work_stays_in_proportion() -> None:
    count = 1_000
    level = count.to_bytes(WORD, "big") + (WORD * count - WORD).to_bytes(WORD, "big") * count
    with pytest.raises(DecodeError):
        decode(["uint256[][][][]"], WORD.to_bytes(WORD, "big") + level * 3)


def test_data_when_every_element_shares_one_tail_then_is_refused_for_its_size() -> None:
    count = 500
    shared = (WORD * count).to_bytes(WORD, "big") * count + (300).to_bytes(WORD, "big") + bytes(300)
    data = WORD.to_bytes(WORD, "big") + count.to_bytes(WORD, "big") + shared
    with pytest.raises(DecodeError, match="overlap"):
        decode(["bytes[]"], data)


def test_data_when_longer_than_its_values_then_the_rest_is_ignored() -> None:
    assert decode(["uint8"], (7).to_bytes(WORD, "big") + b"more") == (7,)


def test_bytes_when_unpadded_at_the_end_then_are_read_as_contracts_read_them() -> None:
    assert decode(["bytes"], (32).to_bytes(WORD, "big") + (3).to_bytes(WORD, "big") + b"abc") == (b"abc",)
