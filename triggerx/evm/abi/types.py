"""The types of the contract ABI, read from their text.

A type is parsed once into a small tree whose canonical text is the one that selectors and topics hash
(Solidity's "Contract ABI Specification"): names and spaces dropped, `uint` read as `uint256`, `int` as
`int256`, `byte` as `bytes1`.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

SIGNATURE_CHARS_MAX: Final = 8_192  # the largest real signature is near 1,000; a job's author may send any text
DEPTH_MAX: Final = 12  # tuples and arrays within each other; keeps recursion far from the interpreter's limit
FIXED_LENGTH_MAX: Final = 65_536  # elements of a T[k]; more would not fit into a block's calldata
LENGTH_DIGITS_MAX: Final = 5

_TOKEN: Final = re.compile(r"[A-Za-z_$][A-Za-z0-9_$]*|[0-9]+|[()\[\],]|\s+")
_ELEMENTARY: Final = re.compile(r"(uint|int|bytes)([1-9][0-9]*)?|address|bool|string|function|byte")
_WORDS_OF_PLACE: Final = frozenset({"memory", "calldata", "storage", "payable", "indexed"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Elementary:
    """A type of one word, or `bytes`/`string`; `kind` is its word without the size."""

    kind: str  # uint, int, address, bool, fixed_bytes, bytes, string
    size: int = 0  # bits of an integer, bytes of a fixed_bytes
    text: str
    dynamic: bool = False
    head_bytes: int = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Array:
    """`element[]` when `length` is None, `element[length]` otherwise."""

    element: "AbiType"
    length: int | None
    text: str
    dynamic: bool
    head_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Tuple:
    """A struct, an argument list or a result list; `names` are empty strings where the text gave none."""

    components: tuple["AbiType", ...]
    names: tuple[str, ...]
    text: str = field(init=False)
    dynamic: bool = field(init=False)
    head_bytes: int = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "text", f"({','.join(component.text for component in self.components)})")
        object.__setattr__(self, "dynamic", any(component.dynamic for component in self.components))
        object.__setattr__(self, "head_bytes", 32 if self.dynamic else sum(c.head_bytes for c in self.components))


AbiType = Elementary | Array | Tuple


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One parameter of a function or event: its type, its name (maybe empty), and whether an event indexes it."""

    type: AbiType
    name: str
    indexed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """A parsed `name(parameters) returns (results)`; `results` is empty where none are written."""

    name: str
    parameters: tuple[Parameter, ...]
    results: tuple[Parameter, ...]


@lru_cache(maxsize=1_024)
def parse_type(text: str) -> AbiType:
    """The type that `text` names; `ValueError` where it names none."""
    tokens = _Tokens(text)
    parsed = _type(tokens, 0)
    tokens.expect_end()
    return parsed


def parse_signature(text: str) -> Signature:
    """A signature from text, with or without the word `function` or `event`, names, locations and results."""
    tokens = _Tokens(text)
    name = tokens.take_word("a name")
    if name in {"function", "event", "error"} and tokens.peek() != "(":
        name = tokens.take_word("a name")
    parameters = _parameters(tokens)
    results: tuple[Parameter, ...] = ()
    while (word := tokens.next()) is not None:
        if word == "returns":
            results = _parameters(tokens)
        elif not word[0].isalpha():
            raise ValueError(f"expected a signature to end after its parameters, got {word!r} in {tokens.shown()}")
    return Signature(name=name, parameters=parameters, results=results)


def tuple_of(parameters: tuple[Parameter, ...]) -> Tuple:
    """The tuple type that an argument or result list is encoded as."""
    return Tuple(components=tuple(p.type for p in parameters), names=tuple(p.name for p in parameters))


def elementary(text: str) -> Elementary:
    """The type of one elementary word, `uint` and `int` widened to 256 bits, the old `byte` read as `bytes1`."""
    match = _ELEMENTARY.fullmatch(text)
    if match is None:
        raise ValueError(f"expected an ABI type, got {text[:80]!r}")
    kind, size = match.group(1), int(match.group(2) or 0)
    if kind is None:
        if text == "function":
            return Elementary(kind="fixed_bytes", size=24, text=text)
        if text == "byte":
            return Elementary(kind="fixed_bytes", size=1, text="bytes1")
        return Elementary(kind=text, text=text, dynamic=text == "string")
    if kind == "bytes":
        if not size:
            return Elementary(kind="bytes", text=text, dynamic=True)
        if size > 32:
            raise ValueError(f"expected bytes1 to bytes32, got {text!r}")
        return Elementary(kind="fixed_bytes", size=size, text=text)
    bits = size or 256
    if bits > 256 or bits % 8:
        raise ValueError(f"expected {kind}8 to {kind}256 in steps of 8, got {text!r}")
    return Elementary(kind=kind, size=bits, text=f"{kind}{bits}")


def array_of(element: AbiType, length: int | None) -> Array:
    """`element[]` or `element[length]`; a length of zero, and elements of no bytes, are refused as Solidity does."""
    if element.head_bytes == 0:
        raise ValueError(f"expected array elements that take bytes, got {element.text}[]")
    if length is not None and not 1 <= length <= FIXED_LENGTH_MAX:
        raise ValueError(f"expected an array length of 1 to {FIXED_LENGTH_MAX}, got {length}")
    dynamic = length is None or element.dynamic
    return Array(
        element=element,
        length=length,
        text=f"{element.text}[{'' if length is None else length}]",
        dynamic=dynamic,
        head_bytes=32 if length is None or dynamic else length * element.head_bytes,
    )


class _Tokens:
    """The words and brackets of a text, spaces dropped, with one word of look-ahead."""

    def __init__(self, text: str) -> None:
        if len(text) > SIGNATURE_CHARS_MAX:
            raise ValueError(f"expected a signature of at most {SIGNATURE_CHARS_MAX} characters, got {len(text)}")
        self._text = text
        self._words = [word for word in self._split(text) if not word.isspace()]
        self._next = 0

    def shown(self) -> str:
        return repr(self._text[:120])

    def peek(self) -> str | None:
        return self._words[self._next] if self._next < len(self._words) else None

    def next(self) -> str | None:
        word = self.peek()
        self._next += 1
        return word

    def expect(self, wanted: str) -> None:
        if (word := self.next()) != wanted:
            raise ValueError(f"expected {wanted!r}, got {word or 'the end'!r} in {self.shown()}")

    def expect_end(self) -> None:
        if (word := self.next()) is not None:
            raise ValueError(f"expected the type to end, got {word!r} in {self.shown()}")

    def take_word(self, noun: str) -> str:
        word = self.next()
        if word is None or not (word[0].isalpha() or word[0] in "_$"):
            raise ValueError(f"expected {noun}, got {word or 'the end'!r} in {self.shown()}")
        return word

    @staticmethod
    def _split(text: str) -> Iterator[str]:
        place = 0
        while place < len(text):
            match = _TOKEN.match(text, place)
            if match is None:
                raise ValueError(f"expected ABI words and brackets, got {text[place]!r} in {text[:120]!r}")
            yield match.group()
            place = match.end()


def _parameters(tokens: _Tokens, depth: int = 0) -> tuple[Parameter, ...]:
    tokens.expect("(")
    found: list[Parameter] = []
    if tokens.peek() == ")":
        tokens.next()
        return ()
    while True:
        parsed = _type(tokens, depth)
        name, indexed = "", False
        while (word := tokens.peek()) not in {",", ")"}:
            word = tokens.take_word("a parameter's name")
            if word in _WORDS_OF_PLACE:
                indexed = indexed or word == "indexed"
            elif name:
                raise ValueError(f"expected ',' or ')', got {word!r} in {tokens.shown()}")
            else:
                name = word
        found.append(Parameter(type=parsed, name=name, indexed=indexed))
        if tokens.next() == ")":
            return tuple(found)


def _type(tokens: _Tokens, depth: int) -> AbiType:
    if depth > DEPTH_MAX:
        raise ValueError(f"expected at most {DEPTH_MAX} types within each other, got more in {tokens.shown()}")
    parsed: AbiType
    if tokens.peek() == "(":
        parsed = tuple_of(_parameters(tokens, depth + 1))
    else:
        word = tokens.take_word("an ABI type")
        if word == "tuple" and tokens.peek() == "(":
            parsed = tuple_of(_parameters(tokens, depth + 1))
        else:
            parsed = elementary(word)
    while tokens.peek() == "[":
        tokens.expect("[")
        depth += 1
        if depth > DEPTH_MAX:
            raise ValueError(f"expected at most {DEPTH_MAX} types within each other, got more in {tokens.shown()}")
        length = tokens.next()
        if length == "]":
            parsed = array_of(parsed, None)
            continue
        if length is None or not (length.isdigit() and len(length) <= LENGTH_DIGITS_MAX):
            raise ValueError(f"expected an array length, got {length or 'the end'!r} in {tokens.shown()}")
        parsed = array_of(parsed, int(length))
        tokens.expect("]")
    return parsed
