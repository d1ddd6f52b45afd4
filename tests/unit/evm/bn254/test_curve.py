"""G1 against py_ecc."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from py_ecc.optimized_bn128 import optimized_curve as oracle

from triggerx.evm.bn254 import curve
from triggerx.evm.bn254.field import P, R

SCALARS = st.integers(0, R - 1)


def oracle_multiple(scalar: int) -> curve.Point | None:
    point = oracle.multiply(oracle.G1, scalar)
    if oracle.is_inf(point):
        return None
    x, y = oracle.normalize(point)
    return int(x), int(y)


@settings(max_examples=30, deadline=None)
@given(SCALARS)
def test_multiple_when_computed_then_equals_py_ecc(scalar: int) -> None:
    assert curve.multiply(curve.GENERATOR, scalar) == oracle_multiple(scalar)


@pytest.mark.parametrize(
    "scalar",
    [
        0,
        1,
        2,
        3,
        4,
        7,
        8,
        15,
        16,
        17,
        R - 1,
        R - 2,
        R,
        R + 1,
        curve.LAMBDA,
        curve.LAMBDA + 1,
        R - curve.LAMBDA,
        2**127,
        2**253,
    ],
)
def test_multiple_when_scalar_is_at_an_edge_then_equals_py_ecc(scalar: int) -> None:
    assert curve.multiply(curve.GENERATOR, scalar) == oracle_multiple(scalar % R)


@settings(max_examples=300)
@given(SCALARS)
def test_scalar_when_split_then_halves_recombine_and_are_short(scalar: int) -> None:
    first, second = curve.split(scalar)
    assert (first + second * curve.LAMBDA - scalar) % R == 0
    assert max(abs(first), abs(second)).bit_length() <= 128


@settings(max_examples=20, deadline=None)
@given(SCALARS, SCALARS)
def test_sum_when_computed_then_is_the_sum_of_scalars(a: int, b: int) -> None:
    parts = [point for point in (oracle_multiple(a), oracle_multiple(b)) if point]
    assert curve.total(parts) == oracle_multiple((a + b) % R)


def test_sum_when_points_are_equal_inverse_or_none_then_is_right() -> None:
    point = curve.GENERATOR
    assert curve.add(point, point) == oracle_multiple(2)
    assert curve.add(point, curve.negate(point)) is None
    assert curve.total([]) is None
    assert curve.total([point, curve.negate(point), point]) == point


@pytest.mark.parametrize("point", [(0, 0), (1, 3), (1, -2), (1, 2 + P), (1 + P, 2), (P, 0)])
def test_pair_when_off_the_curve_or_not_reduced_then_is_no_point(point: curve.Point) -> None:
    assert not curve.is_on_curve(point)


def test_results_when_returned_then_are_plain_integers() -> None:
    found = curve.multiply(curve.GENERATOR, 5)
    assert found is not None
    assert [type(number) for number in (*found, *curve.negate(found))] == [int] * 4
