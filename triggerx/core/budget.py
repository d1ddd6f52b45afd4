"""What a job may run and cost: the limits that hold where the owner set none, and what one run costs.

A run costs `gas x gas price x percent of its priority / 100` wei, at most the cap of its mandate: the engine expects
it, and the performer asks the hub for it. Only the gas price moves in between, and the inner call of a job without a
mandate, which is measured when it is made. What is counted as spent is what the hub charged.
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
INNER_GAS_DEFAULT: Final = 100_000  # taken for the inner call where nothing better is known
UNGUARDED_FEE_MAX_WEI: Final = Wei(10**15)  # 0.001 ether a run: no mandate caps an unguarded job's, so keepers do
GUARD_GAS: Final = 230_000  # executeTask beside the inner call: 158,000 to 230,000, the most at a job's first run
FORWARD_GAS: Final = 100_000  # the same of executeFunction
FEE_PERCENT: Final[Mapping[int, int]] = MappingProxyType({1: 150, 2: 120, 3: 105})
"""By priority: what the performer is paid of its gas, which moves while a task is on its way, and is bid for higher."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """The limits that hold for a job: its own where it has them, the defaults else. Days are UTC; amounts in wei.

    `gas_price_max_wei` is None where the owner delays no run for its price; `fee_max_wei` is the most of one attempt.
    """

    runs_max: int
    runs_per_day_max: int
    wei_max: Wei
    wei_per_day_max: Wei
    gas_price_max_wei: Wei | None
    fee_max_wei: Wei


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
        fee_max_wei=UNGUARDED_FEE_MAX_WEI if body.mandate is None else body.mandate.mandate.fee_max,
    )


def run_cost(gas: int, gas_price_wei: int, priority: int, *, fee_max_wei: int | None) -> Wei:
    """Return the fee of one run, in wei: what the performer asks for, and the engine expects of it."""
    cost = gas * gas_price_wei * FEE_PERCENT[priority] // 100
    return Wei(cost if fee_max_wei is None else min(fee_max_wei, cost))


def gas_of_run(inner_gas: int, *, is_guarded: bool) -> int:
    """Return the gas that a run takes whose inner call takes this much by itself, as a node estimates it."""
    return inner_gas + (GUARD_GAS if is_guarded else FORWARD_GAS)


def paid_gas(body: JobBody, inner_gas: int = INNER_GAS_DEFAULT) -> int:
    """Return the gas that a run's fee is for: with a mandate its least inner gas, which everybody knows beforehand.

    Without one it is what the inner call takes, `inner_gas`.
    """
    if body.mandate is None:
        return gas_of_run(inner_gas, is_guarded=False)
    return gas_of_run(body.mandate.mandate.inner_gas_min or INNER_GAS_DEFAULT, is_guarded=True)
