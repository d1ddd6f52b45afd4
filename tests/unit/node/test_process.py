import asyncio
import gc
import os
import signal
import subprocess
import sys
import threading

import pytest

from triggerx.core.errors import RecoverableError, UnrecoverableError
from triggerx.node.process import COLLECT_AFTER, run_process

STUBBORN = """
import asyncio, sys
from triggerx.node import process

async def work():
    print("ready", flush=True)
    while True:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            print("refused", flush=True)

if len(sys.argv) > 1:
    process.STOP_DEADLINE_S = float(sys.argv[1])
process.run_process(work)
"""


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_process_when_a_signal_comes_then_the_work_cleans_up_and_the_status_tells_which(
    number: signal.Signals, status: int
) -> None:
    course = []

    async def work() -> None:
        try:
            os.kill(os.getpid(), number)
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            course.append("cleaned up")

    before = signal.getsignal(signal.SIGTERM)
    assert run_process(work) == status
    assert course == ["cleaned up"]
    timers = [thread for thread in threading.enumerate() if isinstance(thread, threading.Timer)]
    assert all(timer.finished.is_set() for timer in timers), "the watchdog would end whoever goes on"
    assert signal.getsignal(signal.SIGTERM) is before


def test_process_when_the_work_ends_then_the_status_is_none() -> None:
    async def work() -> None:
        await asyncio.sleep(0)

    assert run_process(work) == 0


def test_process_when_the_work_fails_then_its_error_is_raised() -> None:
    async def work() -> None:
        raise KeyError("x")

    with pytest.raises(KeyError):
        run_process(work)


def test_process_when_a_second_signal_comes_then_it_ends_at_once() -> None:
    with subprocess.Popen([sys.executable, "-c", STUBBORN], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGINT)
        assert process.stdout.readline() == "refused\n"
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=20) == 130


def test_process_when_the_stop_hangs_then_it_ends_and_says_so() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", STUBBORN, "0.1"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=20) == 70
        assert "the stop took longer than 0.1 s" in process.stderr.read()


def test_process_when_the_outside_fails_while_a_signal_stops_it_then_the_stop_is_still_clean() -> None:
    async def work() -> None:
        try:
            os.kill(os.getpid(), signal.SIGTERM)
            await asyncio.Event().wait()
        finally:
            raise RecoverableError("no endpoint answers any more")

    assert run_process(work) == 0


def test_process_when_the_stop_finds_a_reason_not_to_go_on_then_it_is_raised() -> None:
    async def work() -> None:
        try:
            os.kill(os.getpid(), signal.SIGTERM)
            await asyncio.Event().wait()
        finally:
            raise UnrecoverableError("the store is damaged")

    with pytest.raises(UnrecoverableError, match="damaged"):
        run_process(work)


def test_run_process_when_it_runs_then_the_collector_looks_as_seldom_as_is_said() -> None:
    before, found = gc.get_threshold(), []

    async def work() -> None:
        found.append(gc.get_threshold())

    try:
        assert run_process(work) == 0
    finally:
        gc.set_threshold(*before)
    assert found == [COLLECT_AFTER]
