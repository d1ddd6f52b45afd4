"""The conditions of many jobs by source: a new value touches those whose state it changes, and hardly any other.

Each condition waits at the values where its state would change: a false one at the limits where it becomes true, a true
one where it has left by its hysteresis. Per source these are sorted, so that a look-up finds all that a new value has
passed. The result is that of `condition.observe` for every condition; only the work differs.

A false `between` waits at the nearer end of its interval, and is touched without a change when a value jumps over all
of it. A condition that was put is touched by the next value whatever it is, because a restored state may be older.
"""

from bisect import bisect_left, insort
from collections.abc import Iterator, KeysView
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import islice
from typing import Final, TypeAlias, TypeVar

from triggerx.core.job import ConditionMode
from triggerx.triggers.condition import Comparison, ConditionSpec, ConditionState, Step, observe

TOUCHED_MAX: Final = 128  # in one call: a few ms, also when all of 100,000 conditions of one source change at once

_Mark: TypeAlias = tuple[Decimal, int, int]
"""A place between two numbers, just below or just above the first item, and the number of who waits there."""
_Due: TypeAlias = tuple[int, int, int]
"""A time in ms, 0, and the number of who waits for it."""

_Entry = TypeVar("_Entry", _Mark, _Due)

_BY_VALUE: Final = frozenset({Comparison.EQUALS, Comparison.NOT_EQUALS})
_BELOW: Final = 0
_ABOVE: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A condition that a value changed: its number, its state before, and what `condition.observe` returned."""

    number: int
    before: ConditionState
    step: Step


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """What a value changed, each condition once, in no order that matters.

    Where not `is_complete`, it may change more than are touched at once: observe the same value of the same time again,
    after whatever else waits. What was handed out is not handed out again.
    """

    changes: tuple[Change, ...]
    is_complete: bool


class ConditionIndex:
    """Conditions by number, and the state of each after the last value of its source. Holds no clock and no value.

    It moves on when it hands a change out: who could not store one puts the condition again, with the stored state.
    """

    def __init__(self) -> None:
        self._conditions: dict[int, _Condition] = {}
        self._sources: dict[str, _Source] = {}

    def __len__(self) -> int:
        return len(self._conditions)

    def sources(self) -> KeysView[str]:
        """The names of the sources that conditions wait for; a view that follows the changes."""
        return self._sources.keys()

    def put(self, number: int, spec: ConditionSpec, source_name: str, state: ConditionState) -> None:
        """Add a condition, or replace the one of this number; the source's next value is the first it sees."""
        self.remove(number)
        source = self._sources.setdefault(source_name, _Source())
        source.count += 1
        source.fresh[number] = None
        self._conditions[number] = _Condition(number=number, spec=spec, state=state, source_name=source_name)

    def remove(self, number: int) -> None:
        """Forget a condition; nothing happens where there is none."""
        condition = self._conditions.pop(number, None)
        if condition is None:
            return
        source = self._sources[condition.source_name]
        source.take_out(condition)
        source.count -= 1
        if not source.count:
            del self._sources[condition.source_name]

    def observe(self, source_name: str, value: Decimal, observed_at_ms: int) -> Observed:
        """Tell every condition of the source this value. A source without conditions changes nothing."""
        source = self._sources.get(source_name)
        if source is None:
            return Observed(changes=(), is_complete=True)
        touched = list(islice(source.touched(value, observed_at_ms), TOUCHED_MAX))
        changes: list[Change] = []
        for number in dict.fromkeys(touched):
            condition = self._conditions[number]
            before = condition.state
            step = observe(condition.spec, before, value, observed_at_ms)
            source.take_out(condition)
            condition.state = step.state
            source.put_in(condition, value)
            if step.state != before:
                changes.append(Change(number=number, before=before, step=step))
        return Observed(changes=tuple(changes), is_complete=len(touched) < TOUCHED_MAX)


@dataclass(slots=True, kw_only=True)
class _Condition:
    """One condition and where it waits; at most one mark in each list."""

    number: int
    spec: ConditionSpec
    state: ConditionState
    source_name: str
    rising: _Mark | None = None
    falling: _Mark | None = None
    due: _Due | None = None


@dataclass(slots=True)
class _Source:
    """The conditions of one source, by what they wait for. The dicts of numbers are ordered sets."""

    count: int = 0
    fresh: dict[int, None] = field(default_factory=dict)
    """What waits for any value."""
    rising: list[_Mark] = field(default_factory=list)
    """What waits for a value above the mark, ascending."""
    falling: list[_Mark] = field(default_factory=list)
    """What waits for a value below the mark, ascending."""
    equal: dict[Decimal, dict[int, None]] = field(default_factory=dict)
    """What waits for exactly this value: false `equals`, true `not_equals`."""
    differing: dict[Decimal, dict[int, None]] = field(default_factory=dict)
    """What waits for any other value: false `not_equals`."""
    due: list[_Due] = field(default_factory=list)
    """True conditions in level mode, by the time from which they may fire again."""
    spacing_ms_max: int = 0
    """The longest of theirs: what is due later than in twice as long has fired before the clock was set back."""

    def touched(self, value: Decimal, observed_at_ms: int) -> Iterator[int]:
        """The numbers of what has what it waits for, maybe twice; to be taken before anything is moved."""
        yield from self.fresh
        for place in range(bisect_left(self.rising, (value, _ABOVE))):
            yield self.rising[place][2]
        for place in range(bisect_left(self.falling, (value, _ABOVE)), len(self.falling)):
            yield self.falling[place][2]
        yield from self.equal.get(value, ())
        for limit, numbers in self.differing.items():
            if limit != value:
                yield from numbers
        for place in range(bisect_left(self.due, (observed_at_ms, 1))):
            yield self.due[place][2]
        for place in range(bisect_left(self.due, (observed_at_ms + 2 * self.spacing_ms_max, 1)), len(self.due)):
            yield self.due[place][2]

    def put_in(self, condition: _Condition, value: Decimal) -> None:
        """Let a condition wait for what changes the state that it has at this value."""
        spec, number, is_true = condition.spec, condition.number, condition.state.is_true
        match spec.comparison:
            case Comparison.NOT_EQUALS:
                waiting = self.equal if is_true else self.differing
                waiting.setdefault(spec.upper, {})[number] = None
            case Comparison.EQUALS if not is_true:
                self.equal.setdefault(spec.upper, {})[number] = None
            case Comparison.BETWEEN | Comparison.EQUALS:
                if is_true or value < spec.lower:
                    condition.rising = (spec.stay_upper, _ABOVE, number) if is_true else (spec.lower, _BELOW, number)
                if is_true or value > spec.upper:
                    condition.falling = (spec.stay_lower, _BELOW, number) if is_true else (spec.upper, _ABOVE, number)
            case Comparison.GREATER_THAN | Comparison.GREATER_EQUAL:
                side = _ABOVE if spec.comparison is Comparison.GREATER_THAN else _BELOW
                if is_true:
                    condition.falling = (spec.stay_lower, side, number)
                else:
                    condition.rising = (spec.lower, side, number)
            case Comparison.LESS_THAN | Comparison.LESS_EQUAL:
                side = _BELOW if spec.comparison is Comparison.LESS_THAN else _ABOVE
                if is_true:
                    condition.rising = (spec.stay_upper, side, number)
                else:
                    condition.falling = (spec.upper, side, number)
        if is_true and spec.mode is ConditionMode.LEVEL and condition.state.fired_at_ms is not None:
            condition.due = (condition.state.fired_at_ms + spec.spacing_ms, 0, number)
            self.spacing_ms_max = max(self.spacing_ms_max, spec.spacing_ms)
        _insert(self.rising, condition.rising)
        _insert(self.falling, condition.falling)
        _insert(self.due, condition.due)

    def take_out(self, condition: _Condition) -> None:
        """Let a condition wait for nothing."""
        _delete(self.rising, condition.rising)
        _delete(self.falling, condition.falling)
        _delete(self.due, condition.due)
        condition.rising = condition.falling = condition.due = None
        self.fresh.pop(condition.number, None)
        if condition.spec.comparison not in _BY_VALUE:
            return
        for waiting in (self.equal, self.differing):
            numbers = waiting.get(condition.spec.upper, {})
            numbers.pop(condition.number, None)
            if not numbers:
                waiting.pop(condition.spec.upper, None)


def _insert(entries: list[_Entry], entry: _Entry | None) -> None:
    if entry is not None:
        insort(entries, entry)


def _delete(entries: list[_Entry], entry: _Entry | None) -> None:
    if entry is not None:
        del entries[bisect_left(entries, entry)]
