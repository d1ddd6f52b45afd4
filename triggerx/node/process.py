"""The node as a process: signals stop it cleanly, once; a second one, or a stop that hangs, ends it at once."""

import asyncio
import gc
import os
import signal
import sys
import threading
from collections.abc import Callable, Coroutine
from types import FrameType
from typing import Any, Final

from triggerx.node.failures import is_recoverable
from triggerx.node.memory import keep_memory_private

STOP_DEADLINE_S: Final = 75.0
"""For the whole unwinding: five roles and the adapters, each with its own deadline, stay below it."""
INTERRUPTED: Final = 130
"""The exit status after SIGINT, as shells have it: 128 + 2."""
_STUCK: Final = 70
COLLECT_AFTER: Final = (50_000, 20, 100)
"""Allocations before the garbage collector looks, by generation. With Python's 700 it goes through a range's logs and
every job that is kept again and again: a third of the engine's time. What it frees are cycles, and we make few."""


def run_process(work: Callable[[], Coroutine[Any, Any, None]]) -> int:
    """Run the work on an event loop until it ends or a signal stops it; returns the exit status.

    SIGTERM and SIGINT cancel the work and wait for its clean-up: 0 and 130. What the work raises is raised.
    """
    keep_memory_private()
    collect_seldom()
    watchdog = _new_watchdog()
    try:
        return asyncio.run(_until_signal(work, watchdog))
    finally:
        watchdog.cancel()


def collect_seldom() -> None:
    """Set the garbage collector of this process to look as seldom as a node needs."""
    gc.set_threshold(*COLLECT_AFTER)


async def _until_signal(work: Callable[[], Coroutine[Any, Any, None]], watchdog: threading.Timer) -> int:
    loop = asyncio.get_running_loop()
    task = asyncio.create_task(work(), name="work")
    received: list[int] = []

    def on_signal(number: int, _frame: FrameType | None) -> None:
        if received:
            os._exit(128 + number)
        received.append(number)
        watchdog.start()
        loop.call_soon_threadsafe(task.cancel)

    before = {number: signal.signal(number, on_signal) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        await asyncio.wait({task})
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        task.cancel()
    failure = None if task.cancelled() else task.exception()
    if failure is not None and not (received and is_recoverable(failure)):
        raise failure  # an outside that fails while a signal stops us is no failure of the stop
    return INTERRUPTED if signal.SIGINT in received else 0


def _new_watchdog() -> threading.Timer:
    """Make what ends the process when a stop hangs; started by the first signal, cancelled when the work has ended."""

    def give_up() -> None:
        sys.stderr.write(f"triggerx: the stop took longer than {STOP_DEADLINE_S:g} s; ending at once\n")
        sys.stderr.flush()
        os._exit(_STUCK)

    watchdog = threading.Timer(STOP_DEADLINE_S, give_up)
    watchdog.daemon = True
    watchdog.name = "stop watchdog"
    return watchdog
