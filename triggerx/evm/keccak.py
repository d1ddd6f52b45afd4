"""Keccak-256, the hash of the chain.

pycryptodome computes it (eth-hash wraps the same code). It is loaded at the first hash, because loading it takes 70 ms
that a command which hashes nothing must not pay; and its C functions are called one by one, because its object for each
hash takes twice as long as the hash.
"""

from collections.abc import Callable
from functools import cache
from typing import Any, Final, NewType

Hash32 = NewType("Hash32", bytes)

_CAPACITY_BYTES: Final = 64
_ROUNDS: Final = 24
_PADDING: Final = 0x01  # of Ethereum; the later SHA-3 has 0x06


def keccak256(data: bytes) -> Hash32:
    """The 32-byte Keccak-256 digest of `data` (the padding of Ethereum, not of the later SHA-3)."""
    return _hash()(data)


@cache
def _hash() -> Callable[[bytes], Hash32]:
    from Crypto.Hash import keccak  # noqa: PLC0415 - 70 ms, see the module's docstring
    from Crypto.Util import _raw_api  # noqa: PLC0415 - the same

    module: Any = keccak  # the stubs leave out what lies below the objects
    raw: Any = _raw_api
    library = module._raw_keccak_lib
    absorb, squeeze, reset = library.keccak_absorb, library.keccak_digest, library.keccak_reset
    size, taken = raw.c_size_t, raw.get_raw_buffer
    length, padding = size(32), raw.c_ubyte(_PADDING)
    idle: list[tuple[Any, Any]] = []  # states with their outputs; who hashes takes one out, so no two threads share it

    def created() -> tuple[Any, Any]:
        state = raw.VoidPointer()
        if library.keccak_init(state.address_of(), size(_CAPACITY_BYTES), raw.c_ubyte(_ROUNDS)):
            raise MemoryError("there is no memory for a hash")
        return raw.SmartPointer(state.get(), library.keccak_destroy), raw.create_string_buffer(32)

    def digest(data: bytes) -> Hash32:
        try:
            own = idle.pop()
        except IndexError:
            own = created()
        state, out = own[0].get(), own[1]
        reset(state)
        absorb(state, data, size(len(data)))
        squeeze(state, out, length, padding)
        found = Hash32(taken(out))
        idle.append(own)
        return found

    return digest
