"""The processes under the scripts: when they start, what they hold, and that they end."""

import asyncio
import os
import signal
import sys
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest

from tests.contract.scripts.conftest import LIMITS, NOW, Bench
from tests.contract.scripts.programs import answering
from tests.fakes.pages import Pages
from triggerx.core.errors import RecoverableError
from triggerx.ports.scripts import LanguageUnavailable, ScriptCall, ScriptFailed, ScriptLimits
from triggerx.scripts import pool as pool_module
from triggerx.scripts import python_worker, sandboxes, wasm_worker
from triggerx.scripts.pool import WorkerPool
from triggerx.scripts.python import PYTHON
from triggerx.scripts.sandbox import Sandbox
from triggerx.scripts.sandboxes import open_sandboxes
from triggerx.scripts.walls import FILES_MAX, WORKER_MEMORY_BYTES

ONE = b"def f():\n    return 1"
CALL = ScriptCall(language="python", function="f", now=NOW, limits=LIMITS)


def python_by(*command: str) -> Sandbox:
    """The sandbox with other workers."""
    return Sandbox(replace(PYTHON, command=command), Pages(), WorkerPool(workers_max=1))


async def gone(process_id: int) -> None:
    """Return once the process has ended and was reaped."""
    while True:
        try:
            os.kill(process_id, 0)
        except ProcessLookupError:
            return
        await asyncio.sleep(0)


def children(process_id: int) -> list[int]:
    return [int(text) for text in Path(f"/proc/{process_id}/task/{process_id}/children").read_text().split()]


def limits_of(process_id: int) -> dict[str, str]:
    lines = Path(f"/proc/{process_id}/limits").read_text().splitlines()[1:]
    return {line[:26].strip(): line[26:].split()[0] for line in lines}


async def test_sandboxes_when_they_are_opened_then_no_process_starts_and_no_interpreter_is_loaded() -> None:
    text = f"""
import asyncio, os, sys
from pathlib import Path
from triggerx.ports.scripts import ScriptCall
from triggerx.scripts.sandboxes import open_sandboxes
def children():
    return len(Path(f"/proc/self/task/{{os.getpid()}}/children").read_text().split())
async def main():
    async with open_sandboxes(None) as scripts:
        print(sorted(scripts.languages()), children())
        for language, source in (("python", {ONE!r}), ("wasm", {answering("1")!r})):
            print((await scripts.run(source, ScriptCall(language=language, function="f", now=1))).value, children())
    print(children(), {{"pydantic_monty", "wasmtime"}} & sys.modules.keys())
asyncio.run(main())
"""
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", text, stdout=asyncio.subprocess.PIPE)
    out, _ = await process.communicate()
    assert out.decode().splitlines() == ["['python', 'wasm'] 0", "1 1", "1 2", "0 set()"]


@pytest.mark.parametrize("language", ["go", "ts", "", "Python"])
async def test_language_when_there_is_no_sandbox_then_nothing_else_is_used(language: str) -> None:
    async with open_sandboxes(Pages()) as scripts:
        with pytest.raises(LanguageUnavailable, match="it has: python, wasm"):
            await scripts.run(ONE, replace(CALL, language=language))


async def test_machine_when_the_interpreter_is_missing_then_the_language_is_unavailable(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sandboxes, "LANGUAGES", (replace(PYTHON, package="no_such_interpreter"),))
    async with open_sandboxes(Pages()) as scripts:
        assert scripts.languages() == frozenset()
        with pytest.raises(LanguageUnavailable, match="it has: none"):
            await scripts.run(ONE, CALL)


@pytest.mark.parametrize(("package", "worker"), [("pydantic_monty", python_worker), ("wasmtime", wasm_worker)])
async def test_worker_when_it_cannot_work_then_it_says_why(package: str, worker: ModuleType) -> None:
    text = f"import sys; sys.modules[{package!r}] = None; from {worker.__name__} import main; main()"
    sandbox = python_by(sys.executable, "-I", "-c", text)
    with pytest.raises(LanguageUnavailable, match=package):
        await sandbox.run(ONE, CALL)


async def test_worker_when_there_is_no_compiler_for_the_machine_then_it_says_so() -> None:
    text = "import platform; platform.machine = lambda: 'vax'; from triggerx.scripts.wasm_worker import main; main()"
    sandbox = python_by(sys.executable, "-I", "-c", text)
    with pytest.raises(LanguageUnavailable, match="unsupported architecture for wasmtime: vax"):
        await sandbox.run(ONE, CALL)


@pytest.mark.parametrize(
    "command",
    [
        (sys.executable, "-c", ""),
        (sys.executable, "-c", "print('hello, I am no worker', flush=True); input()"),
    ],
)
async def test_worker_when_it_is_none_then_the_run_may_be_tried_again(command: tuple[str, ...]) -> None:
    sandbox = python_by(*command)
    for _ in range(2):
        with pytest.raises(RecoverableError, match="not ready"):
            await sandbox.run(ONE, CALL)
    missing = python_by("no-such-program")
    with pytest.raises(RecoverableError, match="can be started: No such file"):
        await missing.run(ONE, CALL)


@pytest.mark.parametrize(
    "answer",
    [{"call": "chain_call", "arguments": []}, {"call": "fetch", "arguments": 1}, {}, {"value": 1}, {"output": 5}],
)
async def test_worker_when_it_speaks_nonsense_then_the_run_fails(answer: dict[str, object]) -> None:
    text = (
        "from triggerx.scripts.frames import PipeEnds; ends = PipeEnds(0, 1); ends.write({'ready': True}); "
        f"ends.read(); ends.write({answer!r}); ends.read()"
    )
    sandbox = python_by(sys.executable, "-I", "-c", text)
    with pytest.raises(ScriptFailed) as failed:
        await sandbox.run(ONE, CALL)
    assert failed.value.code == "crashed"


async def test_worker_when_runs_succeed_or_fail_then_it_stays(bench: Bench) -> None:
    before = bench.pool.process_ids
    assert (await bench.run(ONE)).value == 1
    with pytest.raises(ScriptFailed):
        await bench.run("def f():\n    return nope")
    assert bench.pool.process_ids == before


async def test_worker_when_it_is_killed_in_a_run_then_that_fails_and_the_next_works(bench: Bench) -> None:
    (process_id,) = bench.pool.process_ids
    bench.pages.stuck.add("https://slow.example")
    run = asyncio.create_task(bench.run("def f():\n    return fetch('https://slow.example')"))
    await bench.pages.was_asked.wait()
    below = children(process_id)
    assert len(below) >= 1
    os.kill(process_id, signal.SIGKILL)
    with pytest.raises(ScriptFailed) as failed:
        await run
    assert failed.value.code == "time"  # the host's own wait ends first; the pipe is looked at after it
    assert (await bench.run(ONE)).value == 1
    assert bench.pool.process_ids != (process_id,)
    for each in (process_id, *below):
        await gone(each)


async def test_worker_when_it_is_killed_while_the_script_computes_then_the_run_crashes(bench: Bench) -> None:
    (process_id,) = bench.pool.process_ids
    bench.pages.pages["https://a.example"] = b"1"
    run = asyncio.create_task(bench.run("def f():\n    fetch('https://a.example')\n    while True:\n        pass"))
    await bench.pages.was_asked.wait()
    os.kill(process_id, signal.SIGKILL)
    with pytest.raises(ScriptFailed) as failed:
        await run
    assert failed.value.code == "crashed"
    assert (await bench.run(ONE)).value == 1


async def test_interpreter_when_it_is_killed_then_the_run_crashes_and_the_worker_stays(bench: Bench) -> None:
    (process_id,) = bench.pool.process_ids
    bench.pages.pages["https://a.example"] = b"1"
    run = asyncio.create_task(bench.run("def f():\n    fetch('https://a.example')\n    while True:\n        pass"))
    await bench.pages.was_asked.wait()
    for each in children(process_id):
        os.kill(each, signal.SIGKILL)
    with pytest.raises(ScriptFailed) as failed:
        await run
    assert failed.value.code == "crashed"
    assert bench.pool.process_ids == (process_id,)
    assert (await bench.run(ONE)).value == 1


async def test_worker_when_it_died_idle_then_another_takes_the_run(bench: Bench) -> None:
    (process_id,) = bench.pool.process_ids
    os.kill(process_id, signal.SIGKILL)
    await gone(process_id)
    assert (await bench.run(ONE)).value == 1


async def test_run_when_it_is_cancelled_then_its_worker_ends(bench: Bench) -> None:
    (process_id,) = bench.pool.process_ids
    bench.pages.stuck.add("https://slow.example")
    run = asyncio.create_task(bench.run("def f():\n    return fetch('https://slow.example')"))
    await bench.pages.was_asked.wait()
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    await gone(process_id)
    assert (await bench.run(ONE)).value == 1


async def test_pool_when_it_closes_then_every_process_ends(bench: Bench) -> None:
    (process_id,) = bench.pool.process_ids
    below = children(process_id)
    await bench.pool.close()
    for each in (process_id, *below):
        await gone(each)


async def test_worker_when_a_script_waits_then_it_holds_nothing_of_the_node(bench: Bench) -> None:
    (process_id,) = bench.pool.process_ids
    bench.pages.stuck.add("https://slow.example")
    run = asyncio.create_task(bench.run("def f():\n    return fetch('https://slow.example')"))
    await bench.pages.was_asked.wait()
    seen = 0
    for each in (process_id, *children(process_id)):
        with suppress(ProcessLookupError, FileNotFoundError):  # the interpreter of the run before may be ending
            environ = Path(f"/proc/{each}/environ").read_bytes()
            limits = limits_of(each)
            status = Path(f"/proc/{each}/status").read_text()
            open_files = {str(path.readlink()) for path in Path(f"/proc/{each}/fd").iterdir()}
            assert environ == b""
            assert os.getsid(each) == process_id
            assert limits["Max file size"] == limits["Max core file size"] == "0"
            assert int(limits["Max open files"]) <= FILES_MAX
            assert int(limits["Max address space"]) <= WORKER_MEMORY_BYTES
            assert limits["Max cpu time"] != "unlimited"
            assert "NoNewPrivs:\t1" in status
            assert all(name.startswith(("/dev/null", "pipe:", "socket:", "anon_inode:")) for name in open_files)
            seen += 1
    assert seen >= 2
    with pytest.raises(ScriptFailed):
        await run


async def test_worker_when_the_system_gives_it_a_network_of_its_own_then_it_has_that(bench: Bench) -> None:
    asked = (
        "import ctypes; libc = ctypes.CDLL(None); print(libc.unshare(0x50000000) == 0 or libc.unshare(0x40000000) == 0)"
    )
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", asked, stdout=asyncio.subprocess.PIPE)
    out, _ = await process.communicate()
    (process_id,) = bench.pool.process_ids
    own, its = (Path(f"/proc/{each}/ns/net").readlink() for each in ("self", process_id))
    assert (own != its) == (out == b"True\n")


async def test_worker_when_its_node_is_killed_then_it_ends_too() -> None:
    text = """
import asyncio
from triggerx.scripts.pool import WorkerPool
from triggerx.scripts.python import PYTHON
async def main():
    pool = WorkerPool(workers_max=1)
    async with pool.worker(PYTHON.command) as worker:
        print(worker.process_id, flush=True)
        await asyncio.Event().wait()
asyncio.run(main())
"""
    node = await asyncio.create_subprocess_exec(sys.executable, "-c", text, stdout=asyncio.subprocess.PIPE)
    assert node.stdout is not None
    process_id = int(await node.stdout.readline())
    node.kill()
    await node.wait()
    async with asyncio.timeout(5):
        while Path(f"/proc/{process_id}/stat").exists():
            if Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                break
            await asyncio.sleep(0)


async def test_pool_when_more_runs_come_than_workers_then_they_wait_and_all_are_done() -> None:
    pool = WorkerPool(workers_max=2)
    sandbox = Sandbox(PYTHON, Pages(), pool)
    calls = [sandbox.run(ONE, replace(CALL, limits=ScriptLimits())) for _ in range(12)]
    assert [run.value for run in await asyncio.gather(*calls)] == [1] * 12
    assert len(pool.process_ids) == 2
    await pool.close()


async def test_pool_when_too_many_wait_then_one_more_is_refused(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool_module, "WAITING_MAX", 1)
    runs = [asyncio.create_task(bench.run(ONE)) for _ in range(3)]
    done = await asyncio.gather(*runs, return_exceptions=True)
    assert sum(isinstance(each, RecoverableError) for each in done) == 1


async def test_worker_when_it_has_run_often_enough_then_it_is_replaced(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool_module, "RUNS_MAX", 2)
    (process_id,) = bench.pool.process_ids
    assert (await bench.run(ONE)).value == 1
    assert bench.pool.process_ids == ()
    await gone(process_id)


async def test_workers_when_two_languages_take_turns_then_each_keeps_its_own() -> None:
    async with open_sandboxes(Pages(), workers_max=1) as scripts:
        for _ in range(2):
            assert (await scripts.run(ONE, replace(CALL, limits=ScriptLimits()))).value == 1
            call = replace(CALL, language="wasm", limits=ScriptLimits())
            assert (await scripts.run(answering("2"), call)).value == 2


async def test_worker_when_it_runs_a_module_then_it_holds_nothing_of_the_node(wasm: Bench) -> None:
    (process_id,) = wasm.pool.process_ids
    limits = limits_of(process_id)
    open_files = {str(path.readlink()) for path in Path(f"/proc/{process_id}/fd").iterdir()}
    assert Path(f"/proc/{process_id}/environ").read_bytes() == b""
    assert os.getsid(process_id) == process_id
    assert limits["Max file size"] == limits["Max core file size"] == "0"
    assert int(limits["Max open files"]) <= FILES_MAX
    assert int(limits["Max address space"]) <= WORKER_MEMORY_BYTES
    assert limits["Max cpu time"] != "unlimited"
    assert "NoNewPrivs:\t1" in Path(f"/proc/{process_id}/status").read_text()
    assert all(name.startswith(("/dev/null", "pipe:", "socket:", "anon_inode:")) for name in open_files)
    assert children(process_id) == []
