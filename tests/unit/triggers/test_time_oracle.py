"""100,000 cron schedules around changes of clocks, against a walk through every minute (`oracle`)."""

import random
from collections import Counter
from datetime import UTC, date, datetime
from functools import cache
from importlib import resources

import pytest

from tests.unit.triggers.oracle import Expression, Window, make_expression, walk
from triggerx.core.errors import InvalidInput
from triggerx.core.job import ScheduleType, TimeTrigger
from triggerx.core.timezones import zone_of
from triggerx.triggers.time import count_dues, dues, is_due, next_due

HOUR_S, DAY_S = 3_600, 86_400
SEED = 20_260_329
WINDOWS = 500
EXPRESSIONS = 200  # for each window
PARTS = 4  # so that a failure names a quarter, and no test takes long
WINDOW_S = 1_200 * 60
# Changes that a wrong rule would get wrong: half an hour, a day left out, two hours, at midnight or a minute after it,
# by a rule of the Moon, of the zone's standard time, on the southern half of the world.
NAMED = [
    ("Europe/Berlin", date(2024, 3, 31)),
    ("Europe/Berlin", date(2024, 10, 27)),
    ("America/New_York", date(2024, 3, 10)),
    ("America/New_York", date(2024, 11, 3)),
    ("Australia/Lord_Howe", date(2024, 4, 7)),
    ("Australia/Lord_Howe", date(2024, 10, 6)),
    ("Pacific/Apia", date(2011, 12, 30)),
    ("Pacific/Kwajalein", date(1993, 8, 21)),
    ("Pacific/Chatham", date(2024, 4, 7)),
    ("Antarctica/Troll", date(2024, 3, 31)),
    ("Antarctica/Troll", date(2024, 10, 27)),
    ("America/St_Johns", date(2010, 3, 14)),
    ("America/St_Johns", date(2010, 11, 7)),
    ("America/Sao_Paulo", date(2018, 2, 17)),
    ("America/Sao_Paulo", date(2018, 11, 4)),
    ("America/Santiago", date(2024, 4, 7)),
    ("America/Santiago", date(2024, 9, 8)),
    ("America/Havana", date(2024, 3, 10)),
    ("America/Havana", date(2024, 11, 3)),
    ("America/Nuuk", date(2024, 3, 31)),
    ("America/Nuuk", date(2024, 10, 27)),
    ("Atlantic/Azores", date(2024, 10, 27)),
    ("Asia/Beirut", date(2024, 3, 31)),
    ("Asia/Pyongyang", date(2015, 8, 15)),
    ("Asia/Pyongyang", date(2018, 5, 5)),
    ("Asia/Kathmandu", date(1986, 1, 1)),
    ("America/Caracas", date(2007, 12, 9)),
    ("Africa/Cairo", date(2024, 10, 31)),
    ("Europe/Dublin", date(2024, 10, 27)),
    ("Pacific/Auckland", date(2024, 9, 29)),
]


def change_within(zone_name: str, start: int, end: int) -> int | None:
    """Return the first second of another offset in (start, end], found by halving."""

    def offset(moment: int) -> object:
        return datetime.fromtimestamp(moment, tz=zone_of(zone_name)).utcoffset()

    if offset(start) == offset(end):
        return None
    while end - start > 1:
        middle = (start + end) // 2
        start, end = (middle, end) if offset(middle) == offset(start) else (start, middle)
    return end


@cache
def windows(seed: int) -> list[tuple[str, int]]:
    """The named changes, then changes of random zones in random years; half of them in the coming ones."""
    chance = random.Random(seed)  # noqa: S311 - repeatable on purpose
    found = []
    for zone_name, day in NAMED:
        noon = int(datetime(day.year, day.month, day.day, 12, tzinfo=UTC).timestamp())
        change = change_within(zone_name, noon - 36 * HOUR_S, noon + 36 * HOUR_S)
        assert change is not None, f"{zone_name} does not change on {day}"
        found.append((zone_name, change))
    names = resources.files("tzdata").joinpath("zones").read_text().split()
    assert len(names) > 500
    while len(found) < WINDOWS:
        zone_name = chance.choice(names)
        year = chance.randint(2025, 2060) if chance.random() < 0.5 else chance.randint(1973, 2024)
        start = int(datetime(year, chance.randint(1, 12), 1, tzinfo=UTC).timestamp())
        for week in range(30):
            change = change_within(zone_name, start + week * 7 * DAY_S, start + (week + 1) * 7 * DAY_S)
            if change is not None:
                found.append((zone_name, change))
                break
    return found


def check(expression: Expression, window: Window, chance: random.Random, *, change: int) -> str:
    """Compare all that the code says about one schedule in the window; return `refused`, `idle` or `due`."""
    expected = expression.dues(window)
    trigger = TimeTrigger(schedule_type=ScheduleType.CRON, cron_expression=expression.text, timezone=window.zone_name)
    frame = {"created_at": window.start - 1, "expires_at": window.end - 1}
    case = f"{expression.text} in {window.zone_name} from {window.start} to {window.end}"
    try:
        assert list(dues(trigger, **frame, after=window.start - 1, until=window.end)) == expected, case
    except InvalidInput:
        assert expected == [], case
        return "refused"
    # One restarts anywhere, but above all around the change, between the two passes, in the minutes beside them.
    after = change + chance.choice([-HOUR_S, 0, HOUR_S]) + chance.randint(-120, 120) * chance.choice([1, 60])
    after = min(max(after, window.start - 1), window.end - 1)
    until = chance.randrange(after, window.end)
    between = [due for due in expected if after < due <= until]
    assert list(dues(trigger, **frame, after=after, until=until)) == between, case
    assert count_dues(trigger, **frame, after=after, until=until) == (len(between), max(between, default=None)), case
    assert next_due(trigger, **frame, after=after) == next((due for due in expected if due > after), None), case
    moment = chance.choice(expected) if expected and chance.random() < 0.5 else chance.randint(after, until)
    assert is_due(trigger, **frame, moment=moment) == (moment in expected), case
    return "due" if expected else "idle"


@pytest.mark.parametrize("part", range(PARTS))
def test_cron_when_clocks_change_then_it_is_due_as_a_walk_through_every_minute_says(part: int) -> None:
    seen: Counter[str] = Counter()
    for number, (zone_name, change) in list(enumerate(windows(SEED)))[part::PARTS]:
        chance = random.Random(number)  # noqa: S311 - repeatable on purpose
        start = change // 60 * 60 - 60 * chance.randint(60, 900)
        window = walk(zone_name, zone_of(zone_name), start=start, end=start + WINDOW_S)
        clock = datetime.fromtimestamp(change - 1, tz=zone_of(zone_name))
        for _ in range(EXPRESSIONS):
            expression = make_expression(chance, near=clock.date(), hour=clock.hour)
            seen[check(expression, window, chance, change=change)] += 1
    # The corpus means something: few expressions are refused (those of 30 February), and most are due in their window.
    assert seen.total() == EXPRESSIONS * WINDOWS / PARTS
    assert seen["refused"] < 0.05 * seen.total()
    assert seen["due"] > 0.4 * seen.total()
