"""The text of a peer id and its bytes (libp2p peer-ids specification: base58btc of a multihash of the public key)."""

from functools import lru_cache
from typing import Final

from triggerx.core.errors import InvalidInput

PEER_ID_BYTES_MIN: Final = 34  # a sha2-256 multihash
PEER_ID_BYTES_MAX: Final = 42  # an inlined public key of at most 40 bytes behind two bytes of multihash header
_TEXT_CHARACTERS_MAX: Final = 64
_ALPHABET: Final = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_DIGITS: Final = {character: digit for digit, character in enumerate(_ALPHABET)}
_KNOWN_MAX: Final = 4096
"""How many conversions are remembered: a network's peers, many times over."""


@lru_cache(maxsize=_KNOWN_MAX)
def peer_id_text(raw: bytes) -> str:
    """Write the base58btc text."""
    zeros = len(raw) - len(raw.lstrip(b"\0"))
    number = int.from_bytes(raw, "big")
    digits: list[str] = []
    while number:
        number, digit = divmod(number, 58)
        digits.append(_ALPHABET[digit])
    return "1" * zeros + "".join(reversed(digits))


@lru_cache(maxsize=_KNOWN_MAX)
def peer_id_bytes(text: str) -> bytes:
    """Read the text; raises `InvalidInput` for what cannot be a peer id."""
    if len(text) > _TEXT_CHARACTERS_MAX or not all(character in _DIGITS for character in text):
        raise InvalidInput("peer_id", f"{text[:80]!r} is not base58btc text of a peer id")
    number = 0
    for character in text:
        number = number * 58 + _DIGITS[character]
    zeros = len(text) - len(text.lstrip("1"))
    raw = bytes(zeros) + number.to_bytes((number.bit_length() + 7) // 8, "big")
    if not PEER_ID_BYTES_MIN <= len(raw) <= PEER_ID_BYTES_MAX:
        raise InvalidInput("peer_id", f"{text!r} has {len(raw)} bytes: a peer id has 34 to 42")
    return raw
