"""What the ledger says of a job, held against what should be in it: every difference is one finding.

Pure: the expected occurrences, the entries, the tasks and their executions are arguments. What has no finding is
complete: each occurrence has one entry, each entry an occurrence, each non-execution one reason, each firing one task.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from triggerx.core.evidence import EventEvidence
from triggerx.core.ledger import LedgerEntry, NewEntry, Outcome, Reason
from triggerx.core.task import Task, TaskStatus
from triggerx.evm.hub import FiringKind
from triggerx.evm.types import Hash32, to_hex
from triggerx.triggers.occurrence import Occurrence
from triggerx.triggers.timetable import Timetable

TX_HASHES_SHOWN: Final = 5


class Fault(StrEnum):
    """In which way the ledger, or what follows from it, is wrong."""

    MISSING = "missing"
    """The trigger occurred, and no entry says what became of it."""
    UNEXPECTED = "unexpected"
    """An entry of something that did not occur, or, off chain, that nothing recorded shows."""
    DOUBLE = "double"
    """One occurrence has two entries, two tasks, or two successful executions."""
    REASONLESS = "reasonless"
    """It did not fire, and the entry does not say why."""
    WITHDRAWN = "withdrawn"
    """Its log was withdrawn, and is on the chain."""
    EVIDENCE = "evidence"
    """The entry rests on another block, value or time than the occurrence has."""
    COUNT = "count"
    """A range of due seconds counts more or fewer than its schedule has there."""
    TASK_MISSING = "task_missing"
    """It fired and there is no task of it."""
    TASK_UNEXPECTED = "task_unexpected"
    """There is a task, and no entry that fired."""
    EXECUTION_MISSING = "execution_missing"
    """Its task is attested, and the chain has no successful execution of it."""
    UNREAD = "unread"
    """Blocks whose values nobody read: what happened in them has no entry."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One fault; `moment` is the unix second it is about."""

    fault: Fault
    moment: int
    text: str
    task_key: Hash32 | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """From which second to which every occurrence must have its entry, both included; none where `until` is less."""

    since: int
    until: int

    def hold(self, moment: int) -> bool:
        """Whether an occurrence of this second must have its entry."""
        return self.since <= moment <= self.until


def check_occurrences(
    expected: Mapping[Hash32, Occurrence], entries: Sequence[LedgerEntry], bounds: Bounds
) -> Iterator[Finding]:
    """Hold the entries of an event or condition job against the occurrences by task key."""
    known: set[Hash32] = set()
    for stored in entries:
        entry = stored.entry
        if entry.task_key in known:
            yield _found(Fault.DOUBLE, entry, "a second entry has the same key")
        known.add(entry.task_key)
        occurrence = expected.get(entry.task_key)
        if occurrence is None:
            yield from _without_occurrence(entry, bounds)
        elif entry.outcome is Outcome.WITHDRAWN:
            yield _found(Fault.WITHDRAWN, entry, "it was withdrawn, and its log is on the chain")
        elif entry.evidence != occurrence.evidence:
            text = f"the entry rests on {entry.evidence}, the occurrence is {occurrence.evidence}"
            yield _found(Fault.EVIDENCE, entry, text)
        elif occurrence.reason is not Reason.NONE and entry.outcome is Outcome.FIRED:
            text = f"it fired, and the job's own terms leave it out: {occurrence.reason.value}"
            yield _found(Fault.UNEXPECTED, entry, text)
    for key, occurrence in expected.items():
        if key not in known and bounds.hold(occurrence.moment):
            text = f"the trigger occurred and has no entry: {occurrence.evidence}"
            yield Finding(fault=Fault.MISSING, moment=occurrence.moment, task_key=key, text=text)


def _without_occurrence(entry: NewEntry, bounds: Bounds) -> Iterator[Finding]:
    """What is marked as dropped by a reorg is right not to be there; what is out of bounds is not known."""
    if entry.reason is Reason.REORGED and entry.outcome in (Outcome.WITHDRAWN, Outcome.FIRED):
        return
    if bounds.hold(entry.moment):
        where = "on the chain" if isinstance(entry.evidence, EventEvidence) else "among the values"
        text = f"the entry ({entry.outcome.value}) has no occurrence {where}: {entry.evidence}"
        yield _found(Fault.UNEXPECTED, entry, text)


def check_schedule(timetable: Timetable, entries: Sequence[LedgerEntry], bounds: Bounds) -> Iterator[Finding]:
    """Hold the entries of a time job, each of one or many due seconds, against its schedules."""

    def gap(after: int, until: int) -> Iterator[Finding]:
        missing = timetable.count(after, min(until, bounds.until))
        if missing:
            text = f"{missing} due seconds after {after}, up to {min(until, bounds.until)}, have no entry"
            yield Finding(fault=Fault.MISSING, moment=after + 1, text=text)

    reached = bounds.since - 1
    ordered = sorted((stored.entry for stored in entries), key=lambda entry: (entry.moment, entry.last_moment))
    for entry in ordered:
        yield from gap(reached, entry.moment - 1)
        if entry.moment <= reached and reached >= bounds.since:
            text = f"the due seconds {entry.moment} to {entry.last_moment} have another entry, up to {reached}"
            yield _found(Fault.DOUBLE, entry, text)
        if bounds.hold(entry.moment):
            yield from _misfit(timetable, entry)
        reached = max(reached, entry.last_moment)
    yield from gap(reached, bounds.until)


def _misfit(timetable: Timetable, entry: NewEntry) -> Iterator[Finding]:
    for moment in dict.fromkeys((entry.moment, entry.last_moment)):
        if not timetable.is_due(moment):
            yield _found(Fault.UNEXPECTED, entry, f"{moment} is no due second of the job")
            return
    due = timetable.count(entry.moment - 1, entry.last_moment)
    if entry.count != due:
        text = f"the entry counts {entry.count} due seconds from {entry.moment} to {entry.last_moment}, there are {due}"
        yield _found(Fault.COUNT, entry, text)
    if entry.outcome is Outcome.FIRED and entry.count != 1:
        yield _found(Fault.COUNT, entry, f"one task stands for {entry.count} due seconds")


WAITING: Final = frozenset({Outcome.CONFIRMING, Outcome.QUEUED, Outcome.HELD})
"""What is not decided yet."""


def check_reasons(entries: Sequence[LedgerEntry]) -> Iterator[Finding]:
    """Every entry that did not fire, and is not about to, says why."""
    for stored in entries:
        entry = stored.entry
        if entry.outcome not in (Outcome.FIRED, Outcome.QUEUED) and entry.reason is Reason.NONE:
            yield _found(Fault.REASONLESS, entry, f"the entry is {entry.outcome.value} and has no reason")


def check_tasks(entries: Sequence[LedgerEntry], tasks: Sequence[Task], stray: Sequence[Task]) -> Iterator[Finding]:
    """Each entry that fired has exactly one of `tasks`; `stray` are those of the span whose key no fired entry has."""
    counts = Counter(task.task_key for task in tasks)
    for stored in entries:
        entry = stored.entry
        count = counts[entry.task_key]
        if entry.outcome is Outcome.FIRED and count == 0:
            yield _found(Fault.TASK_MISSING, entry, "it fired, and there is no task of it")
        elif count > 1:
            yield _found(Fault.DOUBLE, entry, f"it has {count} tasks")
    for task in stray:
        kind = FiringKind(task.firing.kind).name.lower()
        yield Finding(
            fault=Fault.TASK_UNEXPECTED,
            moment=task.created_at,
            task_key=task.task_key,
            text=f"task {task.task_id} of a {kind} firing has no entry that fired",
        )


def check_executions(tasks: Sequence[Task], executions: Mapping[Hash32, Sequence[Hash32]]) -> Iterator[Finding]:
    """`executions` are the transactions in which a task's action succeeded: one where attested, never two."""
    for task in tasks:
        found = executions.get(task.task_key, ())
        if len(found) > 1:
            shown = ", ".join(to_hex(each) for each in found[:TX_HASHES_SHOWN])
            text = f"task {task.task_id} was executed {len(found)} times, in transactions {shown}"
            yield Finding(fault=Fault.DOUBLE, moment=task.created_at, task_key=task.task_key, text=text)
        elif not found and task.status is TaskStatus.ATTESTED:
            text = f"task {task.task_id} is attested, and no transaction on the chain executed it"
            yield Finding(fault=Fault.EXECUTION_MISSING, moment=task.created_at, task_key=task.task_key, text=text)


def _found(fault: Fault, entry: NewEntry, text: str) -> Finding:
    return Finding(fault=fault, moment=entry.moment, task_key=entry.task_key, text=text)
