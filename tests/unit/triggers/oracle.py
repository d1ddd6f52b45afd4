"""An independent answer to what a cron schedule's due minutes are: walk every minute of UTC, look at the clock, apply
the rule of `triggerx.triggers.cron`. It shares nothing with the code but the time-zone database: expressions are made
together with their meaning, so that none has to be read.
"""

import calendar
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo

MINUTE = timedelta(minutes=1)
DAY_NAMES = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT", "7"]  # Sunday has two numbers and one name
MONTH_NAMES = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"]


class Minutes(dict[date, list[tuple[int, int, int]]]):
    """By the date that the clock shows: unix second, minute and hour, in the order of time."""

    def note(self, moment: int, clock: datetime) -> None:
        self.setdefault(clock.date(), []).append((moment, clock.minute, clock.hour))


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """The minutes of a stretch of time, twice: as the clock shows them, and as the calendar's minutes are due.

    `once` has each minute of the calendar once: a repeated one where it was shown first, a skipped one at the first
    minute after the gap.
    """

    zone_name: str
    start: int
    end: int
    shown: Minutes
    once: Minutes


def walk(zone_name: str, zone: tzinfo, *, start: int, end: int) -> Window:
    """Look at the clock in each minute of [start, end), whole minutes both; no hour may be in its second pass."""
    shown, once = Minutes(), Minutes()
    expected: datetime | None = None  # what the calendar has next
    for moment in range(start, end, 60):
        clock = datetime.fromtimestamp(moment, tz=UTC).astimezone(zone).replace(tzinfo=None, fold=0)
        assert clock.second == 0, f"{zone_name} is not whole minutes from UTC"
        shown.note(moment, clock)
        expected = clock if expected is None else expected
        while expected <= clock:
            once.note(moment, expected)
            expected += MINUTE
    return Window(zone_name=zone_name, start=start, end=end, shown=shown, once=once)


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One field's text, and whether a number (a date, for days) is among what it names."""

    text: str
    values: frozenset[int] = frozenset()
    also: tuple[Callable[[date], bool], ...] = ()

    @property
    def is_star(self) -> bool:
        return self.text.startswith("*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Expression:
    """Five fields."""

    minute: Field
    hour: Field
    day: Field
    month: Field
    weekday: Field

    @property
    def text(self) -> str:
        return " ".join(field.text for field in (self.minute, self.hour, self.day, self.month, self.weekday))

    def has_day(self, day: date) -> bool:
        if day.month not in self.month.values:
            return False
        by_date = day.day in self.day.values or any(matches(day) for matches in self.day.also)
        by_weekday = day.isoweekday() % 7 in self.weekday.values or any(matches(day) for matches in self.weekday.also)
        if self.day.is_star or self.weekday.is_star:
            return by_date and by_weekday
        return by_date or by_weekday

    def dues(self, window: Window) -> list[int]:
        """The due minutes in the window, by looking at every one of a day that matches."""
        minutes, hours = self.minute.values, self.hour.values
        moments: set[int] = set()
        for day, at in (window.shown if self.hour.is_star else window.once).items():
            if self.has_day(day):
                moments.update(moment for moment, minute, hour in at if minute in minutes and hour in hours)
        return sorted(moments)


def make_expression(chance: random.Random, *, near: date, hour: int) -> Expression:
    """A random expression; most are about the day and the hour of the change, so that few are idle."""
    aimed = chance.random() < 0.8
    return Expression(
        minute=_field(chance, low=0, high=59, stars=0.3),
        hour=_field(chance, low=0, high=23, stars=0.5, often=[max(0, hour - 1), hour, min(23, hour + 1)]),
        day=_days(chance, often=near.day if aimed else None),
        month=_field(chance, low=1, high=12, stars=0.9, often=[near.month] * aimed, names=MONTH_NAMES),
        weekday=_weekdays(chance, often=near.isoweekday() % 7 if aimed else None),
    )


def _field(
    chance: random.Random,
    *,
    low: int,
    high: int,
    stars: float,
    often: Sequence[int] = (),
    names: Sequence[str] = (),
) -> Field:
    if chance.random() < stars:
        step = chance.choice([2, 3, 5, 7, 10, 15, 20, 30, 40]) if chance.random() < 1.2 - stars else 1
        return Field(text="*" if step == 1 else f"*/{step}", values=frozenset(range(low, high + 1, step)))
    texts: list[str] = []
    values: set[int] = set()
    for _ in range(chance.choice([1, 1, 1, 2, 3])):
        text, numbers = _term(chance, low=low, high=high, often=often, names=names)
        texts.append(text)
        values |= numbers
    return Field(text=",".join(texts), values=frozenset(values))


def _term(
    chance: random.Random, *, low: int, high: int, often: Sequence[int], names: Sequence[str]
) -> tuple[str, set[int]]:
    def shown(number: int) -> str:
        if not names or chance.random() < 0.5:
            return str(number)
        name = names[number - low]
        return name if chance.random() < 0.7 else name.lower()

    first = chance.choice(often) if often and chance.random() < 0.8 else chance.randint(low, high)
    step = chance.randint(1, 20)
    match chance.randrange(5):
        case 0:
            last = chance.randint(first, high)
            return f"{shown(first)}-{shown(last)}", set(range(first, last + 1))
        case 1 if first < high:
            last = chance.randint(first + 1, high)
            return f"{shown(first)}-{shown(last)}/{step}", set(range(first, last + 1, step))
        case 2:
            return f"{shown(first)}/{step}", set(range(first, high + 1, step))
        case _:
            return shown(first), {first}


def _days(chance: random.Random, *, often: int | None) -> Field:
    plain = _field(chance, low=1, high=31, stars=0.8, often=[] if often is None else [often])
    special: dict[str, Callable[[date], bool]] = {"L": _is_last, "LW": _is_last_weekday}
    return _with_special(chance, plain, special)


def _weekdays(chance: random.Random, *, often: int | None) -> Field:
    plain = _field(chance, low=0, high=7, stars=0.8, often=[] if often is None else [often], names=DAY_NAMES)
    plain = Field(text=plain.text, values=frozenset(number % 7 for number in plain.values))
    weekday = chance.randrange(8) if often is None else often
    nth = chance.randint(1, 5)
    special: dict[str, Callable[[date], bool]] = {
        f"{weekday}L": lambda day: _is_weekday(day, weekday) and (day + timedelta(days=7)).month != day.month,
        f"{DAY_NAMES[weekday % 7]}#{nth}": lambda day: _is_weekday(day, weekday) and (day.day - 1) // 7 + 1 == nth,
    }
    return _with_special(chance, plain, special)


def _with_special(chance: random.Random, plain: Field, special: dict[str, Callable[[date], bool]]) -> Field:
    if chance.random() < 0.85:
        return plain
    text = chance.choice(sorted(special))
    if chance.random() < 0.5 or plain.is_star:
        return Field(text=text, also=(special[text],))
    return Field(text=f"{plain.text},{text}", values=plain.values, also=(special[text],))


def _is_weekday(day: date, weekday: int) -> bool:
    return day.isoweekday() % 7 == weekday % 7


def _is_last(day: date) -> bool:
    return day.day == calendar.monthrange(day.year, day.month)[1]


def _is_last_weekday(day: date) -> bool:
    last = date(day.year, day.month, calendar.monthrange(day.year, day.month)[1])
    while last.isoweekday() > 5:
        last -= timedelta(days=1)
    return day == last
