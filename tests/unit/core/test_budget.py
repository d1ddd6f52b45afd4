"""Budgets: every job has one, whatever its owner left out."""

from dataclasses import replace

import pytest

from tests.unit.core.sample import job_body
from triggerx.core.budget import (
    FEE_PERCENT,
    FORWARD_GAS,
    GUARD_GAS,
    INNER_GAS_DEFAULT,
    RUNS_MAX,
    RUNS_PER_DAY_MAX,
    UNGUARDED_FEE_MAX_WEI,
    WEI_MAX,
    WEI_PER_DAY_MAX,
    Budget,
    budget_of,
    gas_of_run,
    paid_gas,
    run_cost,
)
from triggerx.core.job import Limits
from triggerx.evm.types import Wei


def test_budget_when_the_owner_set_none_then_the_small_defaults_hold() -> None:
    assert budget_of(job_body(is_guarded=False)) == Budget(
        runs_max=RUNS_MAX,
        runs_per_day_max=RUNS_PER_DAY_MAX,
        wei_max=WEI_MAX,
        wei_per_day_max=WEI_PER_DAY_MAX,
        gas_price_max_wei=None,
        fee_max_wei=UNGUARDED_FEE_MAX_WEI,
    )


def test_budget_when_the_owner_set_limits_then_they_hold_zero_too() -> None:
    limits = Limits(runs_max=0, runs_per_day_max=2, wei_max=Wei(0), wei_per_day_max=Wei(4), gas_price_max_wei=Wei(5))
    body = replace(job_body(is_guarded=False), limits=limits)
    assert budget_of(body) == Budget(
        runs_max=0,
        runs_per_day_max=2,
        wei_max=Wei(0),
        wei_per_day_max=Wei(4),
        gas_price_max_wei=Wei(5),
        fee_max_wei=UNGUARDED_FEE_MAX_WEI,
    )


@pytest.mark.parametrize(("given", "runs_max"), [(None, 10), (3, 3), (10_000, 10)])
def test_budget_when_there_is_a_mandate_then_its_runs_bound_the_jobs(given: int | None, runs_max: int) -> None:
    body = replace(job_body(), limits=Limits(runs_max=given))
    assert body.mandate is not None
    assert body.mandate.mandate.runs_max == 10
    assert budget_of(body).runs_max == runs_max


def test_run_cost_when_asked_then_it_is_gas_by_price_by_the_percentage_of_the_priority_up_to_the_cap() -> None:
    def costs(fee_max_wei: int | None) -> list[int]:
        return [run_cost(100_000, 10**9, priority, fee_max_wei=fee_max_wei) for priority in FEE_PERCENT]

    assert costs(None) == costs(15 * 10**13) == [15 * 10**13, 12 * 10**13, 105 * 10**12]
    assert costs(12 * 10**13 - 1) == [12 * 10**13 - 1, 12 * 10**13 - 1, 105 * 10**12]
    assert costs(0) == [0, 0, 0]


def test_paid_gas_when_there_is_a_mandate_then_its_least_inner_gas_counts_and_else_what_was_measured() -> None:
    body = job_body()
    assert body.mandate is not None
    mandate = body.mandate.mandate
    assert budget_of(body).fee_max_wei == mandate.fee_max
    assert paid_gas(body) == paid_gas(body, 500_000) == GUARD_GAS + mandate.inner_gas_min
    free = replace(body, mandate=replace(body.mandate, mandate=replace(mandate, inner_gas_min=0)))
    assert paid_gas(free) == GUARD_GAS + INNER_GAS_DEFAULT
    assert paid_gas(replace(body, mandate=None)) == FORWARD_GAS + INNER_GAS_DEFAULT
    assert paid_gas(replace(body, mandate=None), 500_000) == FORWARD_GAS + 500_000


def test_gas_of_run_when_the_inner_call_is_known_then_the_hubs_part_comes_on_top() -> None:
    assert gas_of_run(50_000, is_guarded=True) == GUARD_GAS + 50_000
    assert gas_of_run(50_000, is_guarded=False) == FORWARD_GAS + 50_000
