"""Structured logs on standard error: a line of text for people, or of JSON for machines.

Nothing secret goes out: a field whose name sounds like a key, a password or a token is written as `[redacted]`. What
the libraries log goes the same way, from warning on.
"""

import contextlib
import json
import logging
import math
import sys
import traceback
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from enum import IntEnum
from typing import Final, Literal, TextIO

from triggerx.ports.clock import Clock

LogFormat = Literal["text", "json"]
LogLevel = Literal["debug", "info", "warning", "error"]

TEXT_CHARACTERS_MAX: Final = 4000
"""A value is cut there: a traceback fits, a user's script or a page of HTML does not flood the disk."""
REDACTED: Final = "[redacted]"

_SECRET_WORDS: Final = frozenset(
    {"authorization", "credential", "credentials", "mnemonic", "passphrase", "password", "private", "secret", "secrets"}
)
_SECRET_LAST_WORDS: Final = frozenset({"key", "keys", "token", "tokens"})
_PUBLIC_NAMES: Final = frozenset({"bls_key", "dedup_key", "missing_key", "public_key", "bls_public_key", "task_key"})
"""Names that end like a secret's and are none; a new one is added here, not worked around."""
_PLAIN: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.,:;/_+-@%#~^*!?&|()[]{}<>…$")


class Level(IntEnum):
    """How much it matters; a log writes its own level and what is above."""

    DEBUG = 10
    INFO = 20
    WARNING = 30
    ERROR = 40


class NodeLog:
    """Implements `ports.log.Log`; `bind` gives one that writes to the same place."""

    __slots__ = ("_clock", "_fields", "_level", "_render", "_stream")

    def __init__(
        self, clock: Clock, *, level: LogLevel = "info", lines: LogFormat = "text", stream: TextIO | None = None
    ) -> None:
        self._clock = clock
        self._level = Level[level.upper()]
        self._render: _Render = _render_json if lines == "json" else _render_text
        self._stream = stream
        self._fields: dict[str, object] = {}

    def bind(self, **fields: object) -> "NodeLog":
        """Return a log that adds these fields to every record."""
        bound = object.__new__(NodeLog)
        bound._clock, bound._level, bound._render, bound._stream = self._clock, self._level, self._render, self._stream
        bound._fields = self._fields | fields
        return bound

    def debug(self, event: str, **fields: object) -> None:
        """For those who look for a fault."""
        if self._level <= Level.DEBUG:
            self._write(Level.DEBUG, event, fields)

    def info(self, event: str, **fields: object) -> None:
        """Something happened as it should."""
        if self._level <= Level.INFO:
            self._write(Level.INFO, event, fields)

    def warning(self, event: str, **fields: object) -> None:
        """Something is wrong, and the node goes on."""
        if self._level <= Level.WARNING:
            self._write(Level.WARNING, event, fields)

    def error(self, event: str, **fields: object) -> None:
        """Something failed, and a person should look."""
        self._write(Level.ERROR, event, fields)

    def _write(self, level: Level, event: str, fields: dict[str, object]) -> None:
        stream = sys.stderr if self._stream is None else self._stream
        line = self._render(_moment(self._clock.now_ms()), level, event, self._fields | fields)
        with contextlib.suppress(OSError):  # a full disk, or a reader that is gone, must not stop a node
            stream.write(line)
            stream.flush()


_Render = Callable[[str, Level, str, Mapping[str, object]], str]


def is_secret_name(name: str) -> bool:
    """Whether a field of this name must not be written: `private_key`, `api_token`, `password`, not `task_key`."""
    lowered = name.lower()
    if lowered in _PUBLIC_NAMES:
        return False
    words = lowered.split("_")
    return words[-1] in _SECRET_LAST_WORDS or not _SECRET_WORDS.isdisjoint(words)


def _moment(unix_ms: int) -> str:
    seconds, milliseconds = divmod(unix_ms, 1000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{milliseconds:03d}Z"


def _render_text(moment: str, level: Level, event: str, fields: Mapping[str, object]) -> str:
    shown = "".join(f" {name}={_text(name, value)}" for name, value in fields.items())
    return f"{moment} {level.name.lower():<7} {_one_line(event)}{' |' if shown else ''}{shown}\n"


def _render_json(moment: str, level: Level, event: str, fields: Mapping[str, object]) -> str:
    record: dict[str, object] = {"at": moment, "level": level.name.lower(), "event": event}
    for name, value in fields.items():
        record[f"{name}_" if name in record else name] = _json_value(name, value)
    return json.dumps(record, ensure_ascii=False, separators=(",", ":"), allow_nan=False) + "\n"


def _text(name: str, value: object) -> str:
    if is_secret_name(name):
        return REDACTED
    if isinstance(value, (bytes, bytearray)):
        return "0x" + (value.hex() if len(value) <= 10 else f"{value[:4].hex()}…{value[-4:].hex()}")
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = _cut(str(value))
    return text if text and _PLAIN.issuperset(text) else json.dumps(text, ensure_ascii=False)


def _json_value(name: str, value: object) -> object:
    """The value as JSON has it; bytes keep 32 of themselves, so that hashes and addresses can be searched for."""
    if is_secret_name(name):
        return REDACTED
    if isinstance(value, (bytes, bytearray)):
        return "0x" + (value.hex() if len(value) <= 32 else f"{value[:32].hex()}…")
    if value is None or isinstance(value, (bool, int)) or (isinstance(value, float) and math.isfinite(value)):
        return value
    return _cut(str(value))


def _cut(text: str) -> str:
    return text if len(text) <= TEXT_CHARACTERS_MAX else text[:TEXT_CHARACTERS_MAX] + "…"


def _one_line(text: str) -> str:
    return text if text.isprintable() else json.dumps(text, ensure_ascii=False)


class LibraryHandler(logging.Handler):
    """Hands what libraries log to the node's log, the traceback with it."""

    def __init__(self, log: NodeLog) -> None:
        super().__init__(level=logging.WARNING)
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record; its text is a field, because it is not ours."""
        fields: dict[str, object] = {"library": record.name, "message": record.getMessage()}
        if record.exc_info and record.exc_info[0] is not None:
            fields["error"] = repr(record.exc_info[1])
            fields["traceback"] = "".join(traceback.format_exception(*record.exc_info))
        write = self._log.error if record.levelno >= logging.ERROR else self._log.warning
        write("library reported", **fields)


def route_libraries(log: NodeLog) -> None:
    """Send the standard library's logging, from warning on, to this log and nowhere else; the last call wins."""
    root = logging.getLogger()
    for handler in tuple(root.handlers):
        root.removeHandler(handler)
    root.addHandler(LibraryHandler(log))
    root.setLevel(logging.WARNING)
    logging.captureWarnings(capture=True)
