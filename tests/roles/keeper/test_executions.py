"""What the hub did, by its logs and the transaction's calldata alone."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.fakes.mining import log_of, mine_transaction, transaction
from tests.roles.keeper.acts import FEE, execute, execute_unguarded, hub_call
from tests.roles.scene import HUB, Scene, open_scene
from tests.unit.core.sample import CHAIN, DUE, NETWORK, TARGET, job_body
from triggerx.core.job_body import static_calldata
from triggerx.core.task import SignedAssignment
from triggerx.core.validation import Execution
from triggerx.evm.contracts import TaskExecutionHub
from triggerx.evm.keccak import keccak256
from triggerx.evm.types import ZERO_ADDRESS, Address, Hash32
from triggerx_keeper.executions import find_execution, read_execution

ACTION_CHAIN = NETWORK.action_chains[CHAIN]
TX_HASH = keccak256(b"a transaction")
ELSEWHERE = Address(b"\x77" * 20)


@dataclass
class Site:
    """A chain, and an order that is to be executed on it."""

    scene: Scene
    order: SignedAssignment

    async def read(self, tx_hash: Hash32) -> Execution | None:
        return await read_execution(self.scene.chain, ACTION_CHAIN, tx_hash)

    async def certain(self, tx_hash: Hash32) -> Execution:
        found = await self.read(tx_hash)
        assert found is not None
        return found


@asynccontextmanager
async def open_site(tmp_path: Path) -> AsyncIterator[Site]:
    async with open_scene(tmp_path, now=DUE) as scene:
        yield Site(scene, await scene.order())


async def test_read_execution_when_a_guarded_task_was_done_then_everything_is_the_hubs_word(tmp_path: Path) -> None:
    async with open_site(tmp_path) as site:
        tx_hash = await execute(site.scene, site.order)
        await site.scene.chain.mine(2)
        block = await site.scene.chain.block(41)
        assert block is not None
        assert await site.certain(tx_hash) == Execution(
            block_number=block.number,
            block_timestamp=block.timestamp,
            confirmations=2,
            sender=site.order.assignment.performer,
            hub=HUB,
            target=TARGET,
            data=static_calldata(job_body()),
            value=0,
            fee=FEE,
            is_success=True,
            task_key=site.order.assignment.task_key,
            executor_order=site.order.assignment,
        )


async def test_read_execution_when_it_was_unguarded_then_it_has_no_key_and_no_order(tmp_path: Path) -> None:
    async with open_site(tmp_path) as site:
        done = await site.certain(await execute_unguarded(site.scene, site.order))
        assert (done.task_key, done.executor_order, done.fee, done.is_success) == (None, None, FEE, True)


async def test_read_execution_when_the_inner_call_failed_then_it_is_the_hubs_but_no_success(tmp_path: Path) -> None:
    async with open_site(tmp_path) as site:
        done = await site.certain(await execute(site.scene, site.order, is_success=False))
        assert (done.hub, done.is_success) == (HUB, False)


async def test_read_execution_when_it_is_not_mined_then_nothing_is_known(tmp_path: Path) -> None:
    async with open_site(tmp_path) as site:
        assert await site.read(TX_HASH) is None


async def test_read_execution_when_its_block_was_replaced_then_nothing_is_known(tmp_path: Path) -> None:
    async with open_site(tmp_path) as site:
        tx_hash = await execute(site.scene, site.order)
        await site.scene.chain.reorganise(1)
        assert await site.read(tx_hash) is None


@pytest.mark.parametrize(
    ("to", "is_success", "emitter"), [(ELSEWHERE, True, HUB), (HUB, False, HUB), (HUB, True, ELSEWHERE)]
)
async def test_read_execution_when_the_hub_was_not_called_or_logged_nothing_then_it_matches_nothing(
    tmp_path: Path, to: Address, is_success: bool, emitter: Address
) -> None:
    async with open_site(tmp_path) as site:
        order, body = site.order, job_body()
        log = log_of(
            emitter,
            TaskExecutionHub.FunctionExecuted,
            keeper=order.assignment.performer,
            target=TARGET,
            data=static_calldata(body),
            value=0,
        )
        call = transaction(TX_HASH, sender=order.assignment.performer, to=to, data=hub_call(order, body))
        await mine_transaction(site.scene.chain, call, [log], is_success=is_success)
        done = await site.certain(TX_HASH)
        assert (done.hub, done.is_success) == (ZERO_ADDRESS, False)


@pytest.mark.parametrize("data", [b"", b"\x01", TaskExecutionHub.executeTask.selector + b"\xff" * 40])
async def test_read_execution_when_the_calldata_is_strange_then_there_is_no_order_in_it(
    tmp_path: Path, data: bytes
) -> None:
    async with open_site(tmp_path) as site:
        await mine_transaction(site.scene.chain, transaction(TX_HASH, sender=ELSEWHERE, to=HUB, data=data))
        done = await site.certain(TX_HASH)
        assert (done.executor_order, done.fee, done.hub) == (None, 0, ZERO_ADDRESS)


async def test_find_execution_when_the_key_was_done_then_it_is_found_whoever_did_it(tmp_path: Path) -> None:
    async with open_site(tmp_path) as site:
        key = site.order.assignment.task_key
        await execute(site.scene, site.order, tx_hash=keccak256(b"failed"), is_success=False)
        assert await find_execution(site.scene.chain, ACTION_CHAIN, key) is None
        second = await site.scene.order(attempt=2)
        tx_hash = await execute(site.scene, second)
        await site.scene.chain.mine(3)
        found = await find_execution(site.scene.chain, ACTION_CHAIN, key)
        assert found is not None and found.tx_hash == tx_hash
        assert await find_execution(site.scene.chain, ACTION_CHAIN, keccak256(b"another key")) is None
