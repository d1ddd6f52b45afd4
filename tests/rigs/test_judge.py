"""The judge finds each planted fault, and none in an honest history."""

from dataclasses import replace

import pytest

from tests.rigs.causes import due_causes, edge_causes, log_causes
from tests.rigs.judge import Cause, Done, Fault, History, Run, judge
from tests.unit.core.sample import CHAIN, CREATED_AT, OTHER_HASH, TX_HASH, job_body
from triggerx.core.evidence import ConditionEvidence, EventEvidence, Evidence, TimeEvidence
from triggerx.core.job import JobId
from triggerx.core.ledger import NewEntry, Outcome, Reason
from triggerx.evm.hub import Firing
from triggerx.evm.types import Address, Hash32
from triggerx.ports.chain import Log

JOB = job_body().job_id
EVENT_JOB = JobId(JOB + 1)
CONDITION_JOB = JobId(JOB + 2)
BLOCK = Hash32(b"\x0b" * 32)


def entry(cause: Cause, outcome: Outcome = Outcome.FIRED, reason: Reason = Reason.NONE, **more: object) -> NewEntry:
    evidence: Evidence = TimeEvidence(due=cause.moment)
    if cause.job_id == EVENT_JOB:
        evidence = EventEvidence(
            chain_id=CHAIN,
            tx_hash=cause.firing.tx_hash,
            ordinal=cause.firing.index,
            block_number=1,
            block_hash=BLOCK,
            block_timestamp=cause.moment,
        )
    elif cause.job_id == CONDITION_JOB:
        evidence = ConditionEvidence(edge=cause.firing.index, source="s", value="1", observed_at_ms=cause.moment * 1000)
    made = NewEntry(
        job_number=1,
        job_id=cause.job_id,
        task_key=cause.key,
        firing=cause.firing,
        moment=cause.moment,
        last_moment=cause.moment,
        outcome=outcome,
        reason=reason,
        evidence=evidence,
        decided_at_ms=cause.moment * 1000,
    )
    return replace(made, **more)  # type: ignore[arg-type]  # by field name


def log(index: int, *, topic: int = 1, tx_hash: Hash32 = TX_HASH) -> Log:
    return Log(
        address=Address(b"\x01" * 20),
        topics=(Hash32(topic.to_bytes(32, "big")),),
        data=b"",
        block_number=1,
        block_hash=BLOCK,
        tx_hash=tx_hash,
        log_index=index,
    )


DUES = due_causes(JOB, created_at=CREATED_AT, interval_s=10, after=CREATED_AT, until=CREATED_AT + 50)
LOGS = log_causes(
    EVENT_JOB,
    [log(0), log(1, topic=2), log(2), log(3, tx_hash=OTHER_HASH)],
    chain_id=CHAIN,
    is_wanted=lambda each: each.topics[0] == Hash32((1).to_bytes(32, "big")),
    times={BLOCK: CREATED_AT + 5},
    span=(CREATED_AT, CREATED_AT + 60),
)
EDGES = edge_causes(CONDITION_JOB, [(1, 0), (2, 11), (3, 12), (4, 10), (5, 11)], above=10)
FIRED = [entry(each) for each in (*DUES[2:], *LOGS, *EDGES)]
MISSED = entry(
    DUES[0],
    Outcome.MISSED,
    Reason.MISFIRE,
    last_moment=DUES[1].moment,
    count=2,
    decided_at_ms=(DUES[1].moment + 16) * 1000,
)
HONEST = History(
    causes=[*DUES, *LOGS, *EDGES],
    entries=[MISSED, *FIRED],
    tasks=[Done(task_key=each.task_key, is_attested=True) for each in FIRED],
    runs=[Run(task_key=each.task_key, tx_hash=each.task_key, timestamp=each.moment + 2) for each in FIRED],
)


def without(key: Hash32) -> list[NewEntry]:
    return [each for each in HONEST.entries if each.task_key != key]


def test_causes_when_counted_by_hand_then_are_these() -> None:
    assert [each.moment - CREATED_AT for each in DUES] == [10, 20, 30, 40, 50]
    assert [(each.firing.tx_hash, each.firing.index) for each in LOGS] == [(TX_HASH, 0), (TX_HASH, 2), (OTHER_HASH, 0)]
    assert [(each.firing.index, each.moment) for each in EDGES] == [(1, 2), (2, 5)]


def test_judge_when_the_history_is_honest_then_finds_nothing() -> None:
    assert judge(HONEST) == []


LATE = FIRED[0]
GONE = Cause(job_id=EVENT_JOB, firing=Firing.event(CHAIN, BLOCK, 0), moment=CREATED_AT + 6)
RUN = HONEST.runs[0]
PLANTED: dict[str, tuple[History, set[Fault]]] = {
    "a due second without an entry": (
        replace(HONEST, entries=without(DUES[3].key), tasks=HONEST.tasks, runs=HONEST.runs),
        {Fault.LOST, Fault.GROUNDLESS},
    ),
    "a log without an entry, a task and a run": (
        History(causes=HONEST.causes[:6], entries=[MISSED, *FIRED[:3]], tasks=HONEST.tasks[:3], runs=HONEST.runs[:3]),
        {Fault.LOST},
    ),
    "an edge without an entry": (
        History(causes=EDGES, entries=FIRED[-1:], tasks=HONEST.tasks[-1:], runs=HONEST.runs[-1:]),
        {Fault.LOST},
    ),
    "a due second in two entries": (
        replace(HONEST, entries=[replace(MISSED, last_moment=DUES[2].moment, count=3), *FIRED]),
        {Fault.DOUBLED, Fault.UNEXPLAINED},
    ),
    "a range that counts too few": (replace(HONEST, entries=[replace(MISSED, count=1), *FIRED]), {Fault.GROUNDLESS}),
    "an entry of a log that is not there": (
        replace(HONEST, entries=[*HONEST.entries, entry(GONE)], tasks=[*HONEST.tasks, Done(task_key=GONE.key)]),
        {Fault.GROUNDLESS},
    ),
    "a log on the chain that is withdrawn": (
        replace(
            HONEST,
            entries=[*without(LOGS[2].key), entry(LOGS[2], Outcome.WITHDRAWN, Reason.REORGED)],
            tasks=[each for each in HONEST.tasks if each.task_key != LOGS[2].key],
            runs=[each for each in HONEST.runs if each.task_key != LOGS[2].key],
        ),
        {Fault.LOST},
    ),
    "an entry that fired without a task": (replace(HONEST, tasks=HONEST.tasks[1:]), {Fault.LOST}),
    "two tasks of one key": (replace(HONEST, tasks=[*HONEST.tasks, HONEST.tasks[0]]), {Fault.DOUBLED}),
    "a task of what did not fire": (
        replace(HONEST, tasks=[*HONEST.tasks, Done(task_key=MISSED.task_key)]),
        {Fault.GROUNDLESS},
    ),
    "two runs of one key": (replace(HONEST, runs=[*HONEST.runs, replace(RUN, tx_hash=BLOCK)]), {Fault.DOUBLED}),
    "a run of nothing": (replace(HONEST, runs=[*HONEST.runs, replace(RUN, task_key=BLOCK)]), {Fault.GROUNDLESS}),
    "a run before its moment": (
        replace(HONEST, runs=[replace(RUN, timestamp=LATE.moment - 1), *HONEST.runs[1:]]),
        {Fault.GROUNDLESS},
    ),
    "an attested task without a run": (replace(HONEST, runs=HONEST.runs[1:]), {Fault.LOST}),
    "a skipped occurrence without a reason": (
        replace(HONEST, entries=[replace(MISSED, reason=Reason.NONE), *FIRED]),
        {Fault.UNEXPLAINED},
    ),
    "one missed as late that was on time": (
        replace(HONEST, entries=[replace(MISSED, decided_at_ms=(DUES[1].moment + 15) * 1000), *FIRED]),
        {Fault.UNEXPLAINED},
    ),
    "a hold that says nothing": (
        replace(HONEST, entries=[replace(MISSED, outcome=Outcome.HELD, reason=Reason.BALANCE, detail=""), *FIRED]),
        {Fault.UNEXPLAINED},
    ),
    "an entry that waits for ever": (
        replace(HONEST, entries=[replace(MISSED, outcome=Outcome.QUEUED), *FIRED]),
        {Fault.UNDECIDED},
    ),
}


@pytest.mark.parametrize("planted", PLANTED)
def test_judge_when_a_fault_is_planted_then_finds_it_and_no_other_kind(planted: str) -> None:
    history, expected = PLANTED[planted]
    assert {each.fault for each in judge(history)} == expected


def test_judge_when_a_reorg_took_what_fired_or_waited_then_marked_entries_are_honest() -> None:
    marked = [entry(LOGS[0], Outcome.FIRED, Reason.REORGED), entry(LOGS[1], Outcome.WITHDRAWN, Reason.REORGED)]
    assert judge(History(causes=(), entries=marked, tasks=[Done(task_key=LOGS[0].key)])) == []
