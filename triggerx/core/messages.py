"""What peers say to each other; how it is written in bytes is in `triggerx.wire` and PROTOCOL.md.

Announcements go to everybody by GossipSub and can be pulled again; requests go to one peer and get one reply.
"""

from dataclasses import dataclass
from typing import Final, Generic, TypeAlias, TypeVar

from triggerx.core.task import SignedAssignment
from triggerx.evm.types import Address, Hash32

DECLINED: Final = "declined"
"""The code of a `TaskAnswer` whose keeper ran the job's script, which had nothing to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedIn:
    """An operator is alive, at these multiaddresses, with this version of the software."""

    addresses: tuple[str, ...]
    version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskPerformed:
    """A performer has acted (or found the action done): its task document has this CID.

    `tp_signature` is its 65 bytes over the raw task hash (AttestationCenter.submitTask).
    """

    task_key: Hash32
    cid: str
    execution_tx_hash: Hash32
    tp_signature: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Vote:
    """One operator's vote: BLS over the vote message of `task_hash`; `code` is `ok`, or why it refuses.

    `signature` is a G1 point as 64 bytes, x ‖ y big-endian.
    """

    task_key: Hash32
    task_hash: Hash32
    cid: str
    is_approved: bool
    code: str
    signature: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class VotesCast:
    """Votes of one operator, at least one: those on documents that were judged together travel together."""

    votes: tuple[Vote, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """The engine's order to the elected performer; the body is the job's canonical JSON with its mandate.

    `evidence` is the canonical JSON of what the trigger was seen to be.
    """

    assignment: SignedAssignment
    body: bytes
    evidence: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class AssignTasks:
    """Orders to one performer, at least one: those of triggers that came together travel together."""

    orders: tuple[Order, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskAnswer:
    """The performer's answer: taken on (then `code` is `ok`), or refused and why. Repeating it changes nothing."""

    task_key: Hash32
    attempt: int
    is_accepted: bool
    code: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskAnswers:
    """One answer to each order, in their order."""

    answers: tuple[TaskAnswer, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchDocument:
    """Asks for the document of this CID."""

    cid: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """The content asked for, or empty when the peer does not hold it; the asker checks it against the CID."""

    content: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class PullAnnouncements:
    """Asks for the still valid announcements a peer holds, its own and others', newest first.

    Only those issued at `issued_since` (unix seconds) or later; 0 asks for all.
    """

    issued_since: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Announcements:
    """Signed envelopes as they were heard, each to be checked like one that came by gossip."""

    envelopes: tuple[bytes, ...]


Announcement: TypeAlias = CheckedIn | TaskPerformed | VotesCast
Request: TypeAlias = AssignTasks | FetchDocument | PullAnnouncements
Reply: TypeAlias = TaskAnswers | Document | Announcements
Message: TypeAlias = Announcement | Request | Reply

MessageT_co = TypeVar("MessageT_co", covariant=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard(Generic[MessageT_co]):
    """A message whose envelope was checked: signed by `sender`, an active operator or an engine, from `peer_id`."""

    message: MessageT_co
    sender: Address
    peer_id: str
    issued_at: int
