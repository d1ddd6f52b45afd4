"""What `triggerx script run` does: one run of a script on this machine, under the limits and walls of a node.

Standard output is the run's: its value, what it printed, what it asked for; a failure is one sentence and exit
status 1.
"""

import asyncio
import json
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from triggerx.core.canonical import Json
from triggerx.core.errors import InvalidInput, TriggerxError, UnrecoverableError
from triggerx.core.script_value import number_from
from triggerx.http.fetch import HttpFetch
from triggerx.http.guard import Guard
from triggerx.node.clock import SystemClock
from triggerx.node.config import Config, ConfigSource, load_config
from triggerx.node.discovery import role_names
from triggerx.node.options import UsageError
from triggerx.ports.scripts import LANGUAGE_DEFAULT, ScriptCall, ScriptFailed, ScriptRun
from triggerx.scripts.frames import BadFrame, decode
from triggerx.scripts.sandbox import SOURCE_BYTES_MAX
from triggerx.scripts.sandboxes import open_sandboxes


class ScriptRefused(UnrecoverableError):
    """The script cannot be run, or did not come to an answer."""

    exit_status = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ScriptOrder:
    """A run as it was asked for; without `now` it is the machine's time."""

    file: Path
    function: str
    language: str = LANGUAGE_DEFAULT
    arguments: Mapping[str, Json]
    now: int | None = None

    @classmethod
    def of(
        cls, file: Path, *, function: str, language: str, arguments: Sequence[str], now: int | None
    ) -> "ScriptOrder":
        """Read the options; an argument is NAME=JSON, and where that is no JSON it is a text. Raises `UsageError`."""
        return cls(
            file=file,
            function=function,
            language=language,
            arguments=dict(_argument(text) for text in arguments),
            now=now,
        )


def run_script(source: ConfigSource, order: ScriptOrder, *, is_json: bool) -> None:
    """Run it and print what came of it; raises `ScriptRefused` with the one sentence of a failure."""
    config, content = load_config(source, role_names()), _content(order.file)
    began = time.monotonic()
    try:
        run = asyncio.run(_run(config, order, content))
    except ScriptFailed as error:
        if is_json:
            _print_json({"error": {"code": error.code, "message": str(error)}, "output": error.output})
        else:
            sys.stdout.write(error.output)
        raise ScriptRefused(f"{order.file}: {order.function}: {error} ({error.code})") from error
    except UnrecoverableError:
        raise
    except TriggerxError as error:
        raise ScriptRefused(f"{order.file}: {error}") from error
    took_ms = round((time.monotonic() - began) * 1000)
    if is_json:
        _print_json(_row(run, took_ms))
        return
    sys.stdout.write(f"value     {json.dumps(run.value, ensure_ascii=False)}\n")
    if (number := _number(run.value)) is not None:
        sys.stdout.write(f"number    {number}\n")
    for request in run.requests:
        sys.stdout.write(f"request   {request.status} {request.url} sha256 {request.response_hash}\n")
    for line in run.output.splitlines():
        sys.stdout.write(f"output    {line}\n")
    sys.stdout.write(f"took      {took_ms} ms, the start of the sandbox included\n")


async def _run(config: Config, order: ScriptOrder, content: bytes) -> ScriptRun:
    async with HttpFetch(Guard(config.fetch.allow_private)) as fetch, open_sandboxes(fetch, workers_max=1) as scripts:
        return await scripts.run(
            content,
            ScriptCall(
                language=order.language,
                function=order.function,
                arguments=order.arguments,
                now=SystemClock().now() if order.now is None else order.now,
            ),
        )


def _content(file: Path) -> bytes:
    try:
        with file.open("rb") as opened:
            return opened.read(SOURCE_BYTES_MAX + 1)
    except OSError as error:
        raise ScriptRefused(f"{file} cannot be read: {error.strerror}; name the script's file") from error


def _argument(text: str) -> tuple[str, Json]:
    name, equals, value = text.partition("=")
    if not equals or not name.isidentifier():
        raise UsageError(f"--argument: expected NAME=VALUE, got {text!r}")
    try:
        return name, decode(f'{{"value": {value}}}'.encode())["value"]
    except (BadFrame, KeyError):
        return name, value


def _number(value: Json) -> str | None:
    """The number that a condition would compare; None where the value stands for none."""
    try:
        return number_from(value)
    except InvalidInput:
        return None


def _row(run: ScriptRun, took_ms: int) -> Mapping[str, Json]:
    return {
        "value": run.value,
        "number": _number(run.value),
        "output": run.output,
        "requests": [
            {"url": request.url, "status": request.status, "response_hash": request.response_hash}
            for request in run.requests
        ],
        "took_ms": took_ms,
    }


def _print_json(document: Mapping[str, Json]) -> None:
    sys.stdout.write(json.dumps(document, ensure_ascii=False) + "\n")
