"""What becomes of due seconds that come up for decision late, or together after a hold: each gets one outcome.

A due second that is on time is fired, whatever the policy. Of the late ones the job's policy says which are fired, and
the others go into ranges; `core.job.Misfire` says what each policy means.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from triggerx.core.job import Misfire, TimeTrigger
from triggerx.core.ledger import Outcome, Reason
from triggerx.triggers.time import due_runs, next_due

FIRE_LATE_MAX: Final = 100
"""How many late due seconds one decision fires: an owner who wants `all` has a few runs to make up for, and a day of a
job that runs each second (86,400) must neither empty the owner's deposit nor stand before everybody else's firings."""


_FIRED_LATE_MAX: Final[Mapping[Misfire, int]] = {
    Misfire.ALL: FIRE_LATE_MAX,
    Misfire.ONE: 1,
    Misfire.SKIP: 0,
    Misfire.WITHIN: FIRE_LATE_MAX,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotRange:
    """`count` due seconds in a row, `first` to `last`, with the same outcome for the same reason."""

    first: int
    last: int
    count: int
    outcome: Outcome
    reason: Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Slots:
    """What becomes of the due seconds of one decision; each is in exactly one of `fire` and `left_out`."""

    fire: tuple[int, ...]
    """Ascending."""
    left_out: tuple[SlotRange, ...]
    """In order, and all of them before the first that is fired: what is left out is the oldest."""
    next_due: int | None
    """The first due second after the decision's; None when there is none."""


def settle_slots(  # noqa: PLR0913 - the schedule's frame and the decision's, which no noun holds together
    trigger: TimeTrigger, *, created_at: int, expires_at: int, first: int, until: int, now: int, on_time_s: int
) -> Slots:
    """Decide about every due second in [first, until], where `first` is one and `until` is at most `now`.

    A due second is late when it is more than `on_time_s` ago; the others, at most `on_time_s` + 1, are fired. Of the
    late ones ALL fires the latest `FIRE_LATE_MAX`, ONE the latest unless one on time follows it, SKIP none, WITHIN the
    latest `FIRE_LATE_MAX` of those at most `misfire_within_s` ago. What SKIP leaves out and what is too old for WITHIN
    is SKIPPED, by the job's own terms; what is left out beside is MISSED. Raises `InvalidInput` for a schedule that is
    none.
    """
    if now - first <= on_time_s and first <= min(until, expires_at):
        following = next_due(trigger, created_at=created_at, expires_at=expires_at, after=first)
        if following is None or following > until:  # nearly every decision is about one due second that is on time
            return Slots(fire=(first,), left_out=(), next_due=following)

    def runs(after: int, last: int) -> Iterable[Sequence[int]]:
        return due_runs(trigger, created_at=created_at, expires_at=expires_at, after=after, until=last)

    before = first - 1
    late_until = max(before, min(until, now - on_time_s - 1))
    old_until = before
    if trigger.misfire is Misfire.SKIP:
        old_until = late_until
    elif trigger.misfire is Misfire.WITHIN:
        old_until = max(before, min(late_until, now - trigger.misfire_within_s - 1))
    skipped, _ = _split(runs(before, old_until), Outcome.SKIPPED, fired_max=0)
    on_time = tuple(due for run in runs(late_until, until) for due in run)
    fired_max = 0 if on_time and trigger.misfire is Misfire.ONE else _FIRED_LATE_MAX[trigger.misfire]
    missed, late = _split(runs(old_until, late_until), Outcome.MISSED, fired_max=fired_max)
    return Slots(
        fire=late + on_time,
        left_out=skipped + missed,
        next_due=next_due(trigger, created_at=created_at, expires_at=expires_at, after=max(before, until)),
    )


def _split(
    runs: Iterable[Sequence[int]], outcome: Outcome, *, fired_max: int
) -> tuple[tuple[SlotRange, ...], tuple[int, ...]]:
    """Return the latest `fired_max` due seconds, and what is before them as a range, in a tuple that may be empty."""
    first, count = 0, 0
    latest: tuple[int, ...] = ()
    for run in runs:
        first = first if count else run[0]
        count += len(run)
        latest = (*latest, *run[-fired_max - 1 :])[-fired_max - 1 :]
    left_out = count - fired_max
    if left_out <= 0:
        return (), latest
    last, *fired = latest
    return (SlotRange(first=first, last=last, count=left_out, outcome=outcome, reason=Reason.MISFIRE),), tuple(fired)
