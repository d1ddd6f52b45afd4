"""The attester: judges every announced document by its own facts, binds itself on disk, and then signs its vote.

The actions of one block are announced at about the same time, so their votes travel together.
"""

import asyncio
from collections.abc import Sequence
from typing import NoReturn

from triggerx.core.document import TaskDocument, proof_of_task
from triggerx.core.errors import InvalidInput, RecoverableError
from triggerx.core.messages import Vote, VotesCast
from triggerx.core.validation import Ruling, Verdict, judge
from triggerx.events import DocumentAnnounced, VoteHeard
from triggerx.evm.tasks import TASKS_DOMAIN, vote_hash, vote_message
from triggerx.evm.types import Hash32
from triggerx.ports.store.peering import AnnouncedDocument, DoubleVote, OwnVote, Share
from triggerx.role import Services, WakeUp
from triggerx.together import Together
from triggerx.wire import limits
from triggerx_keeper.claims import Claims
from triggerx_keeper.computing import Computing
from triggerx_keeper.facts import gather_facts
from triggerx_keeper.identity import Identity
from triggerx_keeper.shelf import Shelf

PHASE = "attestation"
JUDGED_AT_ONCE = 16  # each holds a handful of RPC requests open
VOTE_WITHIN_S = 600  # a document nobody could judge or settle for so long is over
WAITING_POLL_S = 0.5  # how soon a document that waits for the chain is looked at again, while it is new
WAITING_SHARE = 8  # later once in this share of its age: some fifty looks in all, whatever a stranger announces
VOTES_GATHER_S = 0.1  # how long a vote may wait for others: actions of one block are announced and judged together
LISTEN_FIRST_S = 2.0  # own votes that the store does not know are heard (by gossip or pull) before the first vote
POINT_BYTES = 32


class Attester:
    """One worker a document; which documents are open is always read from the store."""

    def __init__(
        self,
        services: Services,
        identity: Identity,
        shelf: Shelf,
        claims: Claims,
        computing: Computing,
        *,
        poll_s: float,
    ) -> None:
        self._services = services
        self._identity = identity
        self._shelf = shelf
        self._claims = claims
        self._computing = computing
        self._poll_s = poll_s
        self._busy: set[Hash32] = set()
        self._settled: set[Hash32] = set()
        self._look_at: dict[Hash32, float] = {}
        self._slots = asyncio.Semaphore(JUDGED_AT_ONCE)
        self._judging: set[Hash32] = set()
        self._all_judged = WakeUp(services)
        self._told = Together(self._tell, gather=self._until_all_are_judged, items_max=limits.VOTES_MAX)
        self._log = services.log.bind(loop="keeper.attester")

    async def run(self) -> NoReturn:
        """Judge every open document, for ever."""
        await self._services.clock.sleep(LISTEN_FIRST_S)
        wake_up = WakeUp(self._services, DocumentAnnounced)
        async with asyncio.TaskGroup() as group:
            group.create_task(wake_up.listen(), name="keeper.attester.listen")
            while True:
                documents = await self._services.store.votes.open_documents()
                self._forget({announced.task_hash for announced in documents})
                for announced in documents:
                    if self._is_due(announced):
                        self._busy.add(announced.task_hash)
                        group.create_task(self._work(announced), name=f"keeper.judge.{announced.task_hash.hex()[:8]}")
                is_waiting = any(announced.task_hash not in self._settled for announced in documents)
                await wake_up.wait(WAITING_POLL_S if is_waiting else self._poll_s)

    def _forget(self, still_open: set[Hash32]) -> None:
        self._settled &= still_open
        for task_hash in self._look_at.keys() - still_open:
            del self._look_at[task_hash]

    def _is_due(self, announced: AnnouncedDocument) -> bool:
        task_hash = announced.task_hash
        if task_hash in self._busy:
            return False
        if self._age_s(announced) > VOTE_WITHIN_S:
            return True
        return task_hash not in self._settled and self._services.clock.monotonic() >= self._look_at.get(task_hash, 0.0)

    def _age_s(self, announced: AnnouncedDocument) -> int:
        return self._services.clock.now() - announced.heard_at

    async def _work(self, announced: AnnouncedDocument) -> None:
        try:
            async with self._slots:
                self._judging.add(announced.task_hash)
                await self._attest(announced)
        except RecoverableError as error:
            self._log.warning("document waits", task_hash=announced.task_hash, reason=str(error))
        except (InvalidInput, DoubleVote) as error:
            self._settled.add(announced.task_hash)
            self._log.warning("no vote", task_hash=announced.task_hash, reason=str(error))
        finally:
            self._judged(announced)
            pause_s = max(WAITING_POLL_S, self._age_s(announced) / WAITING_SHARE)
            self._look_at[announced.task_hash] = self._services.clock.monotonic() + pause_s
            self._busy.discard(announced.task_hash)

    def _judged(self, announced: AnnouncedDocument) -> None:
        """Note that this document keeps no vote waiting any more."""
        self._judging.discard(announced.task_hash)
        if not self._judging:
            self._all_judged.call()

    async def _until_all_are_judged(self) -> None:
        """Wait for the votes on documents that are being judged now, but not long."""
        if self._judging:
            await self._all_judged.wait(VOTES_GATHER_S)

    async def _tell(self, votes: Sequence[Vote]) -> Sequence[None]:
        """Announce votes to everybody."""
        await self._services.peers.announce(VotesCast(votes=tuple(votes)), lifetime_s=VOTE_WITHIN_S)
        return [None] * len(votes)

    async def _attest(self, announced: AnnouncedDocument) -> None:
        services = self._services
        if self._age_s(announced) > VOTE_WITHIN_S:
            await services.store.votes.close(announced.task_hash, "expired")
            return
        operator = await self._identity.operator()
        if operator is None:
            return
        shares = await services.store.votes.shares(announced.task_hash)
        if any(share.operator_id == operator.operator_id for share in shares):
            self._settled.add(announced.task_hash)
            return
        opened = await self._shelf.open(announced.cid)
        document = opened.document
        facts = await gather_facts(services, self._claims, self._computing, document, opened.body, announced)
        verdict = judge(document, opened.body, facts, services.network)
        if verdict.ruling is Ruling.WAIT:
            self._log.debug("document waits", task_hash=announced.task_hash, code=verdict.code, reason=verdict.message)
            return
        if verdict.ruling is Ruling.ABSTAIN:
            self._settled.add(announced.task_hash)
            self._log.info("vote abstained", task_key=announced.task_key, code=verdict.code, reason=verdict.message)
            return
        await self._vote(announced, document, verdict, operator.operator_id)

    async def _vote(
        self, announced: AnnouncedDocument, document: TaskDocument, verdict: Verdict, operator_id: int
    ) -> None:
        """Record, sign, keep and announce one vote, in this order."""
        services, is_approved = self._services, verdict.ruling is Ruling.APPROVE
        await services.store.votes.bind(
            OwnVote(
                phase=PHASE,
                task_key=announced.task_key,
                attempt=document.assignment.assignment.attempt,
                task_hash=announced.task_hash,
                is_approved=is_approved,
                code=verdict.code,
                recorded_at=services.clock.now(),
            )
        )
        message = ballot_message(document, announced.cid, is_approved=is_approved)
        x, y = await asyncio.to_thread(self._identity.signer.sign_bls, TASKS_DOMAIN, message)
        signature = x.to_bytes(POINT_BYTES, "big") + y.to_bytes(POINT_BYTES, "big")
        share = Share(
            task_key=announced.task_key,
            task_hash=announced.task_hash,
            operator_id=operator_id,
            is_approved=is_approved,
            code=verdict.code,
            signature=signature,
        )
        self._judged(announced)
        await self._told.do(
            Vote(
                task_key=announced.task_key,
                task_hash=announced.task_hash,
                cid=announced.cid,
                is_approved=is_approved,
                code=verdict.code,
                signature=signature,
            )
        )
        await services.store.votes.add_share(share)
        self._settled.add(announced.task_hash)
        self._log.info("vote cast", task_key=announced.task_key, is_approved=is_approved, code=verdict.code)
        if not is_approved:
            self._log.warning("task refused", task_key=announced.task_key, code=verdict.code, reason=verdict.message)
        await services.bus.publish(VoteHeard(announced.task_hash))


def ballot_message(document: TaskDocument, cid: str, *, is_approved: bool) -> bytes:
    """Return the message under `TASKS_DOMAIN` that a vote on this document signs (AttestationCenter.submitTask)."""
    digest = vote_hash(
        proof_of_task(document),
        cid.encode("ascii"),
        document.performer,
        document.task_definition_id,
        document.attestation_center,
        document.attestation_chain_id,
        is_approved,
    )
    return vote_message(digest)
