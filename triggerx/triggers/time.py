"""Time triggers: the due seconds of a schedule, by arithmetic that everybody repeats with the same result.

A job's due seconds are fixed by its body and the creation time inside its id; nothing here depends on when a process
started. An interval's first due second is one interval after creation.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from triggerx.core.errors import InvalidInput
from triggerx.core.job import ScheduleType, TimeTrigger


def next_due(trigger: TimeTrigger, *, created_at: int, expires_at: int, after: int) -> int | None:
    """Return the first due second strictly after `after`, not before `created_at`, at most `expires_at`; else None."""
    after = max(after, created_at)
    match trigger.schedule_type:
        case ScheduleType.INTERVAL:
            slot = created_at + ((after - created_at) // trigger.interval_s + 1) * trigger.interval_s
        case ScheduleType.SPECIFIC:
            slot = next((moment for moment in trigger.specific if moment > after), expires_at + 1)
        case ScheduleType.CRON:
            slot = next(cron_moments(trigger, after=after), expires_at + 1)
    return slot if slot <= expires_at else None


def last_due(trigger: TimeTrigger, *, expires_at: int, due: int, now: int) -> tuple[int, int]:
    """Return the latest due second in [due, now] and how many due seconds from `due` on come before it.

    `due` itself must be a due second ≤ `now`.
    """
    skipped = 0
    if trigger.schedule_type is ScheduleType.INTERVAL:
        skipped = (min(now, expires_at) - due) // trigger.interval_s
        return due + skipped * trigger.interval_s, skipped
    later = cron_moments(trigger, after=due) if trigger.schedule_type is ScheduleType.CRON else iter(trigger.specific)
    latest = due
    for slot in later:
        if slot > min(now, expires_at):
            break
        if slot > due:
            latest, skipped = slot, skipped + 1
    return latest, skipped


def is_due(trigger: TimeTrigger, *, created_at: int, expires_at: int, moment: int) -> bool:
    """Tell whether this second is one of the schedule's."""
    return next_due(trigger, created_at=created_at, expires_at=expires_at, after=moment - 1) == moment


def cron_moments(trigger: TimeTrigger, *, after: int) -> Iterator[int]:
    """Yield the unix seconds of the cron expression in its time zone, ascending, strictly after `after`.

    Raises `InvalidInput` for an expression that is none.
    """
    from cronsim import CronSim, CronSimError  # noqa: PLC0415  # only schedules by cron pay for the import

    start = datetime.fromtimestamp(after, tz=ZoneInfo(trigger.timezone))
    try:
        moments = CronSim(trigger.cron_expression, start)
    except CronSimError as error:
        raise InvalidInput("cron_expression", f"expected five cron fields, {error}") from error
    for moment in moments:
        yield int(moment.astimezone(UTC).timestamp())
