"""Python's worker: `python -I -m triggerx.scripts.python_worker`. It runs scripts in pydantic-monty, one at a time.

Monty is an interpreter of its own for a subset of Python, in a process below this one; each run gets a fresh one.
"""

import os
import signal
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Final

from triggerx.scripts.answers import answer_of
from triggerx.scripts.frames import Message
from triggerx.scripts.walls import limit_interpreter
from triggerx.scripts.worker import MESSAGE_CHARACTERS_MAX, Failed, Host, Order, Raised, failure, serve

RECURSION_MAX: Final = 200  # calls in calls; the interpreter's own stack bears a thousand
ARGUMENT_BYTES_MAX: Final = 64 * 1024  # of one argument of a host's function; a URL has two thousand
LOOKUPS_MAX: Final = 1000  # questions about names and modules in a run, beside calls; each costs a turn of the pipe
CHECKOUT_S: Final = 5.0  # for a fresh interpreter, which takes 2 ms
ARGUMENTS: Final = "__triggerx_arguments"


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


class Interpreter:
    """Runs orders, each in a fresh process of the interpreter."""

    def __init__(self, host: Host) -> None:
        import pydantic_monty  # noqa: PLC0415 - after the walls are up, and here alone: it takes 10 MB and starts processes

        self._monty = pydantic_monty
        self._host = host
        self._pool = pydantic_monty.Monty(
            min_processes=1, max_processes=1, max_checkouts_per_worker=1, checkout_timeout=CHECKOUT_S
        )
        self._pool.__enter__()

    def run(self, order: Order) -> Message:
        """Return the answer to an order."""
        output: Output | None = None
        try:
            with self._session(order) as session:
                process_id = _process_of(session)
                limit_interpreter(process_id, time_s=order["time_ms"] / 1000, memory_bytes=order["memory_bytes"])
                output = Output(order["output_bytes"], lambda: _kill(process_id))
                value = self._called(session, order, output)
            return {"value": answer_of(value, bytes_max=order["output_bytes"]), "output": output.text}
        except Failed as error:
            failed = error
        except self._monty.MontyError as error:
            failed = self._reason(error)
        except MemoryError:
            failed = Failed("memory", "the answer takes more memory than there is")
        except (ValueError, RecursionError) as error:  # the client's own conversion of the answer
            failed = Failed("value", f"the answer cannot be handed over: {error}")
        if output is not None and output.is_full:
            failed = Failed("output", f"the script printed more than {order['output_bytes']} bytes")
        return failure(failed, "" if output is None else output.text)

    def _session(self, order: Order) -> Any:  # the interpreter's own type; the module is imported late
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

    def _called(self, session: Any, order: Order, output: Output) -> object:
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
        try:
            return {"return_value": self._host.ask(step.function_name, arguments)}
        except Raised as raised:
            return _raised(raised.kind, str(raised))

    def _reason(self, error: Exception) -> Failed:
        """What an error of the interpreter means."""
        monty = self._monty
        if isinstance(error, monty.MontyCrashedError):
            return Failed("crashed", "the interpreter ended before the script did")
        if not isinstance(error, monty.MontyRuntimeError | monty.MontySyntaxError):
            return Failed("error", str(error))
        text = error.display("type-msg")[:MESSAGE_CHARACTERS_MAX]
        lines = [frame.line for frame in error.traceback() if frame.filename == SOURCE_FRAME]
        message = f"line {lines[-1]}: {text}" if lines else text
        if isinstance(error, monty.MontySyntaxError):
            return Failed("syntax", message)
        for start, code in REASONS:
            if text.startswith(start):
                return Failed(code, message)
        return Failed("error", message)


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
    serve(Interpreter)


if __name__ == "__main__":
    main()
