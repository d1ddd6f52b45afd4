"""A time trigger's fields in JSON: intervals, cron expressions and lists of moments.

Local times become unix seconds here, once, by the time-zone database of whoever accepts the job; what is dumped holds
the seconds, so that every keeper reads the same moments whatever its own database says.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

from triggerx.core.canonical import Json
from triggerx.core.errors import InvalidInput
from triggerx.core.job import ScheduleType, TimeTrigger
from triggerx.core.job_fields import exact_integer, kind_of, read_integer, read_text, shown
from triggerx.core.timezones import TIMEZONE_NAME, zone_of

INTERVAL_S_MIN: Final = 1  # chains and the wire tell time in whole seconds
CRON_BYTES_MAX: Final = 128  # five fields with every list that is still read by a person
CRON_FIELDS: Final = 5  # cron has no seconds: a shorter schedule is an interval
MOMENTS_MAX: Final = 366  # one a day for a year; a longer list is a cron expression
MOMENT_TEXT_MAX: Final = 64 * MOMENTS_MAX  # ISO 8601 with offset takes about 32
MOMENT_MAX: Final = 253_402_300_799  # the end of the year 9999, where calendars end
TIMEZONE_BYTES_MAX: Final = 64  # the longest IANA name has 30

_CRON: Final = re.compile(r"[0-9A-Za-z*,/#\- ]+")


def parse_schedule(raw: Mapping[str, object], *, time_frame_s: int) -> TimeTrigger:
    """Read `schedule_type`, its own field, and `timezone`; fields of the other types are ignored, as the SDK's are."""
    name = read_text(raw, "schedule_type", bytes_max=16)
    if name not in set(ScheduleType):
        raise InvalidInput("schedule_type", f"expected interval, cron or specific, got {shown(name)}")
    timezone = read_text(raw, "timezone", bytes_max=TIMEZONE_BYTES_MAX, default="") or "UTC"
    if not TIMEZONE_NAME.fullmatch(timezone):
        raise InvalidInput("timezone", f"expected an IANA time zone such as Europe/Berlin, got {shown(timezone)}")
    match ScheduleType(name):
        case ScheduleType.INTERVAL:
            interval_s = parse_interval(raw, time_frame_s=time_frame_s)
            return TimeTrigger(schedule_type=ScheduleType.INTERVAL, interval_s=interval_s, timezone=timezone)
        case ScheduleType.CRON:
            zone_of(timezone)
            return TimeTrigger(schedule_type=ScheduleType.CRON, cron_expression=_cron(raw), timezone=timezone)
        case ScheduleType.SPECIFIC:
            return TimeTrigger(schedule_type=ScheduleType.SPECIFIC, specific=_moments(raw, timezone), timezone=timezone)


def parse_interval(raw: Mapping[str, object], *, time_frame_s: int) -> int:
    """Read `time_interval`, whole seconds; one longer than the time frame would never be due."""
    interval_s = read_integer(raw, "time_interval", low=INTERVAL_S_MIN, high=MOMENT_MAX)
    if interval_s > time_frame_s:
        raise InvalidInput("time_interval", f"is {interval_s} s, longer than the time frame of {time_frame_s} s")
    return interval_s


def dump_schedule(trigger: TimeTrigger) -> dict[str, Json]:
    """Write every field of a schedule, the unused ones as zero or empty; moments as unix seconds with commas."""
    return {
        "schedule_type": trigger.schedule_type.value,
        "time_interval": trigger.interval_s,
        "cron_expression": trigger.cron_expression,
        "specific_schedule": ",".join(str(moment) for moment in trigger.specific),
        "timezone": trigger.timezone,
    }


def _cron(raw: Mapping[str, object]) -> str:
    expression = " ".join(read_text(raw, "cron_expression", bytes_max=CRON_BYTES_MAX).split())
    if not _CRON.fullmatch(expression):
        raise InvalidInput("cron_expression", f"expected five cron fields, got {shown(expression)}")
    count = len(expression.split())
    if count != CRON_FIELDS:
        raise InvalidInput("cron_expression", f"expected {CRON_FIELDS} fields (minute to day of week), got {count}")
    return expression


def _moments(raw: Mapping[str, object], timezone: str) -> tuple[int, ...]:
    value = raw.get("specific_schedule")
    items: Sequence[object]
    if value is None or value == "":
        raise InvalidInput("specific_schedule", "is missing")
    if isinstance(value, str):
        items = read_text(raw, "specific_schedule", bytes_max=MOMENT_TEXT_MAX).split(",")
    elif isinstance(value, list | tuple):
        items = value
    else:
        items = [value]
    if not 1 <= len(items) <= MOMENTS_MAX:
        raise InvalidInput("specific_schedule", f"expected 1 to {MOMENTS_MAX} moments, got {len(items)}")
    return tuple(sorted({_moment(item, timezone) for item in items}))


def _moment(item: object, timezone: str) -> int:
    """A moment from unix seconds, or from ISO 8601, in the job's time zone where it has no offset."""
    field = "specific_schedule"
    text = item.strip() if isinstance(item, str) else item
    seconds = exact_integer(text)
    if seconds is None:
        if not isinstance(text, str):
            raise InvalidInput(field, f"expected moments as ISO 8601 or unix seconds, got {kind_of(text)}")
        try:
            moment = datetime.fromisoformat(text)
            if moment.tzinfo is None:
                moment = moment.replace(tzinfo=zone_of(timezone))
            elapsed = moment.astimezone(UTC) - datetime(1970, 1, 1, tzinfo=UTC)
        except (ValueError, OverflowError) as error:
            raise InvalidInput(field, f"expected ISO 8601 such as 2030-01-31 09:00:00, got {shown(text)}") from error
        if elapsed.microseconds:
            raise InvalidInput(field, f"expected whole seconds, got {shown(text)}")
        seconds = elapsed.days * 86_400 + elapsed.seconds
    if not 0 < seconds <= MOMENT_MAX:
        raise InvalidInput(field, f"expected a moment from 1970 to 9999 in seconds, got {shown(item)}")
    return seconds
