"""Cron schedules: which seconds a five-field expression names in a time zone, the same for whoever asks, from wherever.

Fields are minute, hour, day of month, month, day of week, each with lists, ranges, steps and (months, days of week)
names; `L` is the last day of the month, `LW` its last weekday, `5L` its last Friday, `1#2` its second Monday. Where the
day of month or the day of week begins with `*`, both must match; else one suffices (Debian's cron). cronsim reads that.

What happens when clocks change is decided by the hour field alone:

- It begins with `*` (`*/15 * * * *`, `0 */2 * * *`): the schedule follows the clock. It is due in each real minute in
  which the clock shows a time that matches: in both passes of an hour that is shown twice, never in one that is
  skipped.
- It names hours (`30 2 * * *`, `*/15 1-3 * * *`): each matching minute of the calendar is due exactly once. One that
  is shown twice is due the first time; one that is skipped, in the first second after the gap, where all that fall
  together are one. So a day that a zone left out (Pacific/Apia, 30 December 2011) is made up for as the next begins.

cronsim's own walk differs in three ways, for which it is not used: a walk begun between the two passes goes back in
time, a star in the minute field makes a job of named hours run twice, and at a change of half an hour, or at midnight,
it leaves out or adds minutes of schedules that follow the clock.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import lru_cache
from itertools import groupby
from typing import Final

from triggerx.core.errors import InvalidInput
from triggerx.core.schedule import CRON_FIELDS
from triggerx.core.timezones import zone_of

DAY_S: Final = 86_400
EPOCH_ORDINAL: Final = date(1970, 1, 1).toordinal()
CRON_END: Final = 253_370_764_800  # the year 9999 begins: no schedule goes on to where calendars end
EXPRESSIONS_KEPT: Final = 1_024  # reading one takes 30 µs; a kept one takes up to 12 kB

OFFSET_S_MAX: Final = 16 * 3600  # how far a zone is ahead of UTC: 14 hours now, 15:13 in Alaska until 1867
DAYS_KEPT: Final = 4_096  # most questions are about today and tomorrow, in a few zones; a kept day takes 200 bytes

_ONE_DAY: Final = timedelta(days=1)
_MINUTES: Final = tuple(range(0, DAY_S, 60))  # shared by the expressions, which would else hold numbers of their own


@dataclass(frozen=True, slots=True, kw_only=True)
class Cron:
    """An expression that was read: on which days, at which `seconds` after midnight by the clock (ascending)."""

    zone: tzinfo
    seconds: Sequence[int]
    months: frozenset[int]
    is_day: Callable[[date], bool]
    """Whether day of month and day of week match; the month is looked at apart."""
    follows_clock: bool


@lru_cache(maxsize=EXPRESSIONS_KEPT)
def read_cron(expression: str, timezone: str) -> Cron:
    """Read five cron fields; raises `InvalidInput` of `cron_expression` or `timezone`."""
    from cronsim import CronSim, CronSimError  # noqa: PLC0415  # only schedules by cron pay for the import

    fields = expression.split()
    if len(fields) != CRON_FIELDS:
        raise InvalidInput("cron_expression", f"expected {CRON_FIELDS} fields, got {len(fields)}")
    try:
        read = CronSim(expression, datetime(1970, 1, 1, tzinfo=UTC))
    except CronSimError as error:
        raise InvalidInput("cron_expression", f"expected five cron fields, {error}") from error
    return Cron(
        zone=zone_of(timezone),
        seconds=_evenly(
            tuple(_MINUTES[60 * hour + minute] for hour in sorted(read.hours) for minute in sorted(read.minutes))
        ),
        months=frozenset(read.months),
        is_day=read.match_day,
        follows_clock=fields[1].startswith("*"),
    )


def cron_runs(cron: Cron, *, after: int, until: int) -> Iterator[Sequence[int]]:
    """Yield the due seconds in (after, until], ascending, in one sequence a day; days without any are left out.

    A year without a match takes half a millisecond, so it is the caller's `until` that bounds the work.
    """
    until = min(until, CRON_END)
    last = after
    changing: set[int] = set()  # of days on which the clock changed: an evening may be shown again after midnight
    for day in _matching_days(cron, after=after, until=until):
        stretches = _stretches(cron.zone, day)
        if len(stretches) > 1 or stretches[0].first != stretches[0].again:
            changing.update(_changed_day(cron, stretches))
            continue
        for run in (sorted(changing), _shifted(cron.seconds, stretches[0].first)):
            if due := _between(run, last, until):
                yield due
                last = due[-1]
        changing.clear()
    if due := _between(sorted(changing), last, until):
        yield due


def _matching_days(cron: Cron, *, after: int, until: int) -> Iterator[date]:
    """Yield the matching days that may hold due seconds in (after, until], in order, and up to two more."""
    if after >= until:
        return
    # The day before may hold some: after a change at midnight its evening is shown again.
    day = datetime.fromtimestamp(after, tz=cron.zone).date() - _ONE_DAY
    while _midnight(day) <= until + OFFSET_S_MAX:
        if day.month not in cron.months:
            day = (day.replace(day=1) + timedelta(days=32)).replace(day=1)
            continue
        if cron.is_day(day):
            yield day
        day += _ONE_DAY


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stretch:
    """Minutes of a day by the clock, from `start` to `end` seconds after midnight, that are shown in the same way.

    What the clock shows as second s of the day is the unix second `first` + s, and `again` + s where it is shown twice
    (else the two are the same). Where it is never shown `gap_end` is the first unix second after the gap.
    """

    start: int
    end: int
    first: int
    again: int
    gap_end: int | None = None


@lru_cache(maxsize=DAYS_KEPT)
def _stretches(zone: tzinfo, day: date) -> tuple[_Stretch, ...]:
    """Return the stretches of a day in order; a day that no change of clocks touches is one, and so is one left out."""
    following = day + _ONE_DAY
    bounds = {_offset_s(zone, bound, fold=fold) for bound in (day, following) for fold in (0, 1)}
    if len(bounds) == 1:
        shift = _midnight(day) - bounds.pop()
        return (_Stretch(start=0, end=_MINUTES[-1], first=shift, again=shift),)

    def shifts(second: int) -> tuple[int, int]:
        return (
            _midnight(day) - _offset_s(zone, day, fold=0, second=second),
            _midnight(day) - _offset_s(zone, day, fold=1, second=second),
        )

    stretches = []
    for (first, again), group in groupby(_MINUTES, key=shifts):
        seconds = tuple(group)
        start, end = seconds[0], seconds[-1]
        gap_end = _end_of_gap(zone, before=start + again, after=start + first) if first > again else None
        stretches.append(_Stretch(start=start, end=end, first=first, again=again, gap_end=gap_end))
    return tuple(stretches)


def _changed_day(cron: Cron, stretches: tuple[_Stretch, ...]) -> Iterator[int]:
    """Yield the due seconds of a day with a change of clocks, in no order, and perhaps some twice."""
    for stretch in stretches:
        seconds = _between(cron.seconds, stretch.start - 1, stretch.end)
        if stretch.gap_end is None:
            yield from _shifted(seconds, stretch.first)
            if cron.follows_clock:
                yield from _shifted(seconds, stretch.again)
        elif seconds and not cron.follows_clock:
            yield stretch.gap_end


def _end_of_gap(zone: tzinfo, *, before: int, after: int) -> int:
    """Return the first second in (before, after] with another offset than `before` has."""

    def has_changed(moment: int) -> bool:
        return datetime.fromtimestamp(moment, tz=zone).utcoffset() != offset

    offset = datetime.fromtimestamp(before, tz=zone).utcoffset()
    return before + bisect_left(range(before, after), True, key=has_changed)


def _between(run: Sequence[int], after: int, until: int) -> Sequence[int]:
    if run and after < run[0] and run[-1] <= until:
        return run
    return run[bisect_right(run, after) : bisect_right(run, until)]


def _evenly(seconds: tuple[int, ...]) -> Sequence[int]:
    """The same seconds, as a range where they are evenly spaced: a day of it takes no list of 1,440 numbers."""
    step = seconds[1] - seconds[0] if len(seconds) > 1 else DAY_S
    even = range(seconds[0], seconds[-1] + 1, step)
    return even if tuple(even) == seconds else seconds


def _shifted(seconds: Sequence[int], by: int) -> Sequence[int]:
    if isinstance(seconds, range):
        return range(seconds.start + by, seconds.stop + by, seconds.step)
    return [second + by for second in seconds]


def _midnight(day: date) -> int:
    """The unix second of the day's beginning in UTC."""
    return (day.toordinal() - EPOCH_ORDINAL) * DAY_S


def _offset_s(zone: tzinfo, day: date, *, fold: int, second: int = 0) -> int:
    """Seconds that the clock is ahead of UTC when it shows the day's whole minute `second`."""
    clock = datetime(day.year, day.month, day.day, second // 3_600, second // 60 % 60, tzinfo=zone, fold=fold)
    offset = clock.utcoffset()
    return offset.days * DAY_S + offset.seconds if offset else 0
