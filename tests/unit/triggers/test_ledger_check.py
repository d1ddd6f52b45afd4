"""Every fault of a ledger is found by itself, and what is right is no fault."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from tests.unit.core.sample import CHAIN, CREATED_AT, EVERY_TEN_S, job_body
from triggerx.core.evidence import ConditionEvidence, EventEvidence, Evidence, TimeEvidence, firing_of
from triggerx.core.ledger import EntryNumber, LedgerEntry, NewEntry, Outcome, Reason
from triggerx.core.task import Task, TaskId, TaskStatus
from triggerx.evm.hub import task_key
from triggerx.evm.keccak import keccak256
from triggerx.evm.types import Hash32
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
from triggerx.triggers.occurrence import Occurrence, frame_of
from triggerx.triggers.timetable import Stretch, Timetable

JOB = job_body().job_id
FRAME = frame_of(job_body())
TIMETABLE = Timetable([Stretch(trigger=EVERY_TEN_S, frame=FRAME)])
ALWAYS = Bounds(since=0, until=1 << 40)
EVENT = EventEvidence(
    chain_id=CHAIN,
    tx_hash=keccak256(b"tx"),
    ordinal=1,
    block_number=7,
    block_hash=keccak256(b"block"),
    block_timestamp=CREATED_AT + 7,
)
EDGE = ConditionEvidence(edge=1, source="s", value="3", observed_at_ms=(CREATED_AT + 9) * 1000)


def entry(
    evidence: Evidence,
    outcome: Outcome = Outcome.FIRED,
    reason: Reason = Reason.NONE,
    *,
    last: int | None = None,
    count: int = 1,
) -> LedgerEntry:
    firing = firing_of(evidence)
    new = NewEntry(
        job_number=1,
        job_id=JOB,
        task_key=task_key(JOB, firing),
        firing=firing,
        moment=evidence.moment,
        last_moment=evidence.moment if last is None else last,
        count=count,
        outcome=outcome,
        reason=reason,
        evidence=evidence,
        decided_at_ms=0,
    )
    return LedgerEntry(number=EntryNumber(1), entry=new, noted_at_ms=0)


def due(second: int, *changes: Outcome | Reason, last: int | None = None, count: int = 1) -> LedgerEntry:
    outcome = next((each for each in changes if isinstance(each, Outcome)), Outcome.FIRED)
    reason = next((each for each in changes if isinstance(each, Reason)), Reason.NONE)
    end = None if last is None else CREATED_AT + last
    return entry(TimeEvidence(due=CREATED_AT + second), outcome, reason, last=end, count=count)


def occurred(*evidence: Evidence, reason: Reason = Reason.NONE) -> dict[Hash32, Occurrence]:
    found = [Occurrence(evidence=each, reason=reason) for each in evidence]
    return {each.key(JOB): each for each in found}


def task_of(stored: LedgerEntry, status: TaskStatus = TaskStatus.CREATED) -> Task:
    return Task(
        task_id=TaskId(1),
        task_key=stored.entry.task_key,
        job_id=JOB,
        task_definition_id=job_body().task_definition_id,
        created_at=CREATED_AT,
        firing=stored.entry.firing,
        is_guarded=True,
        evidence={},
        status=status,
    )


def faults(findings: Sequence[Finding]) -> list[Fault]:
    return [finding.fault for finding in findings]


MOVED = replace(EVENT, block_number=8)
REORGED = Reason.REORGED


@pytest.mark.parametrize(
    ("expected", "entries", "fault"),
    [
        (occurred(EVENT), [entry(EVENT)], []),
        (occurred(EVENT), [entry(EVENT, Outcome.HELD, Reason.BALANCE)], []),
        (occurred(EVENT), [], [Fault.MISSING]),
        (occurred(), [entry(EVENT)], [Fault.UNEXPECTED]),
        (occurred(), [entry(EVENT, Outcome.SKIPPED, Reason.PAUSED)], [Fault.UNEXPECTED]),
        (occurred(), [entry(EVENT, Outcome.FIRED, REORGED)], []),
        (occurred(), [entry(EVENT, Outcome.WITHDRAWN, REORGED)], []),
        (occurred(EVENT), [entry(EVENT, Outcome.WITHDRAWN, REORGED)], [Fault.WITHDRAWN]),
        (occurred(EVENT), [entry(MOVED)], [Fault.EVIDENCE]),
        (occurred(EVENT), [entry(EVENT), entry(EVENT)], [Fault.DOUBLE]),
        (occurred(EDGE, reason=Reason.COOLDOWN), [entry(EDGE, Outcome.SKIPPED, Reason.COOLDOWN)], []),
        (occurred(EDGE, reason=Reason.COOLDOWN), [entry(EDGE)], [Fault.UNEXPECTED]),
    ],
)
def test_occurrences_when_held_against_entries_then_each_difference_is_a_finding(
    expected: dict[Hash32, Occurrence], entries: list[LedgerEntry], fault: list[Fault]
) -> None:
    assert faults(list(check_occurrences(expected, entries, ALWAYS))) == fault


def test_occurrences_when_out_of_bounds_then_nothing_is_demanded() -> None:
    bounds = Bounds(since=CREATED_AT + 8, until=CREATED_AT + 20)
    assert faults(list(check_occurrences(occurred(EVENT, EDGE), [], bounds))) == [Fault.MISSING]
    assert list(check_occurrences({}, [entry(EVENT)], bounds)) == []


MISSED, SKIPPED = Outcome.MISSED, Outcome.SKIPPED
MISFIRE = Reason.MISFIRE


@pytest.mark.parametrize(
    ("entries", "fault"),
    [
        ([due(10), due(20), due(30), due(40), due(50), due(60)], []),
        ([due(10), due(20, MISSED, MISFIRE, last=40, count=3), due(50), due(60)], []),
        ([due(10), due(30), due(40), due(50), due(60)], [Fault.MISSING]),
        ([due(20), due(30), due(40), due(50)], [Fault.MISSING, Fault.MISSING]),
        ([], [Fault.MISSING]),
        ([due(10, MISSED, MISFIRE, last=60, count=5)], [Fault.COUNT]),
        ([due(10, MISSED, MISFIRE, last=40, count=4), due(30, last=60, count=4)], [Fault.DOUBLE, Fault.COUNT]),
        ([due(10, SKIPPED, MISFIRE, last=60, count=6), due(70)], [Fault.UNEXPECTED]),
        ([due(10, SKIPPED, MISFIRE, last=55, count=5), due(60)], [Fault.UNEXPECTED]),
        ([due(10, last=60, count=6)], [Fault.COUNT]),
    ],
)
def test_schedule_when_held_against_entries_then_each_difference_is_a_finding(
    entries: list[LedgerEntry], fault: list[Fault]
) -> None:
    assert faults(list(check_schedule(TIMETABLE, entries, ALWAYS))) == fault


def test_schedule_when_a_gap_is_found_then_says_how_many_due_seconds_it_has() -> None:
    (finding,) = check_schedule(TIMETABLE, [due(10), due(60)], ALWAYS)
    assert finding.text == f"4 due seconds after {CREATED_AT + 10}, up to {CREATED_AT + 59}, have no entry"


def test_schedule_when_bounded_then_what_is_out_of_it_is_not_missing() -> None:
    bounds = Bounds(since=CREATED_AT + 15, until=CREATED_AT + 39)
    entries = [due(10, MISSED, MISFIRE, last=20, count=2), due(30)]
    assert list(check_schedule(TIMETABLE, entries, bounds)) == []
    assert list(check_schedule(TIMETABLE, [], Bounds(since=5, until=4))) == []


@pytest.mark.parametrize("outcome", Outcome)
def test_reasons_when_there_is_none_then_only_what_fired_or_is_about_to_needs_none(outcome: Outcome) -> None:
    needs_none = outcome in (Outcome.FIRED, Outcome.QUEUED)
    assert faults(list(check_reasons([entry(EVENT, outcome)]))) == ([] if needs_none else [Fault.REASONLESS])
    assert list(check_reasons([entry(EVENT, outcome, Reason.PAUSED)])) == []


def test_tasks_when_one_is_missing_double_or_stray_then_is_found() -> None:
    fired, skipped = entry(EVENT), entry(EDGE, SKIPPED, Reason.PAUSED)
    one = task_of(fired)
    assert list(check_tasks([fired, skipped], [one], [])) == []
    assert faults(list(check_tasks([fired], [], []))) == [Fault.TASK_MISSING]
    assert faults(list(check_tasks([fired], [one, one], []))) == [Fault.DOUBLE]
    assert faults(list(check_tasks([skipped], [], [task_of(skipped)]))) == [Fault.TASK_UNEXPECTED]


@pytest.mark.parametrize(
    ("status", "executions", "fault"),
    [
        (TaskStatus.ATTESTED, 1, []),
        (TaskStatus.ATTESTED, 0, [Fault.EXECUTION_MISSING]),
        (TaskStatus.ATTESTED, 2, [Fault.DOUBLE]),
        (TaskStatus.FAILED, 2, [Fault.DOUBLE]),
        (TaskStatus.PERFORMED, 0, []),
        (TaskStatus.FAILED, 1, []),
    ],
)
def test_executions_when_held_against_tasks_then_attested_ones_happened_and_none_twice(
    status: TaskStatus, executions: int, fault: list[Fault]
) -> None:
    task = task_of(entry(EVENT), status)
    found = {task.task_key: [keccak256(bytes([number])) for number in range(executions)]}
    assert faults(list(check_executions([task], found))) == fault
