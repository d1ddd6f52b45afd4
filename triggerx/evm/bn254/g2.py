"""G2 of BN254: y² = x³ + 3/(9 + u) over the extension, where the public keys live.

A point is four ints in the order of the OBLS contract, `(x_re, x_im, y_re, y_im)`; the pairing precompile wants the
imaginary part first (EIP-197). Infinity is None.
"""

from collections.abc import Iterable
from typing import Final

from triggerx.evm.bn254.field import (
    Fp2,
    P,
    R,
    add2,
    inverse2,
    multiply2,
    number,
    scale2,
    square2,
    subtract2,
)

G2Point = tuple[int, int, int, int]
_Jacobian = tuple[Fp2, Fp2, Fp2]

GENERATOR: Final[G2Point] = (
    10857046999023057135944570762232829481370756359578518086990519993285655852781,
    11559732032986387107991004021392285783925812861821192530917403151452391805634,
    8495653923123431417604973247489272438418190587263600148770280649306958101930,
    4082367875863433681332203403145435568316851327593401208105741076214120093531,
)

_ZERO: Final[Fp2] = (number(0), number(0))
_ONE: Final[Fp2] = (number(1), number(0))
_B: Final[Fp2] = (
    number(0x2B149D40CEB8AAAE81BE18991BE06AC3B5B4C5E559DBEFA33267E6DC24A138E5),
    number(0x009713B03AF0FED4CD2CAFADEED8FDF4A74FA084E52D1852E4A2BD0685C315D2),
)
_INFINITY: Final[_Jacobian] = (_ONE, _ONE, _ZERO)


def is_on_curve(point: G2Point) -> bool:
    """Whether the coordinates are field elements that satisfy the twist's equation."""
    if not all(0 <= coordinate < P for coordinate in point):
        return False
    (x, y) = _coordinates(point)
    right = add2(multiply2(square2(x), x), _B)
    return subtract2(square2(y), right) == _ZERO


def is_in_subgroup(point: G2Point) -> bool:
    """Whether a point of the curve has the right order: the twist holds others, and pairing them means nothing."""
    return _is_infinity(_multiply(point, R))


def negate(point: G2Point) -> G2Point:
    """The inverse of a point."""
    return point[0], point[1], -point[2] % P, -point[3] % P


def total(points: Iterable[G2Point]) -> G2Point | None:
    """The sum of any number of points; None for infinity, as for no points at all."""
    result = _INFINITY
    for point in points:
        result = _add_affine(result, *_coordinates(point))
    return _affine(result)


def multiply(point: G2Point, scalar: int) -> G2Point | None:
    """The point, of the subgroup, times the scalar taken modulo the order; None for infinity."""
    return _affine(_multiply(point, scalar % R))


def _multiply(point: G2Point, scalar: int) -> _Jacobian:
    x, y = _coordinates(point)
    result = _INFINITY
    for bit in bin(scalar)[2:]:
        result = _double(result)
        if bit == "1":
            result = _add_affine(result, x, y)
    return result


def _coordinates(point: G2Point) -> tuple[Fp2, Fp2]:
    x_re, x_im, y_re, y_im = map(number, point)
    return (x_re, x_im), (y_re, y_im)


def _double(point: _Jacobian) -> _Jacobian:
    """2·point (dbl-2009-l of the Explicit-Formulas Database, a = 0)."""
    x, y, z = point
    a, b = square2(x), square2(y)
    c = square2(b)
    d = scale2(subtract2(square2(add2(x, b)), add2(a, c)), 2)
    e = scale2(a, 3)
    x3 = subtract2(square2(e), scale2(d, 2))
    y3 = subtract2(multiply2(e, subtract2(d, x3)), scale2(c, 8))
    return x3, y3, scale2(multiply2(y, z), 2)


def _add_affine(point: _Jacobian, x2: Fp2, y2: Fp2) -> _Jacobian:
    """point + (x2, y2), complete: infinity, doubling and inverse are handled."""
    if _is_infinity(point):
        return x2, y2, _ONE
    x1, y1, z1 = point
    z1z1 = square2(z1)
    h = subtract2(multiply2(x2, z1z1), x1)
    r = subtract2(multiply2(multiply2(y2, z1), z1z1), y1)
    if h == _ZERO:
        return _double(point) if r == _ZERO else _INFINITY
    hh = square2(h)
    hhh = multiply2(h, hh)
    v = multiply2(x1, hh)
    x3 = subtract2(square2(r), add2(hhh, scale2(v, 2)))
    y3 = subtract2(multiply2(r, subtract2(v, x3)), multiply2(y1, hhh))
    return x3, y3, multiply2(z1, h)


def _is_infinity(point: _Jacobian) -> bool:
    return point[2] == _ZERO


def _affine(point: _Jacobian) -> G2Point | None:
    if _is_infinity(point):
        return None
    x, y, z = point
    inverted = inverse2(z)
    squared = square2(inverted)
    x_re, x_im = multiply2(x, squared)
    y_re, y_im = multiply2(y, multiply2(squared, inverted))
    return int(x_re), int(x_im), int(y_re), int(y_im)
