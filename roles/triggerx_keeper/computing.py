"""What a job's script makes of a firing, computed by this keeper alone; the performer acts on it, attesters compare.

Rule: a script runs once for a task, not until it agrees: what lies outside may have moved on since. A claim that
differs from a run of the same script without requests is a no, for such a run is the same everywhere; any other that
differs leaves the vote to others.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from triggerx.core.canonical import Json
from triggerx.core.computation import Computed, agree
from triggerx.core.document import TaskDocument
from triggerx.core.errors import InvalidInput, RecoverableError
from triggerx.core.evidence import moment_of
from triggerx.core.job import JobBody
from triggerx.core.validation import Verdict, action_false, action_unknown, action_unproven
from triggerx.evm.types import Hash32
from triggerx.ports.scripts import (
    LanguageUnavailable,
    ScriptFailed,
)
from triggerx.role import Services
from triggerx.triggers.script_action import compute

FAILURES_MAX: Final = 5  # of one task's script; who has no answer by then leaves the vote to others
AGAIN_S: Final = 5.0  # from one failure to the next attempt
RUNS_KEPT: Final = 1_024  # tasks of ten minutes at a few a second


class NotComputed(RecoverableError):
    """The script gave no calldata here; the message is for the job's owner. `is_settled`: it is not tried again."""

    def __init__(self, message: str, *, is_settled: bool = False) -> None:
        super().__init__(message)
        self.is_settled = is_settled


@dataclass(slots=True)
class _Task:
    """The one run for a task, or why there is none yet; tried again at `again_at` (monotonic)."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    failures: int = 0
    again_at: float = 0.0
    computed: Computed | None = None
    fault: NotComputed | None = None


class Computing:
    """Runs scripts for tasks; one for a keeper, so that order and attestation see the same run."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._tasks: OrderedDict[Hash32, _Task] = OrderedDict()

    async def compute(self, body: JobBody, task_key: Hash32, evidence: Mapping[str, Json], *, moment: int) -> Computed:
        """Return this keeper's run for the task; raises `NotComputed`."""
        task = self._task_of(task_key)
        async with task.lock:
            is_over = task.fault is not None and task.fault.is_settled
            if task.computed is None and not is_over and self._services.clock.monotonic() >= task.again_at:
                await self._try(task, body, evidence, moment)
            if task.computed is not None:
                return task.computed
            raise task.fault or NotComputed("the script was not run")

    async def check(self, document: TaskDocument, body: JobBody) -> Verdict | None:
        """Say what speaks against calldata that another keeper computed; None when it is right."""
        signed, claimed = document.assignment, document.computation
        moment = moment_of(signed.firing, document.evidence)
        try:
            own = await self.compute(body, signed.assignment.task_key, document.evidence, moment=moment)
        except NotComputed as fault:
            return action_unproven(str(fault)) if fault.is_settled else action_unknown(str(fault))
        if own.calldata is not None and agree(body, own.calldata, document.action.data):
            return None
        if claimed is not None and claimed.script_sha256 != own.computation.script_sha256:
            return action_unproven("the script behind its URL is another one here")
        shown = "it declines" if own.calldata is None else f"it computes 0x{own.calldata.hex()[:80]}"
        says = f"the script says otherwise here: {shown}"
        return action_unproven(says) if own.computation.requests else action_false(says)

    async def _try(self, task: _Task, body: JobBody, evidence: Mapping[str, Json], moment: int) -> None:
        try:
            task.computed = await compute(
                self._services.scripts, self._services.script_sources, body, evidence, moment=moment
            )
        except LanguageUnavailable as error:
            task.fault = NotComputed(f"the script cannot be run here: {error}")
        except (InvalidInput, ScriptFailed, RecoverableError) as error:
            task.failures += 1
            task.again_at = self._services.clock.monotonic() + AGAIN_S
            code = f"{error.code}: " if isinstance(error, ScriptFailed) else ""
            task.fault = NotComputed(f"the script failed: {code}{error}", is_settled=task.failures >= FAILURES_MAX)

    def _task_of(self, task_key: Hash32) -> _Task:
        task = self._tasks.setdefault(task_key, _Task())
        self._tasks.move_to_end(task_key)
        while len(self._tasks) > RUNS_KEPT:
            self._tasks.popitem(last=False)
        return task
