"""The node's own records between rows and nouns: event log, chain cursors, sent transactions, quarantine."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace

from triggerx.core.canonical import Json, canonical_json
from triggerx.core.errors import NotFound
from triggerx.core.ledger import NewEntry
from triggerx.evm.types import Address, ChainId, Hash32, Wei
from triggerx.ports.chain import Cursor, TransactionIntent, TransactionStatus
from triggerx.ports.store.journal import LoggedEvent, NewEvent, Quarantined, SentTransaction, SignedBytes
from triggerx.storage.session import Row, Session, Value


class EventQueries:
    """The event log over a session."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def append(self, kind: str, subject: str, payload: Mapping[str, Json], *, now_ms: int) -> int:
        """Add an entry and return its sequence; see `ports.store.EventLog`."""
        row = await self._session.fetch_one(
            "append_event", kind=kind, subject=subject, payload=canonical_json(payload).decode(), now_ms=now_ms
        )
        if row is None:
            raise NotFound(f"the event log gave no sequence to {kind} of {subject}")
        return row.integer("sequence")

    async def append_many(self, entries: Sequence[NewEvent], *, now_ms: int) -> None:
        """Add several entries in their order."""
        rows: list[dict[str, Value]] = [
            {
                "kind": entry.kind,
                "subject": entry.subject,
                "payload": canonical_json(entry.payload).decode(),
                "now_ms": now_ms,
            }
            for entry in entries
        ]
        await self._session.execute_many("add_event", rows)

    async def has(self, kind: str, subject: str) -> bool:
        """Whether there is such an entry."""
        return await self._session.fetch_one("event_of_subject", kind=kind, subject=subject) is not None

    async def append_fired(self, entries: Sequence[NewEntry], *, now_ms: int) -> None:
        """Add the entries of firings; their text is put together here, as canonical JSON would be, by the thousand."""
        rows: list[tuple[Value, ...]] = [
            (f"job:{entry.job_id}", f'{{"moment":{entry.moment},"task_key":"0x{entry.task_key.hex()}"}}', now_ms)
            for entry in entries
        ]
        await self._session.execute_many("add_fired_event", rows)

    async def after(self, sequence: int, *, limit: int, subject: str | None = None) -> Sequence[LoggedEvent]:
        """Return entries with a greater sequence, ascending."""
        if subject is None:
            rows = await self._session.fetch_all("events_after", sequence=sequence, limit=limit)
        else:
            rows = await self._session.fetch_all(
                "events_of_subject_after", subject=subject, sequence=sequence, limit=limit
            )
        return tuple(
            LoggedEvent(
                sequence=row.integer("sequence"),
                kind=row.text("kind"),
                subject=row.text("subject"),
                payload=json.loads(row.text("payload")),
                recorded_at_ms=row.integer("recorded_at_ms"),
            )
            for row in rows
        )


class CursorQueries:
    """The chain cursors over a session."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def get(self, name: str) -> Cursor | None:
        """Return a follower's cursor."""
        row = await self._session.fetch_one("get_cursor", follower=name)
        return None if row is None else Cursor(number=row.integer("number"), hash=Hash32(row.octets("hash")))

    async def set(self, name: str, cursor: Cursor) -> None:
        """Move it."""
        await self._session.execute("set_cursor", follower=name, number=cursor.number, hash=cursor.hash)


class TransactionQueries:
    """The sent transactions over a session."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def insert(self, intent: TransactionIntent, *, sender: Address, now: int) -> bool:
        """Add an intent as PENDING; see `ports.store.TransactionLog`."""
        written = await self._session.execute(
            "insert_transaction",
            intent_id=intent.intent_id,
            chain_id=intent.chain_id,
            sender=sender,
            target=intent.to,
            data=intent.data,
            value=str(intent.value),
            deadline=intent.deadline,
            priority=intent.priority,
            inner_gas=intent.inner_gas,
            status=TransactionStatus.PENDING.value,
            now=now,
        )
        return written == 1

    async def get(self, intent_id: str) -> SentTransaction | None:
        """Return an intent with its forms."""
        found = _transactions(await self._session.fetch_all("get_transaction", intent_id=intent_id))
        return found[0] if found else None

    async def add_form(self, intent_id: str, *, nonce: int, form: SignedBytes) -> None:
        """Store the nonce and one signed form before it is broadcast; idempotent by the form's hash."""
        async with self._session.atomic() as session:
            row = await session.fetch_one("set_transaction_nonce", intent_id=intent_id, nonce=nonce)
            if row is None:
                raise NotFound(f"there is no transaction {intent_id} in the store")
            await session.execute(
                "insert_transaction_form",
                intent_id=intent_id,
                chain_id=row.integer("chain_id"),
                sender=row.octets("sender"),
                nonce=nonce,
                tx_hash=form.tx_hash,
                raw=form.raw,
                max_fee_per_gas=str(form.max_fee_per_gas),
                signed_at=form.signed_at,
            )

    async def settle(
        self, intent_id: str, status: TransactionStatus, *, mined_hash: Hash32 | None, reason: str
    ) -> None:
        """Store the outcome."""
        written = await self._session.execute(
            "settle_transaction", intent_id=intent_id, status=status.value, mined_hash=mined_hash, reason=reason
        )
        if written == 0:
            raise NotFound(f"there is no transaction {intent_id} in the store")

    async def list_pending(self, chain_id: ChainId, sender: Address) -> Sequence[SentTransaction]:
        """Return the intents without an outcome."""
        return _transactions(await self._session.fetch_all("pending_transactions", chain_id=chain_id, sender=sender))

    async def next_nonce(self, chain_id: ChainId, sender: Address) -> int | None:
        """Return one more than the highest nonce ever stored."""
        row = await self._session.fetch_one("highest_nonce", chain_id=chain_id, sender=sender)
        return None if row is None else row.integer("nonce") + 1


class QuarantineQueries:
    """What was set aside, over a session."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def add(self, *, kind: str, subject: str, reason: str, content: bytes, now: int) -> None:
        """Set something aside; see `ports.store.Quarantine`."""
        await self._session.execute(
            "add_to_quarantine", kind=kind, subject=subject, reason=reason, content=content, now=now
        )

    async def list_all(self, *, limit: int) -> Sequence[Quarantined]:
        """Return the newest entries."""
        return tuple(
            Quarantined(
                quarantine_id=row.integer("quarantine_id"),
                kind=row.text("kind"),
                subject=row.text("subject"),
                reason=row.text("reason"),
                content=row.octets("content"),
                recorded_at=row.integer("recorded_at"),
            )
            for row in await self._session.fetch_all("newest_of_quarantine", limit=limit)
        )


def _transactions(rows: Sequence[Row]) -> Sequence[SentTransaction]:
    """Fold one row a form (or one without any) into one transaction an intent, in the order of the rows."""
    found: dict[str, SentTransaction] = {}
    for row in rows:
        intent_id = row.text("intent_id")
        sent = found.get(intent_id) or _without_forms(row)
        form_hash = row.octets_or_none("form_hash")
        if form_hash is not None:
            form = SignedBytes(
                tx_hash=Hash32(form_hash),
                raw=row.octets("raw"),
                max_fee_per_gas=row.number("max_fee_per_gas"),
                signed_at=row.integer("signed_at"),
            )
            sent = replace(sent, forms=(*sent.forms, form))
        found[intent_id] = sent
    return tuple(found.values())


def _without_forms(row: Row) -> SentTransaction:
    mined_hash = row.octets_or_none("mined_hash")
    return SentTransaction(
        intent=TransactionIntent(
            intent_id=row.text("intent_id"),
            chain_id=ChainId(row.integer("chain_id")),
            to=Address(row.octets("target")),
            data=row.octets("data"),
            value=Wei(row.number("value")),
            deadline=row.integer_or_none("deadline"),
            priority=row.integer("priority"),
            inner_gas=row.integer("inner_gas"),
        ),
        sender=Address(row.octets("sender")),
        nonce=row.integer_or_none("nonce"),
        status=TransactionStatus(row.text("status")),
        forms=(),
        mined_hash=None if mined_hash is None else Hash32(mined_hash),
        reason=row.text("reason"),
    )
