"""What a worker takes from itself before it sees a script, and from the interpreter below it before each run.

Rule: nothing here is what makes a script harmless (the interpreter has no file, no socket and no process to offer); it
is what remains if the interpreter has a fault. So every wall is raised that the system has, and a missing one (no
prctl, no namespaces) stops nothing.
"""

import ctypes
import math
import os
import resource
import signal
import sys
from typing import Final

MEGABYTE: Final = 1024 * 1024
WORKER_MEMORY_BYTES: Final = 1024 * MEGABYTE  # address space; Python and the interpreter's client map 240 MB at rest
INTERPRETER_MEMORY_BYTES: Final = 256 * MEGABYTE  # what the interpreter maps before a script: 180 MB, code for the most
FILES_MAX: Final = 64  # six are open at rest, and the interpreter's pipes
CPU_SPARE_S: Final = 2  # beyond a run's own time, for starting and for handing over

_PR_SET_PDEATHSIG: Final = 1
_PR_SET_NO_NEW_PRIVS: Final = 38
_CLONE_NEWUSER: Final = 0x10000000
_CLONE_NEWNET: Final = 0x40000000


def raise_walls() -> None:
    """End with the parent, gain no privileges, write no file and no core, hold few files, and have no network.

    Call it first and from the only thread: a user namespace is given to no other process.
    """
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        libc.prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
        libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        if libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNET) != 0:
            libc.unshare(_CLONE_NEWNET)
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_FSIZE, 0)
    _limit(resource.RLIMIT_NOFILE, FILES_MAX)
    _limit(resource.RLIMIT_AS, WORKER_MEMORY_BYTES)


def limit_own_time(time_s: float) -> None:
    """Let this process use so much more processor time, then end; anew for each run."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    seconds = math.ceil(used.ru_utime + used.ru_stime + time_s) + CPU_SPARE_S
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    resource.setrlimit(resource.RLIMIT_CPU, (_at_most(seconds, hard), hard))


def limit_interpreter(process_id: int, *, time_s: float, memory_bytes: int) -> None:
    """Give a fresh interpreter's process its limits of processor time and memory for one run."""
    if sys.platform == "linux":
        seconds = math.ceil(time_s) + CPU_SPARE_S
        memory = INTERPRETER_MEMORY_BYTES + 2 * memory_bytes  # the answer is written out beside the script's heap
        for kind, wanted in ((resource.RLIMIT_CPU, seconds), (resource.RLIMIT_AS, memory)):
            value = _at_most(wanted, resource.prlimit(process_id, kind)[1])
            resource.prlimit(process_id, kind, (value, value))


def quiet_ends() -> tuple[int, int]:
    """Return private copies of standard input and output, and leave nothing behind the usual ones."""
    ends = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDWR)
    for usual in (0, 1, 2):
        os.dup2(nothing, usual)
    os.close(nothing)
    return ends


def _limit(kind: int, value: int) -> None:
    value = _at_most(value, resource.getrlimit(kind)[1])
    resource.setrlimit(kind, (value, value))


def _at_most(value: int, hard: int) -> int:
    """The value, or the hard limit where that is lower already and only a privileged process could raise it."""
    return value if hard == resource.RLIM_INFINITY else min(value, hard)
