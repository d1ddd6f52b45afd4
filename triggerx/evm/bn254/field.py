"""The prime field under BN254 and its quadratic extension, on gmpy2 where it can be imported and on ints otherwise.

Both give the same values; a number that leaves the package is always a plain int. gmpy2 makes a signature three times
faster.
"""

from collections.abc import Callable
from typing import Final

P: Final = 21888242871839275222246405745257275088696311157297823662689037894645226208583
"""The field's prime (EIP-196); 3 modulo 4, so that a square root is one power."""

R: Final = 21888242871839275222246405745257275088548364400416034343698204186575808495617
"""The order of G1 and of the subgroup of G2 (EIP-197)."""

Fp2 = tuple[int, int]
"""re + im·u with u² = -1."""


def jacobi_symbol(a: int, n: int) -> int:
    """The Jacobi symbol (a/n) for odd n > 0: 0, 1 or -1 (binary algorithm)."""
    a %= n
    sign = 1
    while a:
        zeros = (a & -a).bit_length() - 1
        a >>= zeros
        if zeros & 1 and n & 7 in {3, 5}:
            sign = -sign
        if a & 3 == 3 and n & 3 == 3:
            sign = -sign
        a, n = n % a, a
    return sign if n == 1 else 0


def _plain_invert(a: int, n: int) -> int:
    return pow(a, -1, n)


number: Callable[[int], int] = int
"""Turns an int into the integer type to compute with."""

_invert: Callable[[int, int], int] = _plain_invert
_jacobi: Callable[[int, int], int] = jacobi_symbol

try:
    import gmpy2  # type: ignore[import-untyped]  # it ships no types
except ImportError:
    ACCELERATED = False
else:
    ACCELERATED = True
    number, _invert, _jacobi = gmpy2.mpz, gmpy2.invert, gmpy2.jacobi

PRIME: Final = number(P)
_ROOT_EXPONENT: Final = number((P + 1) // 4)


def inverse(a: int) -> int:
    """1/a, and 0 for 0, as the modular exponentiation of the contracts answers."""
    return _invert(a, PRIME) if a % PRIME else number(0)


def is_square(a: int) -> bool:
    """Whether a has a square root; 0 has one."""
    return _jacobi(number(a), PRIME) >= 0


def square_root(a: int) -> int:
    """a^((p+1)/4): a root of a when a is a square."""
    return pow(number(a), _ROOT_EXPONENT, PRIME)


def multiply2(a: Fp2, b: Fp2) -> Fp2:
    """a·b in the extension (Karatsuba)."""
    re, im = a[0] * b[0], a[1] * b[1]
    return (re - im) % PRIME, ((a[0] + a[1]) * (b[0] + b[1]) - re - im) % PRIME


def square2(a: Fp2) -> Fp2:
    """a² in the extension."""
    return (a[0] + a[1]) * (a[0] - a[1]) % PRIME, 2 * a[0] * a[1] % PRIME


def add2(a: Fp2, b: Fp2) -> Fp2:
    """a + b in the extension."""
    return (a[0] + b[0]) % PRIME, (a[1] + b[1]) % PRIME


def subtract2(a: Fp2, b: Fp2) -> Fp2:
    """a - b in the extension."""
    return (a[0] - b[0]) % PRIME, (a[1] - b[1]) % PRIME


def scale2(a: Fp2, factor: int) -> Fp2:
    """a·factor for a factor of the base field."""
    return a[0] * factor % PRIME, a[1] * factor % PRIME


def inverse2(a: Fp2) -> Fp2:
    """1/a in the extension, and 0 for 0."""
    norm = inverse(a[0] * a[0] + a[1] * a[1])
    return a[0] * norm % PRIME, -a[1] * norm % PRIME
