"""Condition triggers: when a value satisfies its job's comparison, and which observations of it fire.

Everything is exact: values and limits are decimals, sums are taken without rounding. Time and state are arguments, so a
replay over the same observations in the same order has the same firings under the same numbers.
"""

from dataclasses import dataclass
from decimal import Context, Decimal, Inexact, InvalidOperation
from enum import StrEnum
from typing import Final

from triggerx.core.errors import InvalidInput
from triggerx.core.job import ConditionMode, ConditionTrigger
from triggerx.core.job_fields import read_decimal
from triggerx.core.ledger import Reason

LEVEL_SPACING_S_MIN: Final = 60  # a run takes a few blocks to be attested; faster ones would pile up and cost the owner
ZERO: Final = Decimal(0)

# A number of a body or an answer has at most 80 digits before its point and 80 after it, a sum or difference of two
# 161. Should one ever not fit, the trap raises instead of rounding.
EXACT: Final = Context(prec=400, traps=[Inexact, InvalidOperation])


class Comparison(StrEnum):
    """The seven comparisons, by the body's words. The limit is `upper_limit`, also of those that look downwards."""

    GREATER_THAN = "greater_than"
    LESS_THAN = "less_than"
    BETWEEN = "between"
    """From `lower_limit` to `upper_limit`, both included."""
    EQUALS = "equals"
    NOT_EQUALS = "not_equals"
    GREATER_EQUAL = "greater_equal"
    LESS_EQUAL = "less_equal"


@dataclass(frozen=True, slots=True, kw_only=True)
class ConditionSpec:
    """A condition's terms, exact. `lower` and `upper` are the same number unless the comparison is `between`.

    `hysteresis` is how far a value must leave before a true condition becomes false: below the limit of the greater
    ones, above that of the less ones, to either side of `between` and `equals`. It is 0 for `not_equals`, which is left
    at one point alone, and in level mode, where each firing looks at its own value only.
    """

    comparison: Comparison
    lower: Decimal
    upper: Decimal
    hysteresis: Decimal = ZERO
    tolerance: Decimal = ZERO
    mode: ConditionMode = ConditionMode.EDGE
    cooldown_s: int = 0

    @property
    def spacing_ms(self) -> int:
        """The least time between two firings."""
        if self.mode is ConditionMode.LEVEL:
            return 1000 * max(self.cooldown_s, LEVEL_SPACING_S_MIN)
        return 1000 * self.cooldown_s

    @property
    def stay_lower(self) -> Decimal:
        """The limit that a true condition may fall to."""
        return EXACT.subtract(self.lower, self.hysteresis) if self.hysteresis else self.lower

    @property
    def stay_upper(self) -> Decimal:
        """The limit that a true condition may rise to."""
        return EXACT.add(self.upper, self.hysteresis) if self.hysteresis else self.upper


@dataclass(frozen=True, slots=True, kw_only=True)
class ConditionState:
    """Where a job's condition stands: whether it is true (None before the first value), and its last number.

    `edge` numbers what the ledger has an entry for, from 1: every change to true in edge mode, every firing in level
    mode. `fired_at_ms` is the observation of the last firing. A job with a new trigger keeps both and starts at None.
    """

    is_true: bool | None = None
    edge: int = 0
    fired_at_ms: int | None = None


NEW: Final = ConditionState()


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What one observation did. Where `is_occurrence`, the ledger gets an entry under the number `state.edge`."""

    state: ConditionState
    fires: bool = False
    reason: Reason = Reason.NONE
    """COOLDOWN where it would have fired but for the cool-down."""

    @property
    def is_occurrence(self) -> bool:
        """Whether it fired or was left out for a reason."""
        return self.fires or self.reason is not Reason.NONE


def spec_of(trigger: ConditionTrigger) -> ConditionSpec:
    """Return the terms of a trigger; raises `InvalidInput` naming the body's field."""
    try:
        comparison = Comparison(trigger.condition_type)
    except ValueError as error:
        raise InvalidInput("condition_type", f"expected one of {', '.join(Comparison)}") from error
    upper = _exact("upper_limit", trigger.upper_limit)
    lower = _exact("lower_limit", trigger.lower_limit) if comparison is Comparison.BETWEEN else upper
    if lower > upper:
        raise InvalidInput("upper_limit", f"is {trigger.upper_limit}, below lower_limit {trigger.lower_limit}")
    hysteresis = _distance("hysteresis", trigger.hysteresis)
    if comparison is Comparison.NOT_EQUALS or trigger.mode is ConditionMode.LEVEL:
        hysteresis = ZERO
    return ConditionSpec(
        comparison=comparison,
        lower=lower,
        upper=upper,
        hysteresis=hysteresis,
        tolerance=_distance("tolerance", trigger.tolerance),
        mode=trigger.mode,
        cooldown_s=trigger.cooldown_s,
    )


def holds(spec: ConditionSpec, value: Decimal) -> bool:
    """Tell whether the value satisfies the comparison itself, whatever was before."""
    return _is_within(spec.comparison, value, spec.lower, spec.upper)


def observe(spec: ConditionSpec, state: ConditionState, value: Decimal, observed_at_ms: int) -> Step:
    """Return what this value does to the condition.

    A clock that was set back by more than the cool-down ends it: nobody knows how much of it is over, and the other way
    a job would rest for as long as the clock was wrong.

    Edge mode fires when the condition becomes true, the first value of a new job included: its owner wants the action
    when the condition holds. Within the cool-down such a change is left out, and does not fire later. Level mode fires
    while the value satisfies the comparison, as often as `spec.spacing_ms` allows. In both the value of a firing
    satisfies the comparison by itself, so that whoever judges it need not know the state.
    """
    is_true = holds(spec, value)
    if spec.mode is ConditionMode.LEVEL:
        if is_true and not _is_cooling(spec, state, observed_at_ms):
            return _fired(state, observed_at_ms)
    elif state.is_true:
        is_true = is_true or _is_within(spec.comparison, value, spec.stay_lower, spec.stay_upper)
    elif is_true:
        if _is_cooling(spec, state, observed_at_ms):
            left_out = ConditionState(is_true=True, edge=state.edge + 1, fired_at_ms=state.fired_at_ms)
            return Step(state=left_out, reason=Reason.COOLDOWN)
        return _fired(state, observed_at_ms)
    if is_true is state.is_true:
        return Step(state=state)
    return Step(state=ConditionState(is_true=is_true, edge=state.edge, fired_at_ms=state.fired_at_ms))


def agrees(spec: ConditionSpec, claimed: Decimal, own: Decimal) -> bool:
    """Tell whether one who observed `own` can stand for a firing at the value `claimed`.

    The claimed value must satisfy the comparison, and the own one either satisfies it too (a price that moved on
    between the two observations says the same) or is at most `tolerance` away. What lies on chain is read at the very
    block of the evidence: there the two values must be equal, which is the caller's to check.
    """
    if not holds(spec, claimed):
        return False
    return holds(spec, own) or EXACT.subtract(own, claimed).copy_abs() <= spec.tolerance


def _is_within(comparison: Comparison, value: Decimal, lower: Decimal, upper: Decimal) -> bool:
    match comparison:
        case Comparison.GREATER_THAN:
            return value > lower
        case Comparison.LESS_THAN:
            return value < upper
        case Comparison.GREATER_EQUAL:
            return value >= lower
        case Comparison.LESS_EQUAL:
            return value <= upper
        case Comparison.NOT_EQUALS:
            return value != upper
        case Comparison.BETWEEN | Comparison.EQUALS:
            return lower <= value <= upper


def _is_cooling(spec: ConditionSpec, state: ConditionState, observed_at_ms: int) -> bool:
    if state.fired_at_ms is None or not spec.spacing_ms:
        return False
    return abs(observed_at_ms - state.fired_at_ms) < spec.spacing_ms


def _fired(state: ConditionState, observed_at_ms: int) -> Step:
    after = ConditionState(is_true=True, edge=state.edge + 1, fired_at_ms=observed_at_ms)
    return Step(state=after, fires=True)


def _exact(field: str, text: str) -> Decimal:
    return Decimal(read_decimal({field: text}, field, default="0"))


def _distance(field: str, text: str) -> Decimal:
    number = _exact(field, text)
    if number < 0:
        raise InvalidInput(field, f"expected a number of at least 0, got {text}")
    return number or ZERO
