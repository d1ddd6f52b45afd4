"""WASI preview 1 as a script gets it: its input, its output, a clock that stands, chance from one seed; no files.

Names, parameters and layouts are the specification's (`wasi_snapshot_preview1.witx`). What is not given here answers
`ENOSYS`, and a descriptor that is not one of the three standard ones `EBADF`.
"""

import random
from collections.abc import Callable, Iterable, Mapping
from enum import IntEnum
from struct import pack, pack_into, unpack_from
from typing import Final, Protocol

from triggerx.scripts.worker import Failed

MODULE: Final = "wasi_snapshot_preview1"
# Every function of the specification with its parameters: i for 32 bits, I for 64. All but proc_exit return an error.
FUNCTIONS: Final[Mapping[str, str]] = {
    "args_get": "ii", "args_sizes_get": "ii", "environ_get": "ii", "environ_sizes_get": "ii", "clock_res_get": "ii",
    "clock_time_get": "iIi", "fd_advise": "iIIi", "fd_allocate": "iII", "fd_close": "i", "fd_datasync": "i",
    "fd_fdstat_get": "ii", "fd_fdstat_set_flags": "ii", "fd_fdstat_set_rights": "iII", "fd_filestat_get": "ii",
    "fd_filestat_set_size": "iI", "fd_filestat_set_times": "iIIi", "fd_pread": "iiiIi", "fd_prestat_get": "ii",
    "fd_prestat_dir_name": "iii", "fd_pwrite": "iiiIi", "fd_read": "iiii", "fd_readdir": "iiiIi", "fd_renumber": "ii",
    "fd_seek": "iIii", "fd_sync": "i", "fd_tell": "ii", "fd_write": "iiii", "path_create_directory": "iii",
    "path_filestat_get": "iiiii", "path_filestat_set_times": "iiiiIIi", "path_link": "iiiiiii",
    "path_open": "iiiiiIIii", "path_readlink": "iiiiii", "path_remove_directory": "iii", "path_rename": "iiiiii",
    "path_symlink": "iiiii", "path_unlink_file": "iii", "poll_oneoff": "iiii", "proc_exit": "i", "proc_raise": "i",
    "random_get": "ii", "sched_yield": "", "sock_accept": "iii", "sock_recv": "iiiiii", "sock_send": "iiiii",
    "sock_shutdown": "ii",
}  # fmt: skip
PROGRAM: Final = b"script\0"  # the only argument of the command line: what programs expect to be called by
PARTS_MAX: Final = 1024  # buffers of one read or write, as in POSIX
SUBSCRIPTIONS_MAX: Final = 64  # of one poll: a program has two streams and some timers
CHUNK_BYTES: Final = 64 * 1024  # of chance made at once
SECOND_NS: Final = 1_000_000_000
U64_MAX: Final = 2**64 - 1

SUCCESS, EBADF, EINVAL, ENOSYS = 0, 8, 28, 52
STDIN, STDOUT, STDERR = 0, 1, 2
CLOCK, FD_READ, FD_WRITE = range(3)  # what a poll can wait for


class Clock(IntEnum):
    """The clocks of the specification; those of processor time stand at nothing."""

    REALTIME = 0
    MONOTONIC = 1
    PROCESS_TIME = 2
    THREAD_TIME = 3


class Memory(Protocol):
    """The module's memory; an address outside of it ends the run, as it does in the module's own code."""

    def read(self, address: int, length: int) -> bytes:
        """Return a copy."""
        ...

    def write(self, address: int, content: bytes) -> None:
        """Overwrite."""
        ...


class Exited(Exception):
    """The program ended itself, with a status."""

    def __init__(self, status: int) -> None:
        super().__init__(f"the program ended with status {status}")
        self.status = status


class Printed:
    """What a program wrote to its two outputs, in order; above the limit the run ends."""

    def __init__(self, bytes_max: int) -> None:
        self.left = bytes_max
        self._bytes_max = bytes_max
        self._parts: list[tuple[int, bytes]] = []

    def write(self, descriptor: int, content: bytes) -> None:
        """Take what was written."""
        self._parts.append((descriptor, content[: self.left]))
        self.left -= len(content)
        if self.left < 0:
            self.left = 0
            raise Failed("output", f"the script printed more than {self._bytes_max} bytes")

    @property
    def text(self) -> str:
        """All of it."""
        return _text(part for _, part in self._parts)

    def last_line(self, descriptor: int) -> bytes:
        """The last line of one output that is not empty."""
        return self._of(descriptor).rstrip().rpartition(b"\n")[2].strip()

    def text_without(self, descriptor: int) -> str:
        """All of it but that last line."""
        whole = self._of(descriptor)
        left = whole.rstrip().rfind(b"\n") + 1
        kept = []
        for output, part in self._parts:
            if output == descriptor:
                kept.append(part[:left])
                left -= len(kept[-1])
            else:
                kept.append(part)
        return _text(kept)

    def _of(self, descriptor: int) -> bytes:
        return b"".join(part for output, part in self._parts if output == descriptor)


class Wasi:
    """The functions for one run of a program. `spend` is told how many bytes a call makes beside what it is given."""

    def __init__(
        self, memory: Memory, printed: Printed, spend: Callable[[int], None], *, stdin: bytes, now: int
    ) -> None:
        self._memory = memory
        self._printed = printed
        self._spend = spend
        self._stdin = stdin
        self._now_ns = now * SECOND_NS
        self._slept_ns = 0
        self._chance = random.Random(0)  # noqa: S311 - every keeper's must be the same
        self.functions: Mapping[str, Callable[..., int]] = {
            "args_get": self._args_get,
            "args_sizes_get": lambda count, size: self._sizes(count, size, 1, len(PROGRAM)),
            "clock_res_get": lambda clock, out: self._clock(clock, SECOND_NS, out),
            "clock_time_get": lambda clock, _precision, out: self._clock(clock, self._time_ns(clock), out),
            "environ_get": lambda _places, _texts: SUCCESS,
            "environ_sizes_get": lambda count, size: self._sizes(count, size, 0, 0),
            "fd_close": lambda fd: SUCCESS if fd <= STDERR else EBADF,
            "fd_fdstat_get": self._fd_fdstat_get,
            "fd_prestat_dir_name": lambda _fd, _path, _length: EBADF,
            "fd_prestat_get": lambda _fd, _out: EBADF,
            "fd_read": self._fd_read,
            "fd_write": self._fd_write,
            "poll_oneoff": self._poll_oneoff,
            "proc_exit": self._proc_exit,
            "random_get": self._random_get,
            "sched_yield": lambda: SUCCESS,
        }

    def _args_get(self, places: int, texts: int) -> int:
        self._memory.write(places, pack("<I", texts))
        self._memory.write(texts, PROGRAM)
        return SUCCESS

    def _sizes(self, count_out: int, size_out: int, count: int, size: int) -> int:
        self._memory.write(count_out, pack("<I", count))
        self._memory.write(size_out, pack("<I", size))
        return SUCCESS

    def _time_ns(self, clock: int) -> int:
        match clock:
            case Clock.REALTIME:
                return self._now_ns
            case Clock.MONOTONIC:
                return min(self._now_ns + self._slept_ns, U64_MAX)
        return 0

    def _clock(self, clock: int, value: int, out: int) -> int:
        if clock > Clock.THREAD_TIME:
            return EINVAL
        self._memory.write(out, pack("<Q", value))
        return SUCCESS

    def _fd_fdstat_get(self, fd: int, out: int) -> int:
        if fd > STDERR:
            return EBADF
        rights = 1 << (1 if fd == STDIN else 6)  # to read, to write
        self._memory.write(out, pack("<BxHxxxxQQ", 0, 0, rights, 0))
        return SUCCESS

    def _parts(self, places: int, count: int) -> list[tuple[int, int]]:
        table = self._memory.read(places, 8 * count)
        return [unpack_from("<II", table, 8 * place) for place in range(count)]

    def _fd_read(self, fd: int, places: int, count: int, read_out: int) -> int:
        if fd != STDIN:
            return EBADF
        if count > PARTS_MAX:
            return EINVAL
        read = 0
        for address, length in self._parts(places, count):
            part, self._stdin = self._stdin[:length], self._stdin[length:]
            self._memory.write(address, part)
            read += len(part)
        self._memory.write(read_out, pack("<I", read))
        return SUCCESS

    def _fd_write(self, fd: int, places: int, count: int, written_out: int) -> int:
        if fd not in (STDOUT, STDERR):
            return EBADF
        if count > PARTS_MAX:
            return EINVAL
        written = 0
        for address, length in self._parts(places, count):
            self._printed.write(fd, self._memory.read(address, min(length, self._printed.left + 1)))
            written += length
        self._memory.write(written_out, pack("<I", written))
        return SUCCESS

    def _poll_oneoff(self, places: int, events_out: int, count: int, count_out: int) -> int:
        """Streams are always ready, and a sleep takes no time: it moves the monotonic clock."""
        if not 0 < count <= SUBSCRIPTIONS_MAX:
            return EINVAL
        table = self._memory.read(places, 48 * count)
        wanted = [unpack_from("<QB", table, 48 * place) for place in range(count)]
        ready = [(mark, kind) for mark, kind in wanted if kind != CLOCK]
        if not ready:
            waits = [self._wait_ns(table, 48 * place + 16) for place in range(count)]
            self._slept_ns += min(waits)
            ready = [each for each, wait in zip(wanted, waits, strict=True) if wait == min(waits)]
        events = bytearray(32 * len(ready))
        for place, (mark, kind) in enumerate(ready):
            error = SUCCESS if kind <= FD_WRITE else EINVAL
            pack_into("<QHB", events, 32 * place, mark, error, kind)
            if kind != CLOCK:
                pack_into("<Q", events, 32 * place + 16, len(self._stdin) if kind == FD_READ else self._printed.left)
        self._memory.write(events_out, bytes(events))
        self._memory.write(count_out, pack("<I", len(ready)))
        return SUCCESS

    def _wait_ns(self, table: bytes, place: int) -> int:
        clock, timeout, _, flags = unpack_from("<I4xQQH", table, place)
        return int(max(0, timeout - self._time_ns(clock)) if flags & 1 else timeout)

    def _proc_exit(self, status: int) -> int:
        raise Exited(status)

    def _random_get(self, address: int, length: int) -> int:
        self._spend(length)
        for place in range(0, length, CHUNK_BYTES):
            self._memory.write(address + place, self._chance.randbytes(min(CHUNK_BYTES, length - place)))
        return SUCCESS


def _text(parts: Iterable[bytes]) -> str:
    return b"".join(parts).decode(errors="replace")
