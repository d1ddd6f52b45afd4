"""An attester at work in the scene, and documents put where its intake would put them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from tests.fakes.scripts import FakeScripts, FakeScriptSources
from tests.roles.keeper.acts import (
    announcement,
    document_of,
    execute,
    hash_of,
    identity,
    number_of,
)
from tests.roles.scene import Node, Scene, open_scene, running
from tests.unit.core.sample import DUE, job_body
from triggerx.core.document import TaskDocument, encode_document
from triggerx.events import DocumentAnnounced, VoteHeard
from triggerx.evm.hub import Firing, task_key
from triggerx.ports.store.peering import AnnouncedDocument, Share
from triggerx_keeper.attester import LISTEN_FIRST_S, PHASE, Attester
from triggerx_keeper.claims import Claims
from triggerx_keeper.computing import Computing
from triggerx_keeper.shelf import Shelf

POLL_S = 2.0
KEY = task_key(job_body().job_id, Firing.time(DUE))
EVENT_S = 10  # real seconds until a test that waits for a vote gives up


@dataclass
class Booth:
    """An attester, and the elected performer's order."""

    scene: Scene
    attester: Node
    number: int
    scripts: FakeScripts = field(default_factory=FakeScripts)
    sources: FakeScriptSources = field(default_factory=FakeScriptSources)

    def loop(self) -> Attester:
        services = replace(self.attester.services, scripts=self.scripts, script_sources=self.sources)
        return Attester(
            services,
            identity(self.attester),
            Shelf(services),
            Claims(services),
            Computing(services),
            poll_s=POLL_S,
        )

    async def hear(self, document: TaskDocument, *, heard_at: int | None = None) -> AnnouncedDocument:
        """Put an announcement where the intake would."""
        cid = await self.attester.services.content.put(encode_document(document))
        announced = AnnouncedDocument(
            task_key=document.assignment.assignment.task_key,
            task_hash=hash_of(document),
            cid=cid,
            performer=document.performer,
            execution_tx_hash=document.action.tx_hash,
            tp_signature=announcement(document).tp_signature,
            heard_at=self.scene.clock.now() if heard_at is None else heard_at,
        )
        assert await self.attester.store.votes.announce(announced)
        await self.attester.services.bus.publish(DocumentAnnounced(announced.task_key, cid))
        return announced

    @asynccontextmanager
    async def at_work(self) -> AsyncIterator[None]:
        async with running(self.loop().run()):
            await self.scene.settle()
            await self.scene.clock.advance(LISTEN_FIRST_S)
            yield

    async def vote_on(self, document: TaskDocument) -> Share:
        """Let the attester hear of a document, and return the vote it casts."""
        async with self.attester.services.bus.subscribe(VoteHeard) as votes:
            announced = await self.hear(document)
            async with asyncio.timeout(EVENT_S):
                await self.scene.settle()
                vote = await anext(aiter(votes))
        assert vote.task_hash == announced.task_hash
        return await self.share(document)

    async def share(self, document: TaskDocument) -> Share:
        (share,) = await self.attester.store.votes.shares(hash_of(document))
        return share

    async def bound(self) -> list[tuple[bool, str]]:
        return [(vote.is_approved, vote.code) for vote in await self.attester.store.votes.own(PHASE, KEY)]

    async def has_not_voted(self, document: TaskDocument) -> bool:
        await self.scene.settle()
        return await self.attester.store.votes.shares(hash_of(document)) == () and await self.bound() == []


@asynccontextmanager
async def open_booth(tmp_path: Path) -> AsyncIterator[Booth]:
    async with open_scene(tmp_path, now=DUE) as scene:
        await scene.register(job_body())
        number = (number_of((await scene.order()).assignment.performer) + 1) % 4
        yield Booth(scene, await scene.keeper(number), number)


async def honest(scene: Scene) -> TaskDocument:
    """The document of an action that was done and has its confirmation."""
    order = await scene.order()
    document = document_of(order, await execute(scene, order))
    await scene.chain.mine()
    return document
