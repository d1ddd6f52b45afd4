"""Workers: processes of our own that run scripts, started when first needed, killed when in doubt, and then replaced.

Rule: a worker is given to one run at a time. It goes back only after a whole answer; anything else (time, a frame that
is wrong, a cancelled run) ends its process group by SIGKILL, and the next run starts another.
"""

import asyncio
import os
import signal
from asyncio import StreamReader, StreamWriter
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from itertools import chain
from typing import Final, TypeAlias, cast

from triggerx.core.canonical import Json
from triggerx.core.errors import RecoverableError
from triggerx.ports.scripts import LanguageUnavailable
from triggerx.scripts.frames import (
    FROM_WORKER_BYTES_MAX,
    LENGTH_BYTES,
    TO_WORKER_BYTES_MAX,
    BadFrame,
    Message,
    decode,
    encode,
    length_of,
)

START_S: Final = 10.0  # a worker is ready in 0.1 s; on a machine under load it has taken ten times that
RUNS_MAX: Final = 1000  # of one worker: whatever piles up in a process ends with it
WAITING_MAX: Final = 256  # runs that wait for a worker: at ten milliseconds each, some seconds of them

Command: TypeAlias = tuple[str, ...]


class WorkerLost(Exception):
    """The worker ended, or spoke nonsense."""


class Worker:
    """One process, and the pipe to it."""

    def __init__(self, command: Command, process: Process) -> None:
        self.command = command
        self._process = process
        self._stdin = cast("StreamWriter", process.stdin)  # both were asked for
        self._stdout = cast("StreamReader", process.stdout)
        self.runs = 0

    @classmethod
    async def start(cls, command: Command) -> "Worker":
        """Start one and wait until it is ready; raises `LanguageUnavailable` with its reason when it cannot work."""
        try:
            process = await asyncio.create_subprocess_exec(
                *command, stdin=PIPE, stdout=PIPE, stderr=DEVNULL, env={}, cwd="/", start_new_session=True
            )
        except OSError as error:
            raise RecoverableError(f"no worker for scripts can be started: {error.strerror}") from error
        worker = cls(command, process)
        try:
            async with asyncio.timeout(START_S):
                hello = await worker.hear()
        except (TimeoutError, WorkerLost) as error:
            await worker.kill()
            raise RecoverableError(f"a worker for scripts was not ready after {START_S} s, or ended at once") from error
        except BaseException:
            await worker.kill()
            raise
        if hello.get("ready") is not True:
            await worker.kill()
            raise LanguageUnavailable(f"the sandbox does not work on this machine: {hello.get('unavailable')}")
        return worker

    @property
    def process_id(self) -> int:
        """The process's id, which is its group's too."""
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        """Whether the process runs; the system knows earlier than the event loop is told."""
        if self._process.returncode is not None or self._stdout.at_eof():
            return False
        try:
            os.kill(self._process.pid, 0)
        except ProcessLookupError:
            return False
        return True

    async def tell(self, message: Message) -> None:
        """Send a message; raises `WorkerLost`."""
        try:
            self._stdin.write(encode(message, bytes_max=TO_WORKER_BYTES_MAX))
            await self._stdin.drain()
        except (OSError, BadFrame) as error:
            raise WorkerLost(str(error)) from error

    async def hear(self) -> dict[str, Json]:
        """Return the next message; raises `WorkerLost`."""
        try:
            head = await self._stdout.readexactly(LENGTH_BYTES)
            length = length_of(head, bytes_max=FROM_WORKER_BYTES_MAX)
            return decode(await self._stdout.readexactly(length))
        except (OSError, EOFError, BadFrame) as error:
            raise WorkerLost(str(error)) from error

    async def kill(self) -> None:
        """End it and what it started, at once."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._stdin.close()
        await asyncio.shield(self._process.wait())


class WorkerPool:
    """At most `workers_max` workers at work, whatever their commands; idle ones wait for the next run of theirs."""

    def __init__(self, *, workers_max: int) -> None:
        self._places = asyncio.Semaphore(workers_max)
        self._waiting = 0
        self._idle: defaultdict[Command, list[Worker]] = defaultdict(list)
        self._busy: set[Worker] = set()

    @property
    def process_ids(self) -> tuple[int, ...]:
        """The ids of the workers' processes."""
        return tuple(worker.process_id for worker in self._workers())

    @asynccontextmanager
    async def worker(self, command: Command) -> AsyncIterator[Worker]:
        """A worker for one run, which ends by an answer: whatever leaves the block otherwise ends the worker.

        Raises `RecoverableError` when too many wait, `LanguageUnavailable` where none can work.
        """
        if self._waiting >= WAITING_MAX:
            raise RecoverableError(f"{WAITING_MAX} runs of scripts wait for a worker already")
        self._waiting += 1
        try:
            await self._places.acquire()
        finally:
            self._waiting -= 1
        try:
            worker = await self._take(command)
            self._busy.add(worker)
            try:
                yield worker
            except BaseException:
                worker.runs = RUNS_MAX
                raise
            finally:
                self._busy.discard(worker)
                await self._give_back(worker)
        finally:
            self._places.release()

    async def close(self) -> None:
        """End every worker."""
        for worker in self._workers():
            await worker.kill()
        self._idle.clear()

    def _workers(self) -> tuple[Worker, ...]:
        return (*chain.from_iterable(self._idle.values()), *self._busy)

    async def _take(self, command: Command) -> Worker:
        idle = self._idle[command]
        while idle:
            worker = idle.pop()
            if worker.is_alive:  # of one that ended while it was idle nothing is left: its interpreter read from it
                return worker
        return await Worker.start(command)

    async def _give_back(self, worker: Worker) -> None:
        worker.runs += 1
        if worker.is_alive and worker.runs < RUNS_MAX:
            self._idle[worker.command].append(worker)
        else:
            await worker.kill()
