"""The performer of one attempt at work in the scene, and what the chain answers it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.fakes.transactions import FakeTransactions, hash_of
from tests.roles.keeper.acts import execute, execute_unguarded, identity, number_of
from tests.roles.scene import Node, Scene, open_scene
from tests.unit.core.sample import DUE, NETWORK, guarded, job_body, scripted
from triggerx.core.computation import Computed
from triggerx.core.document import TaskDocument, decode_document
from triggerx.core.evidence import Evidence, TimeEvidence, dump_evidence
from triggerx.core.job import JobBody
from triggerx.core.job_body import encode_body
from triggerx.core.messages import TaskPerformed
from triggerx.core.task import SignedAssignment
from triggerx.events import AssignmentReceived
from triggerx.ports.chain import TransactionIntent, TransactionOutcome, TransactionStatus
from triggerx.ports.store.peering import Performance, PerformanceStatus
from triggerx_keeper.claims import Claims
from triggerx_keeper.performer import Performer

POLL_S = 2.0
ON_TIME = TimeEvidence(due=DUE)
GRACE_S = NETWORK.timing.announce_grace_s


@dataclass
class Shop:
    """The performer of one attempt, with its order taken on."""

    scene: Scene
    node: Node
    order: SignedAssignment
    body: JobBody
    evidence: Evidence = ON_TIME
    computed: Computed | None = None

    @property
    def lane(self) -> FakeTransactions:
        return self.node.transactions

    def loop(self) -> Performer:
        return Performer(
            self.node.services, identity(self.node), Claims(self.node.services), tasks_at_once=4, poll_s=POLL_S
        )

    async def mine(self, intent: TransactionIntent) -> TransactionOutcome:
        """The honest chain: the action succeeds in the next block."""
        tx_hash = hash_of(intent)
        if self.body.is_guarded:
            data = None if self.computed is None else self.computed.calldata
            await execute(self.scene, self.order, body=self.body, data=data, tx_hash=tx_hash)
        else:
            await execute_unguarded(self.scene, self.order, tx_hash=tx_hash)
        return TransactionOutcome(status=TransactionStatus.MINED, tx_hash=tx_hash)

    async def fail(self, intent: TransactionIntent) -> TransactionOutcome:
        """The target's call fails inside a mined transaction."""
        await execute(self.scene, self.order, tx_hash=hash_of(intent), is_success=False)
        return TransactionOutcome(status=TransactionStatus.MINED, tx_hash=hash_of(intent))

    async def refuse(self, intent: TransactionIntent) -> TransactionOutcome:
        """The simulation fails."""
        return TransactionOutcome(status=TransactionStatus.REFUSED, reason="TaskAlreadyDone()")

    async def expire(self, intent: TransactionIntent) -> TransactionOutcome:
        return TransactionOutcome(status=TransactionStatus.EXPIRED, reason="its deadline passed unsent")

    async def performance(self) -> Performance:
        key = self.order.assignment
        found = await self.node.store.performances.get(key.task_key, key.attempt)
        assert found is not None
        return found

    async def status(self) -> PerformanceStatus:
        return (await self.performance()).status

    async def announced(self) -> list[tuple[TaskPerformed, TaskDocument]]:
        """What a node that comes now would hear from this one."""
        found = []
        for kept in self.node.peers._valid():
            message = kept.heard.message
            assert isinstance(message, TaskPerformed)
            content = await self.node.services.content.get(message.cid)
            assert content is not None
            found.append((message, decode_document(content)))
        return found

    async def until(self, moment: int) -> None:
        """Let the time pass without a block each second."""
        await self.scene.settle()
        await self.scene.clock.advance(moment - self.scene.clock.now())
        await self.scene.settle()


@asynccontextmanager
async def open_shop(
    tmp_path: Path,
    *,
    attempt: int = 1,
    is_guarded: bool = True,
    computed: Computed | None = None,
    tolerance: str = "0",
) -> AsyncIterator[Shop]:
    body = job_body(is_guarded=is_guarded)
    if computed is not None:
        body = guarded(scripted(job_body(), arguments_tolerance=tolerance))
    async with open_scene(tmp_path, now=DUE) as scene:
        await scene.register(body)
        order = await scene.order(body, attempt=attempt)
        node = await scene.keeper(number_of(order.assignment.performer))
        shop = Shop(scene, node, order, body, computed=computed)
        shop.lane.answer = shop.mine
        await take_on(shop)
        yield shop


async def take_on(shop: Shop) -> None:
    """What the order desk does."""
    performance = Performance(
        signed=shop.order,
        body=encode_body(shop.body),
        evidence=dump_evidence(shop.evidence),
        status=PerformanceStatus.ACCEPTED,
        computed=shop.computed,
    )
    assert await shop.node.store.performances.insert(performance)
    await shop.node.services.bus.publish(AssignmentReceived(shop.order.assignment.task_key))
