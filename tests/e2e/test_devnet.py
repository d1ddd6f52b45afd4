"""A whole network in one process: two layers, guarded and unguarded jobs, and stores that nobody shares."""

from pathlib import Path

import pytest

from tests.fakes.log import RecordingLog
from triggerx.core.errors import UnavailableError
from triggerx.evm.contracts import TaskExecutionHub
from triggerx.evm.types import Wei, parse_hash32
from triggerx.node.devnet.customer import Customer
from triggerx.node.devnet.network import running_devnet
from triggerx.node.options import ChainChoice, DevnetOptions
from triggerx.storage import open_store

ATTESTED_WITHIN_S = 90.0


async def test_devnet_when_registration_has_its_own_chain_then_both_kinds_of_jobs_are_attested(tmp_path: Path) -> None:
    options = DevnetOptions(chain=ChainChoice.ANVIL, has_own_l1=True, api_port=0)
    async with running_devnet(options, tmp_path, RecordingLog()) as devnet:
        network = devnet.ground.network
        assert network.l1_chain_id != network.l2_chain_id
        async with Customer.open(devnet.ground, devnet.api_url, devnet.api_key) as customer:
            await customer.deposit(Wei(10**17))
            guarded = await customer.register_job(interval_s=6, time_frame_s=6, argument=11)
            await customer.post_job(guarded, customer.sign_mandate(guarded))
            unguarded = await customer.register_job(interval_s=6, time_frame_s=6, argument=12)
            await customer.post_job(unguarded, None)
            for job, is_guarded in ((guarded, True), (unguarded, False)):
                (task,) = await customer.attested(job.job_id, within_s=ATTESTED_WITHIN_S)
                assert await customer.faults(task) == []
                assert (task["is_guarded"], task["is_accepted"], task["attesters_ids"]) == (
                    is_guarded,
                    True,
                    [1, 2, 3, 4],
                )
                action = await customer.chain.transaction(parse_hash32(str(task["execution_tx_hash"])))
                assert action is not None
                function = TaskExecutionHub.executeTask if is_guarded else TaskExecutionHub.executeFunction
                assert action.data[:4] == function.selector


async def test_devnet_when_running_then_nobody_else_can_open_a_nodes_store(tmp_path: Path) -> None:
    options = DevnetOptions(chain=ChainChoice.ANVIL, keepers=2, api_port=0)
    async with running_devnet(options, tmp_path, RecordingLog()) as devnet:
        nodes = (devnet.core, *devnet.keepers)
        assert len({id(node.services.store) for node in nodes}) == len(nodes)
        assert len({id(node.services.bus) for node in nodes}) == len(nodes)
        assert len({node.services.peers.peer_id for node in nodes}) == len(nodes)
        files = sorted(path for path in tmp_path.glob("*/triggerx.db"))
        assert [path.parent.name for path in files] == ["core", "keeper-1", "keeper-2"]
        for file in files:
            with pytest.raises(UnavailableError, match="is in use"):
                async with open_store(file):
                    pass
