"""Raw tables become frozen dataclasses: every key known, every value of its type, or a refusal with its place."""

import dataclasses
import difflib
import types
import typing
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import tomli

from triggerx.core.errors import ConfigurationError
from triggerx.evm.types import Address, ChainId, parse_address, parse_typed_address
from triggerx.node.config.document import Document, EnvironmentText, KeyPath
from triggerx.node.secret_files import SecretFile, is_credential

ConfigT = TypeVar("ConfigT")


@dataclass(frozen=True, slots=True)
class Table:
    """One table of a document."""

    document: Document
    path: KeyPath = ()
    values: Mapping[str, object] = dataclasses.field(default_factory=dict)

    @classmethod
    def of(cls, name: str, values: Mapping[str, object]) -> "Table":
        """A table that was made in the program, for a node inside another process."""
        return cls(Document(f"the table [{name}] given by the program", {name: dict(values)}), (name,), values)

    def refuse(self, key: str, problem: str) -> ConfigurationError:
        """The error for one of its keys; an empty key is the table itself."""
        path = (*self.path, key) if key else self.path
        name = f"{'.'.join(path)}: " if path else ""
        return ConfigurationError(f"{self.document.place(path)}: {name}{problem}")

    def inner(self, key: str) -> "Table":
        """A table inside this one; raises `ConfigurationError` when it is something else."""
        value = self.values.get(key, {})
        if not isinstance(value, dict):
            raise self.refuse(key, f"expected a table [{'.'.join((*self.path, key))}], got {_shown(value)}")
        return Table(self.document, (*self.path, key), value)

    def check_keys(self, known: Iterable[str]) -> None:
        """Refuse the first key that is not known, with what it may have meant."""
        choices = tuple(known)
        for key in self.values:
            if key not in choices:
                raise self.refuse(key, f"unknown key{suggestion(key, choices)}")


def suggestion(word: str, known: Iterable[str]) -> str:
    """The end of a refusal: what may have been meant, and what there is."""
    choices = sorted(known)
    near = difflib.get_close_matches(word, choices, n=1)
    meant = f'; did you mean "{near[0]}"?' if near else "."
    return f"{meant} Known: {', '.join(choices) or 'none'}."


def config_fields(config_type: type[object]) -> "tuple[dataclasses.Field[Any], ...]":
    """The fields of a configuration class; `TypeError` for what is no dataclass."""
    return dataclasses.fields(config_type)  # type: ignore[arg-type]  # checked by fields() itself


def read_table(table: Table, config_type: type[ConfigT]) -> ConfigT:
    """Make the dataclass that the table fills; defaults stay where it is silent.

    A field `chain_id` of a table under `[….<chain id>]` comes from that key. `ValueError` of the class's own checks
    becomes a refusal of the table.
    """
    hints = typing.get_type_hints(config_type)
    names = [each.name for each in config_fields(config_type)]
    table.check_keys(names)
    arguments: dict[str, Any] = {name: _read(table, name, hints[name]) for name in names if name in table.values}
    for each in config_fields(config_type):
        is_required = each.default is dataclasses.MISSING and each.default_factory is dataclasses.MISSING
        if is_required and each.name not in arguments:
            raise table.refuse("", f"the key {each.name} is missing; expected {_noun(hints[each.name])}")
    try:
        return config_type(**arguments)
    except ValueError as error:
        raise table.refuse("", str(error)) from error


def _read(table: Table, key: str, hint: Any) -> object:
    """One value as its type wants it."""
    if dataclasses.is_dataclass(hint):
        return read_table(table.inner(key), typing.cast("type[object]", hint))
    if typing.get_origin(hint) is not None and issubclass(_origin(hint), Mapping):
        return _read_by_chain(table.inner(key), typing.get_args(hint)[1])
    value = table.values[key]
    if isinstance(value, EnvironmentText):
        value = _from_text(value, hint)
    try:
        return _convert(value, hint, table.document.base)
    except ValueError as error:
        raise table.refuse(key, f"expected {_noun(hint)}, got {error}") from error


def _origin(hint: Any) -> type:
    origin = typing.get_origin(hint)
    return origin if isinstance(origin, type) else object


def _read_by_chain(table: Table, inner: type[object]) -> dict[ChainId, object]:
    """Tables under chain ids, e.g. `[chains.8453]`."""
    has_chain_id = any(each.name == "chain_id" for each in config_fields(inner))
    found = {}
    for key in table.values:
        if not key.isdecimal() or key != str(int(key)) or key == "0":
            raise table.refuse(key, "expected a chain id, a whole number from 1")
        chain = table.inner(key)
        if has_chain_id:
            if "chain_id" in chain.values:
                raise chain.refuse("chain_id", "unknown key: the table's name says which chain it is")
            chain = dataclasses.replace(chain, values={**chain.values, "chain_id": int(key)})
        found[ChainId(int(key))] = read_table(chain, inner)
    return found


def _convert(value: object, hint: Any, base: Path) -> object:
    """The value as its type; `ValueError` with what it is instead."""
    origin = typing.get_origin(hint)
    if origin in (types.UnionType, typing.Union):
        return _convert(value, next(each for each in typing.get_args(hint) if each is not types.NoneType), base)
    if origin is typing.Literal:
        return _check(value, value in typing.get_args(hint))
    if origin is tuple:
        _check(value, isinstance(value, (list, tuple)))
        return tuple(_convert(each, typing.get_args(hint)[0], base) for each in typing.cast("list[object]", value))
    if hint is Address:
        return _address(value)
    if hint is SecretFile and isinstance(value, str) and is_credential(value):
        return Path(str(value))
    if hint in (Path, SecretFile):
        text = _check(value, isinstance(value, str) and value != "")
        return base / Path(str(text)).expanduser()
    if hint is float:
        return float(
            typing.cast("float", _check(value, isinstance(value, (int, float)) and not isinstance(value, bool)))
        )
    if hint is int or hint is ChainId:
        return _check(value, isinstance(value, int) and not isinstance(value, bool))
    if hint in (str, bool):
        return _check(value, isinstance(value, hint))
    raise TypeError(f"a configuration cannot have a field of type {hint!r}")


def _check(value: object, is_right: bool) -> object:
    if not is_right:
        raise ValueError(_shown(value))
    return value


def _address(value: object) -> Address:
    """An address; one in mixed case must have its checksum (EIP-55) right."""
    try:
        parse_address(str(_check(value, isinstance(value, str))))
    except ValueError as error:
        raise ValueError(_shown(value)) from error
    try:
        return parse_typed_address(str(value))
    except ValueError as error:
        raise ValueError(f"{_shown(value)}: {error}") from error


def _from_text(text: str, hint: Any) -> object:
    """What a variable's text means for a type; text that does not fit stays text, and is refused as such.

    A list is written with commas or as in TOML; a path starts from the working directory.
    """
    origin = typing.get_origin(hint)
    if origin in (types.UnionType, typing.Union):
        return _from_text(text, next(each for each in typing.get_args(hint) if each is not types.NoneType))
    if origin is tuple and not text.lstrip().startswith("["):
        inner = typing.get_args(hint)[0]
        return [_from_text(each.strip(), inner) for each in text.split(",") if each.strip()]
    if hint in (Path, SecretFile) and text and not (hint is SecretFile and is_credential(text)):
        return str(Path(text).expanduser().absolute())
    if origin is tuple or hint in (bool, int, float, ChainId):
        try:
            return tomli.loads(f"value = {text}")["value"]
        except tomli.TOMLDecodeError:
            return str(text)
    return str(text)


def _noun(hint: Any) -> str:
    """What a type is called in a refusal."""
    origin = typing.get_origin(hint)
    if origin in (types.UnionType, typing.Union):
        return _noun(next(each for each in typing.get_args(hint) if each is not types.NoneType))
    if origin is typing.Literal:
        return "one of " + ", ".join(f'"{each}"' for each in typing.get_args(hint))
    if origin is tuple:
        return f"a list, each of it {_noun(typing.get_args(hint)[0])}"
    if dataclasses.is_dataclass(hint) or (origin is not None and issubclass(_origin(hint), Mapping)):
        return "a table"
    nouns = {
        Address: "an address (0x and 40 hexadecimal digits)",
        ChainId: "a chain id (a whole number)",
        Path: "a path (text)",
        SecretFile: "a path or credential:NAME (text)",
        bool: "true or false",
        float: "a number",
        int: "a whole number",
        str: "text",
    }
    return nouns.get(hint, str(hint))


def _shown(value: object) -> str:
    """A value as a refusal repeats it: bounded, with TOML's name of its type."""
    names = {bool: "a boolean", int: "a whole number", float: "a number", str: "text", list: "a list", dict: "a table"}
    text = {True: "true", False: "false"}[value] if isinstance(value, bool) else repr(value)
    name = next((noun for each, noun in names.items() if isinstance(value, each)), type(value).__name__)
    return f"{text if len(text) <= 60 else text[:57] + '…'} ({name})"
