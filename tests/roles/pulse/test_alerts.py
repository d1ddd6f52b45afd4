"""Pulse: who checks in is online, who falls silent is not, and its operator is told once, and once when it is back."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tests.roles.scene import Node, Scene, open_scene, peer_of, running
from tests.unit.core.sample import DUE, ENGINE, KEEPERS, STRANGER
from triggerx.core.errors import RecoverableError
from triggerx.core.keeper import Keeper
from triggerx.core.messages import CheckedIn
from triggerx.events import KeeperCheckedIn
from triggerx.evm.types import Address, checksum
from triggerx_pulse.role import PulseConfig, PulseRole

A, B = KEEPERS[0].address, KEEPERS[1].address
ALERT_AFTER_S = 600
CALLS_A_LOOK = 8  # of the store, at most


@dataclass
class Post:
    """A node that runs pulse, and two registered keepers that check in when the test says so."""

    scene: Scene
    node: Node

    @asynccontextmanager
    async def watching(self) -> AsyncIterator[None]:
        async with running(PulseRole(self.node.services, PulseConfig()).run(started=lambda: None)):
            await self.scene.settle()
            yield

    async def check_in(self, *numbers: int, version: str = "1.0") -> None:
        for number in numbers:
            peers = self.scene.network.nodes[peer_of(number)]
            await peers.announce(CheckedIn(addresses=("/memory/here",), version=version), lifetime_s=60)
        await self.scene.settle()

    async def wait(self, duration_s: float) -> None:
        await self.scene.clock.advance(duration_s)
        await self.scene.settle(CALLS_A_LOOK)

    async def silence(self, duration_s: int) -> None:
        """Let the time pass in steps that each poll can follow."""
        for _ in range(duration_s // 20):
            await self.wait(20)

    async def keeper(self, address: Address = A) -> Keeper:
        return await self.node.store.keepers.ensure(address)

    def told(self) -> list[str]:
        return [notice.notice_id.partition(":")[0] for notice in self.node.notifier.notices]


@asynccontextmanager
async def open_post(tmp_path: Path, *, registered: tuple[Address, ...] = (A,)) -> AsyncIterator[Post]:
    async with open_scene(tmp_path, now=DUE) as scene:
        node = await scene.engine()
        for number in (0, 1):
            await scene.network.join(KEEPERS[number].address, peer_of(number))
        for address in registered:
            keeper = await node.store.keepers.ensure(address)
            await node.store.keepers.save(replace(keeper, status=True, chat_id="4711"))
        yield Post(scene, node)


async def test_run_when_a_keeper_checks_in_then_it_is_online_with_what_it_said(tmp_path: Path) -> None:
    async with open_post(tmp_path) as post, post.watching():
        async with post.node.services.bus.subscribe(KeeperCheckedIn) as events:
            await post.check_in(0, version="1.2.3")
            assert await anext(aiter(events)) == KeeperCheckedIn(A)
        keeper = await post.keeper()
        assert (keeper.online, keeper.version, keeper.peer_id) == (True, "1.2.3", peer_of(0))
        assert (keeper.connection_address, keeper.last_check_in_at) == ("/memory/here", DUE)


async def test_run_when_an_engine_or_a_former_operator_checks_in_then_it_is_no_keeper(tmp_path: Path) -> None:
    async with open_post(tmp_path) as post, post.watching():
        await post.node.peers.announce(CheckedIn(addresses=(), version="1"), lifetime_s=60)
        peers = post.scene.network.nodes[peer_of(0)]
        await peers.announce(CheckedIn(addresses=(), version="1"), lifetime_s=60)
        post.scene.operators.operators[0] = STRANGER.address  # unregistered while it was on its way
        await post.scene.settle()
        assert ENGINE.address not in {keeper.keeper_address for keeper in await post.node.store.keepers.list_all()}
        assert not (await post.keeper()).online


async def test_run_when_a_keeper_is_silent_for_an_epoch_then_it_is_offline_and_nobody_is_told_yet(
    tmp_path: Path,
) -> None:
    async with open_post(tmp_path) as post, post.watching():
        await post.check_in(0)
        await post.wait(1)
        await post.wait(59)
        assert (await post.keeper()).online
        await post.wait(1)
        await post.wait(1)
        assert not (await post.keeper()).online
        assert "keeper offline" in post.node.log.events("warning")
        assert post.told() == []


async def test_run_when_a_keeper_goes_on_checking_in_then_it_stays_online(tmp_path: Path) -> None:
    async with open_post(tmp_path) as post, post.watching():
        for _ in range(40):
            await post.check_in(0)
            await post.wait(20)
            assert (await post.keeper()).online
        assert post.told() == []


async def test_run_when_a_keeper_is_silent_for_ten_minutes_then_its_operator_is_told_once(tmp_path: Path) -> None:
    async with open_post(tmp_path, registered=(A, B)) as post, post.watching():
        await post.check_in(0, 1)
        await post.wait(1)
        for _ in range(ALERT_AFTER_S // 20):
            await post.wait(20)
            await post.check_in(1)
        assert post.told() == []
        await post.wait(1)
        await post.wait(1)
        assert post.told() == ["offline"]
        for _ in range(30):
            await post.check_in(1)
            await post.wait(20)
        (notice,) = post.node.notifier.notices
        assert notice.recipient == "4711"
        assert checksum(A) in notice.subject


async def test_run_when_a_silent_keeper_is_back_then_its_operator_is_told_once(tmp_path: Path) -> None:
    async with open_post(tmp_path) as post, post.watching():
        await post.check_in(0)
        await post.silence(ALERT_AFTER_S + 40)
        for _ in range(3):
            await post.check_in(0)
            await post.wait(2)
        assert post.told() == ["offline", "online"]
        assert (await post.keeper()).online
        await post.silence(ALERT_AFTER_S + 40)
        assert post.told() == ["offline", "online", "offline"]


async def test_run_when_a_registered_keeper_never_checks_in_then_its_operator_is_told(tmp_path: Path) -> None:
    async with open_post(tmp_path) as post, post.watching():
        await post.silence(ALERT_AFTER_S + 40)
        assert post.told() == ["offline"]


async def test_run_when_a_keeper_is_not_registered_any_more_then_it_goes_offline_and_nobody_is_told(
    tmp_path: Path,
) -> None:
    async with open_post(tmp_path) as post, post.watching():
        await post.check_in(0)
        await post.node.store.keepers.save(replace(await post.keeper(), status=False))
        await post.silence(ALERT_AFTER_S + 40)
        assert not (await post.keeper()).online
        assert post.told() == []


@pytest.mark.parametrize("jump_s", [3600, 86_400, -3600, -86_400])
async def test_run_when_the_wall_clock_jumps_then_nobody_is_offline_or_told(tmp_path: Path, jump_s: int) -> None:
    async with open_post(tmp_path) as post, post.watching():
        await post.check_in(0)
        await post.scene.clock.jump(jump_s)
        await post.wait(10)
        assert (await post.keeper()).online
        assert post.told() == []


async def test_run_when_it_restarts_then_nobody_is_told_twice(tmp_path: Path) -> None:
    async with open_post(tmp_path) as post:
        async with post.watching():
            await post.check_in(0)
            await post.silence(ALERT_AFTER_S + 40)
        post.node = await post.scene.restarted(post.node)
        async with post.watching():
            await post.silence(ALERT_AFTER_S + 40)
        assert post.told() == ["offline"]
        assert not (await post.keeper()).online


async def test_run_when_it_was_down_for_long_then_every_keeper_has_the_full_time_again(tmp_path: Path) -> None:
    async with open_post(tmp_path) as post:
        async with post.watching():
            await post.check_in(0)
        await post.scene.clock.advance(5 * ALERT_AFTER_S)
        post.node = await post.scene.restarted(post.node)
        async with post.watching():
            await post.silence(ALERT_AFTER_S - 20)
            assert post.told() == []
            await post.check_in(0)
            await post.wait(5)
        assert post.told() == []


async def test_run_when_a_notifier_fails_then_the_others_are_used_and_the_loop_lives(tmp_path: Path) -> None:
    async with open_post(tmp_path) as post, post.watching():
        post.node.notifier.fault = RecoverableError("the channel is away")
        await post.check_in(0)
        await post.silence(ALERT_AFTER_S + 40)
        assert "notice not handed over" in post.node.log.events("error")
        post.node.notifier.fault = None
        await post.check_in(0)
        await post.wait(2)
        assert post.told() == ["online"]
