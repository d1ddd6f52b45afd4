"""Values found in a log's data, and data that leads nowhere."""

import pytest

from tests.unit.triggers.events import words
from triggerx.evm.abi.types import parse_type
from triggerx.triggers.log_data import DataPlace, expected_bytes

TEXT = DataPlace(jumps=(), offset=32, kind=parse_type("string"))
NUMBER = DataPlace(jumps=(), offset=0, kind=parse_type("uint256"))
NESTED = DataPlace(jumps=(0, 32), offset=0, kind=parse_type("uint8[]"))
HUGE = (2**256 - 1).to_bytes(32, "big")


def test_place_when_the_data_is_honest_then_reads_the_value() -> None:
    data = words(["uint256", "string"], 5, "hello")
    assert NUMBER.read(data) == expected_bytes(NUMBER.kind, 5)
    assert TEXT.read(data) == expected_bytes(TEXT.kind, "hello") == b"hello"


def test_place_when_inside_structs_then_follows_their_offsets() -> None:
    data = words(["(uint8,(uint8[],bool))"], (1, ((2, 3), True)))
    assert NESTED.read(data) == expected_bytes(NESTED.kind, (2, 3))


def test_place_when_the_encoding_is_unusual_but_means_the_same_then_reads_it() -> None:
    place = DataPlace(jumps=(), offset=0, kind=parse_type("string[]"))
    usual = words(["string[]"], ("a", "a"))
    head, item = usual[: 32 + 32], usual[-64:]
    shared = head + (64).to_bytes(32, "big") * 2 + item  # both elements are one and the same
    assert len(shared) < len(usual)
    assert place.read(shared) == expected_bytes(place.kind, ("a", "a"))


def test_text_when_it_is_not_padded_then_is_read_all_the_same() -> None:
    data = words(["uint256", "string"], 5, "hello")
    assert TEXT.read(data[:-27]) == b"hello"
    assert TEXT.read(data[:-28]) is None


@pytest.mark.parametrize("place", [TEXT, NESTED, DataPlace(jumps=(), offset=0, kind=parse_type("bytes[2]"))])
@pytest.mark.parametrize("data", [b"", bytes(31), HUGE, HUGE * 9, HUGE[:1] + bytes(500), (400).to_bytes(32, "big") * 9])
def test_place_when_the_data_leads_nowhere_then_there_is_no_value(place: DataPlace, data: bytes) -> None:
    assert place.read(data) is None


def test_number_when_the_data_is_too_short_then_there_is_no_value() -> None:
    assert NUMBER.read(bytes(31)) is None
