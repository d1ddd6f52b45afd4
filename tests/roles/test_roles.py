"""Every role of this distribution: says that it started, runs until it is cancelled, and asks for the key it needs."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from tests.roles.scene import Node, Scene, open_scene
from triggerx.core.errors import ConfigurationError
from triggerx.role import Role
from triggerx_engine.role import EngineConfig, EngineRole
from triggerx_keeper.role import KeeperConfig, KeeperRole
from triggerx_pulse.role import PulseConfig, PulseRole
from triggerx_sentinel.role import SentinelConfig, SentinelRole


async def node_of(scene: Scene, name: str) -> Node:
    return await (scene.keeper(0) if name == "keeper" else scene.engine())


def role_of(name: str, node: Node) -> Role:
    services = node.services
    match name:
        case "engine":
            return EngineRole(services, EngineConfig())
        case "keeper":
            return KeeperRole(services, KeeperConfig())
        case "pulse":
            return PulseRole(services, PulseConfig())
        case _:
            return SentinelRole(services, SentinelConfig())


@pytest.mark.parametrize("name", ["engine", "keeper", "pulse", "sentinel"])
async def test_run_when_started_then_it_says_so_and_works_until_it_is_cancelled(tmp_path: Path, name: str) -> None:
    async with open_scene(tmp_path) as scene:
        node = await node_of(scene, name)
        is_started = asyncio.Event()
        running = asyncio.create_task(role_of(name, node).run(started=is_started.set))
        await scene.settle(4)
        assert is_started.is_set()
        await scene.clock.advance(30)
        assert not running.done()
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert node.log.events("error") == []


@pytest.mark.parametrize(("name", "setting"), [("engine", "keys.engine_file"), ("keeper", "keys.keeper_file")])
async def test_role_when_its_key_is_missing_then_the_setting_is_named(tmp_path: Path, name: str, setting: str) -> None:
    async with open_scene(tmp_path) as scene:
        node = await node_of(scene, name)
        node.services = replace(node.services, engine_signer=None, keeper_signer=None)
        with pytest.raises(ConfigurationError, match=setting):
            role_of(name, node)
