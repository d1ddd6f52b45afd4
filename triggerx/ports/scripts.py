"""Users' scripts, run where they can reach nothing but what the host gives them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from triggerx.core.canonical import Json
from triggerx.core.errors import TriggerxError


class ScriptFailed(TriggerxError):
    """The script did not come to an answer; `code` is e.g. `time`, `memory`, `output`, `requests`, `error`, `syntax`.

    The message is for the job's owner: bounded, and without anything of the host.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class LanguageUnavailable(TriggerxError):
    """This machine has no sandbox for the language; nothing else is used instead."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScriptLimits:
    """What one run may use: seconds of time, bytes of memory and output, and outgoing requests."""

    time_s: float = 5.0
    memory_bytes: int = 64 * 1024 * 1024
    output_bytes: int = 64 * 1024
    requests: int = 8
    response_bytes: int = 256 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestMade:
    """One request a script made, as the proof records it; `response_hash` is the SHA-256 of the body, as hex."""

    url: str
    status: int
    response_hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ScriptRun:
    """What came of a run: what its function returned, what it printed, and what it asked for."""

    value: Json
    output: str
    requests: tuple[RequestMade, ...]


class Scripts(Protocol):
    """The sandboxes, by language. A run sees no file, no environment, no process, no clock but `now`, no chance."""

    def languages(self) -> frozenset[str]:
        """The languages that this machine can run."""
        ...

    async def run(
        self,
        source: bytes,
        *,
        language: str,
        function: str,
        arguments: Mapping[str, Json],
        now: int,
        limits: ScriptLimits = ScriptLimits(),
    ) -> ScriptRun:
        """Call one function of the script with these arguments by name; raises `ScriptFailed`, `LanguageUnavailable`.

        The host gives it `fetch(url) -> text` for public addresses, and the moment `now` (unix seconds).
        """
        ...
