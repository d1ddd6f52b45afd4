"""The core as a process that is killed again and again: nothing is lost, nothing is done twice."""

from pathlib import Path

import pytest

from tests.rigs.processes import MOMENT, POINTS, take_course

CYCLES = 20
"""Each of the 15 points once, and five moments between them; three such courses are the 60 cycles of a run."""


@pytest.mark.parametrize("seed", range(3))
async def test_core_when_killed_at_every_point_then_nothing_is_lost_or_doubled(tmp_path: Path, seed: int) -> None:
    course, history = await take_course(tmp_path, cycles=CYCLES, seed=seed)
    assert course.killed == {**dict.fromkeys(POINTS, 1), MOMENT: CYCLES - len(POINTS)}
    keys = {run.task_key for run in history.runs}
    for job in course.jobs:
        assert any(cause.key in keys for cause in history.causes if cause.job_id == job.job_id), job.title
