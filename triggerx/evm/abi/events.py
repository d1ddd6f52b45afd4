"""Events as people declare them: from a signature's text, or from a contract's JSON ABI.

A declaration may be incomplete: `Transfer(address,address,uint256)` names the topic, but neither the parameters nor
which of them are indexed. It says so instead of guessing.
"""

import re
from dataclasses import dataclass
from typing import Final

from triggerx.evm.abi.codec import encode_type
from triggerx.evm.abi.text import abi_entries, abi_parameters
from triggerx.evm.abi.types import AbiType, Array, Elementary, Parameter, Tuple, parse_signature, tuple_of
from triggerx.evm.keccak import keccak256
from triggerx.evm.types import Hash32

INDEXED_MAX: Final = 3  # a log has four topics at most, and the first is the event's own
INDEXED_MAX_ANONYMOUS: Final = 4  # an anonymous event has none of its own

_NAME: Final = r"(?:event\s+)?([A-Za-z_$][A-Za-z0-9_$]*)"
_BARE_NAME: Final = re.compile(rf"\s*{_NAME}\s*;?\s*")
_DECLARATION: Final = re.compile(rf"\s*{_NAME}\s*(\(.*\))\s*(anonymous)?\s*;?\s*", re.DOTALL)
_RESULTS: Final = re.compile(r"\breturns\b")


@dataclass(frozen=True, slots=True, kw_only=True)
class EventDeclaration:
    """An event's name and parameters; `knows_indexed` is False where the text does not say which are indexed."""

    name: str
    parameters: tuple[Parameter, ...]
    is_anonymous: bool
    knows_indexed: bool

    def __post_init__(self) -> None:
        most = INDEXED_MAX_ANONYMOUS if self.is_anonymous else INDEXED_MAX
        if sum(self.indexed) > most:
            raise ValueError(f"expected at most {most} indexed parameters in {self.signature[:120]}")

    @property
    def indexed(self) -> tuple[bool, ...]:
        """Whether each parameter is indexed."""
        return tuple(parameter.indexed for parameter in self.parameters)

    @property
    def signature(self) -> str:
        """The canonical text that the topic hashes: names, spaces and `indexed` dropped, types in full."""
        return self.name + tuple_of(self.parameters).text

    @property
    def topic(self) -> Hash32:
        """The first topic of every log of this event, unless it is anonymous."""
        return keccak256(self.signature.encode())


def bare_event_name(text: str) -> str | None:
    """The name, when the text is an event's name alone, without its parameters."""
    match = _BARE_NAME.fullmatch(text)
    return None if match is None else match.group(1)


def parse_event(text: str) -> EventDeclaration:
    """A declaration from `event Name(type indexed name, …) anonymous;`, of which only `Name(types)` is needed.

    `ValueError` where it is none. A struct is written as a tuple of its fields, `(uint256 price,address maker)[]`.
    """
    match = _DECLARATION.fullmatch(text)
    if match is None or _RESULTS.search(text):
        raise ValueError(f"expected an event like Transfer(address,address,uint256), got {text[:120]!r}")
    signature = parse_signature(match.group(1) + match.group(2))
    return EventDeclaration(
        name=signature.name,
        parameters=signature.parameters,
        is_anonymous=match.group(3) is not None,
        knows_indexed=not signature.parameters or any(each.indexed for each in signature.parameters),
    )


def events_from_abi(abi_json: str, name: str) -> tuple[EventDeclaration, ...]:
    """Every different declaration that a JSON ABI has under this name, in its order; `ValueError` when it is none.

    The text is the ABI of a contract, a compiler's artefact, or the entry of one event.
    """
    found = (
        EventDeclaration(
            name=name,
            parameters=abi_parameters(entry.get("inputs", [])),
            is_anonymous=entry.get("anonymous") is True,
            knows_indexed=True,
        )
        for entry in abi_entries(abi_json)
        if entry.get("type") == "event" and entry.get("name") == name
    )
    return tuple(dict.fromkeys(found))


def topic_value(kind: AbiType, value: object) -> bytes:
    """The 32 bytes that a log's topic holds of an indexed value; `ValueError` when it does not fit the type.

    A word is itself; `bytes` and `string` are hashed as they are; arrays and structs are hashed as their elements one
    after the other, each padded to words, without offsets and lengths (Solidity, "Encoding of Indexed Event
    Parameters"). So `[]` and `[[]]` have the same topic; nobody who sees only the log can tell them apart.
    """
    encoded = encode_type(kind, value)
    if isinstance(kind, Elementary):
        return keccak256(content(encoded)) if kind.dynamic else encoded
    return keccak256(_in_place(kind, value))


def content(encoded: bytes) -> bytes:
    """What a `bytes` or a `string` holds, from its own encoding (without an offset before it)."""
    return encoded[32 : 32 + int.from_bytes(encoded[:32], "big")]


def _in_place(kind: AbiType, value: object) -> bytes:
    if isinstance(kind, Elementary):
        encoded = encode_type(kind, value)
        return encoded[32:] if kind.dynamic else encoded
    if not isinstance(value, tuple | list):
        raise ValueError(f"expected a list for {kind.text}, got {type(value).__name__}")
    kinds = (kind.element,) * len(value) if isinstance(kind, Array) else kind.components
    return b"".join(_in_place(each, item) for each, item in zip(kinds, value, strict=True))


def is_fully_named(kind: AbiType) -> bool:
    """Tell whether every struct in the type names its fields."""
    match kind:
        case Elementary():
            return True
        case Array():
            return is_fully_named(kind.element)
        case Tuple():
            return all(kind.names) and all(is_fully_named(each) for each in kind.components)
