"""The due seconds of a job that had several schedules: each second goes by the one of its time."""

from dataclasses import replace

import pytest

from tests.unit.core.sample import CREATED_AT, EVERY_TEN_S, job_body
from triggerx.triggers.occurrence import frame_of
from triggerx.triggers.timetable import Stretch, Timetable

FRAME = frame_of(job_body())
EVERY_15_S = replace(EVERY_TEN_S, interval_s=15)
BOTH = Timetable(
    [
        Stretch(trigger=EVERY_TEN_S, frame=FRAME, until=CREATED_AT + 30),
        Stretch(trigger=EVERY_15_S, frame=FRAME),
    ]
)
"""Due 10, 20 and 30 s after creation, then 45 and 60 s after it, where the sample's time frame ends."""


@pytest.mark.parametrize(
    ("after", "until", "count"),
    [(0, 60, 5), (0, 29, 2), (0, 30, 3), (30, 60, 2), (20, 45, 2), (45, 59, 0), (31, 30, 0), (60, 999, 0)],
)
def test_count_when_the_schedule_changes_then_each_second_goes_by_its_own(after: int, until: int, count: int) -> None:
    assert BOTH.count(CREATED_AT + after, CREATED_AT + until) == count


def test_is_due_when_the_schedule_changes_then_each_second_goes_by_its_own() -> None:
    assert [second for second in range(70) if BOTH.is_due(CREATED_AT + second)] == [10, 20, 30, 45, 60]


def test_is_due_when_the_last_stretch_has_ended_then_nothing_is() -> None:
    ended = Timetable([Stretch(trigger=EVERY_TEN_S, frame=FRAME, until=CREATED_AT + 30)])
    assert not ended.is_due(CREATED_AT + 40)
    assert ended.count(CREATED_AT, CREATED_AT + 60) == 3
