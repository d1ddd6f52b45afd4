"""The lock of a data directory: one process at a time, until it ends in whatever way."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from triggerx.core.errors import UnavailableError

LOCK_FILE: Final = "store.lock"
LOCKS: Final = Path("/proc/locks")  # proc(5): number, kind, mode, right, process, device and inode, range


class DirectoryInUse(UnavailableError):
    """Another process holds the data directory; `holder` is its process id as text."""

    def __init__(self, directory: Path, holder: str) -> None:
        super().__init__(f"{directory} is in use by the process {holder}: stop it, or name another data directory")
        self.directory = directory
        self.holder = holder


@contextmanager
def locked(directory: Path) -> Iterator[None]:
    """Hold the directory; raises `DirectoryInUse` naming the process that has it.

    The kernel gives the lock back when the process ends, so a stale file is harmless; its text is the holder's pid.
    """
    descriptor = os.open(directory / LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip() or "unknown"
            raise DirectoryInUse(directory, holder) from error
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(descriptor)


def holder_of(directory: Path, *, locks: Path = LOCKS) -> int | None:
    """The process that holds the directory, by the kernel's word; None where nobody does, or the system does not tell.

    Looking takes no lock, so a node that starts at this moment is not kept from it.
    """
    try:
        inode = (directory / LOCK_FILE).stat().st_ino
        lines = [line.split() for line in locks.read_text().splitlines()]
    except OSError:
        return None
    for fields in lines:
        if len(fields) > 5 and fields[1] == "FLOCK" and fields[5].rpartition(":")[2] == str(inode):
            return int(fields[4])
    return None
