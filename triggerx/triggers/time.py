"""Time triggers: the due seconds of a schedule, by arithmetic that everybody repeats with the same result.

A job's due seconds are fixed by its body and the creation time inside its id; nothing here depends on when a process
started, nor on what was asked before. An interval's first due second is one interval after creation. What a change of
clocks does to a cron schedule is stated in `cron`.
"""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import assert_never

from triggerx.core.job import ScheduleType, TimeTrigger
from triggerx.triggers.cron import cron_runs, read_cron


def next_due(trigger: TimeTrigger, *, created_at: int, expires_at: int, after: int) -> int | None:
    """Return the first due second strictly after `after`, later than `created_at`, at most `expires_at`; else None.

    Raises `InvalidInput` for a cron expression or a time zone that is none.
    """
    if trigger.schedule_type is ScheduleType.INTERVAL:  # the engine asks for each firing: no range for one number
        slot = created_at + (max(0, after - created_at) // trigger.interval_s + 1) * trigger.interval_s
        return slot if slot <= expires_at else None
    return next(dues(trigger, created_at=created_at, expires_at=expires_at, after=after, until=expires_at), None)


def is_due(trigger: TimeTrigger, *, created_at: int, expires_at: int, moment: int) -> bool:
    """Tell whether this second is one of the schedule's; raises as `next_due` does."""
    frame = {"created_at": created_at, "expires_at": expires_at}
    return next(dues(trigger, **frame, after=moment - 1, until=moment), None) is not None


def dues(trigger: TimeTrigger, *, created_at: int, expires_at: int, after: int, until: int) -> Iterator[int]:
    """Yield the due seconds in (after, until], ascending, as `next_due` would one by one; raises as it does."""
    return chain.from_iterable(
        due_runs(trigger, created_at=created_at, expires_at=expires_at, after=after, until=until)
    )


def count_dues(
    trigger: TimeTrigger, *, created_at: int, expires_at: int, after: int, until: int
) -> tuple[int, int | None]:
    """Return how many due seconds there are in (after, until], and the last one; raises as `next_due` does.

    Nothing is counted one by one: an interval takes a division, cron a few microseconds a day. The ten years that a
    time frame may have, every minute of them, take a fifth of a second; so the time frame is the only bound.
    """
    count, last = 0, None
    for run in due_runs(trigger, created_at=created_at, expires_at=expires_at, after=after, until=until):
        count, last = count + len(run), run[-1]
    return count, last


def due_runs(
    trigger: TimeTrigger, *, created_at: int, expires_at: int, after: int, until: int
) -> Iterator[Sequence[int]]:
    """Yield the due seconds in (after, until] in order, in sequences that are not empty; raises as `next_due` does."""
    after, until = max(after, created_at), min(until, expires_at)
    match trigger.schedule_type:
        case ScheduleType.INTERVAL:
            step = trigger.interval_s
            run: Sequence[int] = range(created_at + ((after - created_at) // step + 1) * step, until + 1, step)
        case ScheduleType.SPECIFIC:
            moments = trigger.specific
            run = moments[bisect_right(moments, after) : bisect_right(moments, until)]
        case ScheduleType.CRON:
            yield from cron_runs(read_cron(trigger.cron_expression, trigger.timezone), after=after, until=until)
            return
        case _:
            assert_never(trigger.schedule_type)
    if run:
        yield run
