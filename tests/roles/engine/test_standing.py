"""An engine whose key nobody accepts says so, and what to do about it."""

from pathlib import Path

from tests.roles.scene import open_scene, running
from tests.unit.core.sample import ENGINE
from triggerx.core.errors import RecoverableError
from triggerx.evm.types import Address, checksum
from triggerx_engine.standing import LOOK_EVERY_S, Standing

REFUSED = "engine is not accepted: keepers refuse its orders"
ACCEPTED = "engine is accepted"


async def test_standing_when_the_key_is_entered_and_taken_out_then_each_change_is_said_once(tmp_path: Path) -> None:
    async with open_scene(tmp_path) as scene:
        engine = await scene.engine()
        scene.operators.engines.clear()
        async with running(Standing(engine.services).run()):
            await scene.clock.advance(3 * LOOK_EVERY_S)
            assert engine.log.events() == [REFUSED]
            fields = engine.log.records[0].fields
            assert fields["engine"] == checksum(ENGINE.address)
            assert "setEngine" in str(fields["advice"])
            scene.operators.engines.add(ENGINE.address)
            await scene.clock.advance(2 * LOOK_EVERY_S)
            scene.operators.engines.clear()
            await scene.clock.advance(2 * LOOK_EVERY_S)
        assert engine.log.events() == [REFUSED, ACCEPTED, REFUSED]


async def test_standing_when_the_chain_does_not_answer_then_nothing_is_claimed(tmp_path: Path) -> None:
    async with open_scene(tmp_path) as scene:
        engine = await scene.engine()

        async def unreachable(address: Address) -> bool:
            raise RecoverableError("no endpoint answers")

        known = scene.operators.is_engine
        scene.operators.is_engine = unreachable  # type: ignore[method-assign]  # a fault
        async with running(Standing(engine.services).run()):
            await scene.clock.advance(LOOK_EVERY_S)
            assert engine.log.events("warning") == []
            scene.operators.is_engine = known  # type: ignore[method-assign]  # the fault is over
            await scene.clock.advance(LOOK_EVERY_S)
        assert engine.log.events("info") == [ACCEPTED]
