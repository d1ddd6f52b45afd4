"""What a job may run and cost: the limits that hold where the owner set none, and what one run is expected to cost.

A run is expected to cost `gas x gas price x percent of its priority / 100` wei: the gas of its last run (of an ordinary
one before the first), the action chain's present gas price, and the percentage that lets a higher priority bid more.
What it did cost is what the hub charged; that alone is counted as spent.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from triggerx.core.job import JobBody
from triggerx.evm.types import Wei

RUNS_MAX: Final = 10_000  # a forgotten job of one run a minute stops within a week
RUNS_PER_DAY_MAX: Final = 1_500  # once a minute; whoever wants more says so
WEI_MAX: Final = Wei(5 * 10**17)  # 0.5 ether: a mistake that is noticed before it hurts
WEI_PER_DAY_MAX: Final = Wei(5 * 10**16)  # a tenth of it
GUARDED_GAS: Final = 360_000  # executeTask with an ordinary inner call
UNGUARDED_GAS: Final = 190_000  # executeFunction with the same
GUARD_GAS: Final = 230_000  # executeTask beside the inner call: 158,000 to 230,000, the most at a job's first run
FORWARD_GAS: Final = 100_000  # the same of executeFunction
FEE_PERCENT: Final[Mapping[int, int]] = MappingProxyType({1: 150, 2: 120, 3: 105})
"""By priority: what is added to the gas price, since it moves while a task is on its way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """The limits that hold for a job: its own where it has them, the defaults else. Days are UTC; amounts in wei.

    `gas_price_max_wei` is None where the owner delays no run for its price.
    """

    runs_max: int
    runs_per_day_max: int
    wei_max: Wei
    wei_per_day_max: Wei
    gas_price_max_wei: Wei | None


def budget_of(body: JobBody) -> Budget:
    """Return the limits of a body; a mandate's number of runs bounds them too, for the hub refuses more."""
    limits = body.limits
    runs_max = RUNS_MAX if limits.runs_max is None else limits.runs_max
    if body.mandate is not None:
        mandated = body.mandate.mandate.runs_max
        runs_max = mandated if limits.runs_max is None else min(runs_max, mandated)
    return Budget(
        runs_max=runs_max,
        runs_per_day_max=RUNS_PER_DAY_MAX if limits.runs_per_day_max is None else limits.runs_per_day_max,
        wei_max=WEI_MAX if limits.wei_max is None else limits.wei_max,
        wei_per_day_max=WEI_PER_DAY_MAX if limits.wei_per_day_max is None else limits.wei_per_day_max,
        gas_price_max_wei=limits.gas_price_max_wei,
    )


def ordinary_gas(*, is_guarded: bool) -> int:
    """Return the gas that a first run is expected to take."""
    return GUARDED_GAS if is_guarded else UNGUARDED_GAS


def run_cost(gas: int, gas_price_wei: int, priority: int) -> Wei:
    """Return what one run is expected to cost, in wei, never less than 1."""
    return Wei(max(1, gas * gas_price_wei * FEE_PERCENT[priority] // 100))


def gas_of_run(inner_gas: int, *, is_guarded: bool) -> int:
    """Return the gas that a run takes whose inner call takes this much by itself, as a node estimates it."""
    return inner_gas + (GUARD_GAS if is_guarded else FORWARD_GAS)
