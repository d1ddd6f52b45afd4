"""Where each key of a TOML text stands, so that a refusal can name the line; tomli keeps no places.

The text was parsed before and is valid, so the scan only follows keys, brackets and strings.
"""

import re
from collections.abc import Iterator
from typing import Final

import tomli

Path = tuple[str, ...]

_TOKEN: Final = re.compile(
    r'"""(?:\\.|[^\\])*?"{3,5}'
    r"|'''.*?'{3,5}"
    r'|"(?:\\.|[^"\\\n])*"'
    r"|'[^'\n]*'"
    r"|\#[^\n]*"
    r"|[A-Za-z0-9_-]+"
    r"|.",
    re.DOTALL,
)


def key_lines(text: str) -> dict[Path, int]:
    """Return the line, from 1, of every key and table header of a valid TOML text, by its path of keys.

    A table that has no header of its own is where its first key is. Members of arrays of tables share one path, the
    first one's line counts.
    """
    scan = _Scan()
    for part, line in _tokens(text):
        scan.take(part, line)
    return scan.lines


def _tokens(text: str) -> Iterator[tuple[str, int]]:
    line = 1
    for match in _TOKEN.finditer(text):
        yield match.group(), line
        line += match.group().count("\n")


class _Scan:
    """Follows the text token by token: a key is being read, or a value, or a header in its brackets."""

    def __init__(self) -> None:
        self.lines: dict[Path, int] = {}
        self._table: Path = ()
        self._open: list[tuple[str, Path]] = []
        """What is open inside a value: its bracket, and the path it is the value of."""
        self._key: list[str] = []
        self._path: Path = ()
        """Whose value is being read."""
        self._state = "key"

    def take(self, part: str, line: int) -> None:
        """Follow one token."""
        if part == "\n":
            if not self._open:
                self._state, self._key = "key", []
        elif part.isspace() or part.startswith("#") or part == ".":
            pass
        elif self._state == "value":
            self._take_in_value(part)
        elif part == "[":
            self._state = "header"
        elif part == "]":
            self._table = tuple(self._key)
            self._note(self._table, line)
        elif part == "=":
            self._path = (self._open[-1][1] if self._open else self._table) + tuple(self._key)
            self._note(self._path, line)
            self._state = "value"
        elif part == "}":
            self._close()
        elif part != ",":
            self._key.append(_plain(part))

    def _take_in_value(self, part: str) -> None:
        if part in ("[", "{"):
            self._open.append((part, self._path))
        elif part in ("]", "}"):
            self._close()
        if part == "{" or (part == "," and self._open and self._open[-1][0] == "{"):
            self._state, self._key = "key", []

    def _close(self) -> None:
        _, self._path = self._open.pop()
        self._state = "value"

    def _note(self, path: Path, line: int) -> None:
        for length in range(1, len(path) + 1):
            self.lines.setdefault(path[:length], line)


def _plain(part: str) -> str:
    """A key without its quotes."""
    return str(tomli.loads(f"key = {part}")["key"]) if part[0] in "\"'" else part
