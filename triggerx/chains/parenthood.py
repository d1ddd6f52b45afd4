"""A process that ends with the one that started it.

Rule: on Linux the kernel sends SIGTERM to the child when the thread that started it ends (prctl PR_SET_PDEATHSIG);
elsewhere this does nothing, and the caller needs another way, such as a pipe that closes. A program that knows nothing
of this is started by ``python -m triggerx.chains.parenthood PROGRAM ARGUMENT…``, which becomes it.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from typing import Final

PR_SET_PDEATHSIG: Final = 1

_LIBC: Final = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def die_with_parent(signal_number: int = signal.SIGTERM) -> None:
    """Ask the kernel to signal this process when its parent ends."""
    if _LIBC is not None:
        _LIBC.prctl(PR_SET_PDEATHSIG, int(signal_number), 0, 0, 0)


def main() -> None:
    """Become the program that the arguments name, to end by SIGKILL with the parent."""
    die_with_parent(signal.SIGKILL)
    program = sys.argv[1:]
    os.execv(program[0], program)  # noqa: S606 - the caller names the program; there is no shell


if __name__ == "__main__":
    main()
