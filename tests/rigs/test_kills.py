"""Kills at every named crash point of the engine: nothing is lost, nothing is done twice."""

import asyncio
import re
from dataclasses import replace
from pathlib import Path

import pytest

from tests.fakes.mining import log_of
from tests.rigs import crash_points
from tests.rigs.kills import Killed, Trap, take_course
from tests.roles.sentinel.post import GAS_REGISTRY, open_post
from tests.unit.core.sample import CHAIN, OWNER
from triggerx.evm.contracts import GasRegistry
from triggerx.ports.chain import BlockRange
from triggerx_engine.chain_watcher import ChainWatcher
from triggerx_sentinel.role import SentinelConfig, SentinelRole

ROOT = Path(__file__).parents[2]
PASSED = re.compile(r"crash_point\(\s*\"([a-z.-]+)\"")
CYCLES = 5 * len(crash_points.ENGINE)  # 65, each point five times


def test_crash_points_when_listed_then_are_exactly_those_of_the_code() -> None:
    files = [path for room in ("roles", "triggerx") for path in (ROOT / room).rglob("*.py")]
    assert sorted(name for path in files for name in PASSED.findall(path.read_text())) == sorted(crash_points.ALL)


async def test_engine_when_killed_at_every_point_then_nothing_is_lost_or_doubled(tmp_path: Path) -> None:
    course = await take_course(tmp_path, cycles=CYCLES, seed=0)
    assert course.killed == dict.fromkeys(crash_points.ENGINE, 5)


@pytest.mark.parametrize("point", crash_points.SENTINEL)
async def test_sentinel_when_killed_then_a_deposit_is_noted_once_it_is_back(tmp_path: Path, point: str) -> None:
    async with open_post(tmp_path, is_following=False) as post:
        trap = Trap(name=point)
        services = replace(post.node.services, crash_point=trap)
        killed = asyncio.create_task(SentinelRole(services, SentinelConfig()).run(started=lambda: None))
        post.balances[OWNER.address] = 7
        await post.mine(log_of(GAS_REGISTRY, GasRegistry.ETHDeposited, user=OWNER.address, ethAmount=7))
        with pytest.raises(BaseExceptionGroup) as caught:
            await killed
        assert caught.group_contains(Killed, match=point)
        post.node = await post.scene.restarted(post.node)
        async with post.following():
            await post.mine()
        assert await post.node.store.deposits.get(CHAIN, OWNER.address) == 7


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
