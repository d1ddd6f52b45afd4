"""Due seconds of time triggers, by arithmetic and at clock changes."""

from datetime import UTC, datetime
from itertools import islice
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from triggerx.core.job import ScheduleType, TimeTrigger
from triggerx.triggers.time import cron_moments, is_due, last_due, next_due

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


def test_last_due_when_late_then_gives_the_latest_and_counts_the_ones_before() -> None:
    assert last_due(EVERY_10, expires_at=2000, due=1010, now=1045) == (1040, 3)
    assert last_due(EVERY_10, expires_at=1030, due=1010, now=9999) == (1030, 2)
    assert last_due(THREE, expires_at=2000, due=1005, now=1050) == (1007, 1)
    assert last_due(THREE, expires_at=2000, due=1005, now=1005) == (1005, 0)


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


def test_cron_moments_when_the_clock_goes_back_then_a_daily_job_fires_once_a_day() -> None:
    daily = TimeTrigger(schedule_type=ScheduleType.CRON, cron_expression="30 2 * * *", timezone="Europe/Berlin")
    start = int(datetime(2026, 10, 23, 12, tzinfo=UTC).timestamp())
    days = [
        datetime.fromtimestamp(moment, tz=ZoneInfo("Europe/Berlin")).date()
        for moment in islice(cron_moments(daily, after=start), 4)
    ]
    assert [day.day for day in days] == [24, 25, 26, 27]


def test_is_due_when_cron_then_knows_its_minutes_only() -> None:
    hourly = TimeTrigger(schedule_type=ScheduleType.CRON, cron_expression="0 * * * *")
    whole_hour = 1_800_000_000 // 3600 * 3600
    frame = {"created_at": whole_hour - 10, "expires_at": whole_hour + 10_000}
    assert is_due(hourly, **frame, moment=whole_hour)
    assert not is_due(hourly, **frame, moment=whole_hour + 60)


def test_last_due_when_a_cron_schedule_was_away_for_a_year_then_counts_every_slot_once() -> None:
    minutely = TimeTrigger(schedule_type=ScheduleType.CRON, cron_expression="*/5 * * * *")
    first = 1_800_000_000 // 300 * 300
    slots = 365 * 288
    assert last_due(minutely, expires_at=first + 10**9, due=first, now=first + slots * 300 + 7) == (
        first + slots * 300,
        slots,
    )
