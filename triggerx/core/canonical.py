"""Canonical JSON: one byte string for one value, so that documents can be addressed by their content.

Keys sorted, no spaces, UTF-8 unescaped, no floats; integers beyond 2^53 must have been written as decimal strings by
the caller, because other languages would round them.
"""

import hashlib
import json
from base64 import b32encode
from collections.abc import Mapping, Sequence
from typing import TypeAlias

Json: TypeAlias = "bool | int | str | Sequence[Json] | Mapping[str, Json] | None"

_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
SAFE_INTEGER_MAX = 2**53 - 1  # RFC 8259 §6: beyond it implementations do not agree on the value


def canonical_json(value: Json) -> bytes:
    """Encode to canonical bytes; raises `ValueError` for a float, a non-string key or an integer that is not safe."""
    _check(value)
    return _ENCODER.encode(value).encode()


def cid_of(content: bytes) -> str:
    """CIDv1 of raw content: base32 of `0x01 0x55 0x12 0x20 ‖ sha256` with the multibase prefix `b` (CID spec)."""
    digest = b"\x01\x55\x12\x20" + hashlib.sha256(content).digest()
    return "b" + b32encode(digest).decode().lower().rstrip("=")


def _check(value: Json) -> None:
    if value is None or isinstance(value, (str, bool)):
        return
    if isinstance(value, float):
        raise ValueError("a float has no place in a canonical document: write it as a decimal string")
    if isinstance(value, int):
        if abs(value) > SAFE_INTEGER_MAX:
            raise ValueError(f"the integer {value} is not safe in JSON: write it as a decimal string")
    elif isinstance(value, (dict, Mapping)):  # dict first: the abstract class asks five times as long
        for key, item in value.items():
            if not isinstance(key, str):
                raise ValueError(f"the key {key!r} must be a string")
            _check(item)
    elif isinstance(value, (list, Sequence)):
        for item in value:
            _check(item)
