"""The lag alarm: once each time, on every chain, at 15 s of age or, where blocks are slow, at three blocks of it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tests.fakes.chain import FakeChain
from tests.fakes.log import Record
from tests.roles.scene import Node, Scene, open_scene, running
from tests.roles.sentinel.post import open_post
from tests.unit.core.sample import CHAIN, DUE
from triggerx.core.errors import RecoverableError
from triggerx.evm.types import ChainId
from triggerx_sentinel.lag import HeadLag

LAGS = "chain lags"
FINE = "chain lags no more"


@dataclass
class Watch:
    scene: Scene
    node: Node

    async def second(self) -> None:
        """Let a second pass without a block."""
        await self.scene.clock.advance(1)
        await self.scene.settle(3)

    def said(self) -> list[Record]:
        return [record for record in self.node.log.records if record.event in (LAGS, FINE)]


@asynccontextmanager
async def watching(tmp_path: Path, *, block_time_s: float = 1.0) -> AsyncIterator[Watch]:
    async with open_scene(tmp_path, now=DUE) as scene:
        node = await scene.engine()
        lag = HeadLag(node.services, scene.chain, lag_s_max=15.0, block_time_s=block_time_s)
        async with running(lag.run()):
            yield Watch(scene, node)


@pytest.mark.parametrize(("block_time_s", "limit_s"), [(1.0, 15), (12.0, 36)])
async def test_run_when_the_newest_block_grows_old_then_it_warns_once_and_says_when_it_is_over(
    tmp_path: Path, block_time_s: float, limit_s: int
) -> None:
    async with watching(tmp_path, block_time_s=block_time_s) as watch:
        for _ in range(limit_s - 1):
            await watch.second()
        assert watch.said() == []
        for _ in range(5):
            await watch.second()
        (warning,) = watch.said()
        assert (warning.level, warning.event) == ("warning", LAGS)
        assert (warning.fields["chain_id"], warning.fields["age_s"]) == (watch.scene.chain.chain_id, limit_s)
        await watch.scene.chain.mine(timestamp=watch.scene.clock.now())
        await watch.second()
        assert [record.event for record in watch.said()] == [LAGS, FINE]


async def test_run_when_blocks_follow_each_other_but_are_old_then_it_warns(tmp_path: Path) -> None:
    async with watching(tmp_path) as watch:
        for _ in range(20):
            await watch.scene.chain.mine(timestamp=DUE)
            await watch.second()
        assert [record.event for record in watch.said()] == [LAGS]


async def test_run_when_no_endpoint_answers_then_the_last_block_grows_old(tmp_path: Path) -> None:
    async with watching(tmp_path) as watch:
        await watch.second()
        watch.scene.chain.fault = RecoverableError("no endpoint answers")
        for _ in range(15):
            await watch.second()
        assert [record.event for record in watch.said()] == [LAGS]


async def test_role_when_it_runs_then_every_chain_of_the_network_is_watched_at_its_own_pace(tmp_path: Path) -> None:
    l1 = FakeChain(1, now=DUE)
    async with open_post(tmp_path, is_following=False) as post:
        services = post.node.services
        post.node.services = replace(
            services,
            network=replace(services.network, l1_chain_id=ChainId(1), l1_block_time_s=12.0),
            chains={**services.chains, ChainId(1): l1},
        )
        async with post.following():
            lagging: list[list[object]] = []
            for _ in range(36):
                await post.scene.clock.advance(1)
                await post.scene.settle(3)
                lagging.append([record.fields["chain_id"] for record in post.node.log.records if record.event == LAGS])
    assert (lagging[13], lagging[14], lagging[34], lagging[35]) == ([], [CHAIN], [CHAIN], [CHAIN, 1])
