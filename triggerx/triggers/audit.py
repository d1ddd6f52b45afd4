"""An audit: what should have fired, recomputed from chain, body and recorded values, held against the ledger.

Rule: it demands an entry exactly for what the engine had to see by the time it says it has come to. What lies off chain
is held against the recorded values alone, and the answer says so.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from triggerx.core.errors import InvalidInput
from triggerx.core.evidence import ConditionEvidence, EventEvidence, Evidence, moment_of, parse_evidence
from triggerx.core.job import ConditionTrigger, EventTrigger, Job, JobId, JobStatus, TimeTrigger
from triggerx.core.ledger import LedgerEntry, Outcome, Reason
from triggerx.core.network import Network
from triggerx.core.task import Task
from triggerx.evm.hub import FiringKind
from triggerx.evm.types import ChainId, Hash32
from triggerx.ports.chain import Chain
from triggerx.ports.store import Queries
from triggerx.triggers.block_values import is_on_chain
from triggerx.triggers.executions import executions_of
from triggerx.triggers.job_past import Past, beginning_of, handled_block, is_over, read_past, unread_blocks
from triggerx.triggers.ledger_check import (
    Bounds,
    Fault,
    Finding,
    check_executions,
    check_occurrences,
    check_reasons,
    check_schedule,
    check_tasks,
)
from triggerx.triggers.occurrence import Occurrence, frame_of, trigger_chain
from triggerx.triggers.replay import Beginning, Span, replay, span_of
from triggerx.triggers.simulation import BLOCKS_MAX, READ_BLOCKS_MAX
from triggerx.triggers.sources import source_of
from triggerx.triggers.timetable import Stretch, Timetable

ENTRIES_PER_READ: Final = 1_000
ENTRIES_MAX: Final = 50_000  # of one job in one audit: some 100 MB
NOTICE_S: Final = 60  # within it the watchers know that a job has changed or ended (their reading of all jobs anew)
SEARCH_BLOCKS: Final = 50_000  # after the span, in which its tasks' executions are looked for


class Checked(StrEnum):
    """What a job's entries were held against."""

    CHAIN = "chain"
    """The chain and the schedule alone: equal means complete."""
    RECORDED = "recorded"
    """The values that this node has recorded: equal means that records and ledger do not contradict each other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobAudit:
    """A job's result. `bounds` are the seconds in which every occurrence was demanded; `notes` say what bounded them.

    `expected` counts the occurrences there, `outcomes` the occurrences of all entries of the span (a range counts as
    many as it has), `reorged` those of them whose log a reorg took back, `tasks` the tasks of the span.
    """

    job_id: JobId
    chain_id: ChainId
    checked: Checked
    first_block: int
    last_block: int
    bounds: Bounds
    expected: int = 0
    outcomes: Mapping[Outcome, int] = field(default_factory=dict)
    reorged: int = 0
    tasks: int = 0
    findings: tuple[Finding, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def is_complete(self) -> bool:
        """Whether the ledger equals what should be in it."""
        return not self.findings


async def audit_job(
    store: Queries, job: Job, *, network: Network, chains: Mapping[ChainId, Chain], first: int, last: int
) -> JobAudit:
    """Audit one job over the blocks `first` to `last` of its trigger's chain, as far as the engine has come.

    Raises `InvalidInput` naming `to` when the span is too long or its entries too many, or `chain_id` for a chain that
    is not of this node; `RecoverableError` when a chain is away, or was reorganised meanwhile.
    """
    chain = chains.get(trigger_chain(job.body))
    if chain is None:
        raise InvalidInput("chain_id", f"this node has no endpoint for chain {trigger_chain(job.body)}")
    return await _Audit(store, job, chain, network, chains).run(first, last)


class _Audit:
    """One job's audit."""

    def __init__(
        self, store: Queries, job: Job, chain: Chain, network: Network, chains: Mapping[ChainId, Chain]
    ) -> None:
        trigger = job.body.trigger
        self._store = store
        self._job = job
        self._trigger = trigger
        self._chain = chain
        self._network = network
        self._chains = chains
        self._frame = frame_of(job.body)
        self._notes: list[str] = []
        is_condition = isinstance(trigger, ConditionTrigger)
        self._reads_chain = isinstance(trigger, ConditionTrigger) and is_on_chain(source_of(trigger))
        self._checked = Checked.RECORDED if is_condition and not self._reads_chain else Checked.CHAIN
        if self._checked is Checked.RECORDED:
            self._note("the source lies off chain: the entries were held against the recorded values alone")

    def _note(self, text: str) -> None:
        self._notes.append(text)

    async def run(self, first: int, last: int) -> JobAudit:
        """Clip the span, replay it, and compare."""
        bound = READ_BLOCKS_MAX if self._reads_chain else BLOCKS_MAX
        if not 0 <= first <= last:
            raise InvalidInput("to", f"expected a block from {first} on, where the span begins, got {last}")
        if last - first + 1 > bound:
            raise InvalidInput("to", f"the span has {last - first + 1} blocks, of {bound} at most: audit it in parts")
        reached = await self._reached(last)
        if reached < first:
            return self._result(first, reached, Bounds(since=0, until=-1))
        span = await span_of(self._chain, first=first, last=reached)
        past = await read_past(self._store, self._job.job_id)
        bounds = await self._bounds(span, past)
        findings: list[Finding] = []
        expected: dict[Hash32, Occurrence] = {}
        if not isinstance(self._trigger, TimeTrigger):
            expected, unread = await self._expected(span, past)
            findings += unread
        entries = await self._entries(span)  # read last: what was written meanwhile is after the span
        own = [stored for stored in entries if stored.entry.firing.kind != FiringKind.MANUAL]
        if isinstance(self._trigger, TimeTrigger):
            present = Stretch(trigger=self._trigger, frame=self._frame)
            timetable = Timetable([*past.stretches, present])
            findings += check_schedule(timetable, own, bounds)
            count = timetable.count(bounds.since - 1, bounds.until)
        else:
            findings += check_occurrences(expected, own, bounds)
            count = sum(bounds.hold(occurrence.moment) for occurrence in expected.values())
        findings += check_reasons(entries)
        tasks, stray = await self._tasks(entries, span)
        findings += check_tasks(entries, tasks, stray)
        executions = await self._executions(tasks, span)
        if executions is not None:
            findings += check_executions(tasks, executions)
        return self._result(first, reached, bounds, entries, findings, expected=count, tasks=len(tasks))

    async def _reached(self, last: int) -> int:
        """The last block to look at: no further than the chain, and than the engine has handled what it holds."""
        reached = min(last, (await self._chain.head()).number)
        if isinstance(self._trigger, EventTrigger) or self._reads_chain:
            handled = await handled_block(self._store, self._chain, of_values=self._reads_chain)
            if handled is None:
                self._note("the engine has handled no block of this chain yet")
                return -1
            if handled < last:
                self._note(f"checked up to block {handled}: the engine has handled none after it")
            reached = min(reached, handled)
        return reached

    async def _bounds(self, span: Span, past: Past) -> Bounds:
        """The seconds whose every occurrence the engine had to see."""
        since, until = max(span.after + 1, self._frame.created_at), min(span.until, self._frame.expires_at)
        if past.updated_at is not None:
            since = max(since, past.updated_at + NOTICE_S)
            self._note(f"checked from second {since} on: the body was replaced before, and older ones are not kept")
        match self._trigger:
            case TimeTrigger():
                since = max(since, self._job.accepted_at + 1)
                if self._job.next_due_at is not None:
                    until = min(until, self._job.next_due_at - 1)
            case EventTrigger():
                terms = await self._store.jobs.terms_of(self._job.job_id)
                if terms is None or terms.watched_from is None:
                    self._note("the engine has not read the blocks before it watched this job yet")
                    until = since - 1
            case ConditionTrigger() if past.watch is None:
                self._note("the engine has seen no value for this job yet")
                until = since - 1
            case ConditionTrigger() if past.watch is not None:
                since = max(since, past.watch.since_ms // 1000)
        if is_over(self._job):
            until = min(until, await self._end(past, span))
        return Bounds(since=since, until=until)

    async def _end(self, past: Past, span: Span) -> int:
        """Up to which second a job that is over was watched for certain.

        One that ended by itself has handled its whole schedule, or the blocks of its whole time frame if that is over.
        """
        by_itself = None if self._job.status is JobStatus.STOPPED else past.ended_at
        if by_itself is not None and (isinstance(self._trigger, TimeTrigger) or by_itself > self._frame.expires_at):
            return self._frame.expires_at
        ended_at = by_itself or past.stopped_at
        if ended_at is not None:
            end = ended_at if isinstance(self._trigger, TimeTrigger) else ended_at - NOTICE_S
        else:
            entries = await self._store.ledger.list_by_job(
                self._job.job_id, since=span.after + 1, until=span.until, limit=1
            )
            end = entries[-1].entry.last_moment if entries else -1
        self._note(f"the job is over: an entry was demanded of nothing after second {end}")
        return end

    async def _expected(self, span: Span, past: Past) -> tuple[dict[Hash32, Occurrence], list[Finding]]:
        beginning: Beginning | None = None
        unread: tuple[range, ...] = ()
        findings: list[Finding] = []
        if isinstance(self._trigger, ConditionTrigger):
            if past.watch is None:
                return {}, []
            beginning = await beginning_of(self._store, self._job, past.watch, span)
            if self._reads_chain:
                unread = await unread_blocks(self._store, self._chain.chain_id)
                findings = _unread(unread, max(span.first.number, beginning.since_block), span)
        found: dict[Hash32, Occurrence] = {}
        occurrences = replay(
            self._job.body,
            self._chain,
            span,
            conditions=self._store.conditions,
            beginning=beginning,
            unread=unread,
        )
        async for occurrence in occurrences:
            found[occurrence.key(self._job.job_id)] = occurrence
            _demand_few(len(found))
        return found, findings

    async def _entries(self, span: Span) -> list[LedgerEntry]:
        """Every entry of the span, ascending by moment."""
        found: dict[int, LedgerEntry] = {}
        until, limit = span.until, ENTRIES_PER_READ
        while True:
            page = await self._store.ledger.list_by_job(
                self._job.job_id, since=span.after + 1, until=until, limit=limit
            )
            known = len(found)
            found |= {stored.number: stored for stored in page}
            _demand_few(len(found))
            if len(page) < limit:
                break
            until = page[0].entry.moment
            if len(found) == known:  # as many as one read takes are of one second: read more at once
                limit *= 2
        inside = [stored for stored in found.values() if _is_inside(stored.entry.evidence, span)]
        return sorted(inside, key=lambda stored: (stored.entry.moment, stored.number))

    async def _tasks(self, entries: Sequence[LedgerEntry], span: Span) -> tuple[list[Task], list[Task]]:
        """The tasks of the entries, and those of the span that have no entry which fired."""
        fired = {stored.entry.task_key for stored in entries if stored.outcome is Outcome.FIRED}
        every = await self._store.tasks.list_by_job(self._job.job_id)
        own = [task for task in every if task.task_key in fired]
        stray = [task for task in every if task.task_key not in fired and _is_task_inside(task, span)]
        stored = await self._store.ledger.by_keys([task.task_key for task in stray])
        late = {entry.entry.task_key for entry in stored if entry.outcome is Outcome.FIRED}
        return own, [task for task in stray if task.task_key not in late]

    async def _executions(self, tasks: Sequence[Task], span: Span) -> Mapping[Hash32, Sequence[Hash32]] | None:
        action = self._network.action_chains.get(self._job.body.action.chain_id)
        acting = self._chains.get(self._job.body.action.chain_id)
        if action is None or acting is None:
            self._note("this node has no endpoint for the action's chain: executions were not looked at")
            return None
        head, first = (await acting.head()).number, span.first.number
        if acting.chain_id != self._chain.chain_id:
            block = await acting.block_at(max(0, span.after))
            first = 0 if block is None else block.number
        last = min(head, first + span.count + SEARCH_BLOCKS)
        return await executions_of(acting, action.task_execution_hub, tasks, first=first, last=last)

    def _result(  # noqa: PLR0913 - what the steps of `run` have found, put together in one place
        self,
        first: int,
        last: int,
        bounds: Bounds,
        entries: Sequence[LedgerEntry] = (),
        findings: Sequence[Finding] = (),
        *,
        expected: int = 0,
        tasks: int = 0,
    ) -> JobAudit:
        outcomes: dict[Outcome, int] = {}
        for stored in entries:
            outcomes[stored.outcome] = outcomes.get(stored.outcome, 0) + stored.entry.count
        return JobAudit(
            job_id=self._job.job_id,
            chain_id=self._chain.chain_id,
            checked=self._checked,
            first_block=first,
            last_block=last,
            bounds=bounds,
            expected=expected,
            outcomes=outcomes,
            reorged=sum(stored.entry.reason is Reason.REORGED for stored in entries),
            tasks=tasks,
            findings=tuple(sorted(findings, key=lambda finding: finding.moment)),
            notes=tuple(self._notes),
        )


def _unread(unread: Sequence[range], first: int, span: Span) -> list[Finding]:
    findings: list[Finding] = []
    for each in unread:
        inside = range(max(each.start, first), min(each.stop, span.last.number + 1))
        if inside:
            text = f"the values of blocks {inside[0]} to {inside[-1]} were not read: nodes keep no states so old"
            findings.append(Finding(fault=Fault.UNREAD, moment=max(0, span.after + 1), text=text))
    return findings


def _is_inside(evidence: Evidence, span: Span) -> bool:
    """Several blocks may have one second: what has a block is told by its number."""
    if isinstance(evidence, EventEvidence | ConditionEvidence) and evidence.block_number is not None:
        return span.first.number <= evidence.block_number <= span.last.number
    return True


def _is_task_inside(task: Task, span: Span) -> bool:
    try:
        moment = moment_of(task.firing, task.evidence)
        evidence = parse_evidence(task.evidence, task.firing)
    except InvalidInput:
        return span.after < task.created_at <= span.until
    return span.after < moment <= span.until and _is_inside(evidence, span)


def _demand_few(count: int) -> None:
    if count > ENTRIES_MAX:
        raise InvalidInput("to", f"the span has more than {ENTRIES_MAX} occurrences of the job: audit it in parts")
