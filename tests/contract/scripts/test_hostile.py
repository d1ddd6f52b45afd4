"""Scripts that mean harm, run for real: each ends within its limit, the node keeps its memory, the next run works."""

import resource
import time
from typing import Final

import pytest

from tests.contract.scripts.conftest import LIMITS, Bench
from triggerx.ports.fetch import FetchRefused
from triggerx.ports.scripts import ScriptFailed

SLACK_S: Final = 1.0
GROWTH_KB_MAX: Final = 8 * 1024  # a frame of the worker is 2 MB at most, and is decoded

BODIES: Final = {
    "an endless loop": ("while True:\n        pass", "time"),
    "an endless loop of tiny allocations": ("while True:\n        []", "time"),
    "a loop that swallows everything": (
        "while True:\n        try:\n            while True: pass\n        except BaseException:\n            pass",
        "time",
    ),
    "a loop in finally": (
        "while True:\n        try:\n            while True: pass\n        finally:\n            continue",
        "time",
    ),
    "a long sum in native code": ("return sum(range(10**12))", "time"),
    "a power in native code": ("return pow(3, 2**300000, 2**40000 + 1)", "time"),
    "a list that grows": ("x = []\n    while True:\n        x.append(1)", "memory"),
    "a list of lists": ("x = []\n    while True:\n        x = [x, x]", "memory"),
    "a dictionary that grows": ("x = {}\n    while True:\n        x[len(x)] = str(len(x))", "memory"),
    "a long string": ("return len('a' * 10**12)", "memory"),
    "a string that doubles": ("x = 'a'\n    while True:\n        x += x", "memory"),
    "a power": ("return 10**10**8", "memory"),
    "a shift": ("return 1 << 10**12", "memory"),
    "a memory error that is caught": (
        "while True:\n        try:\n            x = 'a' * 10**12\n        except BaseException:\n            pass",
        "memory",
    ),
    "a wide format": ("return '%0999999999d' % 1", "memory"),
    "a recursion": ("return f()", "recursion"),
    "a flood of output": ("while True:\n        print('x' * 1000)", "output"),
    "one long line of output": ("print('x' * 10**7)", "output"),
    "output inside a swallowing loop": (
        "while True:\n        try:\n            print('x' * 1000)\n        except BaseException:\n            pass",
        "output",
    ),
    "a huge answer": ("return 'x' * 10**7", "value"),
    "an answer of many parts": ("return [0] * 10**6", "memory"),
    "an answer of many empty lists": ("return [[] for _ in range(300000)]", "memory"),
    "an answer of some parts": ("return [0] * 10**5", "value"),
    "a deep answer": ("x = []\n    for _ in range(100000):\n        x = [x]\n    return x", "value"),
    "an answer that is too long an integer": ("return 10**5000", "value"),
    "an answer that is no number": ("return float('nan')", "value"),
    "an answer that is infinite": ("return float('inf')", "value"),
    "an answer of bytes": ("return b'x'", "value"),
    "an answer that is a set": ("return {1}", "value"),
    "an answer with other keys": ("return {1: 2}", "value"),
    "an object as the answer": ("class A:\n        pass\n    return A()", "value"),
    "the text of a huge integer": ("return str(10**200000)", "error"),
    "a huge text as an integer": ("return int('9' * 1000000)", "error"),
    "an exception with a huge message": ("raise ValueError('x' * 10**7)", "error"),
    "__import__": ("return __import__('os').system('id')", "error"),
    "open": ("return open('/etc/passwd').read()", "error"),
    "pathlib": ("from pathlib import Path\n    return Path('/etc/passwd').read_text()", "error"),
    "os.listdir": ("import os\n    return os.listdir('/')", "error"),
    "os.environ": ("import os\n    return dict(os.environ)", "error"),
    "os.urandom": ("import os\n    return os.urandom(8)", "error"),
    "os.system": ("import os\n    return os.system('id')", "error"),
    "os.fork": ("import os\n    return os.fork()", "error"),
    "subprocess": ("import subprocess\n    return 1", "error"),
    "socket": ("import socket\n    return 1", "error"),
    "ctypes": ("import ctypes\n    return 1", "error"),
    "sys.modules": ("import sys\n    return len(sys.modules)", "error"),
    "classes of classes": ("return ().__class__.__bases__[0].__subclasses__()", "error"),
    "globals of a function": ("return f.__globals__['__builtins__']", "error"),
    "a frame": ("import sys\n    return sys._getframe()", "error"),
    "exec of an import": ("exec('import subprocess')", "error"),
    "an exit": ("raise SystemExit(3)", "error"),
    "an unknown name": ("return nope", "error"),
    "an unknown function": ("return nope()", "error"),
    "a wait for nothing": ("import asyncio\n    return asyncio.run(asyncio.Future())", "error"),
}

SOURCES: Final[dict[str, tuple[str | bytes, str]]] = {
    "a missing function": ("def g():\n    return 1", "function"),
    "an empty script": ("", "function"),
    "a function that is the host's": ("def fetch():\n    return 1", "function"),
    "a name that is no function": ("f = 5", "error"),
    "a parameter too many": ("def f(a):\n    return 1", "error"),
    "a syntax error": ("def f(:\n    return 1", "syntax"),
    "a string without an end": ("def f():\n    return '", "syntax"),
    "a lone surrogate": (b"x = '\xed\xa0\x80'\ndef f():\n    return 1", "syntax"),
    "bytes": (b"\xff\xfe\x00", "syntax"),
    "a deep nest of brackets": ("x = " + "[" * 50_000 + "]" * 50_000, "syntax"),
    "many signs": ("x = " + "-" * 100_000 + "1", "syntax"),
    "a script that is too long": (b"#" * (512 * 1024 + 1), "syntax"),
    "a loop before the function": ("while True:\n    pass\ndef f():\n    return 1", "time"),
    "a bomb before the function": ("x = [0] * 10**9\ndef f():\n    return 1", "memory"),
}

CASES: Final = {
    **{name: (f"def f():\n    {body}".encode(), code) for name, (body, code) in BODIES.items()},
    **{name: (text if isinstance(text, bytes) else text.encode(), code) for name, (text, code) in SOURCES.items()},
}


@pytest.mark.parametrize("name", CASES)
async def test_script_when_it_is_hostile_then_it_ends_in_time_and_the_next_one_works(bench: Bench, name: str) -> None:
    source, code = CASES[name]
    before_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.monotonic()
    with pytest.raises(ScriptFailed) as failed:
        await bench.run(source, function="fetch" if "host's" in name else "f")
    took_s = time.monotonic() - began
    grown_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kb
    assert failed.value.code == code, str(failed.value)
    assert took_s < LIMITS.time_s + SLACK_S
    assert grown_kb < GROWTH_KB_MAX
    assert len(str(failed.value)) <= 1024
    assert len(failed.value.output) <= LIMITS.output_bytes
    assert (await bench.run("def f():\n    return 7")).value == 7


async def test_expression_when_it_backtracks_for_ever_then_it_ends_all_the_same(bench: Bench) -> None:
    source = "import re\ndef f():\n    return re.match('(a+)+$', 'a' * 40 + 'b') is None"
    began = time.monotonic()
    try:
        answer = (await bench.run(source)).value
    except ScriptFailed as failed:
        answer = failed.code
    assert answer in (True, "time", "error")
    assert time.monotonic() - began < LIMITS.time_s + SLACK_S


async def test_cycle_when_it_is_the_answer_then_it_is_cut_or_refused(bench: Bench) -> None:
    try:
        assert (await bench.run("def f():\n    x = []\n    x.append(x)\n    return x")).value == ["[...]"]
    except ScriptFailed as failed:
        assert failed.code == "value"


async def test_surrogate_when_it_is_the_answer_then_it_is_replaced(bench: Bench) -> None:
    assert (await bench.run("def f():\n    return '\\ud800'")).value == "\ufffd"


async def test_requests_when_a_script_swallows_the_limit_then_the_run_ends(bench: Bench) -> None:
    bench.pages.pages["https://a.example"] = b"1"
    source = """
def f():
    while True:
        try:
            fetch('https://a.example')
        except BaseException:
            pass
"""
    with pytest.raises(ScriptFailed) as failed:
        await bench.run(source)
    assert failed.value.code == "requests"
    assert len(bench.pages.asked) == LIMITS.requests


async def test_requests_when_they_are_refused_then_they_count_too(bench: Bench) -> None:
    bench.pages.pages["http://127.0.0.1"] = FetchRefused("private_address", "no")
    source = (
        "def f():\n    while True:\n        try:\n            fetch('http://127.0.0.1')\n        except OSError: pass"
    )
    with pytest.raises(ScriptFailed) as failed:
        await bench.run(source)
    assert failed.value.code == "requests"
    assert len(bench.pages.asked) == LIMITS.requests


async def test_request_when_it_never_ends_then_the_run_does(bench: Bench) -> None:
    bench.pages.stuck.add("https://slow.example")
    began = time.monotonic()
    with pytest.raises(ScriptFailed) as failed:
        await bench.run("def f():\n    return fetch('https://slow.example')")
    assert failed.value.code == "time"
    assert time.monotonic() - began < LIMITS.time_s + SLACK_S
    assert (await bench.run("def f():\n    return 7")).value == 7


async def test_globals_when_two_runs_follow_each_other_then_none_are_left(bench: Bench) -> None:
    await bench.run("import random\nleft = 5\nrandom.seed(1)\ndef f():\n    global late\n    late = 6\n    return 1")
    for name in ("left", "late", "__triggerx_arguments"):
        with pytest.raises(ScriptFailed, match=f"NameError: name '{name}'"):
            await bench.run(f"f = lambda: {name}\n{name}")
    draw = "import random\ndef f():\n    return random.random()"
    fresh = (await bench.run(draw)).value
    await bench.run("import random\nrandom.seed(1)\ndef f():\n    return random.random()")
    assert (await bench.run(draw)).value == fresh
