"""The core as a process that is killed again and again: nothing is lost, nothing is done twice."""

from pathlib import Path

from tests.rigs.processes import MOMENT, take_course

CYCLES = 12


async def test_core_when_killed_again_and_again_then_nothing_is_lost_or_doubled(tmp_path: Path) -> None:
    course, history = await take_course(tmp_path, cycles=CYCLES, seed=0)
    assert course.killed.total() == CYCLES
    assert course.killed[MOMENT] >= 1
    keys = {run.task_key for run in history.runs}
    for job in course.jobs:
        assert any(cause.key in keys for cause in history.causes if cause.job_id == job.job_id)
