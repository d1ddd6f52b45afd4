"""When a condition holds, fires and is agreed with: tables, and the same rules said another way by hypothesis."""

from dataclasses import replace
from decimal import Decimal, localcontext
from fractions import Fraction
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.core.strategies import conditions
from triggerx.core.errors import InvalidInput
from triggerx.core.job import ConditionMode, ConditionTrigger
from triggerx.core.ledger import Reason
from triggerx.triggers.condition import (
    LEVEL_SPACING_S_MIN,
    NEW,
    Comparison,
    ConditionSpec,
    ConditionState,
    agrees,
    holds,
    observe,
    spec_of,
)

UINT_MAX = str(2**256 - 1)
numbers = st.decimals(allow_nan=False, allow_infinity=False, places=18, min_value=-(10**60), max_value=10**60)


def spec(comparison: str, upper: str = "100", lower: str = "0", **terms: Any) -> ConditionSpec:
    trigger = ConditionTrigger(
        condition_type=comparison, source_type="static", source_url="1", upper_limit=upper, lower_limit=lower
    )
    return spec_of(replace(trigger, **terms))


def run(terms: ConditionSpec, values: list[str], spacing_ms: int = 1000) -> list[str]:
    """What each value of a series did, a second apart: its number where it fired, `skip`, or nothing."""
    state, seen = NEW, []
    for place, value in enumerate(values):
        step = observe(terms, state, Decimal(value), place * spacing_ms)
        state = step.state
        seen.append(f"fire {state.edge}" if step.fires else f"skip {state.edge}" if step.is_occurrence else "")
    return seen


@pytest.mark.parametrize(
    ("comparison", "below", "at_limit", "above"),
    [
        ("greater_than", False, False, True),
        ("greater_equal", False, True, True),
        ("less_than", True, False, False),
        ("less_equal", True, True, False),
        ("equals", False, True, False),
        ("not_equals", True, False, True),
    ],
)
@pytest.mark.parametrize("limit", ["100", "0", "-5", "0.000000000000000001", str(2**255), UINT_MAX, f"-{2**255}"])
def test_holds_when_next_to_the_limit_then_is_exact(
    comparison: str, below: bool, at_limit: bool, above: bool, limit: str
) -> None:
    terms, smallest = spec(comparison, limit), Fraction(1, 10**18)
    exactly = Fraction(limit)
    # Built from text, because arithmetic would round to the 28 digits of the usual context.
    near = [Decimal(_text(exactly + by)) for by in (-smallest, Fraction(0), smallest)]
    assert [holds(terms, value) for value in near] == [below, at_limit, above]


def _text(number: Fraction) -> str:
    whole, rest = divmod(abs(number), 1)
    return f"{'-' if number < 0 else ''}{whole}.{int(rest * 10**18):018d}"


@pytest.mark.parametrize("value", [2**53 + 1, 2**255 + 1, 2**256 - 2, 2**256 - 1])
def test_holds_when_a_float_would_round_the_number_to_its_neighbour_then_they_still_differ(value: int) -> None:
    # The original held values and limits as 64-bit floats, and took these two for the same number.
    assert float(value) == float(value - 1)
    terms = spec("greater_than", str(value - 1))
    assert holds(terms, Decimal(value))
    assert not holds(terms, Decimal(value - 1))
    assert not holds(spec("equals", str(value)), Decimal(value - 1))


def test_holds_when_decimals_then_a_tenth_and_two_tenths_are_three_tenths() -> None:
    assert holds(spec("equals", "0.3"), Decimal("0.1") + Decimal("0.2"))
    assert holds(spec("equals", "0.30"), Decimal("0.3"))
    assert not holds(spec("equals", "0.3"), Decimal("0.30000000000000004"))


def test_holds_when_greater_than_then_the_upper_limit_counts_and_a_lower_one_is_ignored() -> None:
    # The original compared with the lower limit, which the published client leaves at 0 for all but `between`.
    terms = spec("greater_than", "100", "0")
    assert not holds(terms, Decimal(50))
    assert holds(terms, Decimal(101))


def test_holds_when_between_then_both_ends_are_included() -> None:
    terms = spec("between", "10", "-10")
    assert [holds(terms, Decimal(value)) for value in ("-10.01", "-10", "0", "10", "10.01")] == [
        False,
        True,
        True,
        True,
        False,
    ]


@pytest.mark.parametrize(
    ("terms", "values", "expected"),
    [
        (spec("greater_than"), ["101", "102", "100", "101"], ["fire 1", "", "", "fire 2"]),
        (spec("greater_than"), ["100", "101"], ["", "fire 1"]),
        (spec("greater_than", hysteresis="5"), ["101", "96", "101", "95", "101"], ["fire 1", "", "", "", "fire 2"]),
        (spec("greater_equal", hysteresis="5"), ["100", "95", "100", "94.9", "100"], ["fire 1", "", "", "", "fire 2"]),
        (spec("less_than", hysteresis="5"), ["99", "104.9", "99", "105", "99"], ["fire 1", "", "", "", "fire 2"]),
        (spec("less_equal", hysteresis="5"), ["100", "105", "100", "105.1", "100"], ["fire 1", "", "", "", "fire 2"]),
        (
            spec("between", "10", "0", hysteresis="2"),
            ["10", "12", "0", "-2", "5", "-2.1", "0", "12.1", "10"],
            ["fire 1", "", "", "", "", "", "fire 2", "", "fire 3"],
        ),
        (spec("equals", "7", hysteresis="1"), ["7", "8", "7", "8.1", "7"], ["fire 1", "", "", "", "fire 2"]),
        (spec("not_equals", "7", hysteresis="1"), ["7", "7.5", "7", "9"], ["", "fire 1", "", "fire 2"]),
        (spec("greater_than", "0"), ["-1", "1", "0", "1"], ["", "fire 1", "", "fire 2"]),
        (spec("greater_than", cooldown_s=3), ["101", "1", "101", "1", "101"], ["fire 1", "", "skip 2", "", "fire 3"]),
        (spec("greater_than", cooldown_s=3), ["101", "1", "101", "101", "101"], ["fire 1", "", "skip 2", "", ""]),
    ],
)
def test_observe_when_in_edge_mode_then_fires_as_it_becomes_true(
    terms: ConditionSpec, values: list[str], expected: list[str]
) -> None:
    assert run(terms, values) == expected


def test_observe_when_an_edge_is_within_the_cooldown_then_it_is_left_out_under_its_own_number() -> None:
    terms = spec("greater_than", cooldown_s=60)
    before = ConditionState(is_true=False, edge=4, fired_at_ms=1_000)
    early = observe(terms, before, Decimal(101), 60_999)
    assert (early.fires, early.reason) == (False, Reason.COOLDOWN)
    assert early.state == ConditionState(is_true=True, edge=5, fired_at_ms=1_000)
    due = observe(terms, before, Decimal(101), 61_000)
    assert (due.fires, due.reason) == (True, Reason.NONE)
    assert due.state == ConditionState(is_true=True, edge=5, fired_at_ms=61_000)


def test_observe_when_nothing_changes_then_the_state_is_the_same_object() -> None:
    state = ConditionState(is_true=True, edge=1, fired_at_ms=0)
    assert observe(spec("greater_than"), state, Decimal(101), 5).state is state


@pytest.mark.parametrize(("cooldown_s", "spacing_s"), [(0, LEVEL_SPACING_S_MIN), (90, 90)])
def test_observe_when_in_level_mode_then_fires_again_under_a_new_number(cooldown_s: int, spacing_s: int) -> None:
    terms = spec("greater_than", mode=ConditionMode.LEVEL, cooldown_s=cooldown_s)
    state = observe(terms, NEW, Decimal(101), 0).state
    early = observe(terms, state, Decimal(102), 1000 * spacing_s - 1)
    assert early.state is state
    assert not early.is_occurrence
    again = observe(terms, state, Decimal(102), 1000 * spacing_s)
    assert again.fires
    assert again.state.edge == 2


def test_observe_when_in_level_mode_and_true_again_too_early_then_fires_as_soon_as_it_may() -> None:
    terms = spec("greater_than", mode=ConditionMode.LEVEL)
    assert run(terms, ["101", "1", "101", "101"], 25_000) == ["fire 1", "", "", "fire 2"]


def test_observe_when_in_level_mode_then_no_firing_relies_on_hysteresis() -> None:
    terms = spec("greater_than", mode=ConditionMode.LEVEL, hysteresis="50")
    assert run(terms, ["101", "99"], 60_000) == ["fire 1", ""]


@pytest.mark.parametrize(
    ("terms", "claimed", "own", "agreed"),
    [
        (spec("greater_than"), "101", "150", True),
        (spec("greater_than"), "101", "100", False),
        (spec("greater_than", tolerance="1"), "101", "100", True),
        (spec("greater_than", tolerance="1"), "101", "99.9", False),
        (spec("greater_than", tolerance="1"), "100", "101", False),
        (spec("equals", "7"), "7", "7.0", True),
        (spec("equals", "7"), "7", "8", False),
        (spec("equals", "7", tolerance="1"), "7", "8", True),
        (spec("greater_than", UINT_MAX, tolerance="0"), str(2**256), UINT_MAX, False),
        (spec("greater_than", UINT_MAX, tolerance="1"), str(2**256), UINT_MAX, True),
        (spec("greater_than", UINT_MAX, tolerance="0.5"), str(2**256), UINT_MAX, False),
    ],
)
def test_agrees_when_observed_a_moment_later_then_needs_the_condition_or_the_tolerance(
    terms: ConditionSpec, claimed: str, own: str, agreed: bool
) -> None:
    assert agrees(terms, Decimal(claimed), Decimal(own)) is agreed


@pytest.mark.parametrize(
    ("field", "terms"),
    [
        ("condition_type", {"condition_type": "above"}),
        ("upper_limit", {"condition_type": "between", "upper_limit": "1", "lower_limit": "2"}),
        ("upper_limit", {"upper_limit": "NaN"}),
        ("hysteresis", {"hysteresis": "-1"}),
        ("tolerance", {"tolerance": "x"}),
    ],
)
def test_spec_of_when_a_term_is_wrong_then_names_the_field(field: str, terms: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput) as caught:
        spec("equals", **terms)
    assert caught.value.field == field


@given(conditions())
def test_spec_of_when_a_body_was_accepted_then_has_its_terms(trigger: ConditionTrigger) -> None:
    terms = spec_of(trigger)
    assert terms.upper == Decimal(trigger.upper_limit)
    assert terms.cooldown_s == trigger.cooldown_s
    assert holds(terms, terms.upper) is (terms.comparison.value in {"equals", "between", "greater_equal", "less_equal"})


@given(st.sampled_from(Comparison), numbers, numbers.map(lambda number: number.copy_abs()), numbers)
def test_observe_when_true_then_leaves_exactly_beyond_the_hysteresis(
    comparison: Comparison, limit: Decimal, hysteresis: Decimal, value: Decimal
) -> None:
    terms = spec(comparison, f"{limit:f}", f"{limit:f}", hysteresis=f"{hysteresis:f}")
    is_true = observe(terms, ConditionState(is_true=True, edge=1, fired_at_ms=0), value, 1).state.is_true
    at, by, here = Fraction(limit), Fraction(hysteresis), Fraction(value)
    expected = {
        Comparison.GREATER_THAN: here > at - by,
        Comparison.GREATER_EQUAL: here >= at - by,
        Comparison.LESS_THAN: here < at + by,
        Comparison.LESS_EQUAL: here <= at + by,
        Comparison.EQUALS: abs(here - at) <= by,
        Comparison.BETWEEN: abs(here - at) <= by,
        Comparison.NOT_EQUALS: here != at,
    }
    assert is_true is expected[comparison]


@given(
    st.sampled_from(Comparison),
    st.sampled_from(ConditionMode),
    st.integers(0, 3),
    st.integers(0, 100),
    st.lists(st.tuples(st.integers(-6, 6), st.integers(0, 40_000)), max_size=40),
)
def test_observe_when_any_series_then_each_number_is_given_once_and_firings_keep_their_distance(
    comparison: Comparison,
    mode: ConditionMode,
    hysteresis: int,
    cooldown_s: int,
    series: list[tuple[int, int]],
) -> None:
    terms = spec(comparison, "2", "-2", hysteresis=str(hysteresis), mode=mode, cooldown_s=cooldown_s)
    state, now, given_out, fired_at = NEW, 0, [], []
    for value, waited_ms in series:
        now += waited_ms
        step = observe(terms, state, Decimal(value), now)
        if step.is_occurrence:
            given_out.append(step.state.edge)
        if step.fires:
            fired_at.append(now)
            assert holds(terms, Decimal(value))
        assert step.is_occurrence is (step.state.edge != state.edge)
        state = step.state
    assert given_out == list(range(1, len(given_out) + 1))
    assert all(later - earlier >= terms.spacing_ms for earlier, later in pairwise(fired_at))


def test_observe_when_the_callers_context_is_narrow_then_nothing_is_rounded() -> None:
    terms = spec("greater_than", UINT_MAX, hysteresis="0.000000000000000001")
    true = ConditionState(is_true=True, edge=1, fired_at_ms=0)
    with localcontext(prec=3):
        assert observe(terms, true, Decimal(2**256 - 1), 1).state.is_true
        assert not observe(terms, true, Decimal(2**256 - 2), 1).state.is_true
        assert not agrees(spec("equals", UINT_MAX), Decimal(2**256 - 1), Decimal(2**256 - 2))
