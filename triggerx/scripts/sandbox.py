"""One language's sandbox, as the node sees it: the order to a worker, the host's answers, the deadline.

A language says in its own file what it needs and how its order is made (`Language`); the rest is the same for all.
"""

import asyncio
import importlib.util
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from triggerx.core.canonical import Json
from triggerx.core.computation import RequestMade
from triggerx.core.errors import InvalidInput
from triggerx.ports.fetch import Fetch
from triggerx.ports.scripts import ScriptCall, ScriptFailed, ScriptRun
from triggerx.scripts.host import HostFunctions, Requests, ScriptRaised
from triggerx.scripts.pool import Worker, WorkerLost, WorkerPool

SOURCE_BYTES_MAX: Final = 512 * 1024  # what `ports.scripts.ScriptSources` gives; a long script has 20 kB
MOMENT_MAX: Final = 253_402_300_799  # the end of the year 9999, where calendars end
KILL_AFTER_S: Final = 0.5  # beyond a run's time: the worker stops the script at the limit, and then tells why
CALLS_MAX: Final = 64  # of host functions in a run; those that cost something have a limit of their own
CODE_CHARACTERS_MAX: Final = 16  # the worker keeps to both; the node does not rely on that
MESSAGE_CHARACTERS_MAX: Final = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Language:
    """A language: its name in job bodies, the package that its workers load, and how they are started.

    `prepared` gives what is the language's own in an order: `source`, `function` and `arguments`. It raises
    `ScriptFailed` for a script or a call that needs no worker to be refused.
    """

    name: str
    package: str
    command: tuple[str, ...]
    prepared: Callable[[bytes, ScriptCall], Mapping[str, Json]]

    def is_installed(self) -> bool:
        """Whether this machine can run it; the package is loaded in a worker only."""
        return sys.platform != "win32" and importlib.util.find_spec(self.package) is not None


def worker_command(module: str) -> tuple[str, ...]:
    """How a worker's module is started.

    Isolated: no variable of the environment and no user's packages; the environment it is installed in is found by its
    own path.
    """
    return (sys.executable, "-I", "-m", module)


class Sandbox:
    """Runs the scripts of one language, in workers of the pool."""

    def __init__(self, language: Language, fetch: Fetch, pool: WorkerPool) -> None:
        self._language = language
        self._fetch = fetch
        self._pool = pool

    async def run(self, source: bytes, call: ScriptCall) -> ScriptRun:
        """As `ports.scripts.Scripts.run`."""
        if not 0 <= call.now <= MOMENT_MAX:
            raise InvalidInput("now", f"expected a second from 0 to {MOMENT_MAX}, got {call.now}")
        if len(source) > SOURCE_BYTES_MAX:
            raise ScriptFailed("syntax", f"the script has {len(source)} bytes, more than {SOURCE_BYTES_MAX}")
        prepared, limits = dict(self._language.prepared(source, call)), call.limits
        async with self._pool.worker(self._language.command) as worker:
            deadline = asyncio.timeout(limits.time_s + KILL_AFTER_S)
            loop = asyncio.get_running_loop()
            ends_at = loop.time() + limits.time_s
            requests = Requests(self._fetch, limits, lambda: ends_at - loop.time())
            functions: HostFunctions = {"fetch": requests.fetch}
            try:
                async with deadline:
                    await worker.tell(prepared | _bounds(call, functions))
                    answer = await _conversation(worker, functions)
            except TimeoutError as error:
                if not deadline.expired():
                    raise
                raise ScriptFailed("time", f"the script took longer than {limits.time_s:g} s") from error
            except WorkerLost as error:
                raise ScriptFailed("crashed", "the interpreter ended before the script did") from error
        return _run_of(answer, tuple(requests.made))


def _bounds(call: ScriptCall, functions: HostFunctions) -> dict[str, Json]:
    return {
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
