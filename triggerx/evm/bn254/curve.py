"""G1 of BN254: y² = x³ + 3 over the field, points as affine pairs of ints, infinity as None.

Multiplication splits the scalar in two halves with the curve's endomorphism (Gallant, Lambert, Vanstone 2001) and walks
both in windowed non-adjacent form. It is not constant-time.
"""

from collections.abc import Iterable, Sequence
from typing import Final

from triggerx.evm.bn254.field import PRIME, P, R, inverse, number

Point = tuple[int, int]
Jacobian = tuple[int, int, int]

GENERATOR: Final[Point] = (1, 2)
B: Final = 3

BETA: Final = number(0x59E26BCEA0D48BACD4F263F1ACDB5C4F5763473177FFFFFE)
"""A cube root of one in the field: (x, y) ↦ (β·x, y) multiplies a point by LAMBDA."""

LAMBDA: Final = 0xB3C4D79D41A917585BFC41088D8DAAA78B17EA66B99C90DD

# The shortest vectors (a, b) with a + b·LAMBDA = 0 modulo R; their determinant is R.
_A1: Final = 9931322734385697763
_B1: Final = -147946756881789319000765030803803410728
_A2: Final = 147946756881789319010696353538189108491
_B2: Final = 9931322734385697763

_WINDOW: Final = 4  # bits of a digit: eight odd multiples are tabled, the least work for scalars of 127 bits

_INFINITY: Final[Jacobian] = (number(1), number(1), number(0))


def is_on_curve(point: Point) -> bool:
    """Whether the coordinates are field elements that satisfy the equation; the cofactor is one, so this is all."""
    x, y = point
    return 0 <= x < P and 0 <= y < P and (y * y - x * x * x - B) % P == 0


def negate(point: Point) -> Point:
    """The inverse of a point."""
    return point[0], -point[1] % P


def add(left: Point, right: Point) -> Point | None:
    """The sum of two points."""
    return total((left, right))


def total(points: Iterable[Point]) -> Point | None:
    """The sum of any number of points; None for infinity, as for no points at all."""
    result = _INFINITY
    for x, y in points:
        result = _add_affine(result, number(x), number(y))
    return _affine(result)


def multiply(point: Point, scalar: int) -> Point | None:
    """The point times the scalar taken modulo the order; None for infinity."""
    first, second = split(scalar % R)
    table = _odd_multiples(point)
    turned = [(BETA * x % PRIME, y) for x, y in table]
    digits1, digits2 = _digits(abs(first)), _digits(abs(second))
    length = max(len(digits1), len(digits2))
    digits1 += [0] * (length - len(digits1))
    digits2 += [0] * (length - len(digits2))
    sign1, sign2 = (1 if first >= 0 else -1), (1 if second >= 0 else -1)
    result = _INFINITY
    for place in range(length - 1, -1, -1):
        result = _double(result)
        if digit := digits1[place] * sign1:
            x, y = table[abs(digit) >> 1]
            result = _add_affine(result, x, y if digit > 0 else -y)
        if digit := digits2[place] * sign2:
            x, y = turned[abs(digit) >> 1]
            result = _add_affine(result, x, y if digit > 0 else -y)
    return _affine(result)


def split(scalar: int) -> tuple[int, int]:
    """Two numbers (k1, k2) of at most 128 bits, of either sign, with k1 + k2·LAMBDA = scalar modulo the order."""
    c1 = (_B2 * scalar + R // 2) // R
    c2 = (-_B1 * scalar + R // 2) // R
    return scalar - c1 * _A1 - c2 * _A2, -c1 * _B1 - c2 * _B2


def _digits(scalar: int) -> list[int]:
    """Windowed non-adjacent form, lowest digit first: digits are 0 or odd, below 2^_WINDOW either way."""
    digits: list[int] = []
    size = 1 << (_WINDOW + 1)
    while scalar:
        if scalar & 1:
            digit = scalar & (size - 1)
            if digit >= size >> 1:
                digit -= size
            scalar -= digit
        else:
            digit = 0
        digits.append(digit)
        scalar >>= 1
    return digits


def _odd_multiples(point: Point) -> Sequence[Point]:
    """1, 3, 5 … times the point, as affine pairs with one inversion for all."""
    x, y = number(point[0]), number(point[1])
    twice = _affine_number(_double((x, y, number(1))))
    multiples: list[Jacobian] = [(x, y, number(1))]
    for _ in range((1 << (_WINDOW - 1)) - 1):
        multiples.append(_add_affine(multiples[-1], *twice))
    products = [number(1)]
    for _, _, z in multiples:
        products.append(products[-1] * z % PRIME)
    rest = inverse(products[-1])
    found: list[Point] = []
    for place in range(len(multiples) - 1, -1, -1):
        jx, jy, jz = multiples[place]
        z = rest * products[place] % PRIME
        rest = rest * jz % PRIME
        z2 = z * z % PRIME
        found.append((jx * z2 % PRIME, jy * z2 * z % PRIME))
    return found[::-1]


def _double(point: Jacobian) -> Jacobian:
    """2·point (dbl-2009-l of the Explicit-Formulas Database, a = 0)."""
    x, y, z = point
    a = x * x % PRIME
    b = y * y % PRIME
    c = b * b
    d = 2 * ((x + b) ** 2 - a - c) % PRIME
    e = 3 * a
    f = e * e
    x3 = (f - 2 * d) % PRIME
    return x3, (e * (d - x3) - 8 * c) % PRIME, 2 * y * z % PRIME


def _add_affine(point: Jacobian, x2: int, y2: int) -> Jacobian:
    """point + (x2, y2), complete: infinity, doubling and inverse are handled (madd-2007-bl otherwise)."""
    x1, y1, z1 = point
    if not z1:
        return x2, y2 % PRIME, number(1)
    z1z1 = z1 * z1 % PRIME
    h = (x2 * z1z1 - x1) % PRIME
    r = (y2 * z1 * z1z1 - y1) % PRIME
    if not h:
        return _INFINITY if r else _double(point)
    hh = h * h % PRIME
    hhh = h * hh % PRIME
    v = x1 * hh % PRIME
    x3 = (r * r - hhh - 2 * v) % PRIME
    return x3, (r * (v - x3) - y1 * hhh) % PRIME, z1 * h % PRIME


def _affine_number(point: Jacobian) -> Point:
    x, y, z = point
    inverted = inverse(z)
    squared = inverted * inverted % PRIME
    return x * squared % PRIME, y * squared * inverted % PRIME


def _affine(point: Jacobian) -> Point | None:
    if not point[2]:
        return None
    x, y = _affine_number(point)
    return int(x), int(y)
