"""Due seconds of time triggers, by arithmetic and at clock changes."""

from datetime import datetime, timedelta
from itertools import islice, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triggerx.core.errors import InvalidInput
from triggerx.core.job import ScheduleType, TimeTrigger
from triggerx.core.timezones import zone_of
from triggerx.triggers.time import count_dues, dues, is_due, next_due

EVERY_10 = TimeTrigger(schedule_type=ScheduleType.INTERVAL, interval_s=10)
THREE = TimeTrigger(schedule_type=ScheduleType.SPECIFIC, specific=(1005, 1007, 1100))


def test_next_due_when_interval_then_counts_from_creation_and_stops_with_the_time_frame() -> None:
    def at(after: int) -> int | None:
        return next_due(EVERY_10, created_at=1003, expires_at=1033, after=after)

    assert [at(0), at(1003), at(1012), at(1013), at(1032), at(1033)] == [1013, 1013, 1013, 1023, 1033, None]


def test_next_due_when_specific_then_gives_each_moment_once() -> None:
    assert next_due(THREE, created_at=1000, expires_at=1100, after=1005) == 1007
    assert next_due(THREE, created_at=1006, expires_at=1100, after=0) == 1007
    assert next_due(THREE, created_at=1000, expires_at=1099, after=1007) is None


def test_count_dues_when_late_then_gives_how_many_and_the_latest() -> None:
    assert count_dues(EVERY_10, created_at=1010, expires_at=2000, after=1010, until=1045) == (3, 1040)
    assert count_dues(EVERY_10, created_at=1010, expires_at=1030, after=1010, until=9999) == (2, 1030)
    assert count_dues(THREE, created_at=1005, expires_at=2000, after=1005, until=1050) == (1, 1007)
    assert count_dues(THREE, created_at=1005, expires_at=2000, after=1005, until=1005) == (0, None)


@given(
    interval_s=st.integers(min_value=1, max_value=10**6),
    created_at=st.integers(min_value=0, max_value=2**33),
    frame_s=st.integers(min_value=0, max_value=10**8),
    offset=st.integers(min_value=-10, max_value=10**8),
)
def test_next_due_when_interval_then_is_the_smallest_due_second_after(
    interval_s: int, created_at: int, frame_s: int, offset: int
) -> None:
    trigger = TimeTrigger(schedule_type=ScheduleType.INTERVAL, interval_s=interval_s)
    expires_at, after = created_at + frame_s, created_at + offset
    slot = next_due(trigger, created_at=created_at, expires_at=expires_at, after=after)
    if slot is None:
        assert after + interval_s > expires_at or created_at + interval_s > expires_at
        return
    assert after < slot <= expires_at
    assert (slot - created_at) % interval_s == 0
    assert slot - interval_s <= max(after, created_at)
    assert is_due(trigger, created_at=created_at, expires_at=expires_at, moment=slot)


BERLIN = zone_of("Europe/Berlin")
SPRING = int(datetime(2024, 3, 31, tzinfo=BERLIN).timestamp())
SCHEDULES = [
    EVERY_10,
    TimeTrigger(schedule_type=ScheduleType.INTERVAL, interval_s=3_600),
    TimeTrigger(schedule_type=ScheduleType.SPECIFIC, specific=tuple(SPRING + 7_000 * n for n in range(30))),
    TimeTrigger(schedule_type=ScheduleType.CRON, cron_expression="*/7 1-3 * * *", timezone="Europe/Berlin"),
    TimeTrigger(schedule_type=ScheduleType.CRON, cron_expression="0 * * * *", timezone="Europe/Berlin"),
]


@given(
    trigger=st.sampled_from(SCHEDULES),
    starts=st.lists(st.integers(min_value=SPRING - 20_000, max_value=SPRING + 200_000), max_size=4),
)
def test_dues_when_asked_again_from_anywhere_then_they_are_the_same(trigger: TimeTrigger, starts: list[int]) -> None:
    """A restart asks from where it was: neither when nor how often one asks moves a schedule or its time frame."""
    begin, end = SPRING - 20_000, SPRING + 200_000
    frame = {"created_at": SPRING - 10_000, "expires_at": SPRING + 190_000}
    whole = list(dues(trigger, **frame, after=begin, until=end))
    bounds = [begin, *sorted(starts), end]
    pieces = [list(dues(trigger, **frame, after=a, until=b)) for a, b in pairwise(bounds)]
    assert [due for piece in pieces for due in piece] == whole
    assert frame["created_at"] < whole[0]
    assert whole[-1] <= frame["expires_at"]
    for start in starts:
        assert next_due(trigger, **frame, after=start) == next((due for due in whole if due > start), None)
        assert is_due(trigger, **frame, moment=start) == (start in whole)
        later = [due for due in whole if due > start]
        assert count_dues(trigger, **frame, after=start, until=end) == (len(later), max(later, default=None))


def test_dues_when_a_schedule_is_long_then_they_come_one_by_one() -> None:
    each_second = TimeTrigger(schedule_type=ScheduleType.INTERVAL, interval_s=1)
    moments = dues(each_second, created_at=0, expires_at=10**15, after=0, until=10**15)
    assert list(islice(moments, 3)) == [1, 2, 3]
    assert count_dues(each_second, created_at=0, expires_at=10**15, after=5, until=10**15) == (10**15 - 5, 10**15)


def test_count_dues_when_a_cron_schedule_ran_ten_years_then_each_day_has_its_minutes() -> None:
    minutely = TimeTrigger(schedule_type=ScheduleType.CRON, cron_expression="* * * * *", timezone="Europe/Berlin")
    until = SPRING + 3_650 * 86_400
    counted = count_dues(minutely, created_at=SPRING, expires_at=until, after=SPRING, until=until)
    assert counted == (3_650 * 1_440, until)


@pytest.mark.parametrize("day", [datetime(2024, 3, 31, tzinfo=BERLIN), datetime(2024, 10, 27, tzinfo=BERLIN)])
def test_next_due_when_the_clock_changes_then_a_daily_job_is_due_once_that_day(day: datetime) -> None:
    daily = TimeTrigger(schedule_type=ScheduleType.CRON, cron_expression="30 2 * * *", timezone="Europe/Berlin")
    start = int((day - timedelta(days=1)).timestamp())
    moments = dues(daily, created_at=start, expires_at=start + 10**6, after=start, until=start + 10**6)
    days = [datetime.fromtimestamp(moment, tz=BERLIN).date() - day.date() for moment in islice(moments, 4)]
    assert [passed.days for passed in days] == [-1, 0, 1, 2]


def test_next_due_when_the_schedule_is_none_then_it_says_which_field() -> None:
    for expression, timezone, field in (
        ("soon", "UTC", "cron_expression"),
        ("* * * * *", "Europe/Nowhere", "timezone"),
    ):
        trigger = TimeTrigger(schedule_type=ScheduleType.CRON, cron_expression=expression, timezone=timezone)
        with pytest.raises(InvalidInput) as caught:
            next_due(trigger, created_at=0, expires_at=10**6, after=0)
        assert caught.value.field == field


def test_is_due_when_cron_then_knows_its_minutes_only() -> None:
    hourly = TimeTrigger(schedule_type=ScheduleType.CRON, cron_expression="0 * * * *")
    whole_hour = 1_800_000_000 // 3600 * 3600
    frame = {"created_at": whole_hour - 10, "expires_at": whole_hour + 10_000}
    assert is_due(hourly, **frame, moment=whole_hour)
    assert not is_due(hourly, **frame, moment=whole_hour + 60)


def test_count_dues_when_a_cron_schedule_was_away_for_a_year_then_counts_every_slot_once() -> None:
    minutely = TimeTrigger(schedule_type=ScheduleType.CRON, cron_expression="*/5 * * * *")
    first = 1_800_000_000 // 300 * 300
    slots = 365 * 288
    frame = {"created_at": first, "expires_at": first + 10**9}
    assert count_dues(minutely, **frame, after=first, until=first + slots * 300 + 7) == (slots, first + slots * 300)
