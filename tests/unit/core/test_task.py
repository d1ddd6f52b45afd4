"""The task's state machine: a table of transitions, and a machine that tries every order of inputs."""

from dataclasses import replace

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tests.unit.core.sample import CREATED_AT, DUE, KEEPERS, TX_HASH, job_body, order_for
from triggerx.core.task import (
    DEAD,
    FINAL,
    AssignNextPerformer,
    ReportTaskEnded,
    RunChange,
    Step,
    Task,
    TaskId,
    TaskStatus,
    run_changes,
    transition,
)
from triggerx.core.task_inputs import (
    ChainLogMinedAgain,
    ChainTaskDecided,
    ClockDeadlinePassed,
    EngineAssigned,
    OwnerRetried,
    PeerAcknowledged,
    PeerDeclined,
    PeerPerformed,
    PeerRefused,
    PeerSilent,
    TaskInput,
)
from triggerx.evm.keccak import keccak256

A, B = KEEPERS[0].address, KEEPERS[1].address
ATTEMPTS_MAX = 3
DEADLINE = DUE + 20
ATTESTED_BY = DUE + 140

ASSIGNED = EngineAssigned(performer=A, deadline_at=DEADLINE)
ACKNOWLEDGED = PeerAcknowledged(attempt=1)
REFUSED = PeerRefused(attempt=1, reason="busy: 16 tasks are being executed already")
SILENT = PeerSilent(attempt=1)
PERFORMED = PeerPerformed(
    performer=A, cid="bafyone", execution_tx_hash=TX_HASH, now_ms=DUE * 1000 + 1500, deadline_at=ATTESTED_BY
)
TOO_EARLY = ClockDeadlinePassed(attempt=1, now=DEADLINE - 1)
OVER = ClockDeadlinePassed(attempt=1, now=DEADLINE)
UNATTESTED = ClockDeadlinePassed(attempt=1, now=ATTESTED_BY)
RETRIED, MINED_AGAIN = OwnerRetried(), ChainLogMinedAgain()


def decided(*, is_approved: bool, number: int = 7) -> ChainTaskDecided:
    return ChainTaskDecided(
        is_approved=is_approved,
        task_number=number,
        performer=A,
        attester_ids=(1, 2, 3),
        submission_tx_hash=keccak256(b"submission"),
        proof_of_task="0xproof",
        cid="bafyone",
        tp_signature=b"\x01" * 65,
        ta_signature=b"\x02" * 64,
        now_ms=DUE * 1000 + 4000,
    )


DECLINED = PeerDeclined(attempt=1, others=0, reason="the script declined")
DECLINED_TOO = replace(DECLINED, attempt=2, others=1)
ALONE, LAST = replace(DECLINED, attempt=2), replace(DECLINED, attempt=3)
"""One keeper that is asked again and again."""
APPROVED, REJECTED = decided(is_approved=True), decided(is_approved=False)
WEAKLY = replace(APPROVED, shortfall="attested below the job's security 2: 70 of 100 voting power, 5/6 is demanded")
AGAIN = replace(APPROVED, submission_tx_hash=keccak256(b"another submission"))


def new_task(*, is_guarded: bool = True) -> Task:
    return Task(
        task_id=TaskId(1),
        task_key=order_for(1).assignment.task_key,
        job_id=job_body().job_id,
        task_definition_id=job_body().task_definition_id,
        created_at=CREATED_AT,
        firing=order_for(1).firing,
        is_guarded=is_guarded,
        evidence={"kind": "time", "due": DUE},
    )


def after(*inputs: TaskInput, is_guarded: bool = True) -> Task:
    task = new_task(is_guarded=is_guarded)
    for event in inputs:
        task = transition(task, event, attempts_max=ATTEMPTS_MAX).state
    return task


@pytest.mark.parametrize(
    ("inputs", "is_guarded", "expected"),
    [
        ((), True, TaskStatus.CREATED),
        ((ASSIGNED,), True, TaskStatus.ASSIGNED),
        ((ASSIGNED, ACKNOWLEDGED), True, TaskStatus.ACKNOWLEDGED),
        ((ASSIGNED, SILENT), True, TaskStatus.ACKNOWLEDGED),
        ((ASSIGNED, REFUSED), True, TaskStatus.CREATED),
        ((ASSIGNED, REFUSED), False, TaskStatus.CREATED),
        ((ASSIGNED, DECLINED), True, TaskStatus.CREATED),
        ((ASSIGNED, DECLINED, ASSIGNED, DECLINED_TOO), True, TaskStatus.DECLINED),
        ((ASSIGNED, DECLINED, ASSIGNED, ALONE, ASSIGNED, LAST), True, TaskStatus.DECLINED),
        ((ASSIGNED, DECLINED, ASSIGNED, DECLINED_TOO, RETRIED), True, TaskStatus.DECLINED),
        ((ASSIGNED, ACKNOWLEDGED, DECLINED), True, TaskStatus.ACKNOWLEDGED),
        ((ASSIGNED, TOO_EARLY), True, TaskStatus.ASSIGNED),
        ((ASSIGNED, OVER), True, TaskStatus.CREATED),
        ((ASSIGNED, OVER), False, TaskStatus.ASSIGNED),
        ((ASSIGNED, ACKNOWLEDGED, TOO_EARLY), False, TaskStatus.ACKNOWLEDGED),
        ((ASSIGNED, ACKNOWLEDGED, OVER), True, TaskStatus.CREATED),
        ((ASSIGNED, ACKNOWLEDGED, OVER), False, TaskStatus.UNKNOWN),
        ((ASSIGNED, SILENT, OVER), False, TaskStatus.UNKNOWN),
        ((ASSIGNED, PERFORMED), True, TaskStatus.PERFORMED),
        ((ASSIGNED, ACKNOWLEDGED, PERFORMED), True, TaskStatus.PERFORMED),
        ((ASSIGNED, ACKNOWLEDGED, PERFORMED, OVER), True, TaskStatus.PERFORMED),
        ((ASSIGNED, ACKNOWLEDGED, PERFORMED, UNATTESTED), True, TaskStatus.CREATED),
        ((ASSIGNED, ACKNOWLEDGED, PERFORMED, UNATTESTED), False, TaskStatus.UNKNOWN),
        ((ASSIGNED, ACKNOWLEDGED, PERFORMED, APPROVED), True, TaskStatus.ATTESTED),
        ((ASSIGNED, ACKNOWLEDGED, PERFORMED, REJECTED), True, TaskStatus.REJECTED),
        ((APPROVED,), True, TaskStatus.ATTESTED),
        ((ASSIGNED, ACKNOWLEDGED, OVER, APPROVED), False, TaskStatus.ATTESTED),
        ((ASSIGNED, ACKNOWLEDGED, OVER, REJECTED), False, TaskStatus.REJECTED),
        ((REJECTED, APPROVED), True, TaskStatus.ATTESTED),
        ((APPROVED, REJECTED), True, TaskStatus.ATTESTED),
        ((WEAKLY,), True, TaskStatus.UNKNOWN),
        ((WEAKLY, REJECTED), True, TaskStatus.UNKNOWN),
        ((WEAKLY, RETRIED), True, TaskStatus.CREATED),
        ((WEAKLY, RETRIED, AGAIN), True, TaskStatus.ATTESTED),
        ((REJECTED, WEAKLY), True, TaskStatus.UNKNOWN),
        ((APPROVED, WEAKLY), True, TaskStatus.ATTESTED),
        ((REJECTED, RETRIED), True, TaskStatus.CREATED),
        ((ASSIGNED, ACKNOWLEDGED, OVER, RETRIED), False, TaskStatus.CREATED),
        ((ASSIGNED, RETRIED), True, TaskStatus.ASSIGNED),
        ((APPROVED, RETRIED), True, TaskStatus.ATTESTED),
        ((ASSIGNED, MINED_AGAIN), True, TaskStatus.ASSIGNED),
        ((ASSIGNED, ACKNOWLEDGED, OVER, MINED_AGAIN), False, TaskStatus.UNKNOWN),
        ((REJECTED, MINED_AGAIN), True, TaskStatus.REJECTED),
    ],
)
def test_transition_when_inputs_follow_each_other_then_the_task_stands_where_the_table_says(
    inputs: tuple[TaskInput, ...], is_guarded: bool, expected: TaskStatus
) -> None:
    assert after(*inputs, is_guarded=is_guarded).status is expected


@pytest.mark.parametrize(
    ("inputs", "late"),
    [
        ((ASSIGNED,), ASSIGNED),
        ((ASSIGNED, ACKNOWLEDGED), EngineAssigned(performer=B, deadline_at=DEADLINE + 20)),
        ((ASSIGNED, ACKNOWLEDGED), ACKNOWLEDGED),
        ((ASSIGNED, ACKNOWLEDGED), REFUSED),
        ((ASSIGNED, ACKNOWLEDGED), SILENT),
        ((ASSIGNED,), PeerAcknowledged(attempt=2)),
        ((ASSIGNED,), PeerRefused(attempt=2, reason="another attempt's")),
        ((ASSIGNED,), PeerSilent(attempt=0)),
        ((ASSIGNED,), ClockDeadlinePassed(attempt=2, now=DEADLINE + 100)),
        ((ASSIGNED, REFUSED), ACKNOWLEDGED),
        ((ASSIGNED, REFUSED), OVER),
        ((ASSIGNED, PERFORMED), ASSIGNED),
        ((ASSIGNED, PERFORMED), ACKNOWLEDGED),
        ((ASSIGNED, PERFORMED), replace(PERFORMED, deadline_at=ATTESTED_BY + 500)),
        ((ASSIGNED, PERFORMED), replace(PERFORMED, cid="bafytwo", deadline_at=ATTESTED_BY + 500)),
        ((ASSIGNED, PERFORMED), replace(PERFORMED, performer=B, cid="bafytwo")),
        ((ASSIGNED, PERFORMED, UNATTESTED), replace(PERFORMED, deadline_at=ATTESTED_BY + 500)),
        ((ASSIGNED, APPROVED), decided(is_approved=True, number=8)),
        ((ASSIGNED, REJECTED), decided(is_approved=False, number=8)),
    ],
)
def test_transition_when_an_input_is_late_repeated_or_of_another_attempt_then_nothing_changes(
    inputs: tuple[TaskInput, ...], late: TaskInput
) -> None:
    task = after(*inputs)
    assert transition(task, late, attempts_max=ATTEMPTS_MAX) == Step(state=task)


@pytest.mark.parametrize("event", [ASSIGNED, ACKNOWLEDGED, REFUSED, SILENT, OVER, PERFORMED])
@pytest.mark.parametrize("status", sorted(FINAL))
def test_transition_when_the_task_is_over_then_only_the_chain_moves_it(status: TaskStatus, event: TaskInput) -> None:
    task = replace(new_task(), status=status, attempt=1)
    assert transition(task, event, attempts_max=ATTEMPTS_MAX) == Step(state=task)


def test_transition_when_a_performer_refuses_then_the_next_attempt_is_asked_for_with_its_reason() -> None:
    step = transition(after(ASSIGNED), REFUSED, attempts_max=ATTEMPTS_MAX)
    assert step.effects == (AssignNextPerformer(attempt=2),)
    assert (step.state.task_error, step.state.deadline_at) == (REFUSED.reason, None)


def test_transition_when_the_last_attempt_is_refused_then_it_fails_with_the_last_reason() -> None:
    step = transition(after(ASSIGNED), REFUSED, attempts_max=1)
    assert step.effects == (ReportTaskEnded(status=TaskStatus.FAILED),)
    assert (step.state.status, step.state.task_error) == (TaskStatus.FAILED, REFUSED.reason)


def test_transition_when_a_successor_announces_the_action_then_it_counts() -> None:
    second = EngineAssigned(performer=B, deadline_at=ATTESTED_BY + 20)
    adopted = replace(PERFORMED, performer=B, cid="bafytwo", deadline_at=ATTESTED_BY + 140)
    task = after(ASSIGNED, PERFORMED, UNATTESTED, second, adopted)
    assert (task.status, task.task_performer, task.action_data_cid) == (TaskStatus.PERFORMED, B, "bafytwo")
    assert task.executed_at_ms == PERFORMED.now_ms


def test_transition_when_the_chain_decides_then_every_column_of_the_submission_is_filled() -> None:
    step = transition(after(ASSIGNED, PERFORMED), APPROVED, attempts_max=0)
    task = step.state
    assert step.effects == (ReportTaskEnded(status=TaskStatus.ATTESTED),)
    assert (task.task_number, task.task_attester_ids, task.is_approved) == (7, (1, 2, 3), True)
    assert (task.task_error, task.deadline_at, task.attested_at_ms) == ("", None, APPROVED.now_ms)


def test_transition_when_an_approval_is_too_weak_for_the_job_then_the_task_says_so_and_is_no_success() -> None:
    task = after(ASSIGNED, ACKNOWLEDGED, PERFORMED, WEAKLY)
    assert (task.is_approved, task.is_successful, task.task_error) == (True, False, WEAKLY.shortfall)
    assert task.task_number == WEAKLY.task_number
    assert transition(task, APPROVED, attempts_max=ATTEMPTS_MAX) == Step(state=task)  # it is the same submission


@pytest.mark.parametrize("again", [RETRIED, MINED_AGAIN])
def test_transition_when_a_task_failed_at_its_last_attempt_then_it_may_have_just_one_more(again: TaskInput) -> None:
    def refused(task: Task) -> Task:
        assigned = transition(task, ASSIGNED, attempts_max=ATTEMPTS_MAX).state
        event = PeerRefused(attempt=assigned.attempt, reason="busy")
        return transition(assigned, event, attempts_max=ATTEMPTS_MAX).state

    task = new_task()
    for _ in range(ATTEMPTS_MAX):
        task = refused(task)
    assert task.status is TaskStatus.FAILED
    step = transition(task, again, attempts_max=ATTEMPTS_MAX)
    assert step.effects == (AssignNextPerformer(attempt=ATTEMPTS_MAX + 1),)
    assert (step.state.status, step.state.attempt, step.state.deadline_at) == (TaskStatus.CREATED, ATTEMPTS_MAX, None)
    task = refused(step.state)
    assert (task.status, task.attempt) == (TaskStatus.FAILED, ATTEMPTS_MAX + 1)


class TaskMachine(RuleBasedStateMachine):
    """Any inputs in any order; what may have been started is remembered apart from the task."""

    def __init__(self) -> None:
        super().__init__()
        self.task = new_task()
        self.now = DUE
        self.may_have_begun: set[int] = set()
        self.more = 0

    @initialize(is_guarded=st.booleans())
    def begin(self, is_guarded: bool) -> None:
        self.task = new_task(is_guarded=is_guarded)

    def _apply(self, event: TaskInput) -> Step:
        before = self.task
        step = transition(before, event, attempts_max=ATTEMPTS_MAX)
        self.task = step.state
        if before.status in FINAL and not isinstance(event, ChainTaskDecided | OwnerRetried | ChainLogMinedAgain):
            assert step == Step(state=before)
        if step.state == before:
            assert step.effects == ()
        else:
            repeated = transition(step.state, event, attempts_max=ATTEMPTS_MAX)
            assert repeated == Step(state=step.state)
        has_ended = step.state.status in FINAL and step.state.status is not before.status
        assert has_ended == any(isinstance(effect, ReportTaskEnded) for effect in step.effects)
        return step

    @rule(performer=st.sampled_from([A, B]))
    def assign(self, performer: bytes) -> None:
        before = self.task.attempt
        self._apply(EngineAssigned(performer=A if performer == A else B, deadline_at=self.now + 20))
        if self.task.attempt != before:
            assert self.task.is_guarded or not self.may_have_begun

    @rule(attempt=st.integers(0, ATTEMPTS_MAX + 1))
    def acknowledge(self, attempt: int) -> None:
        if self._apply(PeerAcknowledged(attempt=attempt)).state.status is TaskStatus.ACKNOWLEDGED:
            self.may_have_begun.add(self.task.attempt)

    @rule(attempt=st.integers(0, ATTEMPTS_MAX + 1))
    def fall_silent(self, attempt: int) -> None:
        if self._apply(PeerSilent(attempt=attempt)).state.status is TaskStatus.ACKNOWLEDGED:
            self.may_have_begun.add(self.task.attempt)

    @rule(attempt=st.integers(0, ATTEMPTS_MAX + 1))
    def refuse(self, attempt: int) -> None:
        self._apply(PeerRefused(attempt=attempt, reason="busy"))

    @rule(performer=st.sampled_from([A, B]), number=st.integers(1, 3))
    def perform(self, performer: bytes, number: int) -> None:
        event = replace(PERFORMED, performer=A if performer == A else B, cid=f"b{number}", deadline_at=self.now + 120)
        if self._apply(event).state.status is TaskStatus.PERFORMED:
            self.may_have_begun.add(self.task.attempt)

    @rule(attempt=st.integers(0, ATTEMPTS_MAX + 1), passed_s=st.integers(0, 200))
    def let_time_pass(self, attempt: int, passed_s: int) -> None:
        self.now += passed_s
        self._apply(ClockDeadlinePassed(attempt=attempt, now=self.now))

    @rule(is_approved=st.booleans())
    def decide(self, is_approved: bool) -> None:
        was_attested = self.task.status is TaskStatus.ATTESTED
        self._apply(decided(is_approved=is_approved))
        assert self.task.status is (TaskStatus.ATTESTED if is_approved or was_attested else TaskStatus.REJECTED)

    @rule(by_hand=st.booleans())
    def let_go_on(self, by_hand: bool) -> None:
        before = self.task.status
        if self._apply(RETRIED if by_hand else MINED_AGAIN).state.status is not before:
            assert before in DEAD and (by_hand or before is TaskStatus.FAILED)
            self.may_have_begun.clear()  # a person looked, or nobody had taken it on
            self.more += 1

    @invariant()
    def attempts_are_bounded(self) -> None:
        assert 0 <= self.task.attempt <= ATTEMPTS_MAX + self.more

    @invariant()
    def only_what_runs_has_a_deadline(self) -> None:
        runs = self.task.status in (TaskStatus.ASSIGNED, TaskStatus.ACKNOWLEDGED, TaskStatus.PERFORMED)
        assert (self.task.deadline_at is not None) == runs

    @invariant()
    def what_failed_says_why(self) -> None:
        if self.task.status in (TaskStatus.FAILED, TaskStatus.UNKNOWN, TaskStatus.REJECTED):
            assert self.task.task_error


TestTaskMachine = TaskMachine.TestCase
TestTaskMachine.settings = settings(max_examples=150, stateful_step_count=30, deadline=None, derandomize=True)


OPEN = [status for status in TaskStatus if status not in FINAL]


@pytest.mark.parametrize("before", OPEN)
def test_run_changes_when_an_open_task_ends_then_its_run_counts_or_is_given_back(before: TaskStatus) -> None:
    assert run_changes(before, TaskStatus.ATTESTED) == run_changes(before, TaskStatus.UNKNOWN) == (RunChange.ENDED,)
    assert run_changes(before, TaskStatus.FAILED) == run_changes(before, TaskStatus.REJECTED) == (RunChange.GIVEN_BACK,)
    assert all(run_changes(before, after) == () for after in OPEN)


def test_run_changes_when_a_dead_task_is_retried_then_its_run_is_open_again() -> None:
    assert run_changes(TaskStatus.FAILED, TaskStatus.CREATED) == (RunChange.TAKEN_AGAIN,)
    assert run_changes(TaskStatus.REJECTED, TaskStatus.CREATED) == (RunChange.TAKEN_AGAIN,)
    assert run_changes(TaskStatus.UNKNOWN, TaskStatus.CREATED) == (RunChange.OPENED,)


def test_run_changes_when_the_chain_attests_what_was_given_up_then_the_run_counts_after_all() -> None:
    assert run_changes(TaskStatus.FAILED, TaskStatus.ATTESTED) == (RunChange.TAKEN_AGAIN, RunChange.ENDED)
    assert run_changes(TaskStatus.UNKNOWN, TaskStatus.ATTESTED) == ()
    assert run_changes(TaskStatus.UNKNOWN, TaskStatus.REJECTED) == ()


@pytest.mark.parametrize("status", sorted(DEAD))
def test_retry_when_a_task_is_dead_then_one_more_performer_may_try(status: TaskStatus) -> None:
    dead = replace(new_task(), status=status, attempt=5, task_error="the performer was silent")
    step = transition(dead, OwnerRetried(), attempts_max=5)
    assert (step.state.status, step.state.attempt) == (TaskStatus.CREATED, 5)
    assert step.effects == (AssignNextPerformer(attempt=6),)
    assigned = transition(step.state, EngineAssigned(performer=A, deadline_at=10), attempts_max=5).state
    over = transition(assigned, PeerRefused(attempt=6, reason="no"), attempts_max=5).state
    assert over.status is TaskStatus.FAILED


@pytest.mark.parametrize("status", [*OPEN, TaskStatus.ATTESTED])
def test_retry_when_a_task_is_not_dead_then_nothing_changes(status: TaskStatus) -> None:
    running = replace(new_task(), status=status)
    assert transition(running, OwnerRetried(), attempts_max=5).state == running
