"""Why a job did or did not run: what was recorded of it, as sentences in the order in which things happen.

Nothing is worked out anew here but the schedule: every answer rests on the ledger, on tasks and their assignments, and
on the newest value of the job's source. A finding's code is for programs: `OUTCOME` or `OUTCOME.REASON`, `task.STATUS`,
`attempt.STATUS`, `job.STATUS`, `value`, `quiet`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from triggerx.core.evidence import ConditionEvidence, EventEvidence
from triggerx.core.job import ConditionTrigger, EventTrigger, Job, JobStatus, TimeTrigger
from triggerx.core.ledger import LedgerEntry, Outcome, Reason
from triggerx.core.task import Task, TaskStatus
from triggerx.evm.types import Hash32, to_hex


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One sentence; `at` is the unix second it is about, None where it is about now."""

    code: str
    text: str
    at: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """How one assignment of a task went."""

    number: int
    performer: str
    status: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """The newest value of the job's source, or why there is none (`fault`)."""

    value: str
    observed_at_ms: int
    fault: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Records:
    """What is recorded. `entries` are ascending; tasks and attempts are by task key.

    `due_before` and `due_after` are the schedule's seconds around the moment that was asked about, and `is_due` whether
    it is one itself; None and False for a job that is no time job, and where no moment was asked about.
    """

    job: Job
    now: int
    entries: Sequence[LedgerEntry]
    tasks: Mapping[Hash32, Task]
    attempts: Mapping[Hash32, Sequence[Attempt]]
    value: Value | None = None
    is_due: bool = False
    due_before: int | None = None
    due_after: int | None = None


def explain(records: Records, *, at: int | None = None) -> tuple[Finding, ...]:
    """Return the answer for the moment `at`, or for the job as it stands now; never empty."""
    findings = [*_standing(records)]
    entries = [each for each in records.entries if at is None or _covers(each, at)]
    for entry in entries:
        findings += _occurrence(entry, records)
    if not entries:
        findings.append(_quiet(records, at))
    if records.value is not None:
        findings.append(_value(records.job, records.value))
    return tuple(findings)


def _standing(records: Records) -> Iterator[Finding]:
    """Say what stands in the way of every run at present."""
    job = records.job
    word = job.status.name.lower()
    if job.status is JobStatus.STOPPED:
        word = "paused" if job.is_paused else "deleted"
    if job.status is JobStatus.CREATED:
        text = "the job waits for the one before it in its chain to complete"
    elif job.status is JobStatus.SCHEDULED:
        text = "the job is scheduled" + (
            "" if job.next_due_at is None else f"; it is due next at {_moment(job.next_due_at)}"
        )
    else:
        text = f"the job is {word}" + (f": {job.status_reason}" if job.status_reason else "")
    yield Finding(code=f"job.{word}", text=text)
    if records.now > job.expires_at:
        yield Finding(code="job.expired", text=f"its time frame ended at {_moment(job.expires_at)}", at=job.expires_at)


def _occurrence(stored: LedgerEntry, records: Records) -> Iterator[Finding]:
    entry = stored.entry
    code = entry.outcome.value + (f".{entry.reason.value}" if entry.reason is not Reason.NONE else "")
    what = _what(stored)
    detail = f": {entry.detail}" if entry.detail else ""
    yield Finding(code=code, text=f"{what} {_BECAME[entry.outcome]}{detail}", at=entry.moment)
    task = records.tasks.get(entry.task_key)
    if task is None:
        return
    for attempt in records.attempts.get(entry.task_key, ()):
        reason = f": {attempt.reason}" if attempt.reason else ""
        yield Finding(
            code=f"attempt.{attempt.status}",
            text=f"attempt {attempt.number} went to keeper {attempt.performer}: {attempt.status}{reason}",
            at=entry.moment,
        )
    text = _task(task)
    if entry.reason is Reason.REORGED and task.status in (TaskStatus.CREATED, TaskStatus.ASSIGNED):
        text = "its task waits for its log to be mined again, some minutes at most"
    yield Finding(code=f"task.{task.status.value}", text=text, at=entry.moment)


_BECAME: Mapping[Outcome, str] = {
    Outcome.CONFIRMING: "waits for confirmations",
    Outcome.QUEUED: "is queued, and will be decided about at once",
    Outcome.FIRED: "fired",
    Outcome.HELD: "is held",
    Outcome.SKIPPED: "was skipped",
    Outcome.MISSED: "was missed",
    Outcome.WITHDRAWN: "was withdrawn",
}


def _what(stored: LedgerEntry) -> str:
    entry, evidence = stored.entry, stored.entry.evidence
    match evidence:
        case EventEvidence():
            return (
                f"the log {evidence.ordinal} of transaction {to_hex(evidence.tx_hash)} in block {evidence.block_number}"
            )
        case ConditionEvidence():
            where = "" if evidence.block_number is None else f" at block {evidence.block_number}"
            return f"the condition became true for time {evidence.edge}{where}, at the value {evidence.value}; it"
        case _:
            if entry.count > 1:
                return (
                    f"the run of {entry.count} due seconds from {_moment(entry.moment)} to {_moment(entry.last_moment)}"
                )
            return f"the occurrence of {_moment(entry.moment)}"


def _task(task: Task) -> str:
    tx = "" if task.execution_tx_hash is None else f" in transaction {to_hex(task.execution_tx_hash)}"
    error = f": {task.task_error}" if task.task_error else ""
    match task.status:
        case TaskStatus.CREATED | TaskStatus.ASSIGNED:
            return f"its task waits for a performer{error}"
        case TaskStatus.ACKNOWLEDGED:
            return f"a keeper has taken the task on, and has announced nothing yet{error}"
        case TaskStatus.PERFORMED:
            return f"its action was performed{tx}, and waits for the attestation{error}"
        case TaskStatus.ATTESTED:
            return f"its action was performed{tx}, and attested as task {task.task_number}"
        case TaskStatus.REJECTED:
            return f"the attesters rejected its action{tx}{error}"
        case TaskStatus.FAILED:
            return f"its task failed after {task.attempt} attempts{error}: look at it, and retry it"
        case TaskStatus.DECLINED:
            return f"its script had nothing to do{error}"
        case TaskStatus.UNKNOWN if task.is_approved:
            return f"its action was performed{tx}, and is not attested as the job demands{error}"
        case TaskStatus.UNKNOWN:
            return f"nobody knows whether its action happened{tx}{error}"


def _quiet(records: Records, at: int | None) -> Finding:
    """Say why there is no entry at all."""
    job = records.job
    if at is None:
        return Finding(code="quiet", text="its trigger has not occurred yet, or no entry of it is this recent")
    if at < job.created_at:
        return Finding(code="quiet", text=f"the job was created only at {_moment(job.created_at)}", at=at)
    if at > job.expires_at:
        return Finding(code="quiet", text=f"its time frame was over at {_moment(job.expires_at)}", at=at)
    match job.body.trigger:
        case TimeTrigger() if records.is_due and at > records.now:
            text = f"{_moment(at)} is one of its due seconds, and still to come"
        case TimeTrigger() if records.is_due:
            text = f"{_moment(at)} is one of its due seconds, and the engine has not come to it: does it run?"
        case TimeTrigger():
            around = [_moment(due) for due in (records.due_before, records.due_after) if due is not None]
            text = f"{_moment(at)} is none of its due seconds; those around it are {' and '.join(around) or 'none'}"
        case EventTrigger() as trigger:
            text = f"no log of {trigger.event} that passes its filters was seen in a block of {_moment(at)}"
        case ConditionTrigger():
            text = f"its condition did not become true at {_moment(at)}"
    return Finding(code="quiet", text=text, at=at)


def _value(job: Job, value: Value) -> Finding:
    seen = _moment(value.observed_at_ms // 1000)
    if value.fault:
        return Finding(code="value", text=f"its source gave no value at {seen}: {value.fault}")
    trigger = job.body.trigger
    limits = ""
    if isinstance(trigger, ConditionTrigger):
        limit = trigger.upper_limit
        if trigger.condition_type == "between":
            limit = f"{trigger.lower_limit} and {limit}"
        limits = f", compared by {trigger.condition_type} to {limit}"
    return Finding(code="value", text=f"the newest value of its source is {value.value}, of {seen}{limits}")


def _covers(stored: LedgerEntry, at: int) -> bool:
    return stored.entry.moment <= at <= stored.entry.last_moment


def _moment(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
