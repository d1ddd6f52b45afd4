"""A running sentinel over every contract of the network, for tests that mine what those say."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.fakes.mining import mine_transaction, transaction
from tests.roles.scene import Node, Scene, open_scene, running
from tests.unit.core.sample import CENTER, CHAIN, DUE, KEEPERS, NETWORK
from triggerx.core.job import Job, JobId
from triggerx.core.keeper import Keeper
from triggerx.evm.contracts import AttestationCenter, GasRegistry
from triggerx.evm.keccak import keccak256
from triggerx.evm.types import Address
from triggerx.ports.chain import Log
from triggerx.ports.store.journal import LoggedEvent
from triggerx_sentinel.role import SentinelConfig, SentinelRole

A, B = KEEPERS[0].address, KEEPERS[1].address
IDS = {A: 7, B: 8}
GAS_REGISTRY = NETWORK.action_chains[CHAIN].gas_registry


@dataclass
class Post:
    """The sentinel's node; `balances` is what the GasRegistry answers, always as it is now."""

    scene: Scene
    node: Node
    balances: dict[Address, int] = field(default_factory=dict)
    mined: int = 0

    async def mine(self, *logs: Log, confirmed: bool = True) -> None:
        """Mine these logs in one block, and the one that confirms it."""
        self.mined += 1
        call = transaction(keccak256(bytes([self.mined])), sender=A, to=CENTER, data=b"")
        await mine_transaction(self.scene.chain, call, logs)
        if confirmed:
            await self.scene.chain.mine()
        await self.scene.settle()

    async def keeper(self, address: Address = A) -> Keeper:
        return await self.node.store.keepers.ensure(address)

    async def job(self, job_id: JobId) -> Job:
        found = await self.node.store.jobs.get(job_id)
        assert found is not None
        return found

    async def events(self) -> list[LoggedEvent]:
        return list(await self.node.store.events.after(0, limit=100))

    @asynccontextmanager
    async def following(self) -> AsyncIterator[None]:
        async with running(SentinelRole(self.node.services, SentinelConfig()).run(started=lambda: None)):
            await self.scene.settle()
            yield
            await self.scene.settle()


@asynccontextmanager
async def open_post(tmp_path: Path, *, is_following: bool = True) -> AsyncIterator[Post]:
    async with open_scene(tmp_path, now=DUE) as scene, AsyncExitStack() as stack:
        post = Post(scene, await scene.engine())
        scene.chain.answer(CENTER, AttestationCenter.operatorsIdsByAddress, lambda address: IDS[address])
        scene.chain.answer(GAS_REGISTRY, GasRegistry.getBalance, lambda owner: post.balances.get(owner, 0))
        if is_following:
            await stack.enter_async_context(post.following())
        yield post
