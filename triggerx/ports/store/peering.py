"""What a keeper keeps of the peer network: documents, messages, its own tasks, and votes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from triggerx.core.canonical import Json
from triggerx.core.computation import Computed
from triggerx.core.errors import TriggerxError
from triggerx.core.task import SignedAssignment
from triggerx.evm.types import Address, Hash32


class DoubleVote(TriggerxError):
    """This vote would contradict one that was already recorded; it must not be signed."""


class Documents(Protocol):
    """Content by CID."""

    async def put(self, cid: str, content: bytes, *, now: int) -> None:
        """Keep it; idempotent."""
        ...

    async def get(self, cid: str) -> bytes | None:
        """Return it."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredEnvelope:
    """A checked announcement as it was heard, kept for others to pull until it expires."""

    envelope: bytes
    expires_at: int


class Messages(Protocol):
    """Which envelopes were seen, so that none counts twice, across restarts too; and those kept for pulls.

    Several nodes may share a store: what is kept is kept for all, what was seen was seen by one of them.
    """

    async def remember(self, sender: Address, nonce: bytes, *, node: str, expires_at: int) -> bool:
        """Note that the node of this peer id saw an envelope's nonce; False when it had seen it before."""
        ...

    async def keep(self, envelope: bytes, *, digest: Hash32, expires_at: int) -> None:
        """Keep an announcement for pulls; idempotent by digest."""
        ...

    async def kept(self, *, now: int, limit: int) -> Sequence[StoredEnvelope]:
        """Return the announcements that have not expired, newest first."""
        ...

    async def forget_expired(self, *, now: int) -> int:
        """Delete what has expired from both; return how many rows."""
        ...


class PerformanceStatus(StrEnum):
    """How far this keeper has come with a task it took on. ANNOUNCED and ABANDONED are final."""

    ACCEPTED = "accepted"
    EXECUTED = "executed"
    ANNOUNCED = "announced"
    ABANDONED = "abandoned"


@dataclass(frozen=True, slots=True, kw_only=True)
class Performance:
    """A task this keeper took on, stored before it acknowledged; `body` is the job's canonical JSON.

    `computed` is what the job's script came to here, None where the arguments are static.
    """

    signed: SignedAssignment
    body: bytes
    evidence: Mapping[str, Json]
    status: PerformanceStatus
    computed: Computed | None = None
    execution_tx_hash: Hash32 | None = None
    cid: str | None = None
    reason: str = ""


class Performances(Protocol):
    """This keeper's own tasks: one row a task key and attempt."""

    async def insert(self, performance: Performance) -> bool:
        """Add it as given; False when key and attempt exist (nothing is changed then)."""
        ...

    async def save(self, performance: Performance) -> None:
        """Write status, hash, CID and reason; raises `NotFound`."""
        ...

    async def get(self, task_key: Hash32, attempt: int) -> Performance | None:
        """Return one."""
        ...

    async def of_tasks(self, task_keys: Sequence[Hash32]) -> Sequence[Performance]:
        """Return every attempt at these tasks that was taken on, oldest first."""
        ...

    async def list_open(self) -> Sequence[tuple[Hash32, int]]:
        """Return task key and attempt of those without a final status, oldest first."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnVote:
    """What this keeper has bound itself to, synced before the signature. `phase` is `approval` or `attestation`."""

    phase: str
    task_key: Hash32
    attempt: int
    task_hash: Hash32
    is_approved: bool
    code: str
    recorded_at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class VoteCount:
    """How many own votes of a phase have this verdict and code; `last_at` is when the newest was recorded."""

    is_approved: bool
    code: str
    votes: int
    last_at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """One operator's checked vote on a task hash; `signature` is 64 bytes of G1, x ‖ y."""

    task_key: Hash32
    task_hash: Hash32
    operator_id: int
    is_approved: bool
    code: str
    signature: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class AnnouncedDocument:
    """A task document as a performer announced it; `heard_at` is when this node first heard of it, unix seconds."""

    task_key: Hash32
    task_hash: Hash32
    cid: str
    performer: Address
    execution_tx_hash: Hash32
    tp_signature: bytes
    heard_at: int


class Votes(Protocol):
    """Own votes, which bind, and the votes heard of others."""

    async def bind(self, vote: OwnVote) -> None:
        """Record an own vote before it is signed.

        At most one yes per phase and key (whatever the hash); a no binds its own task hash only; a hash has one key
        and one verdict. Raises `DoubleVote` for what contradicts a record; repeating a record is allowed and changes
        nothing.
        """
        ...

    async def own(self, phase: str, task_key: Hash32) -> Sequence[OwnVote]:
        """Return the own votes on this key."""
        ...

    async def tally(self, phase: str) -> Sequence[VoteCount]:
        """Return how many own votes of a phase there are by verdict and code, yes first, then the most."""
        ...

    async def add_share(self, share: Share) -> bool:
        """Keep a heard vote; False when this operator's vote on this hash (yes or no) is known."""
        ...

    async def shares(self, task_hash: Hash32) -> Sequence[Share]:
        """Return the heard votes on this hash by operator id."""
        ...

    async def open_documents(self) -> Sequence[AnnouncedDocument]:
        """Return every announced document without a known outcome, oldest first."""
        ...

    async def announced_with(self, execution_tx_hash: Hash32) -> Sequence[AnnouncedDocument]:
        """Return the announced documents, whatever their outcome, that name this action transaction."""
        ...

    async def announce(self, document: AnnouncedDocument) -> bool:
        """Note an announced document; False when its task hash is known (nothing is changed then)."""
        ...

    async def close(self, task_hash: Hash32, outcome: str) -> None:
        """Note the outcome (`attested`, `rejected`, `expired`), also of a document that is announced only later."""
        ...
