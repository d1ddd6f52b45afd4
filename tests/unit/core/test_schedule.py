import pytest

from triggerx.core.errors import InvalidInput
from triggerx.core.job import ScheduleType, TimeTrigger
from triggerx.core.schedule import MOMENTS_MAX, dump_schedule, parse_schedule


def _specific(moments: object, timezone: str = "UTC") -> tuple[int, ...]:
    raw = {"schedule_type": "specific", "specific_schedule": moments, "timezone": timezone}
    return parse_schedule(raw, time_frame_s=60).specific


@pytest.mark.parametrize(
    ("moments", "timezone", "expected"),
    [
        ("2025-01-01 00:00:00", "UTC", (1_735_689_600,)),
        ("2025-01-01T00:00:00Z", "Europe/Berlin", (1_735_689_600,)),
        ("2025-01-01T02:00:00+02:00", "America/New_York", (1_735_689_600,)),
        ("2025-01-01", "America/New_York", (1_735_707_600,)),
        ("1735689600", "Europe/Berlin", (1_735_689_600,)),
        (1_735_689_600, "UTC", (1_735_689_600,)),
        (["1735689601", 1_735_689_600, "1735689600"], "UTC", (1_735_689_600, 1_735_689_601)),
        ("2025-10-26 02:30:00", "Europe/Berlin", (1_761_438_600,)),  # it happens twice: the first counts
        ("2025-03-30 02:30:00", "Europe/Berlin", (1_743_298_200,)),  # it never happens: as if the clock had not moved
    ],
)
def test_parse_when_moments_are_specific_then_they_are_unix_seconds(
    moments: object, timezone: str, expected: tuple[int, ...]
) -> None:
    assert _specific(moments, timezone) == expected


@pytest.mark.parametrize(
    "moments",
    ["", "soon", "2025-01-01 00:00:00.5", -1, 0, [], [None], {}, "9" * 50, [1] * (MOMENTS_MAX + 1), "0001-01-01"],
)
def test_parse_when_moments_are_wrong_then_they_are_refused(moments: object) -> None:
    with pytest.raises(InvalidInput) as caught:
        _specific(moments)
    assert caught.value.field == "specific_schedule"


def test_parse_when_cron_has_needless_spaces_then_they_are_dropped() -> None:
    raw = {"schedule_type": "cron", "cron_expression": "  */5  * * * MON-FRI ", "timezone": "Europe/Berlin"}
    trigger = parse_schedule(raw, time_frame_s=60)
    assert trigger == TimeTrigger(
        schedule_type=ScheduleType.CRON, cron_expression="*/5 * * * MON-FRI", timezone="Europe/Berlin"
    )
    assert parse_schedule(dump_schedule(trigger), time_frame_s=60) == trigger


def test_parse_when_fields_of_other_schedules_stand_beside_then_they_are_ignored() -> None:
    raw = {"schedule_type": "interval", "time_interval": "60", "cron_expression": "nonsense", "specific_schedule": 5}
    assert parse_schedule(raw, time_frame_s=60) == TimeTrigger(schedule_type=ScheduleType.INTERVAL, interval_s=60)
