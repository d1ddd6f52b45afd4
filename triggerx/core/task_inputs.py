"""What moves a task (`core.task.transition`): what the engine, its peers, the clock, the chain and its owner did."""

from dataclasses import dataclass
from typing import TypeAlias

from triggerx.evm.types import Address, Hash32


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineAssigned:
    """The engine drew a performer for the next attempt."""

    performer: Address
    deadline_at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerAcknowledged:
    """The performer of this attempt took the task on."""

    attempt: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerRefused:
    """The performer of this attempt did not take it: it said no, or could not be reached; nothing was started."""

    attempt: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerDeclined:
    """The performer of this attempt ran the job's script, which declined; `others` said so of earlier attempts."""

    attempt: int
    others: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerSilent:
    """The order went out and no answer came back: it may have been taken on."""

    attempt: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockDeadlinePassed:
    """The present attempt's deadline is over; of an unguarded task it counts only once the order was taken on."""

    attempt: int
    now: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerPerformed:
    """A performer announced the task document of its action."""

    performer: Address
    cid: str
    execution_tx_hash: Hash32
    now_ms: int
    deadline_at: int
    """Until when the attestation is awaited, unix seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainTaskDecided:
    """The Attestation Center accepted a submission for this task, confirmed as deep as configured."""

    is_approved: bool
    task_number: int
    performer: Address
    attester_ids: tuple[int, ...]
    submission_tx_hash: Hash32
    proof_of_task: str
    cid: str
    tp_signature: bytes
    ta_signature: bytes
    now_ms: int
    shortfall: str = ""
    """Why an approval is not enough for the job's security, which the contract does not know."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnerRetried:
    """A person looked at a task that ended badly, and wants one more performer to try it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainLogMinedAgain:
    """The log that a reorg had removed, and whose loss had ended the task, is on the chain again."""


TaskInput: TypeAlias = (
    EngineAssigned
    | PeerAcknowledged
    | PeerRefused
    | PeerDeclined
    | PeerSilent
    | ClockDeadlinePassed
    | PeerPerformed
    | OwnerRetried
    | ChainLogMinedAgain
    | ChainTaskDecided
)
