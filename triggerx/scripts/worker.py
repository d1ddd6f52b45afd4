"""A worker's process: `python -I -m triggerx.scripts.worker`. It runs scripts in pydantic-monty, one at a time.

Monty is an interpreter of its own for a subset of Python, in a process below this one; each run gets a fresh one.
Orders come on standard input and answers go to standard output (`frames.py`); what a script asks the host for is asked
there too, because nothing here has a network. It sends once, on start, `{"ready": true}` or `{"unavailable": reason}`.

    order    {"source", "function", "arguments", "now", "functions", "time_ms", "memory_bytes", "output_bytes", "calls"}
    call     {"call": function, "arguments": […]}, answered by {"return": value}, by {"raise": type, "message": text}
             for the script, or by {"fail": code, "message": text}, which ends the run
    answer   {"value": …, "output": text} or {"fail": code, "message": text, "output": text}
"""

import json
import os
import signal
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final, cast

from triggerx.core.canonical import Json
from triggerx.scripts.frames import Message, PipeEnds
from triggerx.scripts.walls import limit_interpreter, limit_own_time, quiet_ends, raise_walls

MESSAGE_CHARACTERS_MAX: Final = 512
RECURSION_MAX: Final = 200  # calls in calls; the interpreter's own stack bears a thousand
DEPTH_MAX: Final = 32  # lists in lists of an answer; the node's reader of JSON takes 64
INTEGER_BITS_MAX: Final = 14_000  # Python itself writes and reads integers of 4,300 digits, which have more
ARGUMENT_BYTES_MAX: Final = 64 * 1024  # of one argument of a host's function; a URL has two thousand
LOOKUPS_MAX: Final = 1000  # questions about names and modules in a run, beside calls; each costs a turn of the pipe
CHECKOUT_S: Final = 5.0  # for a fresh interpreter, which takes 2 ms
ARGUMENTS: Final = "__triggerx_arguments"


class Failed(Exception):
    """The run ends here, with a code of `ports.scripts.ScriptFailed`."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message[:MESSAGE_CHARACTERS_MAX])
        self.code = code


class Output:
    """What the script prints. Above the limit the interpreter is killed, which nothing in it can catch."""

    def __init__(self, bytes_max: int, kill: Callable[[], None]) -> None:
        self._left = bytes_max
        self._kill = kill
        self._parts: list[str] = []
        self.is_full = False

    def __call__(self, _stream: str, text: str) -> None:
        """Take what was printed."""
        kept = text.encode(errors="replace")
        if len(kept) > self._left:
            self.is_full = True
            self._kill()
        self._parts.append(kept[: self._left].decode(errors="ignore"))
        self._left = max(0, self._left - len(kept))

    @property
    def text(self) -> str:
        """All of it."""
        return "".join(self._parts)


def answer_of(value: object, *, bytes_max: int) -> Json:
    """The returned value as JSON: exact integers, floats and decimals by their text, tuples as lists."""
    left = bytes_max  # every value takes a byte of JSON at least

    def plain(item: object, depth: int) -> Json:
        nonlocal left
        left -= 1
        if left < 0 or depth > DEPTH_MAX:
            raise Failed("value", f"the answer has more than {bytes_max} bytes or {DEPTH_MAX} levels")
        match item:
            case None | bool() | str():
                return item
            case int():
                if item.bit_length() > INTEGER_BITS_MAX:
                    raise Failed("value", f"the answer has an integer of more than {INTEGER_BITS_MAX} bits")
                return item
            case float() | Decimal():
                if not Decimal(item).is_finite():
                    raise Failed("value", f"the answer has a number that is not finite: {item}")
                return repr(item) if isinstance(item, float) else str(item)
            case list() | tuple():
                return [plain(each, depth + 1) for each in item]
            case dict() if all(isinstance(key, str) for key in item):
                return {key: plain(each, depth + 1) for key, each in item.items()}
        raise Failed(
            "value",
            f"the answer has a {type(item).__name__}: expected numbers, text, booleans, None, "
            "lists of them and dictionaries of them with text as keys",
        )

    answer = plain(value, 0)
    if len(json.dumps(answer)) > bytes_max:
        raise Failed("value", f"the answer has more than {bytes_max} bytes as JSON")
    return answer


class Interpreter:
    """Runs orders, each in a fresh process of the interpreter."""

    def __init__(self, ends: PipeEnds) -> None:
        import pydantic_monty  # noqa: PLC0415 - after the walls are up, and here alone: it takes 10 MB and starts processes

        self._monty = pydantic_monty
        self._ends = ends
        self._pool = pydantic_monty.Monty(
            min_processes=1, max_processes=1, max_checkouts_per_worker=1, checkout_timeout=CHECKOUT_S
        )
        self._pool.__enter__()

    def run(self, order: Mapping[str, Any]) -> Message:
        """Return the answer to an order."""
        limit_own_time(order["time_ms"] / 1000)
        output: Output | None = None
        try:
            with self._session(order) as session:
                process_id = _process_of(session)
                limit_interpreter(process_id, time_s=order["time_ms"] / 1000, memory_bytes=order["memory_bytes"])
                output = Output(order["output_bytes"], lambda: _kill(process_id))
                value = self._called(session, order, output)
            return {"value": answer_of(value, bytes_max=order["output_bytes"]), "output": output.text}
        except Failed as failed:
            code, message = failed.code, str(failed)
        except self._monty.MontyError as error:
            code, message = self._reason(error)
        except MemoryError:
            code, message = "memory", "the answer takes more memory than there is"
        except (ValueError, RecursionError) as error:  # the client's own conversion of the answer
            code, message = "value", f"the answer cannot be handed over: {error}"[:MESSAGE_CHARACTERS_MAX]
        if output is not None and output.is_full:
            code, message = "output", f"the script printed more than {order['output_bytes']} bytes"
        return {"fail": code, "message": message, "output": "" if output is None else output.text}

    def _session(self, order: Mapping[str, Any]) -> Any:  # the interpreter's own type; the module is imported late
        return self._pool.checkout(
            script_name="script.py",
            limits={
                "max_feed_duration_secs": order["time_ms"] / 1000,
                "max_memory": order["memory_bytes"],
                "max_recursion_depth": RECURSION_MAX,
                "max_suspensions": order["calls"] + LOOKUPS_MAX,
            },
            os_policy={
                "datetime": datetime.fromtimestamp(order["now"], UTC),
                "sleep": "zero",
                "process_time": "zero",
                "random_start": {"seed": 0},
            },
        )

    def _called(self, session: Any, order: Mapping[str, Any], output: Output) -> object:
        function, functions = order["function"], dict.fromkeys(order["functions"], _never)
        if function in functions:
            raise Failed("function", f"{function!r} is the host's; the script needs a function of its own")
        given = {"external_lookup": functions, "print_callback": output}
        self._driven(session.feed_start(order["source"], **given), functions)
        call = f"{function}(**{ARGUMENTS})"
        step = session.feed_start(call, inputs={ARGUMENTS: order["arguments"]}, **given)
        if isinstance(step, self._monty.FunctionSnapshot) and step.function_name == function:
            raise Failed("function", f"the script has no function {function!r}")
        return self._driven(step, functions)

    def _driven(self, step: Any, functions: Mapping[str, Any]) -> object:
        """Answer what the script asks for until it is done, and return its value."""
        while not isinstance(step, self._monty.MontyComplete):
            is_call = isinstance(step, self._monty.FunctionSnapshot) and not step.is_os_function
            if is_call and step.function_name in functions:
                step = step.resume(self._asked(step))
            elif isinstance(step, self._monty.FutureSnapshot):
                raise Failed("error", "the script waits for something that never comes")
            else:
                step = step.resume_auto()
        return step.output

    def _asked(self, step: Any) -> dict[str, object]:
        """What the host says to a call."""
        if step.kwargs:
            return _raised("TypeError", f"{step.function_name}() takes no keyword arguments")
        try:
            arguments = [answer_of(argument, bytes_max=ARGUMENT_BYTES_MAX) for argument in step.args]
        except Failed as failed:
            return _raised("TypeError", f"{step.function_name}(): {failed}")
        self._ends.write({"call": step.function_name, "arguments": arguments})
        said = self._ends.read()
        if said is None:
            raise SystemExit(0)
        if "fail" in said:
            raise Failed(str(said["fail"]), str(said["message"]))
        if "raise" in said:
            return _raised(str(said["raise"]), str(said["message"]))
        return {"return_value": said["return"]}

    def _reason(self, error: Exception) -> tuple[str, str]:
        """The code and the message for an error of the interpreter."""
        monty = self._monty
        if isinstance(error, monty.MontyCrashedError):
            return "crashed", "the interpreter ended before the script did"
        if not isinstance(error, monty.MontyRuntimeError | monty.MontySyntaxError):
            return "error", str(error)[:MESSAGE_CHARACTERS_MAX]
        text = error.display("type-msg")[:MESSAGE_CHARACTERS_MAX]
        lines = [frame.line for frame in error.traceback() if frame.filename == SOURCE_FRAME]
        message = f"line {lines[-1]}: {text}" if lines else text
        if isinstance(error, monty.MontySyntaxError):
            return "syntax", message
        for start, code in REASONS:
            if text.startswith(start):
                return code, message
        return "error", message


SOURCE_FRAME: Final = "<python-input-0>"  # how the interpreter calls the first text that it is fed
REASONS: Final = (
    ("TimeoutError: feed time limit exceeded", "time"),
    ("MemoryError: memory limit exceeded", "memory"),
    ("MemoryError: the worker exceeded its memory limit", "memory"),
    ("RecursionError:", "recursion"),
    ("RuntimeError: suspension limit", "requests"),
)


def _process_of(session: Any) -> int:
    process_id = session.worker_pid
    if process_id is None:
        raise Failed("crashed", "the interpreter did not start")
    return int(process_id)


def _raised(kind: str, message: str) -> dict[str, object]:
    return {"exc_type": kind, "message": message[:MESSAGE_CHARACTERS_MAX]}


def _never(*_: object) -> None:
    """Stands for a host's function, so that its name is known; every call is answered by the host."""


def _kill(process_id: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(process_id, signal.SIGKILL)


def main() -> None:
    """Serve until the node closes its end."""
    ends = PipeEnds(*quiet_ends())
    raise_walls()
    try:
        interpreter = Interpreter(ends)
    except (ImportError, OSError) as error:
        ends.write({"unavailable": f"{type(error).__name__}: {error}"[:MESSAGE_CHARACTERS_MAX]})
        return
    ends.write({"ready": True})
    while (order := ends.read()) is not None:
        ends.write(interpreter.run(cast("Mapping[str, Any]", order)))


if __name__ == "__main__":
    main()
