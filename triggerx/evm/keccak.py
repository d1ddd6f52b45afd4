"""Keccak-256, the hash of the chain.

pycryptodome computes it (4 µs for a short message; eth-hash wraps the same code and costs a little more); it is loaded
at the first hash, because loading it takes 70 ms that a command which hashes nothing must not pay.
"""

from collections.abc import Callable
from functools import cache
from typing import NewType

Hash32 = NewType("Hash32", bytes)


def keccak256(data: bytes) -> Hash32:
    """The 32-byte Keccak-256 digest of `data` (the padding of Ethereum, not of the later SHA-3)."""
    return _hash()(data)


@cache
def _hash() -> Callable[[bytes], Hash32]:
    from Crypto.Hash import keccak  # noqa: PLC0415 - 70 ms, see the module's docstring

    def digest(data: bytes) -> Hash32:
        return Hash32(keccak.new(data=data, digest_bits=256).digest())

    return digest
