"""Users' scripts, run where they can reach nothing but what the host gives them, and where their sources come from."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol

from triggerx.core.canonical import Json
from triggerx.core.computation import RequestMade
from triggerx.core.errors import RecoverableError, TriggerxError


class ScriptFailed(TriggerxError):
    """The script did not come to an answer. The message is for the job's owner: bounded, and nothing of the host's.

    `code` is one of: `syntax` (also bytes that are no UTF-8), `function` (there is none of that name), `error` (an
    exception left it, or a program ended badly), `value` (what it returned is no answer), `time`, `memory`,
    `recursion`, `output`, `requests` (a limit was reached, and the script cannot catch that), `crashed` (the
    interpreter ended; another one runs the next script). A program that asks for more memory than there is gets none,
    as WebAssembly has it, and may go on; `memory` is one that begins with too much.
    `output` is what was printed until then, `requests` what was asked for.
    """

    def __init__(self, code: str, message: str, *, output: str = "", requests: tuple[RequestMade, ...] = ()) -> None:
        super().__init__(message)
        self.code = code
        self.output = output
        self.requests = requests


class LanguageUnavailable(TriggerxError):
    """This machine has no sandbox for the language; nothing else is used instead."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScriptLimits:
    """What one run may use: seconds of time, bytes of memory and output, and outgoing requests.

    Time is the clock's, with the waits for requests, from when a worker takes the run. `output_bytes` bounds what is
    printed, and the answer's JSON by itself. `requests` counts refused ones too.
    """

    time_s: float = 5.0
    memory_bytes: int = 64 * 1024 * 1024
    output_bytes: int = 64 * 1024
    requests: int = 8
    response_bytes: int = 256 * 1024


USUAL_LIMITS: Final = ScriptLimits()
LANGUAGE_DEFAULT: Final = "python"  # where a job names none


@dataclass(frozen=True, slots=True, kw_only=True)
class ScriptCall:
    """Which function of a script is called, and what it gets.

    `arguments` are given by name. Of what is `offered` the function gets those that it has a parameter for, and so
    `now`, the moment in unix seconds: the language's own clocks stand still at it, and its chance starts from one fixed
    seed. A program (WebAssembly) has no parameters: it gets everything.
    """

    language: str
    function: str
    now: int
    arguments: Mapping[str, Json] = field(default_factory=dict)
    offered: Mapping[str, Json] = field(default_factory=dict)
    limits: ScriptLimits = USUAL_LIMITS


@dataclass(frozen=True, slots=True, kw_only=True)
class ScriptRun:
    """What came of a run: what its function returned, what it printed, and what it asked for, in order.

    In `value` integers are exact and may be of any size up to 4,300 digits, so it is not always canonical JSON. A float
    is the text that stands for it (`0.1`, `1e+16`; no infinity, no NaN), so that every keeper has the same; a decimal
    is its text, a tuple is a list. `core.script_value.number_from` makes a number of it.
    """

    value: Json
    output: str
    requests: tuple[RequestMade, ...]


class Scripts(Protocol):
    """The sandboxes, by language. A run sees no file, no environment, no process, no clock but `now`, no chance."""

    def languages(self) -> frozenset[str]:
        """The languages that this machine can run."""
        ...

    async def run(self, source: bytes, call: ScriptCall) -> ScriptRun:
        """Call one function of the script; raises `ScriptFailed`, `LanguageUnavailable`.

        Raises `RecoverableError` when too many runs wait already.

        The host gives it `fetch(url) -> text`: a GET of a public address, its body as UTF-8 with replacements. What is
        refused, fails, or has a status outside of 200 to 299 is an exception that the script can catch (in WebAssembly
        a negative number and a text), and says in its first word why (`private_address`, `too_large`, `unreachable`,
        `status`…).
        """
        ...


class NoScripts:
    """A machine without any sandbox (`Scripts`)."""

    def languages(self) -> frozenset[str]:
        """None."""
        return frozenset()

    async def run(self, source: bytes, call: ScriptCall) -> ScriptRun:
        """Refuse."""
        raise LanguageUnavailable(f"this node runs no scripts, so none in {call.language!r}")


class ScriptUnavailable(RecoverableError):
    """The source is nowhere to be had just now; the message says where it was looked for and what to configure."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScriptSource:
    """A script's bytes, with their SHA-256 as hex: what evidence names and attesters compare."""

    content: bytes
    sha256: str


class ScriptSources(Protocol):
    """Where scripts are read from, by URL."""

    async def get(self, url: str, *, sha256: str | None = None) -> ScriptSource:
        """Return the script behind `ipfs://CID[/path]`, `https://…/ipfs/CID[/path]`, or any other https URL.

        What a CID names is verified against it, block by block, and kept: it is fetched once. Any other URL is asked
        each time, unless `sha256` says which bytes are wanted: then those are taken from here or from peers where they
        are, and nothing else is returned. Raises `ScriptUnavailable`; `InvalidInput` for a URL or content that can
        never be right.
        """
        ...


class NoScriptSources:
    """A machine that reads no scripts (`ScriptSources`)."""

    async def get(self, url: str, *, sha256: str | None = None) -> ScriptSource:
        """Refuse."""
        raise ScriptUnavailable(f"this node reads no scripts, so not {url}")
