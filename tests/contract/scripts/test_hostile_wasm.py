"""WebAssembly that means harm, run for real: each ends within its limit, and the next run works."""

import resource
import time
from typing import Final

import pytest

from tests.contract.scripts.conftest import LIMITS, Bench
from tests.contract.scripts.programs import DATA, answering, assembled, printing, program
from triggerx.ports.scripts import ScriptFailed, ScriptLimits

SLACK_S: Final = 1.0
GROWTH_KB_MAX: Final = 8 * 1024  # a frame of the worker is 2 MB at most, and is decoded
URL: Final = "https://a.example"
FOREVER: Final = "(loop $l (br $l))"
RECURSION: Final = """(func $r (param i64) (result i64)
    (i64.add (local.get 0) (call $r (i64.add (local.get 0) (i64.const 1)))))"""
MANY: Final = 60_000


def declared(text: str) -> bytes:
    """A module with nothing but this and an empty program."""
    return assembled(f'(module {text} (func (export "_start")))')


def section(number: int, content: bytes) -> bytes:
    return bytes([number]) + leb(len(content)) + content


def leb(value: int) -> bytes:
    made = b""
    while value > 127:
        made += bytes([value & 127 | 128])
        value >>= 7
    return made + bytes([value])


def many_functions(count: int, body: bytes) -> bytes:
    """So many functions without parameters; the first is the program."""
    code = leb(len(body) + 2) + b"\0" + body + b"\x0b"
    return (
        b"\0asm\1\0\0\0"
        + section(1, b"\1\x60\0\0")
        + section(3, leb(count) + b"\0" * count)
        + section(7, b"\1\6_start\0\0")
        + section(10, leb(count) + code * count)
    )


def many_imports(count: int) -> bytes:
    """The same function imported so often, and a program."""
    each = b"\x08triggerx\x04read\0\0"
    types = section(1, b"\2\x60\2\x7f\x7f\1\x7f\x60\0\0")
    rest = section(3, b"\1\1") + section(7, b"\1\6_start\0" + leb(count)) + section(10, b"\1\2\0\x0b")
    return b"\0asm\1\0\0\0" + types + section(2, leb(count) + each * count) + rest


def many_exports(count: int) -> bytes:
    """One function exported under so many names."""
    names = b"".join(b"\6" + f"{number:06}".encode() + b"\0\0" for number in range(count))
    return (
        b"\0asm\1\0\0\0"
        + section(1, b"\1\x60\0\0")
        + section(3, b"\1\0")
        + section(7, leb(count + 1) + names + b"\6_start\0\0")
        + section(10, b"\1\2\0\x0b")
    )


def many_locals(count: int) -> bytes:
    """So many functions with 50,000 locals each."""
    code = b"\6\1\xd0\x86\3\x7e\x0b"
    return (
        b"\0asm\1\0\0\0"
        + section(1, b"\1\x60\0\0")
        + section(3, leb(count) + b"\0" * count)
        + section(7, b"\1\6_start\0\0")
        + section(10, leb(count) + code * count)
    )


FORGED: Final = {
    "an output beyond the memory": "(call $print (i32.const 1) (i32.const 524280) (i32.const 9))",
    "an output at the end of the addresses": "(call $print (i32.const 1) (i32.const -1) (i32.const 2))",
    "a list of outputs beyond the memory": (
        "(drop (call $fd_write (i32.const 1) (i32.const -8) (i32.const 1000) (i32.const 8)))"
    ),
    "a count beyond the memory": "(drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 0) (i32.const -1)))",
    "an input beyond the memory": (
        "(i32.store (i32.const 0) (i32.const 524287)) (i32.store (i32.const 4) (i32.const 50))"
        "(drop (call $fd_read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)))"
    ),
    "a moment beyond the memory": "(drop (call $clock_time_get (i32.const 0) (i64.const -1) (i32.const 524281)))",
    "chance beyond the memory": "(drop (call $random_get (i32.const 0) (i32.const 524289)))",
    "chance at the end of the addresses": "(drop (call $random_get (i32.const -1) (i32.const 1)))",
    "a wait beyond the memory": ("(drop (call $poll_oneoff (i32.const -1) (i32.const 0) (i32.const 1) (i32.const 0)))"),
    "a URL beyond the memory": "(drop (call $fetch (i32.const 524280) (i32.const 9)))",
    "a URL of all addresses": "(drop (call $fetch (i32.const 0) (i32.const -1)))",
    "a page beyond the memory": (
        f"(drop (call $fetch (i32.const {DATA}) (i32.const {len(URL)})))"
        "(drop (call $read (i32.const 524288) (i32.const -1)))"
    ),
    "a load beyond the memory": "(drop (i32.load (i32.const -4)))",
    "a fill beyond the memory": "(memory.fill (i32.const 0) (i32.const 1) (i32.const -1))",
}

CASES: Final[dict[str, tuple[bytes, str]]] = {
    **{name: (program(body, data=URL), "error") for name, body in FORGED.items()},
    "an endless loop": (program(FOREVER), "time"),
    "a loop at the start of the module": (
        assembled(f'(module (func $s {FOREVER}) (start $s) (func (export "_start")))'),
        "time",
    ),
    "a loop of fills": (
        program("(loop $l (memory.fill (i32.const 0) (i32.const 1) (i32.const 500000)) (br $l))"),
        "time",
    ),
    "a loop over scattered memory": (
        program(
            """(drop (memory.grow (i32.const 900)))
            (loop $l
              (local.set $i (i32.add (i32.mul (local.get $i) (i32.const 1664525)) (i32.const 1013904223)))
              (local.set $n (i32.load (i32.and (i32.add (local.get $i) (local.get $n)) (i32.const 0x1ffffff))))
              (br $l))"""
        ),
        "time",
    ),
    "a loop of calls to the clock": (
        program(
            "(loop $l (drop (call $clock_time_get (i32.const 0) (i64.const 0) (i32.const 512))) (br $l))",
        ),
        "time",
    ),
    "a loop of empty outputs": (
        program("(loop $l (call $print (i32.const 1) (i32.const 0) (i32.const 0)) (br $l))"),
        "time",
    ),
    "a loop of outputs in many empty parts": (
        program(
            "(loop $l (drop (call $fd_write (i32.const 1) (i32.const 65536) (i32.const 1024) (i32.const 8))) (br $l))"
        ),
        "time",
    ),
    "chance for ever": (
        program("(loop $l (drop (call $random_get (i32.const 0) (i32.const 500000))) (br $l))"),
        "time",
    ),
    "sleep for ever": (
        program(
            """(i64.store (i32.const 152) (i64.const -1))
            (loop $l
              (drop (call $poll_oneoff (i32.const 128) (i32.const 256) (i32.const 1) (i32.const 512))) (br $l))"""
        ),
        "time",
    ),
    "a memory that grows for ever": (program("(loop $l (drop (memory.grow (i32.const 1))) (br $l))"), "time"),
    "a table that grows for ever": (
        program(
            "(loop $l (drop (table.grow $t (ref.null func) (i32.const 1000))) (br $l))",
            more="(table $t 1 funcref)",
        ),
        "time",
    ),
    "a memory that begins too large": (program("", memory='(memory (export "memory") 1025)'), "memory"),
    "a memory of all addresses": (program("", memory='(memory (export "memory") 65536)'), "memory"),
    "a table that begins too large": (program("", more="(table 1000000 funcref)"), "memory"),
    "two memories": (declared("(memory 1) (memory 1)"), "syntax"),
    "a memory of 64 bits": (declared("(memory i64 1)"), "syntax"),
    "a shared memory": (declared("(memory 1 2 shared)"), "syntax"),
    "many tables": (declared("(table 1 funcref)" * 9), "memory"),
    "a recursion": (program("(call $r)", more="(func $r (call $r))"), "recursion"),
    "a recursion with many locals": (
        program("(drop (call $r (i64.const 1)))", more=RECURSION),
        "recursion",
    ),
    "a flood of output": (
        program("(loop $l (call $print (i32.const 1) (i32.const 0) (i32.const 1000)) (br $l))"),
        "output",
    ),
    "a flood on the second output": (
        program("(loop $l (call $print (i32.const 2) (i32.const 0) (i32.const 1000)) (br $l))"),
        "output",
    ),
    "one long line of output": (program("(call $print (i32.const 1) (i32.const 0) (i32.const 500000))"), "output"),
    "an output of all addresses": (program("(call $print (i32.const 1) (i32.const 0) (i32.const -1))"), "output"),
    "requests for ever": (
        program(
            f"(loop $l (drop (call $fetch (i32.const {DATA}) (i32.const {len(URL)}))) (br $l))",
            data=URL,
        ),
        "requests",
    ),
    "an unreachable": (program("unreachable"), "error"),
    "a division by nothing": (program("(drop (i32.div_u (i32.const 1) (local.get $i)))"), "error"),
    "a call of the wrong type": (
        program("(call_indirect (type $x) (i32.const 0))", more="(type $x (func (param) (result))) (table 1 funcref)"),
        "error",
    ),
    "an exit with a status": (program("(call $proc_exit (i32.const -1))"), "error"),
    "no memory for an output": (program("(call $print_number (i64.const 1))", memory="(memory 8)"), "error"),
    "a memory that is a function": (
        program(
            "(drop (call $random_get (i32.const 0) (i32.const 1)))",
            memory="(memory 8)",
            more='(func (export "memory"))',
        ),
        "error",
    ),
    "no output": (program(""), "value"),
    "an output that is no JSON": (answering("hello"), "value"),
    "an answer that is no text": (printing((1, b"\xff\xfe")), "value"),
    "a deep answer": (answering("[" * 20_000 + "]" * 20_000), "value"),
    "an answer of some levels": (answering("[" * 40 + "]" * 40), "value"),
    "an answer that is too long an integer": (answering("9" * 5000), "value"),
    "an answer that is no number": (answering("NaN"), "value"),
    "an answer that is infinite": (answering("[-Infinity]"), "value"),
    "an answer whose number has no end": (answering("1e99999999999999999999999"), "value"),
    "an import of nobody": (declared('(import "env" "system" (func (param i32) (result i32)))'), "error"),
    "an import of a memory": (declared('(import "env" "memory" (memory 1))'), "error"),
    "an import of a function of the host that there is not": (
        declared('(import "triggerx" "chain_call" (func (param i32 i32) (result i32)))'),
        "error",
    ),
    "an import of a function that WASI does not have": (
        declared('(import "wasi_snapshot_preview1" "path_execute" (func (result i32)))'),
        "error",
    ),
    "an import with another type": (
        declared('(import "wasi_snapshot_preview1" "fd_close" (func (param i64) (result i32)))'),
        "error",
    ),
    "an import that is a global": (declared('(import "wasi_snapshot_preview1" "fd_close" (global i32))'), "error"),
    "a module without a program": (assembled('(module (func (export "f")))'), "function"),
    "a program with a parameter": (assembled('(module (func (export "_start") (param i32)))'), "function"),
    "a program that is a memory": (assembled('(module (memory (export "_start") 1))'), "function"),
    "nothing": (b"", "syntax"),
    "a text": (b'(module (func (export "_start")))', "syntax"),
    "a Python script": (b"def f():\n    return 1", "syntax"),
    "a component": (b"\0asm\r\0\1\0", "syntax"),
    "a module without any section": (b"\0asm\1\0\0\0", "function"),
    "a section without an end": (b"\0asm\1\0\0\0\1\xff\xff\xff\xff\x0f", "syntax"),
    "bytes after the magic number": (b"\0asm\1\0\0\0" + bytes(range(256)), "syntax"),
    "a cut module": (answering("1")[:-5], "syntax"),
    "a module that is too long": (b"\0asm\1\0\0\0" + b"\0" * (512 * 1024), "syntax"),
    "a type that does not fit": (b"\0asm\1\0\0\0" + section(1, b"\1\x60\0\0") + section(3, b"\1\0"), "syntax"),
}


async def ended(wasm: Bench, source: bytes) -> ScriptFailed:
    """How the run failed, in time and without a trace in this process."""
    wasm.pages.pages[URL] = b"1"
    before_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.monotonic()
    with pytest.raises(ScriptFailed) as failed:
        await wasm.run(source)
    took_s = time.monotonic() - began
    grown_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kb
    assert took_s < LIMITS.time_s + SLACK_S
    assert grown_kb < GROWTH_KB_MAX
    assert len(str(failed.value)) <= 1024
    assert len(failed.value.output) <= LIMITS.output_bytes
    return failed.value


@pytest.mark.parametrize("name", CASES)
async def test_program_when_it_is_hostile_then_it_ends_in_time_and_the_next_one_works(wasm: Bench, name: str) -> None:
    source, code = CASES[name]
    (process_id,) = wasm.pool.process_ids
    failed = await ended(wasm, source)
    assert failed.code == code, str(failed)
    if code != "time":  # else the node may have lost its patience a moment before the worker did
        assert wasm.pool.process_ids == (process_id,)
    assert (await wasm.run(answering("7"))).value == 7


@pytest.mark.parametrize(
    "source",
    [
        many_functions(MANY, b"\x41\0\x1a"),
        many_functions(1000, b"\x41\0\x1a" * 160),
        many_functions(1, b"\x41\0\x1a" * 170_000),
        many_functions(1, b"\2\x40" * 170_000 + b"\x0b" * 170_000),
        many_functions(1, b"\x41\0\x04\x40" * 80_000 + b"\x0b" * 80_000),
        many_imports(30_000),
        many_exports(50_000),
        many_locals(60_000),
    ],
    ids=[
        "many functions",
        "long functions",
        "one function",
        "blocks in blocks",
        "branches in branches",
        "many imports",
        "many exports",
        "many locals",
    ],
)
async def test_module_when_it_takes_long_to_compile_then_that_counts_and_the_next_one_works(
    wasm: Bench, source: bytes
) -> None:
    failed = await ended(wasm, source)
    assert failed.code in {"time", "value", "crashed", "syntax"}, str(failed)
    assert (await wasm.run(answering("7"), limits=ScriptLimits())).value == 7


async def test_request_when_it_never_ends_then_the_run_does(wasm: Bench) -> None:
    wasm.pages.stuck.add(URL)
    failed = await ended(wasm, program(f"(drop (call $fetch (i32.const {DATA}) (i32.const {len(URL)})))", data=URL))
    assert failed.code == "time"
    assert (await wasm.run(answering("7"), limits=ScriptLimits())).value == 7


async def test_memory_when_two_runs_follow_each_other_then_nothing_is_left_in_it(wasm: Bench) -> None:
    source = program(
        """(call $print_number (i64.load (i32.const 4096)))
        (i64.store (i32.const 4096) (i64.const 5)) (global.set $g (i32.const 5))""",
        more="(global $g (mut i32) (i32.const 0))",
    )
    assert [(await wasm.run(source)).value for _ in range(2)] == [0, 0]


async def test_runs_when_there_are_many_then_the_worker_does_not_grow(wasm: Bench) -> None:
    (process_id,) = wasm.pool.process_ids
    for number in range(40):
        with pytest.raises(ScriptFailed):
            await wasm.run(program(f"(drop (memory.grow (i32.const 900))) (drop (i64.const {number})) unreachable"))
    assert wasm.pool.process_ids == (process_id,)
