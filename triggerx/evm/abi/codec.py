"""Values to ABI bytes and back, exact and bounded.

Integers are Python ints, addresses 20 raw bytes, `bytesN` and `bytes` are bytes, arrays and tuples come back as
tuples. Decoding refuses what a contract refuses (dirty integers, offsets past the end), does work in proportion to the
data whatever its offsets say, and never returns a value that encodes to another meaning.
"""

from collections.abc import Sequence
from typing import Final

from triggerx.evm.abi.types import AbiType, Array, Elementary, Tuple, parse_type

WORK_FACTOR: Final = 4  # decoded bytes per byte of data; an honest encoding needs 1, crafted overlaps need exponential

_WORD: Final = 32


class DecodeError(ValueError):
    """The data is not an encoding of the expected types."""


def encode(types: Sequence[str], values: Sequence[object]) -> bytes:
    """`abi.encode` of values under the type texts; `ValueError` names the type that a value does not fit."""
    return encode_type(_list_of(types), values)


def decode(types: Sequence[str], data: bytes) -> tuple[object, ...]:
    """The values that `data` encodes; `DecodeError` (a `ValueError`) when it is no encoding of the types."""
    return decode_tuple(_list_of(types), data)


def encode_type(kind: AbiType, value: object) -> bytes:
    """One value under a parsed type, without an offset before it."""
    match kind:
        case Elementary():
            return _encode_elementary(kind, value)
        case Array():
            items = _sequence(kind, value)
            if kind.length is None:
                return len(items).to_bytes(_WORD, "big") + _encode_all([kind.element] * len(items), items)
            _check_count(kind, items, kind.length)
            return _encode_all([kind.element] * kind.length, items)
        case Tuple():
            items = _sequence(kind, value)
            _check_count(kind, items, len(kind.components))
            return _encode_all(kind.components, items)


def decode_tuple(kind: Tuple, data: bytes) -> tuple[object, ...]:
    """The values of an argument or result list; trailing bytes are allowed, as a contract allows them."""
    decoder = _Decoder(data)
    return decoder.sequence(kind.components, 0)


def decode_type(kind: AbiType, data: bytes, start: int) -> object:
    """The value whose encoding, without an offset before it, begins at byte `start`; else `DecodeError`."""
    return _Decoder(data).value(kind, start)


def _list_of(types: Sequence[str]) -> Tuple:
    return Tuple(components=tuple(parse_type(text) for text in types), names=("",) * len(types))


def _encode_all(kinds: Sequence[AbiType], values: Sequence[object]) -> bytes:
    heads: list[bytes] = []
    tails: list[bytes] = []
    offset = sum(kind.head_bytes for kind in kinds)
    for kind, value in zip(kinds, values, strict=True):
        encoded = encode_type(kind, value)
        if kind.dynamic:
            heads.append(offset.to_bytes(_WORD, "big"))
            tails.append(encoded)
            offset += len(encoded)
        else:
            heads.append(encoded)
    return b"".join(heads) + b"".join(tails)


def _encode_elementary(kind: Elementary, value: object) -> bytes:
    match kind.kind:
        case "uint" | "int":
            if not isinstance(value, int) or isinstance(value, bool):
                raise ValueError(f"expected an integer for {kind.text}, got {type(value).__name__}")
            low, high = integer_bounds(kind)
            if not low <= value <= high:
                raise ValueError(f"expected {kind.text}, got {value}, which is out of its range")
            return value.to_bytes(_WORD, "big", signed=kind.kind == "int")
        case "bool":
            if not isinstance(value, bool):
                raise ValueError(f"expected true or false for bool, got {type(value).__name__}")
            return value.to_bytes(_WORD, "big")
        case "address":
            return bytes(12) + _bytes(kind, value, 20)
        case "fixed_bytes":
            return _bytes(kind, value, kind.size).ljust(_WORD, b"\0")
        case "string":
            if not isinstance(value, str):
                raise ValueError(f"expected text for string, got {type(value).__name__}")
            return _encode_bytes(value.encode())
        case _:
            return _encode_bytes(_bytes(kind, value, None))


def _encode_bytes(value: bytes) -> bytes:
    return len(value).to_bytes(_WORD, "big") + value + bytes(-len(value) % _WORD)


def integer_bounds(kind: Elementary) -> tuple[int, int]:
    """The least and the greatest value of an integer type."""
    if kind.kind == "int":
        return -(1 << (kind.size - 1)), (1 << (kind.size - 1)) - 1
    return 0, (1 << kind.size) - 1


def _bytes(kind: Elementary, value: object, length: int | None) -> bytes:
    if not isinstance(value, bytes | bytearray | memoryview):
        raise ValueError(f"expected bytes for {kind.text}, got {type(value).__name__}")
    if length is not None and len(value) != length:
        raise ValueError(f"expected {length} bytes for {kind.text}, got {len(value)}")
    return bytes(value)


def _sequence(kind: Array | Tuple, value: object) -> Sequence[object]:
    if not isinstance(value, Sequence) or isinstance(value, str | bytes | bytearray | memoryview):
        raise ValueError(f"expected a sequence for {kind.text}, got {type(value).__name__}")
    return value


def _check_count(kind: Array | Tuple, items: Sequence[object], count: int) -> None:
    if len(items) != count:
        raise ValueError(f"expected {count} values for {kind.text}, got {len(items)}")


class _Decoder:
    """One pass over one encoding, with a budget of bytes that overlapping offsets cannot exceed."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._budget = WORK_FACTOR * len(data)

    def sequence(self, kinds: Sequence[AbiType], base: int) -> tuple[object, ...]:
        values: list[object] = []
        place = base
        for kind in kinds:
            start = base + self._length(place) if kind.dynamic else place
            values.append(self.value(kind, start))
            place += kind.head_bytes
        return tuple(values)

    def value(self, kind: AbiType, start: int) -> object:
        match kind:
            case Elementary():
                return self._elementary(kind, start)
            case Tuple():
                return self.sequence(kind.components, start)
            case Array():
                if kind.length is not None:
                    count = kind.length
                else:
                    count = self._length(start)
                    start += _WORD
                if start + count * kind.element.head_bytes > len(self._data):
                    raise DecodeError(f"expected {count} elements of {kind.text} at byte {start}, the data ends before")
                return self.sequence([kind.element] * count, start)

    def _elementary(self, kind: Elementary, start: int) -> object:
        if kind.dynamic:
            length = self._length(start)
            raw = self._take(start + _WORD, length)
            if kind.kind == "bytes":
                return raw
            try:
                return raw.decode()
            except UnicodeDecodeError as error:
                raise DecodeError(f"expected UTF-8 in the string at byte {start}") from error
        word = self._take(start, _WORD)
        match kind.kind:
            case "uint" | "int":
                number = int.from_bytes(word, "big", signed=kind.kind == "int")
                low, high = integer_bounds(kind)
                if not low <= number <= high:
                    raise DecodeError(f"expected {kind.text} at byte {start}, got 0x{word.hex()}")
                return number
            case "bool":
                number = int.from_bytes(word, "big")
                if number > 1:
                    raise DecodeError(f"expected bool at byte {start}, got 0x{word.hex()}")
                return number == 1
            case "address":
                if any(word[:12]):
                    raise DecodeError(f"expected an address at byte {start}, got 0x{word.hex()}")
                return word[12:]
            case _:
                if any(word[kind.size :]):
                    raise DecodeError(f"expected {kind.text} at byte {start}, got 0x{word.hex()}")
                return word[: kind.size]

    def _length(self, start: int) -> int:
        """An offset or a length: it cannot exceed the data it speaks of."""
        number = int.from_bytes(self._take(start, _WORD), "big")
        if number > len(self._data):
            raise DecodeError(
                f"expected an offset or length of at most {len(self._data)} at byte {start}, got {number}"
            )
        return number

    def _take(self, start: int, length: int) -> bytes:
        end = start + length
        if end > len(self._data):
            raise DecodeError(f"expected {length} bytes at byte {start}, the data ends at {len(self._data)}")
        self._budget -= length
        if self._budget < 0:
            raise DecodeError("expected parts that do not overlap, the offsets make the values larger than the data")
        return bytes(self._data[start:end])
