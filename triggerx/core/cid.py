"""Content identifiers: which bytes a CID names, checked by hashing them (CID and multihash specifications).

Rule: SHA-256 alone, of raw bytes or of a dag-pb block; every other hash or codec is refused, because content that
cannot be verified here is not accepted.
"""

import hashlib
from base64 import b32decode, b32encode
from dataclasses import dataclass
from typing import Final

from triggerx.core.errors import InvalidInput

RAW: Final = 0x55
DAG_PB: Final = 0x70
CODECS: Final = frozenset({RAW, DAG_PB})
CID_CHARACTERS_MAX: Final = 64  # 36 bytes are 59 characters in base32, 50 in base58

_SHA2_256: Final = b"\x12\x20"
_BASE58: Final = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cid:
    """A CID as binary: its codec (`RAW` or `DAG_PB`), and the SHA-256 of the block, 32 bytes."""

    codec: int
    digest: bytes

    def __str__(self) -> str:
        """Its text as version 1 in base32: one text for one block, whichever form it was written in."""
        binary = bytes([1, self.codec]) + _SHA2_256 + self.digest
        return "b" + b32encode(binary).decode().lower().rstrip("=")

    def names(self, block: bytes) -> bool:
        """Whether this block is the one."""
        return hashlib.sha256(block).digest() == self.digest


def parse_cid(text: str, field: str = "cid") -> Cid:
    """Read version 0 (`Qm…`), or version 1 in base32 (`b…`) or base58 (`z…`); `InvalidInput` says what is wrong."""
    if len(text) > CID_CHARACTERS_MAX:
        raise InvalidInput(field, f"expected a CID of at most {CID_CHARACTERS_MAX} characters")
    try:
        if text.startswith("Qm"):
            return _of_version_0(_base58(text))
        if text.startswith("b"):
            return _of_version_1(_base32(text[1:]))
        if text.startswith("z"):
            return _of_version_1(_base58(text[1:]))
    except ValueError as error:
        raise InvalidInput(field, f"expected a CID, got {text!r}: {error}") from error
    raise InvalidInput(field, f"expected a CID in base58 or base32 (Qm…, b… or z…), got {text!r}")


def read_cid(binary: bytes) -> Cid:
    """Read a link's binary form, of version 0 or 1; `ValueError` for what is none."""
    return _of_version_0(binary) if binary.startswith(_SHA2_256) else _of_version_1(binary)


def _of_version_0(binary: bytes) -> Cid:
    if len(binary) != 34 or not binary.startswith(_SHA2_256):
        raise ValueError("expected 34 bytes with a SHA-256")
    return Cid(codec=DAG_PB, digest=binary[2:])


def _of_version_1(binary: bytes) -> Cid:
    if len(binary) != 36 or binary[0] != 1 or binary[2:4] != _SHA2_256:
        raise ValueError("expected version 1 with a SHA-256")
    if binary[1] not in CODECS:
        raise ValueError(f"expected the codec raw or dag-pb, got 0x{binary[1]:02x}")
    return Cid(codec=binary[1], digest=binary[4:])


def _base32(text: str) -> bytes:
    if text != text.lower():
        raise ValueError("base32 is written in small letters")
    return b32decode(text.upper() + "=" * (-len(text) % 8))


def _base58(text: str) -> bytes:
    number = 0
    for character in text:
        place = _BASE58.find(character)
        if place < 0:
            raise ValueError(f"{character!r} is no letter of base58")
        number = number * 58 + place
    zeros = len(text) - len(text.lstrip("1"))
    return bytes(zeros) + number.to_bytes((number.bit_length() + 7) // 8, "big")
