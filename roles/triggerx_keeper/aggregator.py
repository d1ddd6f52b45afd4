"""The aggregator: once a quorum has voted, submits the aggregate; by the draw, with take-over by the next in line.

Every keeper keeps all votes, so each can take over. A submission that was made already is refused by the contract's
simulation, which costs nothing. A document is looked at when a vote on it came in and when its time has come, not at
every vote on another one, so that the work stays proportional to the votes.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NoReturn

from triggerx.core.document import proof_of_task
from triggerx.core.election import Duty, Operator, draw
from triggerx.core.errors import InvalidInput, RecoverableError, UnrecoverableError
from triggerx.core.quorum import Outcome, security_of, tally
from triggerx.events import VoteHeard
from triggerx.evm.bn254.bls import aggregate_signatures
from triggerx.evm.contracts import AttestationCenter
from triggerx.evm.types import Hash32, to_hex
from triggerx.ports.chain import TransactionIntent, TransactionStatus
from triggerx.ports.store.peering import AnnouncedDocument, Share
from triggerx.role import Services, WakeUp
from triggerx_keeper.attester import ballot_message
from triggerx_keeper.ballots import point_of
from triggerx_keeper.identity import Identity
from triggerx_keeper.pairing import find_bad_shares
from triggerx_keeper.shelf import Opened, Shelf

SUBMIT_WITHIN_S = 120  # a submission that is not mined by then is tried anew
RETRY_S = 0.25  # how soon a document is looked at again after something failed
ALREADY = "MessageAlreadySigned"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ballot:
    """A decided vote: the document and the shares of the winning side, ascending by operator id."""

    announced: AnnouncedDocument
    opened: Opened
    is_approved: bool
    shares: tuple[Share, ...]


class Aggregator:
    """Looks at every open document when a vote came in, and submits when its own turn has come."""

    def __init__(self, services: Services, identity: Identity, shelf: Shelf, *, poll_s: float, grace_s: float) -> None:
        self._services = services
        self._identity = identity
        self._shelf = shelf
        self._poll_s = poll_s
        self._grace_s = grace_s
        self._decided_at: dict[Hash32, float] = {}
        self._tries: dict[Hash32, int] = {}
        self._bad: set[tuple[Hash32, int, bytes]] = set()
        self._busy: set[Hash32] = set()
        self._stirred: set[Hash32] = set()
        self._look_at: dict[Hash32, float] = {}
        self._wake_up = WakeUp(services)
        self._log = services.log.bind(loop="keeper.aggregator")

    async def run(self) -> NoReturn:
        """Aggregate, for ever."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._listen(), name="keeper.aggregator.listen")
            while True:
                documents = await self._services.store.votes.open_documents()
                self._forget({announced.task_hash for announced in documents})
                for announced in documents:
                    if self._is_due(announced.task_hash):
                        self._busy.add(announced.task_hash)
                        self._stirred.discard(announced.task_hash)
                        group.create_task(self._work(announced), name=f"keeper.sum.{announced.task_hash.hex()[:8]}")
                await self._wake_up.wait(self._idle_s())

    async def _listen(self) -> NoReturn:
        """Note which documents votes came in for; a vote that is missed here is found at the next poll."""
        async with self._services.bus.subscribe(VoteHeard) as votes:
            async for vote in votes:
                self._stirred.add(vote.task_hash)
                self._wake_up.call()
        raise UnrecoverableError("a subscription of the bus ended, which none may")

    def _is_due(self, task_hash: Hash32) -> bool:
        if task_hash in self._busy:
            return False
        return task_hash in self._stirred or self._services.clock.monotonic() >= self._look_at.get(task_hash, 0.0)

    def _idle_s(self) -> float:
        """Until the first time of a document that nobody works on; at most the poll interval."""
        times = [time for task_hash, time in self._look_at.items() if task_hash not in self._busy]
        if not times:
            return self._poll_s
        return min(self._poll_s, max(0.0, min(times) - self._services.clock.monotonic()))

    def _forget(self, still_open: set[Hash32]) -> None:
        for known in (self._decided_at, self._tries, self._look_at):
            for task_hash in known.keys() - still_open:
                del known[task_hash]
        self._stirred &= still_open
        self._bad = {entry for entry in self._bad if entry[0] in still_open}

    async def _work(self, announced: AnnouncedDocument) -> None:
        pause_s = RETRY_S
        try:
            pause_s = await self._aggregate(announced)
        except RecoverableError as error:
            self._log.warning("submission waits", task_hash=announced.task_hash, reason=str(error))
        except InvalidInput as error:
            await self._services.store.votes.close(announced.task_hash, "invalid")
            self._log.warning("document dropped", task_hash=announced.task_hash, reason=str(error))
        finally:
            self._look_at[announced.task_hash] = self._services.clock.monotonic() + pause_s
            self._busy.discard(announced.task_hash)
            if pause_s < self._poll_s or announced.task_hash in self._stirred:
                self._wake_up.call()

    async def _aggregate(self, announced: AnnouncedDocument) -> float:
        """Submit when it is this keeper's turn; returns after how many seconds to look again, without a new vote."""
        services = self._services
        operators = await services.operators.active()
        ballot = await self._ballot(announced, operators)
        if ballot is None:
            return self._poll_s
        now = services.clock.monotonic()
        decided_at = self._decided_at.setdefault(announced.task_hash, now)
        document = ballot.opened.document
        seed = document.assignment.seed_block_hash
        line = draw(operators, duty=Duty.AGGREGATOR, task_key=announced.task_key, seed_block_hash=seed)
        rank = next((i for i, operator in enumerate(line) if operator.address == self._identity.address), None)
        if rank is None or await self._identity.operator() is None:
            return self._poll_s
        is_complete = len(ballot.shares) == len(operators)
        wait_s = rank * services.network.timing.aggregator_window_s + (0 if is_complete else self._grace_s)
        if now - decided_at < wait_s:
            return decided_at + wait_s - now
        message = ballot_message(document, announced.cid, is_approved=ballot.is_approved)
        chain = services.chain(services.network.l2_chain_id)
        bad = await find_bad_shares(chain, ballot.shares, message, operators)
        if bad:
            self._bad |= {(announced.task_hash, share.operator_id, share.signature) for share in bad}
            ids = [share.operator_id for share in bad]
            self._log.warning("shares with bad signatures left out", task_hash=announced.task_hash, operators=str(ids))
            return 0.0
        return await self._submit(ballot)

    async def _ballot(self, announced: AnnouncedDocument, operators: Sequence[Operator]) -> Ballot | None:
        """Return the decided vote on this document, or None while it is open."""
        services = self._services
        shares = [
            share
            for share in await services.store.votes.shares(announced.task_hash)
            if (announced.task_hash, share.operator_id, share.signature) not in self._bad
        ]
        if not shares:
            return None
        opened = await self._shelf.open(announced.cid)
        counted = tally(
            operators,
            approving=frozenset(share.operator_id for share in shares if share.is_approved),
            rejecting=frozenset(share.operator_id for share in shares if not share.is_approved),
        )
        outcome = counted.outcome(security_of(opened.body))
        if outcome is Outcome.OPEN:
            return None
        is_approved = outcome is Outcome.APPROVED
        active = {operator.operator_id for operator in operators}
        winning = [share for share in shares if share.is_approved is is_approved and share.operator_id in active]
        return Ballot(
            announced=announced,
            opened=opened,
            is_approved=is_approved,
            shares=tuple(sorted(winning, key=lambda share: share.operator_id)),
        )

    async def _submit(self, ballot: Ballot) -> float:
        """Submit the aggregate; returns after how many seconds to look again."""
        services, announced = self._services, ballot.announced
        tries = self._tries.get(announced.task_hash, 0)
        document, body = ballot.opened.document, ballot.opened.body
        signature = aggregate_signatures([point_of(share.signature) for share in ballot.shares])
        data = AttestationCenter.submitTask.encode(
            (
                proof_of_task(document),
                announced.cid.encode("ascii"),
                document.performer,
                int(body.task_definition_id),
            ),
            (
                ballot.is_approved,
                announced.tp_signature,
                signature,
                tuple(share.operator_id for share in ballot.shares),
            ),
        )
        lane, intent_id = (
            services.transactions[services.network.l2_chain_id],
            f"submit:{to_hex(announced.task_hash)}:{tries}",
        )
        outcome = await lane.resume(intent_id)
        if outcome is None:
            services.crash_point("keeper.before-submission")
            outcome = await lane.submit(
                TransactionIntent(
                    intent_id=intent_id,
                    chain_id=services.network.l2_chain_id,
                    to=services.network.attestation_center,
                    data=data,
                    deadline=services.clock.now() + SUBMIT_WITHIN_S,
                    priority=body.priority,
                )
            )
        if outcome.status is TransactionStatus.MINED or ALREADY in outcome.reason:
            await services.store.votes.close(announced.task_hash, "attested" if ballot.is_approved else "rejected")
            if outcome.status is TransactionStatus.MINED:
                voters = str([share.operator_id for share in ballot.shares])
                self._log.info("task submitted", task_key=announced.task_key, tx_hash=outcome.tx_hash, voters=voters)
            return self._poll_s
        self._tries[announced.task_hash] = tries + 1
        self._log.warning(
            "submission failed", task_hash=announced.task_hash, status=outcome.status.value, reason=outcome.reason
        )
        return services.network.timing.aggregator_window_s  # whoever is next in line has its turn meanwhile
