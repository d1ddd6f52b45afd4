"""WebAssembly's worker: `python -I -m triggerx.scripts.wasm_worker`. It runs modules in wasmtime, one at a time.

A run is a fresh instance of the module, with its own memory. What it computes is paid for in fuel, which is the same on
every machine; the clock ends what fuel does not see. The module may import WASI preview 1 (`wasi.py`), and

    triggerx.fetch(url: i32, length: i32) -> i32    asks the host; returns the length of what came, which then waits to
                                                    be read, or, when it failed, minus the length of the reason
    triggerx.read(buffer: i32, length: i32) -> i32  copies the next bytes of what waits; returns how many, 0 at the end
"""

import base64
import hashlib
import json
import re
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from threading import Timer
from time import monotonic
from typing import Any, Final

from triggerx.core.canonical import Json
from triggerx.scripts.answers import answer_from
from triggerx.scripts.frames import Message
from triggerx.scripts.wasi import ENOSYS, FUNCTIONS, MODULE, STDERR, STDOUT, Exited, Printed, Wasi
from triggerx.scripts.worker import Failed, Host, Order, Raised, failure, serve

FUEL_A_SECOND: Final = 200_000_000  # about an instruction each: a machine under load does half a billion in a second
FUEL_A_CALL: Final = 10_000  # of a call to the outside of the module, which takes 10 µs
STACK_BYTES: Final = 512 * 1024  # of calls in calls; languages keep their larger values in the module's memory
TABLE_ELEMENTS_MAX: Final = 50_000  # functions that are called by pointer; a large program has some thousands
TABLES_MAX: Final = 4
MEMORY_RESERVED_BYTES: Final = 64 * 1024 * 1024  # the usual limit: a memory within it grows without being moved
MODULES_KEPT: Final = 8  # compiled ones: each took a millisecond for a kilobyte, and has five times as much code
ARGUMENT_BYTES_MAX: Final = 64 * 1024  # of a call of the host; a URL has two thousand
HOST: Final = "triggerx"
START: Final = "_start"
LIMITED: Final = re.compile("exceeds (memory|table) limits|resource limit exceeded")  # of what a module begins with
OUTSIDE: Final = "the module gave an address outside of its memory"


@dataclass(frozen=True, slots=True)
class Compiled:
    """A module, and what it imports."""

    module: Any
    imports: tuple[tuple[str, str], ...]


class LinearMemory:
    """The running module's memory (`wasi.Memory`), reached through whatever call it has just made."""

    def __init__(self) -> None:
        self.caller: Any = None

    def read(self, address: int, length: int) -> bytes:
        """Return a copy."""
        return bytes(self._within(address, length).read(self.caller, address, address + length))

    def write(self, address: int, content: bytes) -> None:
        """Overwrite."""
        memory = self._within(address, len(content))
        if content:
            memory.write(self.caller, content, address)

    def _within(self, address: int, length: int) -> Any:  # wasmtime's own type; the package is imported late
        memory = self.caller.get("memory")
        if memory is None or not hasattr(memory, "data_len"):
            raise Failed("error", "the module exports no memory")
        if address + length > memory.data_len(self.caller):
            raise Failed("error", OUTSIDE)
        return memory


class Replies:
    """What the host said last, until the module has read it."""

    def __init__(self, host: Host, memory: LinearMemory, calls_max: int) -> None:
        self._host = host
        self._memory = memory
        self._calls_left = calls_max
        self._waiting = b""

    def ask(self, function: str, address: int, length: int) -> int:
        """Ask for one thing by its text, and say how long the answer is."""
        self._calls_left -= 1
        if self._calls_left < 0:
            raise Failed("requests", "the script asked its host too often")
        if length > ARGUMENT_BYTES_MAX:
            raise Failed("error", f"{function}() takes a text of at most {ARGUMENT_BYTES_MAX} bytes")
        text = self._memory.read(address, length).decode(errors="replace")
        try:
            self._waiting, sign = _bytes(self._host.ask(function, [text])), 1
        except Raised as raised:
            self._waiting, sign = str(raised).encode(errors="replace"), -1
        return sign * len(self._waiting)

    def read(self, address: int, length: int) -> int:
        """Hand over the next bytes."""
        part, self._waiting = self._waiting[:length], self._waiting[length:]
        self._memory.write(address, part)
        return len(part)


class Runtime:
    """Runs orders, each in a fresh instance."""

    def __init__(self, host: Host) -> None:
        import wasmtime  # noqa: PLC0415 - after the walls are up, and here alone

        self._wasmtime = wasmtime
        self._host = host
        self._engine = wasmtime.Engine(_configuration(wasmtime.Config()))
        self._kept: OrderedDict[bytes, Compiled] = OrderedDict()

    def run(self, order: Order) -> Message:
        """Return the answer to an order."""
        ends_at = monotonic() + order["time_ms"] / 1000
        printed = Printed(order["output_bytes"])
        try:
            compiled = self._compiled(base64.b64decode(order["source"]))
            self._called(compiled, order, printed, ends_at)
            value = answer_from(printed.last_line(STDOUT), bytes_max=order["output_bytes"])
        except Failed as failed:
            return failure(failed, printed.text)
        return {"value": value, "output": printed.text_without(STDOUT)}

    def _compiled(self, source: bytes) -> Compiled:
        """The module, compiled now or kept; checked to be a program that imports only what there is."""
        digest = hashlib.sha256(source).digest()
        if digest not in self._kept:
            try:
                module = self._wasmtime.Module(self._engine, source)
            except self._wasmtime.WasmtimeError as error:
                raise Failed("syntax", _sentence(error)) from error
            if not any(each.name == START and _is_procedure(each.type) for each in module.exports):
                raise Failed("function", f"the module exports no function {START}(): build it as a program")
            self._kept[digest] = Compiled(module, tuple((each.module, each.name or "") for each in module.imports))
            while len(self._kept) > MODULES_KEPT:
                self._kept.popitem(last=False)
        self._kept.move_to_end(digest)
        return self._kept[digest]

    def _called(self, compiled: Compiled, order: Order, printed: Printed, ends_at: float) -> None:
        """Run the program to its end."""
        with (
            closing(self._wasmtime.Store(self._engine)) as store,  # the functions that it holds refer to it
            closing(self._wasmtime.Linker(self._engine)) as linker,
        ):
            store.set_limits(
                memory_size=order["memory_bytes"],
                table_elements=TABLE_ELEMENTS_MAX,
                instances=1,
                tables=TABLES_MAX,
                memories=1,
            )
            store.set_fuel(order["time_ms"] * FUEL_A_SECOND // 1000)
            store.set_epoch_deadline(1)
            self._link(linker, store, compiled, order, printed)
            try:
                with self._ended_at(ends_at):
                    start: Any = linker.instantiate(store, compiled.module).exports(store)[START]
                    start(store)
            except Exited as exited:
                if exited.status:
                    raise Failed("error", _with_last_line(str(exited), printed)) from exited
            except self._wasmtime.Trap as trap:
                raise self._reason(trap, printed) from trap
            except self._wasmtime.WasmtimeError as error:
                message = _sentence(error)
                raise Failed("memory" if LIMITED.search(message) else "error", message) from error

    def _link(self, linker: Any, store: Any, compiled: Compiled, order: Order, printed: Printed) -> None:
        """Define the functions that the module imports, for one run."""
        memory = LinearMemory()

        def spend(fuel: int) -> None:
            left = store.get_fuel() - fuel
            if left <= 0:
                raise Failed("time", "the script took more steps than its time allows")
            store.set_fuel(left)

        replies = Replies(self._host, memory, order["calls"])
        wasi = Wasi(memory, printed, spend, stdin=order["arguments"].encode(), now=order["now"])
        given: dict[tuple[str, str], tuple[str, Callable[..., int]]] = {
            (MODULE, name): (parameters, wasi.functions.get(name, _missing)) for name, parameters in FUNCTIONS.items()
        }
        given[HOST, "read"] = "ii", replies.read
        for name in order["functions"]:
            given[HOST, name] = "ii", _asking(replies, name)
        for place in dict.fromkeys(compiled.imports):
            if place not in given:
                raise Failed("error", f"the module imports {'.'.join(place)[:200]}, which nobody gives it")
            parameters, function = given[place]
            types = [_TYPE[letter](self._wasmtime) for letter in parameters]
            results = [] if place[1] == "proc_exit" else [self._wasmtime.ValType.i32()]
            linker.define_func(
                *place,
                self._wasmtime.FuncType(types, results),
                _guarded(function, parameters, memory, spend),
                access_caller=True,
            )

    @contextmanager
    def _ended_at(self, ends_at: float) -> Iterator[None]:
        """Interrupt the module at that moment of the clock."""
        timer = Timer(max(0.0, ends_at - monotonic()), self._engine.increment_epoch)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
            timer.join()

    def _reason(self, trap: Any, printed: Printed) -> Failed:
        """What a trap means."""
        codes = self._wasmtime.TrapCode
        match trap.trap_code:
            case codes.OUT_OF_FUEL:
                return Failed("time", "the script took more steps than its time allows")
            case codes.INTERRUPT:
                return Failed("time", "the script took longer than its time")
            case codes.STACK_OVERFLOW:
                return Failed("recursion", "the script called functions in functions too deeply")
        cause = str(trap.message).strip().rpartition("\n")[2].strip()
        frames = trap.frames
        where = f" in {frames[0].func_name}" if frames and frames[0].func_name else ""
        return Failed("error", _with_last_line(f"{cause}{where}", printed))


_TYPE: Final[Mapping[str, Callable[[Any], Any]]] = {"i": lambda w: w.ValType.i32(), "I": lambda w: w.ValType.i64()}
_MASK: Final[Mapping[str, int]] = {"i": 2**32 - 1, "I": 2**64 - 1}


def _configuration(config: Any) -> Any:
    """Nothing whose result may differ between machines, and no more memory reserved than the walls allow."""
    config.consume_fuel = True
    config.epoch_interruption = True
    config.cranelift_nan_canonicalization = True
    config.cranelift_opt_level = "none"  # a script computes for milliseconds, and compiling it counts as its time
    config.parallel_compilation = False
    config.max_wasm_stack = STACK_BYTES
    config.memory_reservation = MEMORY_RESERVED_BYTES
    config.memory_reservation_for_growth = MEMORY_RESERVED_BYTES
    config.memory_guard_size = 0
    config.memory_init_cow = False  # it would write a file
    for proposal in ("threads", "relaxed_simd", "memory64", "multi_memory", "exceptions", "function_references", "gc"):
        setattr(config, f"wasm_{proposal}", False)
    return config


def _guarded(
    function: Callable[..., int], parameters: str, memory: LinearMemory, spend: Callable[[int], None]
) -> Callable[..., int]:
    """A function as wasmtime calls it: paid for, numbers without sign, the memory at hand."""
    masks = [_MASK[letter] for letter in parameters]

    def called(caller: object, *arguments: int) -> int:
        spend(FUEL_A_CALL)
        memory.caller = caller
        return function(*(argument & mask for argument, mask in zip(arguments, masks, strict=True)))

    return called


def _asking(replies: Replies, function: str) -> Callable[[int, int], int]:
    return lambda address, length: replies.ask(function, address, length)


def _missing(*_: int) -> int:
    return ENOSYS


def _bytes(value: Json) -> bytes:
    text = value if isinstance(value, str) else json.dumps(value)
    return text.encode(errors="replace")


def _is_procedure(kind: Any) -> bool:
    return hasattr(kind, "params") and not kind.params and not kind.results


def _sentence(error: Exception) -> str:
    return " ".join(str(error).split())


def _with_last_line(message: str, printed: Printed) -> str:
    """Programs say on their second output what went wrong."""
    said = printed.last_line(STDERR).decode(errors="replace")
    return f"{message}; it said: {said}" if said else message


def main() -> None:
    """Serve until the node closes its end."""
    serve(Runtime)


if __name__ == "__main__":
    main()
