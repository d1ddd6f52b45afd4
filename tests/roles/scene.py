"""A network in memory for tests of roles: real stores and buses, and everything outside of them under the test's hand.

Time passes only in `Scene.pass_time`, which mines a block each second; `Scene.settle` lets every loop come to rest.
"""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tests.fakes.clock import SeededChance, VirtualClock
from tests.fakes.log import RecordingLog
from tests.fakes.mining import log_of, mine_transaction, transaction
from tests.fakes.notifier import RecordingNotifier
from tests.fakes.operators import FixedOperators
from tests.fakes.pairing import PairingChain
from tests.fakes.peers import FakePeers, PeersNetwork
from tests.fakes.store import temporary_store
from tests.fakes.transactions import FakeTransactions
from tests.unit.core.sample import (
    BALANCE_ABOVE_100,
    CHAIN,
    CREATED_AT,
    DUE,
    ENGINE,
    KEEPERS,
    NETWORK,
    OWNER,
    TOKEN,
    job_body,
)
from triggerx.bus.local import LocalBus
from triggerx.content.documents import PeerContent
from triggerx.core.election import Duty, Operator, draw
from triggerx.core.evidence import ConditionEvidence, EventEvidence, Evidence, ManualEvidence, TimeEvidence, firing_of
from triggerx.core.job import Job, JobBody, JobId, JobStatus
from triggerx.core.job_body import created_at_of, expected_job_hash
from triggerx.core.task import SignedAssignment
from triggerx.evm.abi import Event, Function
from triggerx.evm.bn254.bls import BlsKey
from triggerx.evm.contracts import JobRegistry
from triggerx.evm.hub import Assignment, Firing, assignment_digest, run_digest, task_key
from triggerx.evm.keccak import keccak256
from triggerx.evm.keys import PrivateKey
from triggerx.evm.types import ZERO_ADDRESS, ZERO_HASH, Address, Hash32
from triggerx.node.keys import KeySigner, OperatorSigner
from triggerx.ports.store import Store
from triggerx.role import Services
from triggerx.triggers.sources import name_of, source_of

SETTLE_ROUNDS = 30  # no loop under test makes more calls of its store in a row
REGISTRY = NETWORK.action_chains[CHAIN].job_registry
HUB = NETWORK.action_chains[CHAIN].task_execution_hub
ENGINE_PEER = "engine"
BALANCE_OF = Function.parse("balanceOf(address) returns (uint256)")
TRANSFER = Event.parse("Transfer(address indexed from, address indexed to, uint256 value)")


def peer_of(number: int) -> str:
    """The peer id of keeper `number`, counted from 0."""
    return f"keeper-{number}"


@dataclass(slots=True)
class Node:
    """One node of the network; a restart makes a new one over the same store, lane and place among the peers."""

    services: Services
    peers: FakePeers
    log: RecordingLog
    notifier: RecordingNotifier
    transactions: FakeTransactions

    @property
    def store(self) -> Store:
        """Its store."""
        return self.services.store


@dataclass(slots=True)
class Scene:
    """The network; jobs of `entries` are in the registry."""

    path: Path
    stack: AsyncExitStack
    clock: VirtualClock
    chain: PairingChain
    operators: FixedOperators
    network: PeersNetwork
    entries: dict[int, tuple[int, Address, Hash32, int, bool]] = field(default_factory=dict)
    stores: list[Store] = field(default_factory=list)

    async def engine(self) -> Node:
        """The engine's node, which may have every role of the operator's side."""
        return await self._node(ENGINE, ENGINE_PEER, is_keeper=False)

    async def keeper(self, number: int) -> Node:
        """Keeper `number`'s node."""
        return await self._node(KEEPERS[number], peer_of(number), is_keeper=True)

    async def restarted(self, node: Node) -> Node:
        """The node after a kill: what was in memory is gone, its store and what it sent are not."""
        self.network.leave(node.peers)
        services = node.services
        signer = services.keeper_signer or services.engine_signer
        assert signer is not None
        peers = await self.network.join(signer.address, node.peers.peer_id)
        return self._with(services, peers, node.transactions, node.notifier)

    async def settle(self, rounds: int = SETTLE_ROUNDS) -> None:
        """Let every loop run until it waits for time or for an event; fewer rounds do for fewer calls in a row.

        Each round waits for one answer of every thread of every store, so that whoever waited for one goes on.
        """
        for _ in range(rounds):
            await self.clock.advance(0)
            for store in self.stores:
                await store.documents.get("none")
                await store.documents.get("none")
                await store.messages.forget_expired(now=0)
        await self.clock.advance(0)

    async def pass_time(self, duration_s: int) -> None:
        """Let time pass, a block each second."""
        await self.settle()
        for _ in range(duration_s):
            await self.clock.advance(1)
            await self.chain.mine(timestamp=self.clock.now())
            await self.settle()

    async def register(self, body: JobBody, *, version: int = CREATED_AT, is_active: bool = True) -> None:
        """Put a job into the registry."""
        self.entries[body.job_id] = (body.job_id, body.owner, expected_job_hash(body), version, is_active)

    async def store_job(self, node: Node, body: JobBody | None = None, *, next_due_at: int | None = DUE) -> Job:
        """Register a job and take it into a node's store, as the librarian does."""
        body = body or job_body()
        await self.register(body)
        user = await node.store.users.ensure(body.owner, now=self.clock.now())
        job = Job(
            body=body,
            user_id=user.user_id,
            job_hash=expected_job_hash(body),
            version=CREATED_AT,
            status=JobStatus.SCHEDULED,
            created_at=created_at_of(body.job_id),
            accepted_at=self.clock.now(),
            next_due_at=next_due_at,
        )
        assert await node.store.jobs.insert(job, api_key_id=None)
        return job

    async def ranks(self, key: Hash32, *, duty: Duty = Duty.PERFORMER) -> tuple[Operator, ...]:
        """The draw over all operators for the firing at `DUE`."""
        seed = await self.seed()
        return draw(await self.operators.active(), duty=duty, task_key=key, seed_block_hash=seed[1])

    async def seed(self, due: int = DUE) -> tuple[int, Hash32]:
        """Number and hash of the block that a firing fixes."""
        block = await self.chain.block_at(due - NETWORK.timing.seed_lag_s)
        assert block is not None
        return block.number, block.hash

    async def order(
        self, body: JobBody | None = None, *, attempt: int = 1, due: int = DUE, evidence: Evidence | None = None
    ) -> SignedAssignment:
        """The engine's honest order of an attempt, valid from its moment for the performer's window from now."""
        body, evidence = body or job_body(), evidence or TimeEvidence(due=due)
        firing, moment = firing_of(evidence), evidence.moment
        key = task_key(body.job_id, firing)
        number, block_hash = await self.seed(moment)
        roster = await self.operators.active()
        ranks = draw(roster, duty=Duty.PERFORMER, task_key=key, seed_block_hash=block_hash)
        assignment = Assignment(
            task_key=key,
            performer=ranks[(attempt - 1) % len(ranks)].address,
            attempt=attempt,
            not_before=moment,
            not_after=max(self.clock.now(), moment) + NETWORK.timing.performer_window_s,
        )
        return signed(assignment, body.job_id, firing, seed=(number, block_hash), roster=roster)

    async def pay(self, *, to: Address = OWNER.address, salt: bytes = b"") -> EventEvidence:
        """Mine a transfer of the token, one block and second from now; the evidence is of its second log."""
        await self.clock.advance(1)
        tx_hash = keccak256(b"payment" + salt)
        logs = [log_of(TOKEN, TRANSFER, **{"from": HUB, "to": receiver, "value": 5}) for receiver in (HUB, to)]
        receipt = await mine_transaction(self.chain, transaction(tx_hash, sender=HUB, to=TOKEN, data=b""), logs)
        return EventEvidence(
            chain_id=CHAIN,
            tx_hash=tx_hash,
            ordinal=1,
            block_number=receipt.block_number,
            block_hash=receipt.block_hash,
            block_timestamp=(await self.chain.head()).timestamp,
        )

    async def balance_of(self, value: int) -> ConditionEvidence:
        """Let the owner's balance of the token be this, and mine a block; the evidence is of that block."""
        self.chain.answer(TOKEN, BALANCE_OF, lambda _: value)
        await self.clock.advance(1)
        block = await self.chain.mine(timestamp=self.clock.now())
        return ConditionEvidence(
            edge=1,
            source=name_of(source_of(BALANCE_ABOVE_100)),
            value=str(value),
            observed_at_ms=block.timestamp * 1000,
            block_number=block.number,
            block_hash=block.hash,
        )

    async def _node(self, key: PrivateKey, peer_id: str, *, is_keeper: bool) -> Node:
        store = await self.stack.enter_async_context(temporary_store(self.path, peer_id))
        self.stores.append(store)
        peers = await self.network.join(key.address, peer_id)
        nobody: Any = None
        bare = Services(
            network=NETWORK,
            clock=self.clock,
            chance=SeededChance(),
            log=nobody,
            bus=nobody,
            store=store,
            chains={CHAIN: self.chain},
            transactions={},
            operators=self.operators,
            peers=peers,
            content=nobody,
            notifiers=(),
            engine_signer=None if is_keeper else KeySigner(key),
            keeper_signer=OperatorSigner(key) if is_keeper else None,
        )
        return self._with(bare, peers, FakeTransactions(key.address), RecordingNotifier())

    def _with(
        self, services: Services, peers: FakePeers, transactions: FakeTransactions, notifier: RecordingNotifier
    ) -> Node:
        log = RecordingLog()
        fresh = replace(
            services,
            log=log,
            bus=LocalBus(log),
            peers=peers,
            content=PeerContent(services.store, peers, clock=self.clock, log=log),
            transactions={CHAIN: transactions} if services.keeper_signer is not None else {},
            notifiers=(notifier,),
        )
        return Node(fresh, peers, log, notifier, transactions)


def wish(
    body: JobBody, *, nonce: int = 1, at: int = DUE, version: int = CREATED_AT, owner: PrivateKey = OWNER
) -> ManualEvidence:
    """The owner's signed wish to have the job run now."""
    digest = run_digest(body.job_id, version, nonce, at, CHAIN, HUB)
    return ManualEvidence(nonce=nonce, requested_at=at, signature=owner.sign_digest(digest))


def signed(
    assignment: Assignment,
    job_id: JobId,
    firing: Firing,
    *,
    seed: tuple[int, Hash32],
    roster: tuple[Operator, ...],
    engine: PrivateKey = ENGINE,
) -> SignedAssignment:
    """An order over this assignment, whatever it says."""
    return SignedAssignment(
        assignment=assignment,
        job_id=job_id,
        firing=firing,
        seed_block=seed[0],
        seed_block_hash=seed[1],
        roster=tuple(operator.operator_id for operator in roster),
        signature=engine.sign_digest(assignment_digest(assignment, CHAIN, HUB)),
    )


@asynccontextmanager
async def open_scene(path: Path, *, now: int = CREATED_AT, blocks: int = 40) -> AsyncIterator[Scene]:
    """A network with four operators and an engine, and no nodes yet; the chain has a block for each second since -40.

    It is `now`; with less than 40 blocks the chain's newest block is older.
    """
    keys = [BlsKey.from_private_key(key.reveal()) for key in KEEPERS]
    clock, chain = VirtualClock(now=now), PairingChain(keys, CHAIN, now=now - 40)
    operators = FixedOperators([key.address for key in KEEPERS], [ENGINE.address])
    operators.bls_keys = {key.address: OperatorSigner(key).bls_public_key for key in KEEPERS}
    await chain.mine(blocks)
    async with AsyncExitStack() as stack:
        scene = Scene(path, stack, clock, chain, operators, PeersNetwork(clock, operators))
        nothing = (0, ZERO_ADDRESS, ZERO_HASH, 0, False)
        chain.answer(REGISTRY, JobRegistry.getJob, lambda job_id: scene.entries.get(job_id, nothing))
        yield scene


@asynccontextmanager
async def running(*loops: Coroutine[Any, Any, object]) -> AsyncIterator[None]:
    """Run loops beside the test; one that ends by itself fails the test, and the end of the context kills them."""
    tasks = [asyncio.create_task(loop) for loop in loops]
    try:
        yield
        for task in tasks:
            if task.done():
                task.result()
                raise AssertionError("a loop under test ended by itself")
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
