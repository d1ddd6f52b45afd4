"""The order desk of the keeper whom the draw elects, and an engine that can ask it."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from tests.fakes.peers import FakePeers
from tests.fakes.scripts import FakeScripts, FakeScriptSources
from tests.roles.keeper.occurrences import Occur
from tests.roles.scene import ENGINE_PEER, HUB, Node, Scene, open_scene, peer_of
from tests.unit.core.sample import CHAIN, DUE, ENGINE, KEEPERS, job_body
from triggerx.core.canonical import canonical_json
from triggerx.core.evidence import Evidence
from triggerx.core.job import JobBody
from triggerx.core.job_body import encode_body
from triggerx.core.messages import AssignTasks, Order, TaskAnswer, TaskAnswers
from triggerx.core.task import SignedAssignment
from triggerx.evm.hub import assignment_digest
from triggerx.ports.store.peering import Performance
from triggerx_keeper.claims import Claims
from triggerx_keeper.computing import Computing
from triggerx_keeper.identity import Identity
from triggerx_keeper.orders import OrderDesk

TASKS_AT_ONCE = 2


@dataclass
class Desk:
    """The keeper the draw elects first, and an engine that can ask it."""

    scene: Scene
    keeper: Node
    engine: FakePeers
    number: int
    scripts: FakeScripts = field(default_factory=FakeScripts)

    async def ask(
        self, order: SignedAssignment, *, body: bytes | None = None, evidence: bytes | None = None
    ) -> TaskAnswer:
        evidence = evidence or canonical_json({"kind": "time", "due": order.firing.index})
        (answer,) = await self.ask_all(Order(assignment=order, body=body or encode_body(job_body()), evidence=evidence))
        key = order.assignment
        assert (answer.task_key, answer.attempt) == (key.task_key, key.attempt)
        return answer

    async def ask_all(self, *orders: Order) -> tuple[TaskAnswer, ...]:
        reply = await self.engine.ask(peer_of(self.number), AssignTasks(orders=orders), timeout_s=5)
        assert isinstance(reply, TaskAnswers)
        return reply.answers

    async def taken(self) -> Sequence[Performance]:
        """What the keeper has taken on and not finished."""
        performances = self.keeper.store.performances
        return await performances.of_tasks([task_key for task_key, _ in await performances.list_open()])

    async def order(self, body: JobBody | None = None, **changes: object) -> SignedAssignment:
        """The honest order, or one whose assignment was changed before the engine signed it."""
        honest = await self.scene.order(body)
        return self.signed(honest, **changes)

    def signed(self, order: SignedAssignment, **changes: object) -> SignedAssignment:
        assignment = replace(order.assignment, **changes)  # type: ignore[arg-type]  # by field name
        signature = ENGINE.sign_digest(assignment_digest(assignment, CHAIN, HUB))
        return replace(order, assignment=assignment, signature=signature)

    def open(self) -> None:
        services = replace(self.keeper.services, scripts=self.scripts, script_sources=FakeScriptSources())
        assert services.keeper_signer is not None
        identity = Identity(services, services.keeper_signer)
        OrderDesk(services, identity, Claims(services), Computing(services), tasks_at_once=TASKS_AT_ONCE).open()


@asynccontextmanager
async def open_desk(tmp_path: Path, *, now: int = DUE) -> AsyncIterator[Desk]:
    async with open_scene(tmp_path, now=now) as scene:
        first = (await scene.order()).assignment.performer
        number = next(number for number, key in enumerate(KEEPERS) if key.address == first)
        desk = Desk(scene, await scene.keeper(number), await scene.network.join(ENGINE.address, ENGINE_PEER), number)
        await scene.register(job_body())
        desk.open()
        yield desk


@asynccontextmanager
async def open_desk_for(tmp_path: Path, occur: Occur) -> AsyncIterator[tuple[Desk, JobBody, Evidence]]:
    """The desk of whom the draw elects for what has occurred."""
    async with open_scene(tmp_path, now=DUE) as scene:
        body, evidence = await occur(scene)
        first = (await scene.order(body, evidence=evidence)).assignment.performer
        number = next(number for number, key in enumerate(KEEPERS) if key.address == first)
        desk = Desk(scene, await scene.keeper(number), await scene.network.join(ENGINE.address, ENGINE_PEER), number)
        await scene.register(body)
        desk.open()
        yield desk, body, evidence
