"""Budgets: every job has one, whatever its owner left out."""

from dataclasses import replace

import pytest

from tests.unit.core.sample import job_body
from triggerx.core.budget import (
    FEE_PERCENT,
    FORWARD_GAS,
    GUARD_GAS,
    GUARDED_GAS,
    RUNS_MAX,
    RUNS_PER_DAY_MAX,
    UNGUARDED_GAS,
    WEI_MAX,
    WEI_PER_DAY_MAX,
    Budget,
    budget_of,
    gas_of_run,
    ordinary_gas,
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
    )


def test_budget_when_the_owner_set_limits_then_they_hold_zero_too() -> None:
    limits = Limits(runs_max=0, runs_per_day_max=2, wei_max=Wei(0), wei_per_day_max=Wei(4), gas_price_max_wei=Wei(5))
    body = replace(job_body(is_guarded=False), limits=limits)
    assert budget_of(body) == Budget(
        runs_max=0, runs_per_day_max=2, wei_max=Wei(0), wei_per_day_max=Wei(4), gas_price_max_wei=Wei(5)
    )


@pytest.mark.parametrize(("given", "runs_max"), [(None, 10), (3, 3), (10_000, 10)])
def test_budget_when_there_is_a_mandate_then_its_runs_bound_the_jobs(given: int | None, runs_max: int) -> None:
    body = replace(job_body(), limits=Limits(runs_max=given))
    assert body.mandate is not None
    assert body.mandate.mandate.runs_max == 10
    assert budget_of(body).runs_max == runs_max


def test_run_cost_when_asked_then_it_is_gas_by_price_by_the_percentage_of_the_priority() -> None:
    assert [run_cost(100_000, 10**9, priority) for priority in FEE_PERCENT] == [15 * 10**13, 12 * 10**13, 105 * 10**12]
    assert run_cost(0, 0, 1) == 1


def test_ordinary_gas_when_guarded_then_it_is_what_the_guarded_path_takes() -> None:
    assert (ordinary_gas(is_guarded=True), ordinary_gas(is_guarded=False)) == (GUARDED_GAS, UNGUARDED_GAS)


def test_gas_of_run_when_the_inner_call_is_known_then_the_hubs_part_comes_on_top() -> None:
    assert gas_of_run(50_000, is_guarded=True) == GUARD_GAS + 50_000
    assert gas_of_run(50_000, is_guarded=False) == FORWARD_GAS + 50_000
