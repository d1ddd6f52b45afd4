"""Where a log's data holds one value, and how it is read without trusting a single offset."""

from dataclasses import dataclass
from typing import Final

from triggerx.evm.abi.codec import DecodeError, decode_type, encode_type
from triggerx.evm.abi.events import content
from triggerx.evm.abi.types import AbiType, Elementary

_WORD: Final = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class DataPlace:
    """Where a log's data holds one value: `jumps` are the heads whose offsets lead to the struct that it lies in.

    `offset` is the byte of its head in that struct (in the data itself without jumps). Offsets count from the struct's
    first byte, as in the ABI.
    """

    jumps: tuple[int, ...]
    offset: int
    kind: AbiType

    def read(self, data: bytes) -> bytes | None:
        """Return the value as `expected_bytes` has it, None when the data does not hold one; work is bounded by data.

        Offsets and lengths are whatever the emitter wrote.
        """
        base = 0
        for jump in self.jumps:
            distance = _number_at(data, base + jump)
            if distance is None:
                return None
            base += distance
        start = base + self.offset
        kind = self.kind
        if not kind.dynamic:
            found = data[start : start + kind.head_bytes]
            return found if len(found) == kind.head_bytes else None
        distance = _number_at(data, start)
        if distance is None:
            return None
        return _read_dynamic(kind, data, base + distance)


def expected_bytes(kind: AbiType, value: object) -> bytes:
    """A value as `DataPlace.read` gives it: a `bytes` or `string` as its content, all else as its encoding."""
    encoded = encode_type(kind, value)
    return content(encoded) if isinstance(kind, Elementary) and kind.dynamic else encoded


def _number_at(data: bytes, place: int) -> int | None:
    """An offset or a length, None where the data ends before it. Bytes that it leads to may be past the end."""
    word = data[place : place + _WORD]
    return int.from_bytes(word, "big") if len(word) == _WORD else None


def _read_dynamic(kind: AbiType, data: bytes, start: int) -> bytes | None:
    if isinstance(kind, Elementary):
        length = _number_at(data, start)
        if length is None:
            return None
        found = data[start + _WORD : start + _WORD + length]
        return found if len(found) == length else None
    try:
        return encode_type(kind, decode_type(kind, data, start))
    except DecodeError:
        return None
