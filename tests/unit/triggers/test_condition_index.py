"""The index of conditions against `condition.observe` for each of them, over values, puts and removals."""

from decimal import Decimal

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from triggerx.core.job import ConditionMode
from triggerx.triggers.condition import NEW, ZERO, Comparison, ConditionSpec, ConditionState, observe
from triggerx.triggers.condition_index import TOUCHED_MAX, Change, ConditionIndex

SOURCES = ("api:a", "view:b")
# Few values close together, so that limits, hysteresis and observations meet exactly, and far ones that jump over all.
values = st.one_of(
    st.integers(-6, 6).map(Decimal),
    st.integers(-12, 12).map(lambda half: Decimal(half) / 2),
    st.sampled_from([Decimal("1E+3"), Decimal("-1000.0"), Decimal(2**256 - 1), Decimal("0E-18")]),
)


@st.composite
def specs(draw: st.DrawFn) -> ConditionSpec:
    comparison, mode = draw(st.sampled_from(Comparison)), draw(st.sampled_from(ConditionMode))
    low, high = sorted((draw(values), draw(values)))
    has_hysteresis = comparison is not Comparison.NOT_EQUALS and mode is ConditionMode.EDGE
    return ConditionSpec(
        comparison=comparison,
        lower=low if comparison is Comparison.BETWEEN else high,
        upper=high,
        hysteresis=draw(st.sampled_from([ZERO, Decimal("0.5"), Decimal(2)])) if has_hysteresis else ZERO,
        mode=mode,
        cooldown_s=draw(st.sampled_from([0, 3, 90])),
    )


states = st.builds(
    ConditionState,
    is_true=st.sampled_from([None, True, False]),
    edge=st.integers(0, 9),
    fired_at_ms=st.none() | st.integers(-100_000, 0),
)


class IndexAgainstAll(RuleBasedStateMachine):
    """The index and a plain dict, told the same."""

    def __init__(self) -> None:
        super().__init__()
        self.index = ConditionIndex()
        self.plain: dict[int, tuple[ConditionSpec, str, ConditionState]] = {}
        self.now_ms = 0

    @rule(number=st.integers(0, 12), spec=specs(), source=st.sampled_from(SOURCES), state=st.just(NEW) | states)
    def put(self, number: int, spec: ConditionSpec, source: str, state: ConditionState) -> None:
        self.index.put(number, spec, source, state)
        self.plain[number] = (spec, source, state)

    @rule(number=st.integers(0, 12))
    def remove(self, number: int) -> None:
        self.index.remove(number)
        self.plain.pop(number, None)

    @precondition(lambda self: self.plain)
    @rule(source=st.sampled_from(SOURCES), value=values, waited_ms=st.sampled_from([0, 1, 999, 3_000, 60_000]))
    def observe(self, source: str, value: Decimal, waited_ms: int) -> None:
        self.now_ms += waited_ms
        expected: dict[int, Change] = {}
        for number, (spec, name, before) in self.plain.items():
            if name == source:
                step = observe(spec, before, value, self.now_ms)
                self.plain[number] = (spec, name, step.state)
                if step.state != before:
                    expected[number] = Change(number=number, before=before, step=step)
        observed = self.index.observe(source, value, self.now_ms)
        assert observed.is_complete
        assert len(observed.changes) == len(expected)
        assert {change.number: change for change in observed.changes} == expected
        if source in self.index.sources():  # nobody waits for what is there already: that would be work for nothing
            assert list(self.index._sources[source].touched(value, self.now_ms)) == []

    @invariant()
    def has_the_same_conditions(self) -> None:
        assert len(self.index) == len(self.plain)
        assert set(self.index.sources()) == {name for _, name, _ in self.plain.values()}


IndexAgainstAll.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
test_index_when_anything_happens_then_equals_observing_every_condition = IndexAgainstAll.TestCase


def above(limit: int) -> ConditionSpec:
    return ConditionSpec(comparison=Comparison.GREATER_THAN, lower=Decimal(limit), upper=Decimal(limit))


def test_observe_when_more_change_than_are_touched_at_once_then_goes_on_where_it_stopped() -> None:
    index = ConditionIndex()
    count = 3 * TOUCHED_MAX + 5
    for number in range(count):
        index.put(number, above(number), "api:a", NEW)
    for value, is_true in ((Decimal(-1), False), (Decimal(count), True), (Decimal(-1), False)):
        seen: list[int] = []
        calls = 0
        is_complete = False
        while not is_complete:
            observed = index.observe("api:a", value, 1)
            assert len(observed.changes) <= TOUCHED_MAX
            assert all(change.step.state.is_true is is_true for change in observed.changes)
            seen += [change.number for change in observed.changes]
            is_complete, calls = observed.is_complete, calls + 1
        assert sorted(seen) == list(range(count))
        assert calls == 4


def test_observe_when_a_value_passes_one_limit_then_only_that_condition_is_asked() -> None:
    index = ConditionIndex()
    for number in range(100):
        index.put(number, above(number), "api:a", NEW)
    index.observe("api:a", Decimal("49.5"), 0)
    source = index._sources["api:a"]  # what is touched is the work, and nothing else shows it
    assert list(source.touched(Decimal("50.5"), 1)) == [50]
    assert list(source.touched(Decimal("49.9"), 1)) == []
    assert list(source.touched(Decimal(49), 1)) == [49]


def test_observe_when_nobody_waits_for_the_source_then_nothing_changes() -> None:
    observed = ConditionIndex().observe("api:nobody", Decimal(1), 1)
    assert observed.is_complete
    assert observed.changes == ()


def test_put_when_a_restored_state_is_older_than_the_value_then_the_next_value_corrects_it() -> None:
    index = ConditionIndex()
    index.put(1, above(5), "api:a", ConditionState(is_true=True, edge=3, fired_at_ms=0))
    (change,) = index.observe("api:a", Decimal(1), 9).changes
    assert change.step.state == ConditionState(is_true=False, edge=3, fired_at_ms=0)
