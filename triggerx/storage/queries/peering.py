"""What a keeper keeps of the peer network, between rows and nouns: documents, envelopes, its own tasks, and votes."""

import json
from collections.abc import Sequence

from triggerx.core.assignment_json import dump_assignment, parse_assignment
from triggerx.core.canonical import canonical_json
from triggerx.core.computation import Computed, dump_computed, parse_computed
from triggerx.core.errors import NotFound
from triggerx.evm.types import Address, Hash32, to_hex
from triggerx.ports.store.peering import (
    AnnouncedDocument,
    DoubleVote,
    OwnVote,
    Performance,
    PerformanceStatus,
    Share,
    StoredEnvelope,
    VoteCount,
)
from triggerx.storage.session import Row, Session


class DocumentQueries:
    """Content by CID over a session."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def put(self, cid: str, content: bytes, *, now: int) -> None:
        """Keep it; see `ports.store.Documents`."""
        await self._session.execute("put_document", cid=cid, content=content, now=now)

    async def get(self, cid: str) -> bytes | None:
        """Return it."""
        row = await self._session.fetch_one("get_document", cid=cid)
        return None if row is None else row.octets("content")


class MessageQueries:
    """Seen and kept envelopes over a session."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def remember(self, sender: Address, nonce: bytes, *, node: str, expires_at: int) -> bool:
        """Note an envelope's nonce; see `ports.store.Messages`."""
        written = await self._session.execute(
            "remember_message", node=node, sender=sender, nonce=nonce, expires_at=expires_at
        )
        return written == 1

    async def keep(self, envelope: bytes, *, digest: Hash32, expires_at: int) -> None:
        """Keep an announcement for pulls."""
        await self._session.execute("keep_message", envelope=envelope, digest=digest, expires_at=expires_at)

    async def kept(self, *, now: int, limit: int) -> Sequence[StoredEnvelope]:
        """Return the announcements that have not expired."""
        rows = await self._session.fetch_all("kept_messages", now=now, limit=limit)
        return tuple(
            StoredEnvelope(envelope=row.octets("envelope"), expires_at=row.integer("expires_at")) for row in rows
        )

    async def forget_expired(self, *, now: int) -> int:
        """Delete what has expired."""
        async with self._session.atomic() as session:
            seen = await session.execute("forget_seen_messages", now=now)
            return seen + await session.execute("forget_kept_messages", now=now)


class PerformanceQueries:
    """This keeper's own tasks over a session."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def insert(self, performance: Performance) -> bool:
        """Add it as given; see `ports.store.Performances`."""
        written = await self._session.execute(
            "insert_performance",
            task_key=performance.signed.assignment.task_key,
            attempt=performance.signed.assignment.attempt,
            signed=canonical_json(dump_assignment(performance.signed)).decode(),
            body=performance.body,
            evidence=canonical_json(performance.evidence).decode(),
            status=performance.status.value,
            computed=_computed_text(performance.computed),
            execution_tx_hash=performance.execution_tx_hash,
            cid=performance.cid,
            reason=performance.reason,
        )
        return written == 1

    async def save(self, performance: Performance) -> None:
        """Write status, hash, CID and reason."""
        order = performance.signed.assignment
        written = await self._session.execute(
            "save_performance",
            task_key=order.task_key,
            attempt=order.attempt,
            status=performance.status.value,
            execution_tx_hash=performance.execution_tx_hash,
            cid=performance.cid,
            reason=performance.reason,
        )
        if written == 0:
            raise NotFound(f"attempt {order.attempt} of the task {to_hex(order.task_key)} was not taken on here")

    async def get(self, task_key: Hash32, attempt: int) -> Performance | None:
        """Return one."""
        row = await self._session.fetch_one("get_performance", task_key=task_key, attempt=attempt)
        return None if row is None else _performance(row)

    async def of_tasks(self, task_keys: Sequence[Hash32]) -> Sequence[Performance]:
        """Return every attempt at these tasks that was taken on."""
        listed = canonical_json([each.hex() for each in task_keys]).decode()
        return tuple(
            _performance(row) for row in await self._session.fetch_all("performances_of_tasks", task_keys=listed)
        )

    async def list_open(self) -> Sequence[tuple[Hash32, int]]:
        """Return key and attempt of those without a final status."""
        rows = await self._session.fetch_all("open_performances")
        return tuple((Hash32(row.octets("task_key")), row.integer("attempt")) for row in rows)


class VoteQueries:
    """Own votes, heard votes and announced documents over a session."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def bind(self, vote: OwnVote) -> None:
        """Record an own vote before it is signed; see `ports.store.Votes`.

        The schema's two unique indexes decide, so two processes on one database cannot both pass. The whole is one
        transaction, so that a vote that is repeated has reached the disk too when this returns.
        """
        async with self._session.atomic() as session:
            written = await session.execute(
                "insert_vote",
                phase=vote.phase,
                task_key=vote.task_key,
                attempt=vote.attempt,
                task_hash=vote.task_hash,
                is_approved=vote.is_approved,
                code=vote.code,
                recorded_at=vote.recorded_at,
            )
            if written == 1:
                return
            rows = await session.fetch_all(
                "votes_against", phase=vote.phase, task_key=vote.task_key, task_hash=vote.task_hash
            )
            for bound in (_own_vote(row) for row in rows):
                if _contradicts(vote, bound):
                    raise DoubleVote(_double_vote(vote, bound))

    async def own(self, phase: str, task_key: Hash32) -> Sequence[OwnVote]:
        """Return the own votes on this key, oldest first."""
        return tuple(
            _own_vote(row) for row in await self._session.fetch_all("own_votes", phase=phase, task_key=task_key)
        )

    async def tally(self, phase: str) -> Sequence[VoteCount]:
        """Return how many own votes there are by verdict and code."""
        return tuple(
            VoteCount(
                is_approved=row.boolean("is_approved"),
                code=row.text("code"),
                votes=row.integer("votes"),
                last_at=row.integer("last_at"),
            )
            for row in await self._session.fetch_all("tally_votes", phase=phase)
        )

    async def add_share(self, share: Share) -> bool:
        """Keep a heard vote."""
        written = await self._session.execute(
            "insert_share",
            task_hash=share.task_hash,
            operator_id=share.operator_id,
            task_key=share.task_key,
            is_approved=share.is_approved,
            code=share.code,
            signature=share.signature,
        )
        return written == 1

    async def shares(self, task_hash: Hash32) -> Sequence[Share]:
        """Return the heard votes on this hash."""
        rows = await self._session.fetch_all("shares_of_hash", task_hash=task_hash)
        return tuple(
            Share(
                task_key=Hash32(row.octets("task_key")),
                task_hash=Hash32(row.octets("task_hash")),
                operator_id=row.integer("operator_id"),
                is_approved=row.boolean("is_approved"),
                code=row.text("code"),
                signature=row.octets("signature"),
            )
            for row in rows
        )

    async def open_documents(self) -> Sequence[AnnouncedDocument]:
        """Return the announced documents without a known outcome."""
        return tuple(_announced(row) for row in await self._session.fetch_all("open_documents"))

    async def announced_with(self, execution_tx_hash: Hash32) -> Sequence[AnnouncedDocument]:
        """Return the announced documents that name this action transaction, oldest first."""
        rows = await self._session.fetch_all("documents_announced_with", execution_tx_hash=execution_tx_hash)
        return tuple(_announced(row) for row in rows)

    async def announce(self, document: AnnouncedDocument) -> bool:
        """Note an announced document."""
        written = await self._session.execute(
            "insert_announcement",
            task_key=document.task_key,
            task_hash=document.task_hash,
            cid=document.cid,
            performer=document.performer,
            execution_tx_hash=document.execution_tx_hash,
            tp_signature=document.tp_signature,
            heard_at=document.heard_at,
        )
        return written == 1

    async def close(self, task_hash: Hash32, outcome: str) -> None:
        """Note the outcome, also of a document that was not announced here yet."""
        async with self._session.atomic() as session:
            await session.execute("insert_outcome", task_hash=task_hash, outcome=outcome)
            await session.execute("close_announcement", task_hash=task_hash)


def _computed_text(computed: Computed | None) -> str | None:
    return None if computed is None else canonical_json(dump_computed(computed)).decode()


def _performance(row: Row) -> Performance:
    execution_tx_hash, computed = row.octets_or_none("execution_tx_hash"), row.text_or_none("computed")
    return Performance(
        signed=parse_assignment(json.loads(row.text("signed"))),
        body=row.octets("body"),
        evidence=json.loads(row.text("evidence")),
        status=PerformanceStatus(row.text("status")),
        computed=None if computed is None else parse_computed(json.loads(computed)),
        execution_tx_hash=None if execution_tx_hash is None else Hash32(execution_tx_hash),
        cid=row.text_or_none("cid"),
        reason=row.text("reason"),
    )


def _own_vote(row: Row) -> OwnVote:
    return OwnVote(
        phase=row.text("phase"),
        task_key=Hash32(row.octets("task_key")),
        attempt=row.integer("attempt"),
        task_hash=Hash32(row.octets("task_hash")),
        is_approved=row.boolean("is_approved"),
        code=row.text("code"),
        recorded_at=row.integer("recorded_at"),
    )


def _announced(row: Row) -> AnnouncedDocument:
    return AnnouncedDocument(
        task_key=Hash32(row.octets("task_key")),
        task_hash=Hash32(row.octets("task_hash")),
        cid=row.text("cid"),
        performer=Address(row.octets("performer")),
        execution_tx_hash=Hash32(row.octets("execution_tx_hash")),
        tp_signature=row.octets("tp_signature"),
        heard_at=row.integer("heard_at"),
    )


def _contradicts(vote: OwnVote, bound: OwnVote) -> bool:
    """Whether both must not be signed; `bound` is of the same hash, or another hash's yes on the same key."""
    if bound.task_hash != vote.task_hash:
        return vote.is_approved
    return bound.task_key != vote.task_key or bound.is_approved != vote.is_approved


def _double_vote(vote: OwnVote, bound: OwnVote) -> str:
    def said(one: OwnVote) -> str:
        return f"{'yes' if one.is_approved else 'no'} to {to_hex(one.task_hash)} of the task {to_hex(one.task_key)}"

    return f"this keeper is bound by its {bound.phase} vote {said(bound)}, so it must not sign {said(vote)}"
