"""A call's arguments from text, as a job's author writes them, exact for every width.

An argument is JSON or a bare word: `12`, `0x0c`, `true`, `hello`, `["1", 2]`, `{"to": "0x…"}`. A string may stand bare
or in JSON quotes; one that has quotes of its own at both ends is written in JSON. Numbers never pass through a float,
and every refusal says which argument it is about.
"""

import json
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Final

from triggerx.evm.abi.codec import encode_type, integer_bounds
from triggerx.evm.abi.interface import Function
from triggerx.evm.abi.types import AbiType, Array, Elementary, Parameter, Tuple, parse_type, tuple_of
from triggerx.evm.nesting import shallow_json
from triggerx.evm.types import Address, bound_text, checksum, from_hex, parse_address, to_hex

ARGUMENT_CHARS_MAX: Final = 131_072  # 64 KiB as hexadecimal; a transaction of more is refused by most nodes
FUNCTIONS_REMEMBERED: Final = 64  # with their ABIs, of which a job's has at most 96 kB; many jobs call the same
ABI_CHARS_MAX: Final = 2_000_000  # larger than any published contract's ABI

_DECIMAL: Final = re.compile(r"-?[0-9]{1,78}")
_NAME: Final = re.compile(r"[A-Za-z_$][A-Za-z0-9_$]*")
_HEXADECIMAL: Final = re.compile(r"0[xX][0-9a-fA-F]{1,64}")


class ArgumentError(ValueError):
    """An argument that does not fit its type: `index` counts from 0, `expected` is for the person who wrote it."""

    def __init__(self, index: int, expected: str) -> None:
        """Both are shown in the message."""
        super().__init__(f"argument {index}: expected {expected}")
        self.index = index
        self.expected = expected


class _NumberText(str):
    """A JSON number as its digits, so that no float and no width limit touches it."""

    __slots__ = ()


def encode_arguments(signature: "str | Function", args: Sequence[str]) -> bytes:
    """Calldata for the signature from textual arguments; `ArgumentError` for the first that does not fit.

    A wrong number of arguments is an `ArgumentError` about the first one missing or too many. A malformed signature is
    a plain `ValueError`.
    """
    function = Function.parse(signature) if isinstance(signature, str) else signature
    kinds = function.inputs.components
    if len(args) != len(kinds):
        raise ArgumentError(min(len(args), len(kinds)), f"{len(kinds)} arguments for {function.signature}")
    values: list[object] = []
    for index, (kind, text) in enumerate(zip(kinds, args, strict=True)):
        if len(text) > ARGUMENT_CHARS_MAX:
            raise ArgumentError(index, f"at most {ARGUMENT_CHARS_MAX} characters, got {len(text)}")
        try:
            value = value_from_text(kind, text)
        except ValueError as error:
            raise ArgumentError(index, f"{kind.text}, {str(error).removeprefix('expected ')}") from error
        values.append(value)
    return function.encode(*values)


def argument_texts(function: Function, calldata: bytes) -> tuple[str, ...]:
    """The arguments in calldata as `encode_arguments` reads them; `DecodeError` when it is no call of the function."""
    values = function.decode_input(calldata)
    pairs = zip(function.inputs.components, values, strict=True)
    return tuple(_text_of(_plain(kind, value)) for kind, value in pairs)


def _text_of(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def _plain(kind: AbiType, value: object) -> object:
    """A value as JSON: integers as decimal text, bytes in hexadecimal, tuples as lists."""
    match kind, value:
        case Array(), tuple() | list():
            return [_plain(kind.element, item) for item in value]
        case Tuple(), tuple() | list():
            return [_plain(c, item) for c, item in zip(kind.components, value, strict=True)]
        case Elementary(kind="address"), bytes():
            return checksum(Address(value))
        case _, bytes():
            return to_hex(value)
        case _, bool() | str():
            return value
        case _:
            return str(value)


@lru_cache(maxsize=FUNCTIONS_REMEMBERED)
def function_from_abi(abi_json: str, name: str) -> Function:
    """The function of a JSON ABI by its name, or by its full signature where the name is overloaded.

    `ValueError` when the JSON is no ABI, no function has the name, or several have and only the name was given.
    """
    wanted = Function.parse(name).signature if "(" in name else None
    bare = name.split("(", 1)[0].strip().removeprefix("function ").strip()
    found: dict[str, Function] = {}
    for entry in abi_entries(abi_json):
        if entry.get("type", "function") == "function" and entry.get("name") == bare:
            inputs = tuple_of(abi_parameters(entry.get("inputs", [])))
            outputs = tuple_of(abi_parameters(entry.get("outputs", [])))
            function = Function(name=bare, inputs=inputs, outputs=outputs)
            if wanted is None or function.signature == wanted:
                found[function.signature] = function
    if not found:
        raise ValueError(f"expected a function {name!r} in the ABI, it has none")
    if len(found) > 1:
        raise ValueError(f"expected the full signature of an overloaded function, one of {', '.join(sorted(found))}")
    return next(iter(found.values()))


def abi_entries(abi_json: str) -> list[Mapping[str, object]]:
    """The entries of a JSON ABI, of a compiler's artefact, or the one entry that stands alone; else `ValueError`."""
    if len(abi_json) > ABI_CHARS_MAX:
        raise ValueError(f"expected an ABI of at most {ABI_CHARS_MAX} characters, got {len(abi_json)}")
    entries = _load(abi_json)
    if isinstance(entries, Mapping):  # a compiler's artefact holds the ABI under this key
        entries = [entries] if "type" in entries else entries.get("abi")
    if not isinstance(entries, Sequence) or isinstance(entries, str):
        raise ValueError("expected a JSON ABI: a list of entries")
    return [entry for entry in entries if isinstance(entry, Mapping)]


def abi_parameters(entries: object) -> tuple[Parameter, ...]:
    """The parameters that an ABI entry lists, names and fields' names kept; `ValueError` where it lists none."""
    if not isinstance(entries, Sequence) or isinstance(entries, str):
        raise ValueError("expected a list of parameters in the ABI")
    return tuple(
        Parameter(type=parse_type(_type_text(entry, 0)), name=_name_text(entry), indexed=entry.get("indexed") is True)
        for entry in entries
    )


def _type_text(entry: object, depth: int) -> str:
    """The type of an ABI entry as text, its struct's field names kept."""
    if depth > 32 or not isinstance(entry, Mapping) or not isinstance(entry.get("type"), str):
        raise ValueError("expected parameters with a type in the ABI")
    text = str(entry["type"])
    if not text.startswith("tuple"):
        return parse_type(text).text
    components = entry.get("components", [])
    if not isinstance(components, Sequence) or isinstance(components, str):
        raise ValueError("expected a list of components in the ABI")
    fields = (f"{_type_text(c, depth + 1)} {_name_text(c)}" for c in components)
    return f"({','.join(fields)})" + text.removeprefix("tuple")


def _name_text(entry: object) -> str:
    """A field's name, or nothing where it is none that a source could declare."""
    name = entry.get("name") if isinstance(entry, Mapping) else None
    return name if isinstance(name, str) and _NAME.fullmatch(name) else ""


def value_from_text(kind: AbiType, text: str) -> object:
    """The value of a type that a text writes, as `encode` takes it; `ValueError` says what was expected instead."""
    if not isinstance(kind, Elementary):
        value = _value(kind, _load(text))
    elif kind.kind == "string":
        value = _unquoted(text)
    else:
        value = _value(kind, _unquoted(text.strip()))
    encode_type(kind, value)
    return value


def _unquoted(text: str) -> str:
    """A JSON string's content, or the text itself when it is not one."""
    if len(text) >= 2 and text[0] == text[-1] == '"':
        try:
            loaded = json.loads(text)
        except ValueError:
            return text
        if isinstance(loaded, str):
            return loaded
    return text


def _load(text: str) -> object:
    try:
        loaded: object = json.loads(
            shallow_json(text), parse_int=_NumberText, parse_float=_no_float, parse_constant=_no_float
        )
    except json.JSONDecodeError as error:
        raise ValueError(f"expected JSON, {error.msg} at character {error.pos}") from error
    return loaded


def _no_float(text: str) -> object:
    raise ValueError(f"expected exact numbers, got {text[:40]!r}")


def _value(kind: AbiType, value: object) -> object:
    match kind:
        case Elementary():
            return _elementary(kind, value)
        case Array():
            if not isinstance(value, Sequence) or isinstance(value, str):
                raise ValueError(f"expected a JSON array for {kind.text}")
            return tuple(_value(kind.element, item) for item in value)
        case Tuple():
            return tuple(_value(c, item) for c, item in zip(kind.components, _fields(kind, value), strict=True))


def _fields(kind: Tuple, value: object) -> Sequence[object]:
    """A tuple's fields in their order, from a JSON array or an object with exactly the struct's names."""
    if isinstance(value, Mapping):
        if set(value) != set(kind.names) or "" in kind.names:
            raise ValueError(f"expected an object with the fields {', '.join(kind.names)}")
        return [value[name] for name in kind.names]
    if not isinstance(value, Sequence) or isinstance(value, str):
        raise ValueError(f"expected a JSON array for {kind.text}")
    if len(value) != len(kind.components):
        raise ValueError(f"expected {len(kind.components)} values for {kind.text}, got {len(value)}")
    return value


def _elementary(kind: Elementary, value: object) -> object:
    match kind.kind:
        case "uint" | "int":
            return _integer(kind, value)
        case "bool":
            if isinstance(value, bool):
                return value
            if value in ("true", "false"):
                return value == "true"
            raise ValueError("expected true or false")
        case "string":
            if not isinstance(value, str) or isinstance(value, _NumberText):
                raise ValueError("expected a JSON string")
            return value
        case _:
            if not isinstance(value, str) or isinstance(value, _NumberText):
                raise ValueError("expected a string of 0x and hexadecimal digits")
            return parse_address(value) if kind.kind == "address" else from_hex(value)


def _integer(kind: Elementary, value: object) -> int:
    low, high = integer_bounds(kind)
    if isinstance(value, str):
        text = value.strip()
        number = None
        if _DECIMAL.fullmatch(text):
            number = int(text)
        elif _HEXADECIMAL.fullmatch(text):
            number = int(text, 16)
        if number is not None and low <= number <= high:
            return number
    raise ValueError(f"expected an integer from {bound_text(low)} to {bound_text(high)}, decimal or 0x hexadecimal")
