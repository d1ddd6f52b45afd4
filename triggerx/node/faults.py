"""Dies at a named crash point, as by `kill -9`, where a test asked for it.

`TRIGGERX_CRASH_AT` names the point; `TRIGGERX_CRASH_ONCE` is a file that the first to die creates, so that of several
processes with the same environment, and after a restart, only one dies.
"""

import os
import signal
from collections.abc import Mapping

from triggerx.core.errors import ConfigurationError
from triggerx.ports.faults import CrashPoint, no_crash


def crash_point_from(environ: Mapping[str, str]) -> CrashPoint:
    """Return what the environment asks for; usually a point that does nothing."""
    wanted, once = environ.get("TRIGGERX_CRASH_AT", ""), environ.get("TRIGGERX_CRASH_ONCE", "")
    if not wanted:
        return no_crash
    if not once:
        raise ConfigurationError("TRIGGERX_CRASH_AT is set for a test, but TRIGGERX_CRASH_ONCE names no file")

    def crash(name: str) -> None:
        if name != wanted:
            return
        try:
            os.close(os.open(once, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        except FileExistsError:
            return
        os.kill(os.getpid(), signal.SIGKILL)

    return crash
