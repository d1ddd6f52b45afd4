"""The judge of every fault rig: holds what should have fired against the ledger, the tasks and the hub's runs.

It is pure and shares no code with the engine: an occurrence comes from the chain or a schedule (`causes`), an entry
covers an interval of moments, and each occurrence must lie in exactly one entry, each run belong to exactly one.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from triggerx.core.job import JobId
from triggerx.core.ledger import HOLDS, NewEntry, Outcome, Reason
from triggerx.evm.hub import Firing, FiringKind, task_key
from triggerx.evm.types import Hash32, to_hex


class Fault(StrEnum):
    """What is wrong with a history."""

    LOST = "lost"
    """An occurrence has no entry, or a firing no task, or an attested task no run."""
    DOUBLED = "doubled"
    """An occurrence has two entries, a firing two tasks, or a task two runs."""
    GROUNDLESS = "groundless"
    """An entry, task or run has nothing that it rests on, or came before its moment."""
    UNEXPLAINED = "unexplained"
    """An entry that did not fire says no reason, or one that is not so."""
    UNDECIDED = "undecided"
    """An entry still waits, although it could have been decided."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """What should make a job fire: one occurrence of its trigger, at a unix second."""

    job_id: JobId
    firing: Firing
    moment: int

    @property
    def key(self) -> Hash32:
        """The task key."""
        return task_key(self.job_id, self.firing)


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """A task of the engine's, and whether it counts as done on chain."""

    task_key: Hash32
    is_attested: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run that the hub's log shows, at its block's unix second."""

    task_key: Hash32
    tx_hash: Hash32
    timestamp: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One fault, and a sentence about it."""

    fault: Fault
    job_id: JobId
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """Everything that is judged. `on_time_s` is how late a due second may be decided without counting as late."""

    causes: Sequence[Cause]
    entries: Sequence[NewEntry]
    tasks: Sequence[Done]
    runs: Sequence[Run] = ()
    on_time_s: int = 15


def judge(history: History) -> list[Finding]:
    """Return every fault; an empty list means that nothing was lost, doubled, or done without a cause."""
    found: list[Finding] = []
    causes: dict[JobId, list[Cause]] = defaultdict(list)
    for cause in history.causes:
        causes[cause.job_id].append(cause)
    entries: dict[JobId, list[NewEntry]] = defaultdict(list)
    for entry in history.entries:
        entries[entry.job_id].append(entry)
    for job_id in sorted(causes.keys() | entries.keys()):
        found += _matched(job_id, causes[job_id], entries[job_id])
    for entry in history.entries:
        found += _explained(entry, on_time_s=history.on_time_s)
    fired = {entry.task_key: entry for entry in history.entries if entry.outcome is Outcome.FIRED}
    found += _tasks(history.tasks, fired, history.entries)
    found += _runs(history, fired)
    return found


def _matched(job_id: JobId, causes: Sequence[Cause], entries: Sequence[NewEntry]) -> list[Finding]:
    """Each cause lies in one entry, and each entry holds as many causes as it says."""
    held: dict[int, list[Cause]] = {place: [] for place in range(len(entries))}
    found: list[Finding] = []
    for cause in causes:
        places = [place for place, entry in enumerate(entries) if _holds(entry, cause)]
        if not places or entries[places[0]].outcome is Outcome.WITHDRAWN:
            found.append(Finding(fault=Fault.LOST, job_id=job_id, what=f"{_named(cause)} has no entry"))
        if len(places) > 1:
            found.append(Finding(fault=Fault.DOUBLED, job_id=job_id, what=f"{_named(cause)} has {len(places)} entries"))
        for place in places:
            held[place].append(cause)
    for place, entry in enumerate(entries):
        if len(held[place]) != entry.count and not (entry.reason is Reason.REORGED and not held[place]):
            what = f"the entry at {entry.moment} is of {entry.count} occurrences, and {len(held[place])} were there"
            found.append(Finding(fault=Fault.GROUNDLESS, job_id=job_id, what=what))
    return found


def _holds(entry: NewEntry, cause: Cause) -> bool:
    if cause.firing.kind == FiringKind.TIME:
        return entry.firing.kind == FiringKind.TIME and entry.moment <= cause.moment <= entry.last_moment
    return entry.task_key == cause.key


def _explained(entry: NewEntry, *, on_time_s: int) -> list[Finding]:
    match entry.outcome:
        case Outcome.FIRED:
            is_explained = entry.count == 1 and entry.reason in (Reason.NONE, Reason.REORGED)
        case Outcome.CONFIRMING | Outcome.QUEUED:
            what = f"the entry at {entry.moment} is still {entry.outcome}"
            return [Finding(fault=Fault.UNDECIDED, job_id=entry.job_id, what=what)]
        case Outcome.HELD:
            is_explained = entry.reason in HOLDS and bool(entry.detail)
        case Outcome.WITHDRAWN:
            is_explained = entry.reason is Reason.REORGED
        case _ if entry.reason is Reason.MISFIRE:
            is_explained = entry.last_moment + on_time_s < entry.decided_at_ms // 1000
        case _:
            is_explained = entry.reason is not Reason.NONE
    if is_explained:
        return []
    what = f"the entry at {entry.moment} is {entry.outcome} for {entry.reason or 'no reason'}: {entry.detail!r}"
    return [Finding(fault=Fault.UNEXPLAINED, job_id=entry.job_id, what=what)]


def _tasks(tasks: Sequence[Done], fired: Mapping[Hash32, NewEntry], entries: Sequence[NewEntry]) -> list[Finding]:
    """Each entry that fired has one task, and each task such an entry."""
    counts = Counter(task.task_key for task in tasks)
    jobs = {entry.task_key: entry.job_id for entry in entries}
    found = [
        Finding(fault=Fault.LOST, job_id=entry.job_id, what=f"the entry at {entry.moment} fired, and has no task")
        for key, entry in fired.items()
        if key not in counts
    ]
    for key, count in counts.items():
        job_id = jobs.get(key, JobId(0))
        if count > 1:
            found.append(Finding(fault=Fault.DOUBLED, job_id=job_id, what=f"{count} tasks have the key {to_hex(key)}"))
        if key not in fired:
            what = f"the task {to_hex(key)} is of no entry that fired"
            found.append(Finding(fault=Fault.GROUNDLESS, job_id=job_id, what=what))
    return found


def _runs(history: History, fired: Mapping[Hash32, NewEntry]) -> list[Finding]:
    """Each run is of an entry that fired before it, and its only one; each attested task has its run."""
    found: list[Finding] = []
    seen: dict[Hash32, Run] = {}
    for run in history.runs:
        entry = fired.get(run.task_key)
        job_id = JobId(0) if entry is None else entry.job_id
        if run.task_key in seen:
            what = f"{to_hex(run.task_key)} ran in {to_hex(seen[run.task_key].tx_hash)} and {to_hex(run.tx_hash)}"
            found.append(Finding(fault=Fault.DOUBLED, job_id=job_id, what=what))
        seen[run.task_key] = run
        if entry is None:
            what = f"{to_hex(run.task_key)} ran, and no entry fired"
            found.append(Finding(fault=Fault.GROUNDLESS, job_id=job_id, what=what))
        elif run.timestamp < entry.moment:
            what = f"it ran at {run.timestamp}, before its moment {entry.moment}"
            found.append(Finding(fault=Fault.GROUNDLESS, job_id=job_id, what=what))
    for task in history.tasks:
        if task.is_attested and task.task_key not in seen:
            entry = fired.get(task.task_key)
            what = f"the task {to_hex(task.task_key)} is attested, and the hub has no run of it"
            found.append(Finding(fault=Fault.LOST, job_id=JobId(0) if entry is None else entry.job_id, what=what))
    return found


def _named(cause: Cause) -> str:
    return f"{FiringKind(cause.firing.kind).name.lower()} {cause.firing.index} at {cause.moment}"
