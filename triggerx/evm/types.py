"""The words of a chain as types, and the only place where hexadecimal text becomes bytes and back.

Inside the system an address is 20 raw bytes and a hash 32; text exists at the edges alone.
"""

from functools import lru_cache
from typing import Final, NewType

from triggerx.evm.keccak import Hash32, keccak256

__all__ = [
    "ZERO_ADDRESS",
    "ZERO_HASH",
    "Address",
    "ChainId",
    "Hash32",
    "Wei",
    "checksum",
    "from_hex",
    "parse_address",
    "parse_hash32",
    "to_hex",
]

Address = NewType("Address", bytes)
ChainId = NewType("ChainId", int)
Wei = NewType("Wei", int)

ADDRESS_BYTES: Final = 20
HASH_BYTES: Final = 32
CHECKSUMS_KEPT: Final = 4096  # a network names the same few addresses in every document; a hash each time costs more
ZERO_ADDRESS: Final = Address(bytes(ADDRESS_BYTES))
ZERO_HASH: Final = Hash32(bytes(HASH_BYTES))

_HEX_DIGITS: Final = frozenset("0123456789abcdefABCDEF")


def to_hex(data: bytes) -> str:
    """Lower-case hexadecimal with the prefix `0x`."""
    return "0x" + data.hex()


def from_hex(text: str) -> bytes:
    """Bytes of `0x`-prefixed hexadecimal, either case; `ValueError` for anything else, an odd digit count included."""
    if not text.startswith(("0x", "0X")):
        raise ValueError(f"expected hexadecimal that starts with 0x, got {_shown(text)}")
    digits = text[2:]
    if not _HEX_DIGITS.issuperset(digits):
        raise ValueError(f"expected hexadecimal digits after 0x, got {_shown(text)}")
    if len(digits) % 2:
        raise ValueError(f"expected an even number of hexadecimal digits, got {len(digits)} in {_shown(text)}")
    return bytes.fromhex(digits)


def parse_address(value: str | bytes) -> Address:
    """An address from 20 raw bytes or `0x` and 40 hexadecimal digits; any case is accepted, no checksum demanded."""
    return Address(_fixed(value, ADDRESS_BYTES, "an address"))


def parse_typed_address(text: str) -> Address:
    """An address that a person typed: one in mixed case must have its checksum right (EIP-55), else `ValueError`."""
    address, digits = parse_address(text), text[2:]
    if digits not in (digits.lower(), digits.upper()) and digits != checksum(address)[2:]:
        raise ValueError("its checksum (EIP-55) is wrong: a digit may be mistyped")
    return address


def parse_hash32(value: str | bytes) -> Hash32:
    """A 32-byte word from raw bytes or `0x` and 64 hexadecimal digits."""
    return Hash32(_fixed(value, HASH_BYTES, "a 32-byte hash"))


def checksum(address: bytes) -> str:
    """The mixed-case text of an address (EIP-55)."""
    return _checksum(parse_address(address))


@lru_cache(maxsize=CHECKSUMS_KEPT)
def _checksum(address: Address) -> str:
    digits = address.hex()
    mask = keccak256(digits.encode()).hex()
    return "0x" + "".join(
        digit.upper() if nibble >= "8" else digit for digit, nibble in zip(digits, mask, strict=False)
    )


def _fixed(value: str | bytes, length: int, noun: str) -> bytes:
    if isinstance(value, str):
        if len(value) != 2 + 2 * length:
            raise ValueError(f"expected {noun} of 0x and {2 * length} hexadecimal digits, got {_shown(value)}")
        return from_hex(value)
    if len(value) != length:
        raise ValueError(f"expected {noun} of {length} bytes, got {len(value)}")
    return bytes(value)


def _shown(text: str) -> str:
    """The text as an error may repeat it: bounded, because it comes from outside."""
    return repr(text if len(text) <= 80 else text[:77] + "...")


def bound_text(bound: int) -> str:
    """A bound as a person reads it: `2^256-1` or `-2^255` for those too wide to count digits of, digits else."""
    if bound.bit_length() > 64:
        bits = (abs(bound) + 1).bit_length() - 1
        if bound == (1 << bits) - 1:
            return f"2^{bits}-1"
        if -bound == 1 << (bound.bit_length() - 1):
            return f"-2^{bound.bit_length() - 1}"
    return str(bound)
