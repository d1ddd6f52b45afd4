"""A log's place in its receipt, as the chain watcher finds it: from the logs, where they prove it, or from receipts."""

from pathlib import Path

from tests.fakes.mining import log_of, mine_transaction, transaction
from tests.roles.engine.test_chain_watcher import entries, event_job, watcher_of
from tests.roles.scene import TRANSFER, open_scene, running
from tests.unit.core.sample import CHAIN, HUB, OWNER, TOKEN
from triggerx.evm.hub import Firing
from triggerx.evm.keccak import keccak256


async def test_run_when_the_log_lies_behind_one_that_nobody_watches_then_its_place_is_read_from_the_receipts(
    tmp_path: Path,
) -> None:
    async with open_scene(tmp_path) as scene:
        node = await scene.engine()
        job = await event_job(scene, node)
        async with running(watcher_of(node).run()):
            await scene.pass_time(2)
            payment = log_of(TOKEN, TRANSFER, **{"from": HUB, "to": OWNER.address, "value": 5})
            strange = payment._replace(address=HUB)
            sent = transaction(keccak256(b"both"), sender=HUB, to=TOKEN, data=b"")
            await scene.clock.advance(1)
            await mine_transaction(scene.chain, sent, [strange, payment])
            await scene.pass_time(2)
        (entry,) = await entries(node, job)
        assert entry.entry.firing == Firing.event(CHAIN, sent.tx_hash, 1)
