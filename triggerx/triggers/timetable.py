"""A job's due seconds over its whole life: the schedules that it had one after another, each up to its last second."""

from collections.abc import Sequence
from dataclasses import dataclass

from triggerx.core.job import TimeTrigger
from triggerx.triggers.occurrence import Frame
from triggerx.triggers.time import count_dues, is_due


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """A schedule and its time frame; `until` is the last second by which the job went by it, None for the present."""

    trigger: TimeTrigger
    frame: Frame
    until: int | None = None


class Timetable:
    """The stretches of a job, ascending by `until`, the present one last."""

    def __init__(self, stretches: Sequence[Stretch]) -> None:
        self._stretches = tuple(stretches)

    def count(self, after: int, until: int) -> int:
        """How many due seconds there are in (after, until]."""
        count, begun = 0, after
        for stretch in self._stretches:
            end = until if stretch.until is None else min(until, stretch.until)
            if end > begun:
                frame = stretch.frame
                count += count_dues(
                    stretch.trigger, created_at=frame.created_at, expires_at=frame.expires_at, after=begun, until=end
                )[0]
                begun = end
        return count

    def is_due(self, moment: int) -> bool:
        """Whether this second is one of them."""
        for stretch in self._stretches:
            if stretch.until is None or moment <= stretch.until:
                frame = stretch.frame
                return is_due(stretch.trigger, created_at=frame.created_at, expires_at=frame.expires_at, moment=moment)
        return False
