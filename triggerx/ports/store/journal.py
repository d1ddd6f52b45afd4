"""The node's own records: event log, chain cursors, sent transactions, quarantine."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from triggerx.core.canonical import Json
from triggerx.core.ledger import NewEntry
from triggerx.evm.types import Address, ChainId, Hash32
from triggerx.ports.chain import Cursor, TransactionIntent, TransactionStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedEvent:
    """One entry of the event log. `sequence` only grows and is never reused; `subject` is e.g. `job:12`, `task:0x…`."""

    sequence: int
    kind: str
    subject: str
    payload: Mapping[str, Json]
    recorded_at_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NewEvent:
    """An entry that is to be added."""

    kind: str
    subject: str
    payload: Mapping[str, Json]


class EventLog(Protocol):
    """Outbox, source of live updates, and audit trail in one; append-only."""

    async def append(self, kind: str, subject: str, payload: Mapping[str, Json], *, now_ms: int) -> int:
        """Add an entry and return its sequence; use it in the transaction that changes the state."""
        ...

    async def append_many(self, entries: Sequence[NewEvent], *, now_ms: int) -> None:
        """Add several entries in their order."""
        ...

    async def has(self, kind: str, subject: str) -> bool:
        """Whether there is an entry of this kind and subject, as far as this transaction can see."""
        ...

    async def append_fired(self, entries: Sequence[NewEntry], *, now_ms: int) -> None:
        """Add an entry `fired` for each firing: its job is the subject, `task_key` and `moment` are the payload."""
        ...

    async def after(self, sequence: int, *, limit: int, subject: str | None = None) -> Sequence[LoggedEvent]:
        """Return entries with a greater sequence, ascending, of one subject or all.

        A job's firings, which are in the ledger, are left out of its own entries.
        """
        ...


class Cursors(Protocol):
    """How far each follower of a chain has come."""

    async def get(self, name: str) -> Cursor | None:
        """Return a follower's cursor."""
        ...

    async def set(self, name: str, cursor: Cursor) -> None:
        """Move it; use it in the transaction that stores what was found."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedBytes:
    """One signed form of a transaction: the first, or a replacement with a higher fee."""

    tx_hash: Hash32
    raw: bytes
    max_fee_per_gas: int
    signed_at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SentTransaction:
    """An intent with its nonce and every form that was signed for it, oldest first."""

    intent: TransactionIntent
    sender: Address
    nonce: int | None
    status: TransactionStatus
    forms: tuple[SignedBytes, ...]
    mined_hash: Hash32 | None = None
    reason: str = ""


class TransactionLog(Protocol):
    """The transactions of this node: stored before they are sent."""

    async def insert(self, intent: TransactionIntent, *, sender: Address, now: int) -> bool:
        """Add an intent as PENDING without a nonce; False when its id exists."""
        ...

    async def get(self, intent_id: str) -> SentTransaction | None:
        """Return an intent with its forms."""
        ...

    async def add_form(self, intent_id: str, *, nonce: int, form: SignedBytes) -> None:
        """Store the nonce and one signed form before it is broadcast; idempotent by its hash. Raises `NotFound`."""
        ...

    async def settle(
        self, intent_id: str, status: TransactionStatus, *, mined_hash: Hash32 | None, reason: str
    ) -> None:
        """Store the outcome; raises `NotFound`. A REFUSED intent has used no nonce."""
        ...

    async def list_pending(self, chain_id: ChainId, sender: Address) -> Sequence[SentTransaction]:
        """Return the intents without an outcome, by nonce (those without one last)."""
        ...

    async def next_nonce(self, chain_id: ChainId, sender: Address) -> int | None:
        """Return one more than the highest nonce ever stored for this sender; None when there is none."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Quarantined:
    """Something that could not be handled and was set aside. `kind` is `job` or `message`."""

    quarantine_id: int
    kind: str
    subject: str
    reason: str
    content: bytes
    recorded_at: int


class Quarantine(Protocol):
    """What was set aside so that the node could go on; a person looks at it."""

    async def add(self, *, kind: str, subject: str, reason: str, content: bytes, now: int) -> None:
        """Set something aside; the same kind and subject again replaces the entry."""
        ...

    async def list_all(self, *, limit: int) -> Sequence[Quarantined]:
        """Return the newest entries, newest first."""
        ...
