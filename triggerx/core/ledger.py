"""The ledger: every occurrence of a job's trigger has exactly one entry, which says what became of it and why.

Due seconds with the same outcome in a row share one entry (a range). The identity of an occurrence is its firing; what
was observed of it is evidence.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, NewType, TypeAlias

from triggerx.core.evidence import EventEvidence, Evidence, firing_of
from triggerx.core.job import JobId
from triggerx.core.terms import JobTerms
from triggerx.evm.hub import Firing, FiringKind, task_key
from triggerx.evm.types import ChainId, Hash32

EntryNumber = NewType("EntryNumber", int)


class Outcome(StrEnum):
    """What became of an occurrence. CONFIRMING, QUEUED and HELD are not final."""

    CONFIRMING = "confirming"
    """A log that has not enough blocks on top yet."""
    QUEUED = "queued"
    FIRED = "fired"
    """It became the task of `task_key`."""
    HELD = "held"
    """It waits until what holds the job is over."""
    SKIPPED = "skipped"
    """The job's own terms say that it does not fire."""
    MISSED = "missed"
    """It should have fired and was not fired in time."""
    WITHDRAWN = "withdrawn"
    """Its log is no longer on the chain, and nothing was done about it."""


class Reason(StrEnum):
    """Why; one for each entry. `why` turns it into a sentence."""

    NONE = ""
    UNCONFIRMED = "unconfirmed"
    PAUSED = "paused"
    LINKED = "linked"
    """The job before it in the chain had not completed."""
    ENDED = "ended"
    """The job had run as often as it is to run."""
    EXPIRED = "expired"
    """The time frame was over before it could be fired."""
    STOPPED = "stopped"
    """The job was deleted, or its registry entry says that it is not active."""
    REPLACED = "replaced"
    """The job's trigger was replaced by another before it could be fired."""
    MISFIRE = "misfire"
    """It was late, and the job's misfire policy leaves it out."""
    COOLDOWN = "cooldown"
    BALANCE = "balance"
    GAS_PRICE = "gas_price"
    RUNS = "runs"
    """The runs that the job or its mandate allows are used."""
    RUNS_TODAY = "runs_today"
    SPENT = "spent"
    SPENT_TODAY = "spent_today"
    USER_CAP = "user_cap"
    MANDATE = "mandate"
    """The mandate has expired, or is of another version of the job."""
    REORGED = "reorged"
    """It was acted on before its log was replaced by a reorg."""
    POISONED = "poisoned"
    """The job cannot be handled at all; it is in the quarantine."""


HOLDS: Final = frozenset(
    {
        Reason.BALANCE,
        Reason.GAS_PRICE,
        Reason.RUNS,
        Reason.RUNS_TODAY,
        Reason.SPENT,
        Reason.SPENT_TODAY,
        Reason.USER_CAP,
        Reason.MANDATE,
    }
)
"""What holds a job: it ends by itself (a day, a gas price), by a deposit, or by the owner's raising a limit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruling:
    """What becomes of an occurrence, and why; `detail` has the numbers of it."""

    outcome: Outcome
    reason: Reason = Reason.NONE
    detail: str = ""


QUEUED: Final = Ruling(outcome=Outcome.QUEUED)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewEntry:
    """An occurrence as a watcher notes it. `moment` is its unix second: due, block's, or observation's.

    `job_number` is the store's number of the job, `task_key` the digest of job and firing: the entry's identity, and
    the task's where it fires. For a range of due seconds the firing is the first one's, `last_moment` the last one
    and `count` how many there are; else `last_moment` is `moment` and `count` 1. `ready_block` is the head at which a
    CONFIRMING log counts. `priority` is the job's, 1 to 3.
    """

    job_number: int
    job_id: JobId
    task_key: Hash32
    firing: Firing
    moment: int
    last_moment: int
    count: int = 1
    outcome: Outcome
    reason: Reason = Reason.NONE
    detail: str = ""
    """The sentence for the owner, with the numbers: `balance 12 wei, needs 300 wei`."""
    evidence: Evidence
    priority: int = 2
    ready_block: int | None = None
    decided_at_ms: int
    """When it got its present outcome."""


def new_entry(terms: JobTerms, evidence: Evidence, ruling: Ruling, *, now_ms: int) -> NewEntry:
    """Make the entry of one occurrence of a job's trigger."""
    firing = firing_of(evidence)
    return NewEntry(
        job_number=terms.number,
        job_id=terms.job_id,
        task_key=task_key(terms.job_id, firing),
        firing=firing,
        moment=evidence.moment,
        last_moment=evidence.moment,
        outcome=ruling.outcome,
        reason=ruling.reason,
        detail=ruling.detail,
        evidence=evidence,
        priority=terms.priority,
        decided_at_ms=now_ms,
    )


LogEntry: TypeAlias = tuple[int, JobId, int, Hash32, Hash32, int]
"""What one log of `LogEntries` has for itself: the number, id and priority of the job that waits for it, its task key,
its transaction's hash, and its ordinal in the receipt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogEntries:
    """New entries of one block's logs that have the same standing: thousands may lie in a block.

    `moment` is the block's second; the rest is as in `NewEntry`.
    """

    chain_id: ChainId
    block_number: int
    block_hash: Hash32
    moment: int
    ruling: Ruling
    ready_block: int
    decided_at_ms: int
    logs: list[LogEntry] = field(default_factory=list)

    def written_out(self) -> Iterator[NewEntry]:
        """Yield each as an entry of its own."""
        ruling = self.ruling
        for job_number, job_id, priority, key, tx_hash, ordinal in self.logs:
            yield NewEntry(
                job_number=job_number,
                job_id=job_id,
                task_key=key,
                firing=Firing.event(self.chain_id, tx_hash, ordinal),
                moment=self.moment,
                last_moment=self.moment,
                outcome=ruling.outcome,
                reason=ruling.reason,
                detail=ruling.detail,
                evidence=EventEvidence(
                    chain_id=self.chain_id,
                    tx_hash=tx_hash,
                    ordinal=ordinal,
                    block_number=self.block_number,
                    block_hash=self.block_hash,
                    block_timestamp=self.moment,
                ),
                priority=priority,
                ready_block=self.ready_block,
                decided_at_ms=self.decided_at_ms,
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerEntry:
    """One stored entry; `noted_at_ms` is when it was first stored."""

    number: EntryNumber
    entry: NewEntry
    noted_at_ms: int

    @property
    def outcome(self) -> Outcome:
        """What became of it."""
        return self.entry.outcome

    def is_continued_by(self, ruling: Ruling, first: int) -> bool:
        """Whether due seconds from `first` on, of this ruling, belong into this entry: a range that ends before."""
        entry = self.entry
        is_same = (entry.outcome, entry.reason) == (ruling.outcome, ruling.reason)
        return is_same and entry.firing.kind == FiringKind.TIME and entry.last_moment < first


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """A new outcome for a stored entry."""

    number: EntryNumber
    outcome: Outcome
    reason: Reason = Reason.NONE
    detail: str = ""
