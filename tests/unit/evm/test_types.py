import pytest
from eth_utils.address import to_checksum_address
from hypothesis import given
from hypothesis import strategies as st

from triggerx.evm.types import (
    ZERO_ADDRESS,
    bound_text,
    checksum,
    from_hex,
    parse_address,
    parse_hash32,
    parse_typed_address,
    to_hex,
)

EIP55 = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"


def test_address_when_parsed_in_any_case_then_is_twenty_bytes() -> None:
    expected = bytes.fromhex(EIP55[2:])
    assert {parse_address(EIP55), parse_address(EIP55.lower()), parse_address("0X" + EIP55[2:].upper())} == {expected}
    assert parse_address(expected) == expected


@given(st.binary(min_size=20, max_size=20))
def test_checksum_when_made_then_follows_eip_55(address: bytes) -> None:
    assert checksum(address) == to_checksum_address(address)


def test_checksum_of_the_eip_then_is_its_text() -> None:
    assert checksum(parse_address(EIP55.lower())) == EIP55
    assert checksum(ZERO_ADDRESS) == "0x" + "0" * 40


@pytest.mark.parametrize(
    "text", ["", "0x", EIP55[2:], EIP55 + "00", EIP55[:-1], EIP55[:-1] + "g", EIP55[:-2] + "٣٣", " " + EIP55[:-1]]
)
def test_address_when_text_is_no_address_then_says_what_was_expected(text: str) -> None:
    with pytest.raises(ValueError, match="expected"):
        parse_address(text)


@pytest.mark.parametrize("length", [0, 19, 21, 32])
def test_address_when_bytes_have_another_length_then_says_so(length: int) -> None:
    with pytest.raises(ValueError, match="expected an address of 20 bytes"):
        parse_address(bytes(length))


def test_hash_when_parsed_then_is_thirty_two_bytes() -> None:
    assert parse_hash32("0x" + "ab" * 32) == parse_hash32(b"\xab" * 32) == b"\xab" * 32
    with pytest.raises(ValueError, match="32-byte hash"):
        parse_hash32("0x" + "ab" * 31)


@given(st.binary(max_size=64))
def test_hex_when_written_and_read_then_is_the_same(data: bytes) -> None:
    assert from_hex(to_hex(data)) == data


@pytest.mark.parametrize("text", ["", "ab", "0xa", "0xzz", "0x a", "0x_a", "0xa_bc", "0x\nab"])
def test_hex_when_malformed_then_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected"):
        from_hex(text)


def test_hex_when_refused_then_the_message_is_bounded() -> None:
    with pytest.raises(ValueError, match="expected") as caught:
        from_hex("z" * 100_000)
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize(
    ("bound", "text"),
    [
        (2**256 - 1, "2^256-1"),
        (-(2**255), "-2^255"),
        (2**255 - 1, "2^255-1"),
        (2**256 - 2, str(2**256 - 2)),
        (-(2**255) + 1, str(-(2**255) + 1)),
        (2**63 - 1, str(2**63 - 1)),
        (0, "0"),
    ],
)
def test_bound_text_when_a_bound_is_wide_then_it_is_written_as_a_power(bound: int, text: str) -> None:
    assert bound_text(bound) == text


def test_typed_address_when_it_is_in_mixed_case_then_its_checksum_counts() -> None:
    wanted = parse_address(EIP55)
    assert {parse_typed_address(text) for text in (EIP55, EIP55.lower(), "0x" + EIP55[2:].upper())} == {wanted}
    with pytest.raises(ValueError, match="checksum"):
        parse_typed_address(EIP55[:2] + EIP55[2:].swapcase())
