"""What every worker's process does, whatever its language: raise the walls, then run one order after the other.

Orders come on standard input and answers go to standard output (`frames.py`); what a script asks the host for is asked
there too, because nothing here has a network. It sends once, on start, `{"ready": true}` or `{"unavailable": reason}`.

    order    {"source", "function", "arguments", "now", "functions", "time_ms", "memory_bytes", "output_bytes", "calls"}
    call     {"call": function, "arguments": […]}, answered by {"return": value}, by {"raise": type, "message": text}
             for the script, or by {"fail": code, "message": text}, which ends the run
    answer   {"value": …, "output": text} or {"fail": code, "message": text, "output": text}
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Protocol, cast

from triggerx.core.canonical import Json
from triggerx.scripts.frames import Message, PipeEnds
from triggerx.scripts.walls import limit_own_time, quiet_ends, raise_walls

MESSAGE_CHARACTERS_MAX: Final = 512

Order = Mapping[str, Any]


class Failed(Exception):
    """The run ends here, with a code of `ports.scripts.ScriptFailed`."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message[:MESSAGE_CHARACTERS_MAX])
        self.code = code


class Raised(Exception):
    """The host refused a call; the script is told, and may go on. `kind` is a built-in type of exception."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message[:MESSAGE_CHARACTERS_MAX])
        self.kind = kind


class Host:
    """What a script's functions of the host stand for: questions to the node, over the pipe."""

    def __init__(self, ends: PipeEnds) -> None:
        self._ends = ends

    def ask(self, function: str, arguments: Sequence[Json]) -> Json:
        """Return what the node says; raises `Raised` and `Failed`."""
        self._ends.write({"call": function, "arguments": list(arguments)})
        said = self._ends.read()
        if said is None:
            raise SystemExit(0)
        if "fail" in said:
            raise Failed(str(said["fail"]), str(said["message"]))
        if "raise" in said:
            raise Raised(str(said["raise"]), str(said["message"]))
        return said["return"]


class Interpreter(Protocol):
    """Runs scripts of one language."""

    def run(self, order: Order) -> Message:
        """Return the answer to an order."""
        ...


def failure(failed: Failed, output: str) -> Message:
    """The answer that says why there is none."""
    return {"fail": failed.code, "message": str(failed), "output": output}


def serve(interpreter_with: Callable[[Host], Interpreter]) -> None:
    """Serve until the node closes its end. The interpreter is made, and its packages are loaded, behind the walls."""
    ends = PipeEnds(*quiet_ends())
    raise_walls()
    try:
        interpreter = interpreter_with(Host(ends))
    except (ImportError, OSError, RuntimeError) as error:
        ends.write({"unavailable": f"{type(error).__name__}: {error}"[:MESSAGE_CHARACTERS_MAX]})
        return
    ends.write({"ready": True})
    while (order := ends.read()) is not None:
        limit_own_time(cast("int", order["time_ms"]) / 1000)
        ends.write(interpreter.run(order))
