"""What an event's task rests on: its log as the ledger knows it now, which a reorg may have moved or removed.

Rule: an attempt is made on the newest evidence alone, for keepers refuse a block that is not canonical. A task whose
log is gone waits for it, but not for ever; if it is mined again after that, the same task goes on (`chain_watcher`).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from triggerx.core.errors import RecoverableError
from triggerx.core.evidence import Evidence, dump_evidence
from triggerx.core.job import EventTrigger, Job
from triggerx.core.ledger import LedgerEntry, Outcome, Reason
from triggerx.core.task import Task
from triggerx.evm.hub import FiringKind
from triggerx.evm.types import Hash32, to_hex
from triggerx.moves import fail_task
from triggerx.ports.store import Queries
from triggerx.ports.store.tasks import AssignmentStatus
from triggerx.role import Services

GONE_S_MAX: Final = 300  # beyond the confirmations: what a reorg throws out is mined again within minutes, or never
LOG_GONE: Final = "a reorg removed its log"
SAID_NO: Final = frozenset({AssignmentStatus.REFUSED, AssignmentStatus.UNREACHABLE})
LOG_MOVED: Final = "a reorg moved its log to another block"


async def entries_of(queries: Queries, tasks: Sequence[Task]) -> Mapping[Hash32, LedgerEntry]:
    """Return the entries of events' tasks by key; those of every other kind have evidence that no reorg changes.

    Inside a transaction they stay locked until its end: before the tasks' rows, as wherever both are written.
    """
    keys = [task.task_key for task in tasks if task.firing.kind == FiringKind.EVENT]
    return {stored.entry.task_key: stored for stored in await queries.ledger.by_keys(keys)} if keys else {}


def is_gone(stored: LedgerEntry | None) -> bool:
    """Whether the log of this entry is on no block of the chain that the engine knows."""
    return stored is not None and stored.entry.reason is Reason.REORGED


def is_moved(stored: LedgerEntry | None, task: Task) -> bool:
    """Whether the log lies elsewhere than the task says."""
    return stored is not None and dump_evidence(stored.entry.evidence) != task.evidence


def with_evidence(task: Task, evidence: Evidence) -> Task:
    """Return the task with newer evidence of the same firing."""
    return replace(task, evidence=dump_evidence(evidence))


class Footing:
    """Makes a task rest on what is on the chain, or wait, or end."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def newest(self, task: Task, job: Job, stored: LedgerEntry | None) -> Task | None:
        """Return the task with the evidence that its entry has now; None when it has just ended.

        Raises `RecoverableError` while its log is gone.
        """
        if stored is None:
            return task
        if not is_gone(stored):
            return with_evidence(task, stored.entry.evidence)
        until = self._waits_until(stored, job)
        if self._services.clock.now() <= until:
            raise RecoverableError(f"a reorg dropped the block of its log: it is waited for until second {until}")
        await self._give_up(task)
        return None

    def _waits_until(self, stored: LedgerEntry, job: Job) -> int:
        """Return the last second: minutes after the reorg, or the job's end, but not before the chain has settled."""
        trigger, network = job.body.trigger, self._services.network
        settling_s = 0
        if isinstance(trigger, EventTrigger):
            confirmations = network.confirmations_on(trigger.chain_id) or 0
            settling_s = math.ceil(confirmations * (network.block_time_s_on(trigger.chain_id) or 0))
        settled_at = stored.entry.decided_at_ms // 1000 + settling_s
        return max(settled_at, min(settled_at + GONE_S_MAX, job.expires_at))

    async def _give_up(self, task: Task) -> None:
        """End the task, and withdraw its occurrence where nobody can have acted on it."""
        services = self._services
        now_ms = services.clock.now_ms()
        async with services.store.transaction() as queries:
            stored = (await entries_of(queries, [task])).get(task.task_key)
            present = await queries.tasks.by_key(task.task_key)
            if stored is None or not is_gone(stored) or present is None or present.status is not task.status:
                return
            events = await fail_task(queries, present, LOG_GONE, now_ms=now_ms)
            if await _is_untouched(queries, present):
                detail = "a reorg dropped the block of its log, and nothing had been done about it"
                withdrawn = replace(stored.entry, outcome=Outcome.WITHDRAWN, detail=detail, decided_at_ms=now_ms)
                await queries.ledger.put_back([withdrawn])
        services.log.warning("task given up", task_key=to_hex(task.task_key), reason=LOG_GONE)
        for event in events:
            await services.bus.publish(event)


async def _is_untouched(queries: Queries, task: Task) -> bool:
    """Whether every performer that was asked said no, or not now: who took it on may have acted in silence."""
    if task.action_data_cid is not None or task.executed_at_ms is not None:
        return False
    rows = await queries.assignments.list_by_task(task.task_key)
    return all(row.status in SAID_NO or (row.status is AssignmentStatus.SENT and row.reason) for row in rows)
