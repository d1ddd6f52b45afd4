"""The node as a process: signals stop it cleanly, once; a second one, or a stop that hangs, ends it at once."""

import asyncio
import os
import signal
import sys
import threading
from collections.abc import Callable, Coroutine
from types import FrameType
from typing import Any, Final

from triggerx.node.failures import is_recoverable

STOP_DEADLINE_S: Final = 75.0
"""For the whole unwinding: five roles and the adapters, each with its own deadline, stay below it."""
INTERRUPTED: Final = 130
"""The exit status after SIGINT, as shells have it: 128 + 2."""
_STUCK: Final = 70


def run_process(work: Callable[[], Coroutine[Any, Any, None]]) -> int:
    """Run the work on an event loop until it ends or a signal stops it; returns the exit status.

    SIGTERM and SIGINT cancel the work and wait for its clean-up: 0 and 130. What the work raises is raised.
    """
    watchdog = _new_watchdog()
    try:
        return asyncio.run(_until_signal(work, watchdog))
    finally:
        watchdog.cancel()


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
