"""Why: the recorded answer to why a job did or did not run."""

from dataclasses import replace

import pytest

from tests.unit.core.sample import BALANCE_ABOVE_100, CHAIN, CREATED_AT, DUE, PAID, job_body
from triggerx.core.evidence import ConditionEvidence, EventEvidence, Evidence, TimeEvidence, dump_evidence, firing_of
from triggerx.core.job import Job, JobStatus, Trigger
from triggerx.core.job_body import expected_job_hash
from triggerx.core.ledger import EntryNumber, LedgerEntry, NewEntry, Outcome, Reason
from triggerx.core.task import Task, TaskId, TaskStatus
from triggerx.core.why import Attempt, Finding, Records, Value, explain
from triggerx.evm.hub import task_key
from triggerx.evm.types import Hash32

HASH = Hash32(b"\x11" * 32)
NOW = DUE + 5
EVENT = EventEvidence(chain_id=CHAIN, tx_hash=HASH, ordinal=1, block_number=9, block_hash=HASH, block_timestamp=DUE)
CONDITION = ConditionEvidence(edge=3, source="view:x", value="101", observed_at_ms=DUE * 1000, block_number=9)


def job(trigger: Trigger | None = None, **changes: object) -> Job:
    body = job_body() if trigger is None else job_body(trigger=trigger)
    plain = Job(
        body=body,
        user_id=1,
        job_hash=expected_job_hash(body),
        version=1,
        status=JobStatus.SCHEDULED,
        created_at=CREATED_AT,
        accepted_at=CREATED_AT,
        next_due_at=DUE + 10,
    )
    return replace(plain, **changes)  # type: ignore[arg-type]  # by field name


def entry(
    evidence: Evidence, outcome: Outcome, reason: Reason = Reason.NONE, detail: str = "", **more: int
) -> LedgerEntry:
    firing = firing_of(evidence)
    return LedgerEntry(
        number=EntryNumber(1),
        noted_at_ms=0,
        entry=NewEntry(
            job_number=1,
            job_id=job().job_id,
            task_key=task_key(job().job_id, firing),
            firing=firing,
            moment=evidence.moment,
            last_moment=more.get("last", evidence.moment),
            count=more.get("count", 1),
            outcome=outcome,
            reason=reason,
            detail=detail,
            evidence=evidence,
            decided_at_ms=0,
        ),
    )


def task(status: TaskStatus, error: str = "") -> Task:
    evidence = TimeEvidence(due=DUE)
    return Task(
        task_id=TaskId(1),
        task_key=task_key(job().job_id, firing_of(evidence)),
        job_id=job().job_id,
        task_definition_id=job().body.task_definition_id,
        created_at=DUE,
        firing=firing_of(evidence),
        is_guarded=True,
        evidence=dump_evidence(evidence),
        status=status,
        attempt=2,
        task_error=error,
        execution_tx_hash=HASH,
        task_number=4,
    )


def records(**changes: object) -> Records:
    return replace(Records(job=job(), now=NOW, entries=(), tasks={}, attempts={}), **changes)  # type: ignore[arg-type]


def codes(findings: tuple[Finding, ...]) -> list[str]:
    return [finding.code for finding in findings]


def text_of(findings: tuple[Finding, ...], code: str) -> str:
    (text,) = [finding.text for finding in findings if finding.code == code]
    return text


@pytest.mark.parametrize("outcome", list(Outcome))
def test_explain_when_there_is_an_entry_then_its_outcome_and_the_recorded_detail_are_told(outcome: Outcome) -> None:
    found = explain(records(entries=(entry(TimeEvidence(due=DUE), outcome, Reason.BALANCE, "12 wei, needs 300"),)))
    assert codes(found) == ["job.scheduled", f"{outcome.value}.balance"]
    assert "12 wei, needs 300" in text_of(found, f"{outcome.value}.balance")


@pytest.mark.parametrize("status", list(TaskStatus))
def test_explain_when_it_became_a_task_then_its_attempts_and_its_standing_are_told(status: TaskStatus) -> None:
    fired = entry(TimeEvidence(due=DUE), Outcome.FIRED)
    key = fired.entry.task_key
    attempts = (
        Attempt(number=1, performer="0xA", status="silent", reason="no answer"),
        Attempt(number=2, performer="0xB", status="performed", reason=""),
    )
    found = explain(records(entries=(fired,), tasks={key: task(status, "reverted: too low")}, attempts={key: attempts}))
    assert codes(found) == ["job.scheduled", "fired", "attempt.silent", "attempt.performed", f"task.{status.value}"]
    assert "keeper 0xA: silent: no answer" in text_of(found, "attempt.silent")
    if status is not TaskStatus.ATTESTED:
        assert "too low" in text_of(found, f"task.{status.value}")


@pytest.mark.parametrize(
    ("status", "is_paused", "code"),
    [
        (JobStatus.CREATED, False, "job.created"),
        (JobStatus.STOPPED, True, "job.paused"),
        (JobStatus.STOPPED, False, "job.deleted"),
        (JobStatus.COMPLETED, False, "job.completed"),
        (JobStatus.FAILED, False, "job.failed"),
    ],
)
def test_explain_when_the_job_is_not_scheduled_then_that_comes_first(
    status: JobStatus, is_paused: bool, code: str
) -> None:
    found = explain(records(job=job(status=status, is_paused=is_paused, status_reason="its owner asked")))
    assert codes(found) == [code, "quiet"]


def test_explain_when_the_time_frame_is_over_then_it_says_since_when() -> None:
    assert codes(explain(records(now=CREATED_AT + 3_600))) == ["job.scheduled", "job.expired", "quiet"]


@pytest.mark.parametrize(
    ("trigger", "at", "changes", "words"),
    [
        (None, CREATED_AT - 1, {}, "created only at"),
        (None, CREATED_AT + 3_600, {}, "time frame was over"),
        (None, DUE + 3, {"due_before": DUE, "due_after": DUE + 10}, "none of its due seconds"),
        (None, DUE, {"is_due": True}, "the engine has not come to it"),
        (None, DUE + 10, {"is_due": True}, "still to come"),
        (PAID, DUE, {}, "no log of Transfer"),
        (BALANCE_ABOVE_100, DUE, {}, "did not become true"),
    ],
)
def test_explain_when_nothing_occurred_at_the_moment_then_it_says_what_was_to_be_expected(
    trigger: Trigger | None, at: int, changes: dict[str, object], words: str
) -> None:
    found = explain(records(job=job(trigger), **changes), at=at)
    assert words in text_of(found, "quiet")


def test_explain_when_a_moment_is_asked_about_then_only_what_covers_it_is_told() -> None:
    held = entry(TimeEvidence(due=DUE), Outcome.HELD, Reason.RUNS, "all used", last=DUE + 30, count=4)
    fired = entry(TimeEvidence(due=DUE + 40), Outcome.FIRED)
    assert codes(explain(records(entries=(held, fired)), at=DUE + 20)) == ["job.scheduled", "held.runs"]
    assert "the run of 4 due seconds" in text_of(explain(records(entries=(held, fired)), at=DUE + 20), "held.runs")
    assert codes(explain(records(entries=(held, fired)), at=DUE + 40)) == ["job.scheduled", "fired"]


def test_explain_when_it_was_an_event_or_a_condition_then_what_was_seen_is_named() -> None:
    found = explain(records(entries=(entry(EVENT, Outcome.WITHDRAWN, Reason.REORGED),)))
    assert "log 1 of transaction 0x1111" in text_of(found, "withdrawn.reorged")
    found = explain(records(entries=(entry(CONDITION, Outcome.SKIPPED, Reason.COOLDOWN),)))
    assert "at block 9, at the value 101" in text_of(found, "skipped.cooldown")


def test_explain_when_there_is_a_value_then_it_stands_beside_its_limit() -> None:
    value = Value(value="99", observed_at_ms=NOW * 1000)
    found = explain(records(job=job(BALANCE_ABOVE_100), value=value))
    assert "is 99, of" in text_of(found, "value")
    assert "greater_than to 100" in text_of(found, "value")
    fault = replace(value, fault="the read reverted")
    assert "the read reverted" in text_of(explain(records(job=job(BALANCE_ABOVE_100), value=fault)), "value")
