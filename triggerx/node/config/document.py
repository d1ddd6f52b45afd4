"""One document of raw values from a file, the environment and the options, each with the place it came from."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import tomli

from triggerx.core.errors import ConfigurationError
from triggerx.node.config.places import key_lines

ENVIRONMENT_PREFIX: Final = "TRIGGERX_"
NOT_KEYS: Final = frozenset(
    f"{ENVIRONMENT_PREFIX}{name}"
    for name in ("ANVIL", "API", "API_KEY", "CONFIG", "CONFIG_DIR", "CRASH_AT", "CRASH_ONCE", "VYPER")
)
"""Variables with the prefix that are read elsewhere and set no key."""

FILE_BYTES_MAX: Final = 1_000_000
"""A configuration of a network with every chain there is takes a few kilobytes."""

KeyPath = tuple[str, ...]


class EnvironmentText(str):
    """A value from the environment or an option: text that becomes what its key expects."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Document:
    """Raw values, and for each path of keys where it was written. `base` is what relative paths in it start from."""

    name: str
    values: dict[str, object]
    places: dict[KeyPath, str] = field(default_factory=dict)
    base: Path = field(default_factory=Path)

    def place(self, path: KeyPath) -> str:
        """Say where this key, or the nearest table around it, stands."""
        for length in range(len(path), 0, -1):
            if path[:length] in self.places:
                return self.places[path[:length]]
        return self.name

    def overlay(self, path: KeyPath, text: str, place: str) -> None:
        """Set one key over what the file says; raises `ConfigurationError` where a table would go inside a value."""
        values = self.values
        for length, part in enumerate(path[:-1], start=1):
            inner = values.setdefault(part, {})
            if not isinstance(inner, dict):
                raise ConfigurationError(
                    f"{place}: cannot set {'.'.join(path)}, because {'.'.join(path[:length])} is set to a value, "
                    f"not a table, at {self.place(path[:length])}"
                )
            self.places.setdefault(path[:length], place)
            values = inner
        values[path[-1]] = EnvironmentText(text)
        for known in [each for each in self.places if each[: len(path)] == path]:
            del self.places[known]
        self.places[path] = place


def read_document(file: Path) -> Document:
    """Read a TOML file; raises `ConfigurationError` naming the file, and the line where there is one."""
    try:
        content = file.read_bytes()
    except FileNotFoundError as error:
        raise ConfigurationError(f"{file}: no such file") from error
    except OSError as error:
        raise ConfigurationError(f"{file}: cannot be read: {error.strerror}") from error
    if len(content) > FILE_BYTES_MAX:
        raise ConfigurationError(f"{file}: expected at most {FILE_BYTES_MAX} bytes, got {len(content)}")
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise ConfigurationError(f"{file}:{line}: not UTF-8 text") from error
    text = text.replace("\r\n", "\n")
    try:
        values = tomli.loads(text)
    except tomli.TOMLDecodeError as error:
        raise ConfigurationError(
            f"{file}:{error.lineno}: not valid TOML: {error.msg} (column {error.colno})"
        ) from error
    places = {path: f"{file}:{line}" for path, line in key_lines(text).items()}
    return Document(str(file), values, places, file.absolute().parent)


def overlay_environment(document: Document, environ: Mapping[str, str]) -> None:
    """Set every key that a variable `TRIGGERX_<TABLE>__<KEY>` names; tables nest with `__`, case does not matter.

    What names no key is found when the document is read, like a wrong key of a file.
    """
    for name in sorted(environ):
        if name.startswith(ENVIRONMENT_PREFIX) and name not in NOT_KEYS:
            path = tuple(name.removeprefix(ENVIRONMENT_PREFIX).lower().split("__"))
            if not all(path):
                raise ConfigurationError(f"environment variable {name}: expected TRIGGERX_<TABLE>__<KEY>")
            document.overlay(path, environ[name], f"environment variable {name}")
