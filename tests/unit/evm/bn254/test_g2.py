"""G2 against py_ecc."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from py_ecc.optimized_bn128 import optimized_curve as oracle

from triggerx.evm.bn254 import g2
from triggerx.evm.bn254.field import P, R, add2, inverse, square2, square_root

TWIST_B = (
    0x2B149D40CEB8AAAE81BE18991BE06AC3B5B4C5E559DBEFA33267E6DC24A138E5,
    0x009713B03AF0FED4CD2CAFADEED8FDF4A74FA084E52D1852E4A2BD0685C315D2,
)


def oracle_multiple(scalar: int) -> g2.G2Point | None:
    point = oracle.multiply(oracle.G2, scalar)
    if oracle.is_inf(point):
        return None
    x, y = oracle.normalize(point)
    return int(x.coeffs[0]), int(x.coeffs[1]), int(y.coeffs[0]), int(y.coeffs[1])


def point_outside_the_subgroup() -> g2.G2Point:
    """The first point of the twist by its x = (n, 0): the twist's cofactor makes almost every point such a one."""
    for n in range(1, 100):
        re, im = add2((n**3, 0), TWIST_B)
        norm = square_root(re * re + im * im)
        for root in (norm, -norm):
            y_re = square_root((re + root) * inverse(2))
            y = (int(y_re), int(im * inverse(2 * y_re) % P))
            if square2(y) == (re, im):
                return n, 0, *y
    raise AssertionError("no point of the twist below x = 100")


@settings(max_examples=10, deadline=None)
@given(st.integers(1, R - 1))
def test_multiple_when_computed_then_equals_py_ecc(scalar: int) -> None:
    found = g2.multiply(g2.GENERATOR, scalar)
    assert found == oracle_multiple(scalar)
    assert found is not None
    assert g2.is_on_curve(found)


@pytest.mark.parametrize("scalar", [0, 1, 2, 3, R - 1, R, R + 1])
def test_multiple_when_scalar_is_at_an_edge_then_equals_py_ecc(scalar: int) -> None:
    assert g2.multiply(g2.GENERATOR, scalar) == oracle_multiple(scalar % R)


def test_sum_when_points_are_equal_inverse_or_none_then_is_right() -> None:
    point = g2.GENERATOR
    assert g2.total([point, point]) == oracle_multiple(2)
    assert g2.total([point, point, point]) == oracle_multiple(3)
    assert g2.total([point, g2.negate(point)]) is None
    assert g2.total([]) is None


def test_point_when_of_the_twist_alone_then_is_not_in_the_subgroup() -> None:
    stray = point_outside_the_subgroup()
    assert g2.is_on_curve(stray)
    assert not g2.is_in_subgroup(stray)
    assert g2.is_in_subgroup(g2.GENERATOR)


@pytest.mark.parametrize(
    "point",
    [(0, 0, 0, 0), (1, 2, 3, 4), (*g2.GENERATOR[:3], g2.GENERATOR[3] + P), (*g2.GENERATOR[:3], -g2.GENERATOR[3])],
)
def test_numbers_when_off_the_twist_or_not_reduced_then_are_no_point(point: g2.G2Point) -> None:
    assert not g2.is_on_curve(point)


def test_results_when_returned_then_are_plain_integers() -> None:
    found = g2.multiply(g2.GENERATOR, 5)
    assert found is not None
    assert [type(number) for number in (*found, *g2.negate(found))] == [int] * 8
