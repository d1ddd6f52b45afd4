"""Kills at every named crash point of the engine: nothing is lost, nothing is done twice."""

import re
from pathlib import Path

import pytest

from tests.rigs import crash_points
from tests.rigs.kills import take_course
from triggerx.ports.chain import BlockRange
from triggerx_engine.chain_watcher import ChainWatcher

ROOT = Path(__file__).parents[2]
PASSED = re.compile(r"crash_point\(\s*\"([a-z.-]+)\"")
CYCLES = 5 * len(crash_points.ENGINE)  # 65, each point five times


def test_crash_points_when_listed_then_are_exactly_those_of_the_code() -> None:
    files = [path for room in ("roles", "triggerx") for path in (ROOT / room).rglob("*.py")]
    assert sorted(name for path in files for name in PASSED.findall(path.read_text())) == sorted(crash_points.ALL)


async def test_engine_when_killed_at_every_point_then_nothing_is_lost_or_doubled(tmp_path: Path) -> None:
    course = await take_course(tmp_path, cycles=CYCLES, seed=0)
    assert course.killed == dict.fromkeys(crash_points.ENGINE, 5)


async def test_course_when_the_engine_moves_its_cursor_before_the_work_then_says_that_something_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = ChainWatcher.take

    async def careless(self: ChainWatcher, found: BlockRange) -> None:
        async with self._services.store.transaction() as queries:
            await queries.blocks.move(self._name, dropped=found.dropped, added=found.blocks, keep=256)
        await honest(self, found)

    monkeypatch.setattr(ChainWatcher, "take", careless)
    with pytest.raises(AssertionError, match="has no entry"):
        await take_course(tmp_path, cycles=CYCLES, seed=0)
