"""Check-ins: three an epoch while the chain knows the operator; what to do about it while it does not."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.roles.keeper.acts import identity
from tests.roles.scene import Node, Scene, open_scene, running
from tests.unit.core.sample import KEEPERS, NETWORK
from triggerx.core.errors import RecoverableError
from triggerx.core.messages import CheckedIn
from triggerx_keeper.checkins import PER_EPOCH, REGISTRATION_POLL_S, CheckIns

EPOCH_S = NETWORK.timing.epoch_s


@asynccontextmanager
async def at_work(tmp_path: Path, *, is_registered: bool = True) -> AsyncIterator[tuple[Scene, Node]]:
    async with open_scene(tmp_path) as scene:
        node = await scene.keeper(0)
        if not is_registered:
            scene.operators.bls_keys[KEEPERS[0].address] = (1, 2, 3, 4)
        async with running(CheckIns(node.services, identity(node)).run()):
            await scene.settle(3)
            yield scene, node


def said(node: Node) -> int:
    return sum(isinstance(kept.heard.message, CheckedIn) for kept in node.peers._kept.values())


async def test_run_when_the_operator_is_active_then_it_checks_in_three_times_an_epoch(tmp_path: Path) -> None:
    async with at_work(tmp_path) as (scene, node):
        assert said(node) == 1
        await scene.clock.advance(EPOCH_S - 1)
        assert said(node) == PER_EPOCH
        assert node.log.events("info") == ["keeper checked in"]


async def test_run_when_the_operator_is_not_active_then_it_says_what_to_do_and_waits(tmp_path: Path) -> None:
    async with at_work(tmp_path, is_registered=False) as (scene, node):
        await scene.clock.advance(REGISTRATION_POLL_S * 5)
        assert said(node) == 0
        (record,) = [record for record in node.log.records if record.event == "operator is not active on chain"]
        assert "register it" in str(record.fields["advice"])
        scene.operators.bls_keys[KEEPERS[0].address] = identity(node).signer.bls_public_key
        await scene.clock.advance(REGISTRATION_POLL_S)
        assert said(node) == 1
        assert node.log.events("info") == ["keeper checked in"]


async def test_run_when_the_endpoints_fail_for_now_then_it_does_not_say_that_it_is_unregistered(
    tmp_path: Path,
) -> None:
    async with at_work(tmp_path) as (scene, node):
        active = scene.operators.active

        async def away() -> None:
            raise RecoverableError("no endpoint answers")

        scene.operators.active = away  # type: ignore[method-assign,assignment]  # until the endpoints are back
        await scene.clock.advance(EPOCH_S)
        assert "check-in failed" in node.log.events("warning")
        assert "operator is not active on chain" not in node.log.events("warning")
        scene.operators.active = active  # type: ignore[method-assign]  # they are back
        before = said(node)
        await scene.clock.advance(REGISTRATION_POLL_S)
        assert said(node) == before + 1
