"""Python, as pydantic-monty understands it: a subset, run by an interpreter that has nothing to reach the machine with.

`worker.py` says how a run goes in the worker; here is the node's side: the order, the host's answers, the deadline.
"""

import asyncio
import importlib.util
import keyword
import re
import sys
from collections.abc import Mapping
from typing import Final

from triggerx.core.canonical import Json
from triggerx.core.computation import RequestMade
from triggerx.core.errors import InvalidInput
from triggerx.ports.fetch import Fetch
from triggerx.ports.scripts import ScriptCall, ScriptFailed, ScriptRun
from triggerx.scripts.host import HostFunctions, Requests, ScriptRaised
from triggerx.scripts.pool import Worker, WorkerLost, WorkerPool

SOURCE_BYTES_MAX: Final = 512 * 1024  # what `ports.scripts.ScriptSources` gives; a long script has 20 kB
MOMENT_MAX: Final = 253_402_300_799  # the end of the year 9999, where the language's calendar ends
KILL_AFTER_S: Final = 0.5  # beyond a run's time: the interpreter stops itself at the limit, and then tells why
CALLS_MAX: Final = 64  # of host functions in a run; those that cost something have a limit of their own
CODE_CHARACTERS_MAX: Final = 16  # the worker keeps to both; the node does not rely on that
MESSAGE_CHARACTERS_MAX: Final = 1024
PACKAGE: Final = "pydantic_monty"
PARAMETER: Final = re.compile(r"(?:^|,)\s*(\w+)")


class PythonSandbox:
    """Runs Python scripts in workers of its own."""

    def __init__(self, fetch: Fetch, pool: WorkerPool) -> None:
        self._fetch = fetch
        self._pool = pool

    @staticmethod
    def is_installed() -> bool:
        """Whether this machine can run it; the interpreter itself is loaded in a worker only."""
        return sys.platform != "win32" and importlib.util.find_spec(PACKAGE) is not None

    async def run(self, source: bytes, call: ScriptCall) -> ScriptRun:
        """As `ports.scripts.Scripts.run`."""
        text = _checked_source(source, call)
        limits = call.limits
        async with self._pool.worker() as worker:
            deadline = asyncio.timeout(limits.time_s + KILL_AFTER_S)
            loop = asyncio.get_running_loop()
            ends_at = loop.time() + limits.time_s
            requests = Requests(self._fetch, limits, lambda: ends_at - loop.time())
            functions: HostFunctions = {"fetch": requests.fetch}
            try:
                async with deadline:
                    await worker.tell(_order(call, text, functions))
                    answer = await _conversation(worker, functions)
            except TimeoutError as error:
                if not deadline.expired():
                    raise
                raise ScriptFailed("time", f"the script took longer than {limits.time_s:g} s") from error
            except WorkerLost as error:
                raise ScriptFailed("crashed", "the interpreter ended before the script did") from error
        return _run_of(answer, tuple(requests.made))

    async def close(self) -> None:
        """End its workers."""
        await self._pool.close()


def _checked_source(source: bytes, call: ScriptCall) -> str:
    if not 0 <= call.now <= MOMENT_MAX:
        raise InvalidInput("now", f"expected a second from 0 to {MOMENT_MAX}, got {call.now}")
    if not call.function.isidentifier() or keyword.iskeyword(call.function):
        raise ScriptFailed("function", f"expected a function's name, got {call.function[:80]!r}")
    if len(source) > SOURCE_BYTES_MAX:
        raise ScriptFailed("syntax", f"the script has {len(source)} bytes, more than {SOURCE_BYTES_MAX}")
    try:
        return source.decode()
    except UnicodeDecodeError as error:
        raise ScriptFailed("syntax", f"the script is no UTF-8 at byte {error.start}") from error


def _order(call: ScriptCall, source: str, functions: HostFunctions) -> dict[str, Json]:
    head = re.search(rf"^(?:async\s+)?def\s+{re.escape(call.function)}\s*\(([^)]*)\)", source, re.MULTILINE)
    parameters = set(PARAMETER.findall(head[1])) if head else set()
    offered = {"now": call.now, **call.offered}
    arguments = {name: value for name, value in offered.items() if name in parameters} | dict(call.arguments)
    return {
        "source": source,
        "function": call.function,
        "arguments": arguments,
        "now": call.now,
        "functions": list(functions),
        "calls": CALLS_MAX,
        "time_ms": int(call.limits.time_s * 1000),
        "memory_bytes": call.limits.memory_bytes,
        "output_bytes": call.limits.output_bytes,
    }


async def _conversation(worker: Worker, functions: HostFunctions) -> dict[str, Json]:
    """Answer what the script asks for until the worker gives the run's answer."""
    while True:
        message = await worker.hear()
        if "call" not in message:
            return message
        name, arguments = message["call"], message.get("arguments")
        if not isinstance(name, str) or name not in functions or not isinstance(arguments, list):
            raise WorkerLost("it asked for what it was not given")
        try:
            await worker.tell({"return": await functions[name](arguments)})
        except ScriptRaised as error:
            await worker.tell({"raise": error.kind, "message": str(error)})
        except ScriptFailed as error:
            await worker.tell({"fail": error.code, "message": str(error)})


def _run_of(answer: Mapping[str, Json], requests: tuple[RequestMade, ...]) -> ScriptRun:
    output = answer.get("output")
    if not isinstance(output, str):
        raise ScriptFailed("crashed", "the interpreter gave no answer")
    if "fail" in answer:
        message = str(answer.get("message"))[:MESSAGE_CHARACTERS_MAX]
        raise ScriptFailed(str(answer["fail"])[:CODE_CHARACTERS_MAX], message, output=output, requests=requests)
    return ScriptRun(value=answer.get("value"), output=output, requests=requests)
