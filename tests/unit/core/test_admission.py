"""Admission: one reason for every occurrence that does not fire, the first that applies."""

from dataclasses import replace

import pytest

from tests.unit.core.sample import CHAIN, CREATED_AT, OWNER, PAID
from triggerx.core.admission import FIRES, Surroundings, admit
from triggerx.core.budget import run_cost
from triggerx.core.job import JobId, JobStatus, ScheduleType, TaskDefinition, TimeTrigger
from triggerx.core.ledger import HOLDS, Outcome, Reason
from triggerx.core.terms import DAY_S, JobTerms
from triggerx.evm.types import Wei

NOW = CREATED_AT + 30
TODAY = NOW // DAY_S
PRICE = Wei(10**9)
COST = run_cost(100_000, PRICE, 2, fee_max_wei=None)
TERMS = JobTerms(
    number=1,
    job_id=JobId(7),
    owner=OWNER.address,
    user_id=1,
    task_definition_id=TaskDefinition.TIME_STATIC,
    trigger=TimeTrigger(schedule_type=ScheduleType.INTERVAL, interval_s=10),
    action_chain_id=CHAIN,
    is_guarded=True,
    recurring=True,
    priority=2,
    status=JobStatus.SCHEDULED,
    is_paused=False,
    created_at=CREATED_AT,
    expires_at=CREATED_AT + 60,
    next_due_at=NOW,
    watched_from=None,
    link_job_id=None,
    chain_status=0,
    runs_max=10,
    runs_per_day_max=5,
    wei_max=Wei(100 * COST),
    wei_per_day_max=Wei(10 * COST),
    gas_price_max_wei=None,
    mandate_expiry=None,
    run_gas=100_000,
    fee_max_wei=Wei(10**18),
    runs=0,
    open_runs=0,
    runs_today=0,
    usage_day=TODAY,
    spent_wei=Wei(0),
    spent_today_wei=Wei(0),
    user_runs_today=0,
    user_usage_day=TODAY,
    balance_wei=Wei(100 * COST),
)
AROUND = Surroundings(now=NOW, gas_price_wei=PRICE, user_runs_per_day_max=100)
ONCE = replace(TERMS, trigger=PAID, recurring=False)


def test_admit_when_nothing_stands_in_the_way_then_it_fires() -> None:
    assert admit(TERMS, AROUND) is FIRES


@pytest.mark.parametrize(
    ("terms", "outcome", "reason"),
    [
        (replace(TERMS, status=JobStatus.STOPPED, is_paused=True), Outcome.SKIPPED, Reason.PAUSED),
        (replace(TERMS, status=JobStatus.STOPPED), Outcome.SKIPPED, Reason.STOPPED),
        (replace(TERMS, status=JobStatus.CREATED), Outcome.SKIPPED, Reason.LINKED),
        (replace(TERMS, status=JobStatus.COMPLETED), Outcome.SKIPPED, Reason.ENDED),
        (replace(TERMS, status=JobStatus.FAILED), Outcome.SKIPPED, Reason.ENDED),
        (replace(TERMS, expires_at=NOW - 1), Outcome.MISSED, Reason.EXPIRED),
        (replace(ONCE, runs=1), Outcome.SKIPPED, Reason.ENDED),
        (replace(TERMS, mandate_expiry=NOW - 1), Outcome.HELD, Reason.MANDATE),
        (replace(TERMS, runs=10), Outcome.HELD, Reason.RUNS),
        (replace(TERMS, runs_today=5), Outcome.HELD, Reason.RUNS_TODAY),
        (replace(TERMS, user_runs_today=100), Outcome.HELD, Reason.USER_CAP),
        (replace(TERMS, gas_price_max_wei=Wei(PRICE - 1)), Outcome.HELD, Reason.GAS_PRICE),
        (replace(TERMS, spent_wei=Wei(99 * COST + 1)), Outcome.HELD, Reason.SPENT),
        (replace(TERMS, spent_today_wei=Wei(9 * COST + 1)), Outcome.HELD, Reason.SPENT_TODAY),
        (replace(TERMS, balance_wei=Wei(COST - 1)), Outcome.HELD, Reason.BALANCE),
        (replace(TERMS, balance_wei=Wei(3 * COST), open_runs=3), Outcome.HELD, Reason.BALANCE),
    ],
)
def test_admit_when_something_stands_in_the_way_then_it_is_named_with_its_numbers(
    terms: JobTerms, outcome: Outcome, reason: Reason
) -> None:
    ruling = admit(terms, AROUND)
    assert (ruling.outcome, ruling.reason) == (outcome, reason)
    assert ruling.detail
    assert (ruling.reason in HOLDS) == (ruling.outcome is Outcome.HELD)


@pytest.mark.parametrize(
    "terms",
    [
        replace(TERMS, runs=9),
        replace(TERMS, runs_today=5, usage_day=TODAY - 1),
        replace(TERMS, user_runs_today=100, user_usage_day=TODAY - 1),
        replace(TERMS, spent_today_wei=Wei(10 * COST), usage_day=TODAY - 1),
        replace(TERMS, spent_wei=Wei(99 * COST)),
        replace(TERMS, balance_wei=Wei(COST)),
        replace(TERMS, balance_wei=None),
        replace(TERMS, gas_price_max_wei=PRICE),
        replace(TERMS, mandate_expiry=NOW),
        replace(TERMS, expires_at=NOW),
        replace(TERMS, recurring=False, runs=1),
        ONCE,
    ],
)
def test_admit_when_a_bound_is_just_kept_then_it_fires(terms: JobTerms) -> None:
    assert admit(terms, AROUND) is FIRES


def test_admit_when_the_gas_price_is_not_known_then_nothing_is_held_for_its_cost() -> None:
    poor = replace(TERMS, balance_wei=Wei(0), gas_price_max_wei=Wei(0))
    assert admit(poor, replace(AROUND, gas_price_wei=None)) is FIRES


def test_admit_when_others_were_let_through_at_once_then_they_count() -> None:
    assert admit(TERMS, AROUND, ahead=4, ahead_of_user=4) is FIRES
    assert admit(TERMS, AROUND, ahead=5).reason is Reason.RUNS_TODAY
    assert admit(TERMS, AROUND, ahead_of_user=100).reason is Reason.USER_CAP
    assert admit(ONCE, AROUND, ahead=1).reason is Reason.ENDED
    assert admit(replace(TERMS, balance_wei=Wei(2 * COST)), AROUND, ahead=2).reason is Reason.BALANCE
