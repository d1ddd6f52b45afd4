"""From a domain and a message to a point of G1, step by step as the OBLS contract does it.

`expand_message_xmd` with SHA-256 (RFC 9380 §5.3.1) gives two field elements, the Fouque-Tibouchi map ("Indifferentiable
Hashing to Barreto-Naehrig Curves", 2012) turns each into a point, and their sum is the hash.
"""

import hashlib
from typing import Final

from triggerx.evm.bn254 import curve
from triggerx.evm.bn254.field import PRIME, P, inverse, is_square, number, square_root

DOMAIN_BYTES: Final = 32
ELEMENT_BYTES: Final = 48  # 128 bits above the prime's 254, so that the remainder is even (RFC 9380 §5.1)

_HASH_BYTES: Final = 32
_BLOCK_BYTES: Final = 64

_Z0: Final = number(0xB3C4D79D41A91759A9E4C7E359B6B89EAEC68E62EFFFFFFD)  # √-3
_Z1: Final = number(0x59E26BCEA0D48BACD4F263F1ACDB5C4F5763473177FFFFFE)  # (√-3 - 1)/2


def hash_to_point(domain: bytes, message: bytes) -> curve.Point:
    """The point that is signed for a message under a 32-byte domain; `ValueError` for a domain of another length."""
    first, second = hash_to_field(domain, message)
    found = curve.add(map_to_point(first), map_to_point(second))
    if found is None:
        raise ValueError("expected a message whose hash is not infinity")  # one in 2^254
    return found


def hash_to_field(domain: bytes, message: bytes) -> tuple[int, int]:
    """Two field elements: 96 uniform bytes as two big-endian numbers modulo the prime."""
    if len(domain) != DOMAIN_BYTES:
        raise ValueError(f"expected a domain of {DOMAIN_BYTES} bytes, got {len(domain)}")
    uniform = expand_message(domain, message, 2 * ELEMENT_BYTES)
    return int.from_bytes(uniform[:ELEMENT_BYTES], "big") % P, int.from_bytes(uniform[ELEMENT_BYTES:], "big") % P


def expand_message(domain: bytes, message: bytes, length: int) -> bytes:
    """`expand_message_xmd` with SHA-256; at most 255 bytes of domain and 255 blocks of 32 bytes (RFC 9380 §5.3.1)."""
    blocks = -(-length // _HASH_BYTES)
    if blocks > 255 or len(domain) > 255:
        raise ValueError(f"expected at most 8160 bytes and a domain of at most 255, got {length} and {len(domain)}")
    suffix = domain + bytes((len(domain),))
    seed = hashlib.sha256(bytes(_BLOCK_BYTES) + message + length.to_bytes(2, "big") + b"\0" + suffix).digest()
    block = bytes(_HASH_BYTES)
    uniform = b""
    for place in range(1, blocks + 1):
        mixed = bytes(a ^ b for a, b in zip(seed, block, strict=True))
        block = hashlib.sha256(mixed + bytes((place,)) + suffix).digest()
        uniform += block
    return uniform[:length]


def map_to_point(element: int) -> curve.Point:
    """The Fouque-Tibouchi map of a field element: the first of three candidates whose x³ + 3 is a square."""
    t = number(element)
    below = (t * t + 4) % PRIME  # never zero: -1 is no square
    above = _Z0 * t % PRIME
    inverted = inverse(above * below % PRIME)  # 1/(Z0·t·(t² + 4)), shared by w and 1/w
    w = above * above % PRIME * inverted % PRIME
    x = (_Z1 - t * w) % PRIME
    right = _right_side(x)
    if not is_square(right):
        x = (-1 - x) % PRIME
        right = _right_side(x)
        if not is_square(right):
            one_over_w = below * below % PRIME * inverted % PRIME
            x = (1 + one_over_w * one_over_w) % PRIME
            right = _right_side(x)
    y = square_root(right)
    return int(x), int(y if is_square(t) else -y % PRIME)


def _right_side(x: int) -> int:
    return (x * x % PRIME * x + curve.B) % PRIME
