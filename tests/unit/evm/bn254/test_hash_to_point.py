"""Hashing to the curve against RFC 9380's vectors and against the map written out plainly."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triggerx.evm.bn254 import curve
from triggerx.evm.bn254.field import P, is_square
from triggerx.evm.bn254.hash_to_point import expand_message, hash_to_field, hash_to_point, map_to_point

RFC_DOMAIN = b"QUUX-V01-CS02-with-expander-SHA256-128"
Z0 = 0xB3C4D79D41A91759A9E4C7E359B6B89EAEC68E62EFFFFFFD
Z1 = 0x59E26BCEA0D48BACD4F263F1ACDB5C4F5763473177FFFFFE


@pytest.mark.parametrize(
    ("message", "uniform"),
    [
        (b"", "68a985b87eb6b46952128911f2a4412bbc302a9d759667f87f7a21d803f07235"),
        (b"abc", "d8ccab23b5985ccea865c6c97b6e5b8350e794e603b4b97902f53a8a0d605615"),
    ],
)
def test_message_when_expanded_then_equals_the_rfcs_vector(message: bytes, uniform: str) -> None:
    assert expand_message(RFC_DOMAIN, message, 32).hex() == uniform


def test_message_when_expanded_to_several_blocks_then_equals_the_rfcs_vector() -> None:
    assert (
        expand_message(RFC_DOMAIN, b"", 128)
        .hex()
        .startswith("af84c27ccfd45d41914fdff5df25293e221afc53d8ad2ac06d5e3e29485dadbe")
    )


@pytest.mark.parametrize(("domain", "length"), [(bytes(256), 32), (bytes(32), 8_161)])
def test_message_when_expansion_is_too_long_then_is_refused(domain: bytes, length: int) -> None:
    with pytest.raises(ValueError, match="at most"):
        expand_message(domain, b"", length)


@pytest.mark.parametrize("length", [0, 31, 33])
def test_domain_when_not_thirty_two_bytes_then_is_refused(length: int) -> None:
    with pytest.raises(ValueError, match="domain of 32 bytes"):
        hash_to_field(bytes(length), b"")


def plain_map(t: int) -> curve.Point:
    w = Z0 * t * pow(t * t + 4, -1, P) % P
    x1 = (Z1 - t * w) % P
    candidates = [x1, (-1 - x1) % P, (1 + pow(w * w, -1, P)) % P if w else 0]
    x = next(x for x in candidates if is_square(x**3 + 3))
    y = pow(x**3 + 3, (P + 1) // 4, P)
    return x, y if pow(t, (P - 1) // 2, P) in {0, 1} else -y % P


@given(st.one_of(st.integers(0, P - 1), st.integers(0, 20), st.integers(P - 20, P - 1)))
def test_element_when_mapped_then_is_the_point_of_the_plain_formula(element: int) -> None:
    point = map_to_point(element)
    assert point == plain_map(element)
    assert curve.is_on_curve(point)


@given(st.binary(min_size=32, max_size=32), st.binary(max_size=100))
def test_message_when_hashed_then_is_the_sum_of_two_mapped_elements(domain: bytes, message: bytes) -> None:
    first, second = hash_to_field(domain, message)
    assert hash_to_point(domain, message) == curve.add(map_to_point(first), map_to_point(second))
