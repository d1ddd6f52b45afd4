"""What a task rests on that a reorg may change: an event's log as the ledger knows it now, or a value at its block.

Rule: an attempt is made on the newest evidence alone, for keepers refuse a block that is not canonical. A task whose
log is gone waits for it, but not for ever; if it is mined again after that, the same task goes on (`chain_watcher`).
A value is read again (`value_footing`).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from triggerx.core.errors import RecoverableError
from triggerx.core.evidence import ConditionEvidence, Evidence, dump_evidence
from triggerx.core.job import EventTrigger, Job
from triggerx.core.ledger import LedgerEntry, Outcome, Reason
from triggerx.core.task import Task
from triggerx.evm.hub import FiringKind
from triggerx.evm.types import Hash32, to_hex
from triggerx.moves import fail_task
from triggerx.ports.store import Queries
from triggerx.ports.store.tasks import AssignmentStatus
from triggerx.role import Services
from triggerx_engine.value_footing import VALUE_GONE, ValueFooting

GONE_S_MAX: Final = 300  # beyond the confirmations: what a reorg throws out is mined again within minutes, or never
LOG_GONE: Final = "a reorg removed its log"
SAID_NO: Final = frozenset({AssignmentStatus.REFUSED, AssignmentStatus.DECLINED, AssignmentStatus.UNREACHABLE})
BLOCK_MOVED: Final = "a reorg moved what it rests on to another block"
VALUE_MOVED: Final = "a reorg replaced its block, and the value was read again at the one in its place"
NOTHING_DONE: Final = "a reorg dropped the block of its log, and nothing had been done about it"


async def entries_of(queries: Queries, tasks: Sequence[Task]) -> Mapping[Hash32, LedgerEntry]:
    """Return the entries of tasks whose evidence lies in a block, by key; no reorg changes that of the others.

    Inside a transaction they stay locked until its end: before the tasks' rows, as wherever both are written.
    """
    keys = [task.task_key for task in tasks if _is_of_block(task)]
    return {stored.entry.task_key: stored for stored in await queries.ledger.by_keys(keys)} if keys else {}


def _is_of_block(task: Task) -> bool:
    is_read = task.firing.kind == FiringKind.CONDITION and task.evidence.get("block_number") is not None
    return task.firing.kind == FiringKind.EVENT or is_read


def is_gone(stored: LedgerEntry | None) -> bool:
    """Whether what this entry rests on is on no block of the chain that the engine knows."""
    return stored is not None and stored.entry.reason is Reason.REORGED


def is_moved(stored: LedgerEntry | None, task: Task) -> bool:
    """Whether it lies elsewhere than the task says."""
    return stored is not None and dump_evidence(stored.entry.evidence) != task.evidence


def with_evidence(task: Task, evidence: Evidence) -> Task:
    """Return the task with newer evidence of the same firing."""
    return replace(task, evidence=dump_evidence(evidence))


class Footing:
    """Makes a task rest on what is on the chain, or wait, or end."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._values = ValueFooting(services)

    async def newest(self, task: Task, job: Job, stored: LedgerEntry | None) -> Task | None:
        """Return the task with the evidence that its entry has now; None when it has just ended.

        Raises `RecoverableError` while its log is gone.
        """
        if stored is None:
            return task
        if isinstance(stored.entry.evidence, ConditionEvidence):
            return await self._newest_value(task, job, stored, stored.entry.evidence)
        if not is_gone(stored):
            return with_evidence(task, stored.entry.evidence)
        until = self._waits_until(stored, job)
        if self._services.clock.now() <= until:
            raise RecoverableError(f"a reorg dropped the block of its log: it is waited for until second {until}")
        await self._give_up(task, stored, LOG_GONE, detail=NOTHING_DONE)
        return None

    async def _newest_value(
        self, task: Task, job: Job, stored: LedgerEntry, evidence: ConditionEvidence
    ) -> Task | None:
        """The same for a condition: its block stands, or another has taken its place, or it was never true."""
        renewed = await self._values.renewed(job, evidence)
        if renewed is None:
            await self._give_up(task, stored, VALUE_GONE, detail=VALUE_GONE)
            return None
        if renewed != evidence or is_gone(stored):
            now_ms = self._services.clock.now_ms()
            moved = replace(
                stored.entry,
                evidence=renewed,
                moment=renewed.moment,
                last_moment=renewed.moment,
                outcome=Outcome.FIRED,
                reason=Reason.NONE,
                detail=VALUE_MOVED,
                decided_at_ms=now_ms,
            )
            async with self._services.store.transaction() as queries:
                present = (await entries_of(queries, [task])).get(task.task_key)
                if present is None or present.entry != stored.entry:
                    return None
                await queries.ledger.put_back([moved])
        return with_evidence(task, renewed)

    def _waits_until(self, stored: LedgerEntry, job: Job) -> int:
        """Return the last second: minutes after the reorg, or the job's end, but not before the chain has settled."""
        trigger, network = job.body.trigger, self._services.network
        settling_s = 0
        if isinstance(trigger, EventTrigger):
            confirmations = network.confirmations_on(trigger.chain_id) or 0
            settling_s = math.ceil(confirmations * (network.block_time_s_on(trigger.chain_id) or 0))
        settled_at = stored.entry.decided_at_ms // 1000 + settling_s
        return max(settled_at, min(settled_at + GONE_S_MAX, job.expires_at))

    async def _give_up(self, task: Task, seen: LedgerEntry, reason: str, *, detail: str) -> None:
        """End the task, and withdraw its occurrence where nobody can have acted on it; else it is marked as reorged."""
        services = self._services
        now_ms = services.clock.now_ms()
        async with services.store.transaction() as queries:
            stored = (await entries_of(queries, [task])).get(task.task_key)
            present = await queries.tasks.by_key(task.task_key)
            if stored is None or stored.entry != seen.entry or present is None or present.status is not task.status:
                return
            events = await fail_task(queries, present, reason, now_ms=now_ms)
            outcome = Outcome.WITHDRAWN if await _is_untouched(queries, present) else Outcome.FIRED
            if outcome is Outcome.WITHDRAWN or not is_gone(stored):
                reorged = replace(
                    stored.entry, outcome=outcome, reason=Reason.REORGED, detail=detail, decided_at_ms=now_ms
                )
                await queries.ledger.put_back([reorged])
        services.log.warning("task given up", task_key=to_hex(task.task_key), reason=reason)
        for event in events:
            await services.bus.publish(event)


async def _is_untouched(queries: Queries, task: Task) -> bool:
    """Whether every performer that was asked said no, or not now: who took it on may have acted in silence."""
    if task.action_data_cid is not None or task.executed_at_ms is not None:
        return False
    rows = await queries.assignments.list_by_task(task.task_key)
    return all(row.status in SAID_NO or (row.status is AssignmentStatus.SENT and row.reason) for row in rows)
