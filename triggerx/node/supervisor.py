"""Starts roles in order, restarts them when the outside failed, and stops them in reverse.

A `RecoverableError` costs a wait and a new start; anything else stops the node, and so does a role that returns.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, NoReturn, Protocol

from triggerx.core.errors import UnavailableError, UnrecoverableError
from triggerx.node.failures import described, is_recoverable, most_serious
from triggerx.ports.clock import Chance, Clock
from triggerx.ports.log import Log


@dataclass(frozen=True, slots=True, kw_only=True)
class SupervisionLimits:
    """How long things may take, in seconds.

    `start_s`: until a role must have said that it started, restarts included: a chain's endpoint may come up late.
    `stop_s`: for each role's clean-up; five roles stay below what systemd waits. `backoff_first_s` doubles up to
    `backoff_most_s`, and is forgotten after `steady_s` without a failure.
    """

    start_s: float = 30.0
    stop_s: float = 10.0
    backoff_first_s: float = 1.0
    backoff_most_s: float = 60.0
    steady_s: float = 300.0


DEFAULT_LIMITS: Final = SupervisionLimits()


class Runnable(Protocol):
    """What a supervisor runs: a role, or something of its shape."""

    async def run(self, *, started: Callable[[], None]) -> NoReturn:
        """Work for ever; see `role.Role`."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedRole:
    """A role's name, and how it is made: anew for each start, so that nothing half-changed survives a failure."""

    name: str
    make: Callable[[], Runnable]


class Supervisor:
    """Runs some roles as one: all of them, or none."""

    def __init__(self, *, clock: Clock, chance: Chance, log: Log, limits: SupervisionLimits = DEFAULT_LIMITS) -> None:
        self._clock = clock
        self._chance = chance
        self._log = log
        self._limits = limits

    async def run(self, roles: Sequence[PlannedRole], *, ready: Callable[[], None]) -> NoReturn:
        """Start the roles one after the other, call `ready`, and go on until cancelled or until one fails for good.

        However it ends, every role was stopped before, in reverse. Raises what the role raised, taken out of its
        groups; `UnavailableError` for one that did not start in time.
        """
        if not roles:
            raise ValueError("a supervisor needs at least one role")
        running: dict[str, asyncio.Task[NoReturn]] = {}
        try:
            for role in roles:
                started: asyncio.Future[None] = asyncio.get_running_loop().create_future()
                last_failure: list[BaseException] = []
                running[role.name] = asyncio.create_task(
                    self._keep(role, started, last_failure), name=f"role {role.name}"
                )
                await self._until_started(role.name, running, started, last_failure)
                self._log.info("role started", role=role.name)
            ready()
            done, _ = await asyncio.wait(running.values(), return_when=asyncio.FIRST_COMPLETED)
            raise _failure(done)
        finally:
            await self._unwind(running)

    async def _keep(
        self, role: PlannedRole, started: "asyncio.Future[None]", last_failure: list[BaseException]
    ) -> NoReturn:
        """Run one role, again and again."""

        def note_started() -> None:
            if not started.done():
                started.set_result(None)

        wait_s = self._limits.backoff_first_s
        while True:
            began = self._clock.monotonic()
            try:
                await role.make().run(started=note_started)
            except Exception as error:
                if not is_recoverable(error):
                    raise
                last_failure[:] = [error]
                if self._clock.monotonic() - began >= self._limits.steady_s:
                    wait_s = self._limits.backoff_first_s
                pause_s = self._chance.uniform(wait_s / 2, wait_s)
                self._log.warning("role failed and starts again", role=role.name, error=described(error), in_s=pause_s)
            else:
                raise UnrecoverableError(f"the role {role.name} returned; a role must go on until it is cancelled")
            await self._clock.sleep(pause_s)
            wait_s = min(2 * wait_s, self._limits.backoff_most_s)

    async def _until_started(
        self,
        name: str,
        running: "dict[str, asyncio.Task[NoReturn]]",
        started: "asyncio.Future[None]",
        last_failure: list[BaseException],
    ) -> None:
        deadline = asyncio.create_task(self._clock.sleep(self._limits.start_s), name=f"role {name} start deadline")
        try:
            waiting: set[asyncio.Future[Any]] = {started, deadline, *running.values()}
            done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        finally:
            deadline.cancel()
        if ended := {task for task in running.values() if task in done}:
            raise _failure(ended)
        if not started.done():
            why = f"; it failed last with {described(last_failure[0])}" if last_failure else ""
            raise UnavailableError(f"the role {name} did not start within {self._limits.start_s:g} s{why}")

    async def _unwind(self, running: "dict[str, asyncio.Task[NoReturn]]") -> None:
        """Stop all in reverse; a cancellation meanwhile waits until that is done, which is bounded."""
        unwinding = asyncio.create_task(self._stop(running), name="supervisor unwinding")
        is_cancelled = False
        while not unwinding.done():
            try:
                await asyncio.shield(unwinding)
            except asyncio.CancelledError:
                is_cancelled = True
        if is_cancelled:
            raise asyncio.CancelledError

    async def _stop(self, running: "dict[str, asyncio.Task[NoReturn]]") -> None:
        for name, task in reversed(running.items()):
            if not task.done():
                task.cancel()
                await asyncio.wait({task}, timeout=self._limits.stop_s)
            if not task.done():
                self._log.error("role did not stop in time", role=name, deadline_s=self._limits.stop_s)
            elif not task.cancelled() and (error := task.exception()) is not None:
                self._log.error("role failed", role=name, error=described(error))
            else:
                self._log.info("role stopped", role=name)


def _failure(ended: "set[asyncio.Task[NoReturn]]") -> BaseException:
    """The most serious error of roles that ended; a role cannot end without one."""
    errors = [
        UnrecoverableError(f"the task '{task.get_name()}' was cancelled from outside the supervisor")
        if task.cancelled()
        else task.exception()
        for task in ended
    ]
    return most_serious(BaseExceptionGroup("roles failed", [each for each in errors if each is not None]))
