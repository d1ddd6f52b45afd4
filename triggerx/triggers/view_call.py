"""A view as a condition names it: the call of a function's signature, and the one number among what it returns.

The function is a signature, `balanceOf(address) returns (uint256)`; where no results are stated there is one uint256.
The first step of the route picks a result by name or position (needless where there is only one), further steps pick
fields of structs and items of arrays. Integers count as they are, bool as 1 or 0, bytesN as the unsigned number that
its bytes write; other types are no numbers.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Final

from triggerx.core.errors import InvalidInput
from triggerx.core.job_fields import shown
from triggerx.evm.abi import ArgumentError, DecodeError, Function, encode_arguments
from triggerx.evm.abi.types import AbiType, Array, Elementary, Tuple, parse_type
from triggerx.triggers.json_route import Unreadable, parse_route

KEPT_MAX: Final = 4_096  # parsed signatures and calls; a few times the distinct sources that one engine is built for


@lru_cache(maxsize=KEPT_MAX)
def encode_call(function: str, arguments: tuple[str, ...]) -> bytes:
    """Return the calldata; raises `InvalidInput` for a signature that is none, or an argument that does not fit."""
    try:
        return encode_arguments(_parsed(function), arguments)
    except ArgumentError as error:
        raise InvalidInput(f"value_source_arguments[{error.index}]", f"expected {error.expected}") from error


@lru_cache(maxsize=KEPT_MAX)
def output_path(function: str, route: str) -> tuple[int, ...]:
    """Return the positions that lead to the number in the results; raises `InvalidInput` where they lead to none."""
    outputs = _parsed(function).outputs
    steps: Sequence[str] = parse_route(route)
    if not steps:
        if len(outputs.components) != 1:
            raise InvalidInput(
                "selected_key_route", f"is missing: the function returns {_named(outputs)}, say which one counts"
            )
        steps = ("0",)
    kind: AbiType = outputs
    path: list[int] = []
    for step in steps:
        position, kind = _follow(kind, step)
        path.append(position)
    if not isinstance(kind, Elementary) or kind.kind not in {"uint", "int", "bool", "fixed_bytes"}:
        parts = f" of {_named(kind)}" if isinstance(kind, Tuple) else ""
        raise InvalidInput("selected_key_route", f"leads to {kind.text}{parts}, expected an integer, a bool or bytesN")
    return tuple(path)


def read_output(function: str, route: str, data: bytes) -> int:
    """Return the number in returned data; raises `Unreadable` where the data is not what the signature says."""
    parsed, path = _parsed(function), output_path(function, route)
    try:
        value: object = parsed.decode_output(data)
    except DecodeError as error:
        what = "nothing was returned: is there a contract?" if not data else str(error)
        raise Unreadable(f"{parsed.signature} returns {parsed.outputs.text}: {what}") from error
    for position in path:
        if not isinstance(value, tuple) or position >= len(value):
            raise Unreadable(f"{parsed.signature}: nothing at {shown(route)}, the list is shorter")
        value = value[position]
    if isinstance(value, bytes):
        return int.from_bytes(value, "big")
    if not isinstance(value, int):
        raise TypeError(f"expected a number at {route!r} of {function!r}, the decoder gave {type(value).__name__}")
    return int(value)


@lru_cache(maxsize=KEPT_MAX)
def _parsed(text: str) -> Function:
    try:
        function = Function.parse(text)
    except ValueError as error:
        raise InvalidInput(
            "value_source_function", f"expected a signature such as balanceOf(address) returns (uint256): {error}"
        ) from error
    if function.outputs.components:
        return function
    return replace(function, outputs=Tuple(components=(parse_type("uint256"),), names=("",)))


def _follow(kind: AbiType, step: str) -> tuple[int, AbiType]:
    """The position that a step means in this type, and the type there."""
    position = int(step) if step.isascii() and step.isdigit() and len(step) <= 9 else None
    if isinstance(kind, Tuple):
        if position is None and step in kind.names and step:
            position = kind.names.index(step)
        if position is not None and position < len(kind.components):
            return position, kind.components[position]
        raise InvalidInput("selected_key_route", f"nothing at {shown(step)}, expected one of {_named(kind)}")
    if isinstance(kind, Array):
        if position is not None and (kind.length is None or position < kind.length):
            return position, kind.element
        raise InvalidInput("selected_key_route", f"nothing at {shown(step)}, expected a position in {kind.text}")
    raise InvalidInput("selected_key_route", f"nothing at {shown(step)}, {kind.text} has no parts")


def _named(kind: Tuple) -> str:
    """The parts of a result list or struct, by position and name."""
    parts = [
        f"{position}{f' {name}' if name else ''} ({component.text})"
        for position, (component, name) in enumerate(zip(kind.components, kind.names, strict=True))
    ]
    text = ", ".join(parts)
    return text if len(text) <= 300 else f"{text[:297]}..."
