import pytest
from hypothesis import given
from hypothesis import strategies as st

from triggerx.evm.bn254.field import (
    ACCELERATED,
    P,
    add2,
    inverse,
    inverse2,
    is_square,
    jacobi_symbol,
    multiply2,
    scale2,
    square2,
    square_root,
    subtract2,
)

ELEMENTS = st.integers(0, P - 1)
PAIRS = st.tuples(ELEMENTS, ELEMENTS)


def test_field_when_gmpy2_is_installed_then_computes_with_it() -> None:
    assert ACCELERATED


@given(ELEMENTS)
def test_square_when_rooted_then_gives_a_root(a: int) -> None:
    assert is_square(a * a % P)
    assert square_root(a * a % P) in {a, P - a}


@given(ELEMENTS)
def test_jacobi_when_computed_in_plain_integers_then_follows_euler(a: int) -> None:
    euler = pow(a, (P - 1) // 2, P)
    assert jacobi_symbol(a, P) == {0: 0, 1: 1, P - 1: -1}[int(euler)]
    assert is_square(a) == (euler != P - 1)


@pytest.mark.parametrize(
    ("a", "n", "symbol"), [(0, 1, 1), (0, 9, 0), (3, 9, 0), (2, 15, 1), (7, 15, -1), (1001, 9907, -1)]
)
def test_jacobi_when_modulus_is_composite_then_is_known(a: int, n: int, symbol: int) -> None:
    assert jacobi_symbol(a, n) == symbol


@given(ELEMENTS)
def test_inverse_when_multiplied_then_is_one_and_zero_stays_zero(a: int) -> None:
    assert inverse(a) * a % P == (1 if a else 0)
    assert inverse(0) == inverse(P) == 0


@given(PAIRS, PAIRS, ELEMENTS)
def test_extension_when_computed_then_obeys_the_fields_laws(a: tuple[int, int], b: tuple[int, int], s: int) -> None:
    assert multiply2(a, b) == multiply2(b, a)
    assert square2(a) == multiply2(a, a)
    assert subtract2(add2(a, b), b) == a
    assert scale2(a, s) == multiply2(a, (s, 0))
    assert multiply2(a, inverse2(a)) == ((1, 0) if any(a) else (0, 0))


def test_extension_when_its_unit_is_squared_then_is_minus_one() -> None:
    assert square2((0, 1)) == (P - 1, 0)
