"""Whether an occurrence fires now, waits, or does not fire: one rule after the other, each with its reason.

Pure: time, prices and caps are in `Surroundings`. What is held is asked again later; what is skipped or missed is
final.
"""

from dataclasses import dataclass
from typing import Final

from triggerx.core.budget import run_cost
from triggerx.core.job import JobStatus, TimeTrigger
from triggerx.core.ledger import Outcome, Reason, Ruling
from triggerx.core.terms import DAY_S, JobTerms
from triggerx.evm.types import Wei


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What is the same for every job of one action chain. `gas_price_wei` is None while it could not be read.

    `user_runs_per_day_max` is the cap over all jobs of one owner.
    """

    now: int
    gas_price_wei: Wei | None
    user_runs_per_day_max: int


FIRES: Final = Ruling(outcome=Outcome.FIRED)


def admit(terms: JobTerms, around: Surroundings, *, ahead: int = 0, ahead_of_user: int = 0) -> Ruling:
    """Rule on one occurrence.

    `ahead` and `ahead_of_user` are how many of the same job, and of all jobs of its owner, were let through since
    `terms` was read.
    """
    return (
        stands_apart(terms, now=around.now, ahead=ahead)
        or _bounded(terms, around, ahead, ahead_of_user)
        or _affordable(terms, around, ahead)
        or FIRES
    )


def stands_apart(terms: JobTerms, *, now: int, ahead: int = 0) -> Ruling | None:
    """Say why the job takes no part at all at present; None where it does. `ahead` is as `admit` has it."""
    if terms.is_paused:
        return _skip(Reason.PAUSED, "the job was paused")
    if terms.status is JobStatus.CREATED:
        return _skip(Reason.LINKED, "the job before it in its chain had not completed")
    if terms.status is JobStatus.STOPPED:
        return _skip(Reason.STOPPED, "the job was deleted")
    if terms.status is not JobStatus.SCHEDULED:
        return _skip(Reason.ENDED, f"the job had {terms.status.name.lower()}")
    if now > terms.expires_at:
        return Ruling(
            outcome=Outcome.MISSED,
            reason=Reason.EXPIRED,
            detail=f"the time frame was over at {terms.expires_at}, before it could be fired",
        )
    if not terms.recurring and not isinstance(terms.trigger, TimeTrigger) and terms.runs + ahead > 0:
        return _skip(Reason.ENDED, "the job does not recur, and has fired")
    return None


def _bounded(terms: JobTerms, around: Surroundings, ahead: int, ahead_of_user: int) -> Ruling | None:
    """Say which limit on the number of runs is reached."""
    today = around.now // DAY_S
    if terms.mandate_expiry is not None and around.now > terms.mandate_expiry:
        return _hold(Reason.MANDATE, f"the mandate expired at {terms.mandate_expiry}: sign a new one to go on")
    if terms.runs + ahead >= terms.runs_max:
        return _hold(Reason.RUNS, f"all {terms.runs_max} runs are used: raise runs_max, or the mandate's, to go on")
    runs_today = (terms.runs_today if terms.usage_day == today else 0) + ahead
    if runs_today >= terms.runs_per_day_max:
        return _hold(Reason.RUNS_TODAY, f"all {terms.runs_per_day_max} runs of this UTC day are used")
    user_runs = (terms.user_runs_today if terms.user_usage_day == today else 0) + ahead_of_user
    if user_runs >= around.user_runs_per_day_max:
        return _hold(Reason.USER_CAP, f"the owner's jobs have used all {around.user_runs_per_day_max} runs of this day")
    return None


def _affordable(terms: JobTerms, around: Surroundings, ahead: int) -> Ruling | None:
    """Say which amount is too small, or which price too high; an unknown price or balance holds nothing."""
    price = around.gas_price_wei
    if price is None:
        return None
    if terms.gas_price_max_wei is not None and price > terms.gas_price_max_wei:
        return _hold(Reason.GAS_PRICE, f"gas costs {price} wei, the job waits for {terms.gas_price_max_wei} or less")
    cost = run_cost(terms.run_gas, price, terms.priority, fee_max_wei=terms.fee_max_wei)
    needed = (terms.open_runs + ahead + 1) * cost
    if terms.spent_wei + needed > terms.wei_max:
        return _hold(
            Reason.SPENT, f"{terms.spent_wei} of {terms.wei_max} wei are spent, this run and those open need {needed}"
        )
    spent_today = terms.spent_today_wei if terms.usage_day == around.now // DAY_S else 0
    if spent_today + needed > terms.wei_per_day_max:
        return _hold(
            Reason.SPENT_TODAY,
            f"{spent_today} of {terms.wei_per_day_max} wei a day are spent, this run and those open need {needed}",
        )
    if terms.balance_wei is not None and terms.balance_wei < needed:
        return _hold(
            Reason.BALANCE,
            f"the deposit is {terms.balance_wei} wei, this run and those open need {needed}: deposit more",
        )
    return None


def _skip(reason: Reason, detail: str) -> Ruling:
    return Ruling(outcome=Outcome.SKIPPED, reason=reason, detail=detail)


def _hold(reason: Reason, detail: str) -> Ruling:
    return Ruling(outcome=Outcome.HELD, reason=reason, detail=detail)
