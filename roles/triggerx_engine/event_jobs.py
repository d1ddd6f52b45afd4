"""The event jobs of one chain as its watcher keeps them: what they wait for, and the entries that their logs make."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from triggerx.core.job import EventTrigger
from triggerx.core.ledger import QUEUED, LedgerEntry, NewEntry, Outcome, Reason, Ruling, new_entry
from triggerx.core.terms import JobTerms
from triggerx.evm.types import ChainId
from triggerx.ports.chain import Log, LogFilter
from triggerx.triggers.event import event_spec
from triggerx.triggers.event_index import EventIndex
from triggerx.triggers.occurrence import Frame, SeenLog, event_evidence


@dataclass(frozen=True, slots=True, kw_only=True)
class Occurred(SeenLog):
    """A log that the job of this number waits for."""

    number: int


class EventJobs:
    """What is watched on one chain. Changed by its watcher alone, between two ranges."""

    def __init__(self, chain_id: ChainId, *, confirmations: int) -> None:
        self._chain_id = chain_id
        self._confirmations = confirmations
        self._index = EventIndex()
        self._terms: dict[int, JobTerms] = {}
        self._uncovered: dict[int, JobTerms] = {}
        self._covered: set[int] = set()

    def __len__(self) -> int:
        """How many jobs are watched."""
        return len(self._index)

    @property
    def is_any_covered(self) -> bool:
        """Whether the follower's range is some job's already, so that no block may be left out."""
        return bool(self._covered)

    @property
    def uncovered(self) -> tuple[JobTerms, ...]:
        """The jobs whose blocks before the follower's are still to be read."""
        return tuple(self._uncovered.values())

    def cover(self, number: int) -> None:
        """Note that the blocks before the follower's were read for a job."""
        if self._uncovered.pop(number, None) is not None:
            self._covered.add(number)

    def put(self, terms: JobTerms) -> None:
        """Watch a job, or what it has become; raises `InvalidInput` for a trigger that makes no sense."""
        trigger = terms.trigger
        if not isinstance(trigger, EventTrigger) or trigger.chain_id != self._chain_id:
            self.remove(terms.number)
            return
        known = self._terms.get(terms.number)
        if known is None or known.trigger != trigger:
            self._index.put(terms.number, event_spec(trigger))
        self._terms[terms.number] = terms
        if terms.watched_from is not None or terms.number in self._covered:
            self._covered.add(terms.number)
        else:
            self._uncovered[terms.number] = terms

    def remove(self, number: int) -> None:
        """Watch a job no more."""
        self._index.remove(number)
        self._terms.pop(number, None)
        self._covered.discard(number)
        self._uncovered.pop(number, None)

    def terms(self, number: int) -> JobTerms:
        """The terms of a watched job as they were put: usage has moved on, and an entry does not depend on it."""
        return self._terms[number]

    def wanted(self) -> LogFilter:
        """What to ask the chain for."""
        return self._index.filter()

    def match(self, logs: Sequence[Log]) -> list[tuple[Log, int]]:
        """Return each log with each job that wants it."""
        return list(self._index.match(logs))

    def confirmations(self, terms: JobTerms) -> int:
        """How many blocks a job's logs want on top."""
        trigger = terms.trigger
        own = trigger.confirmations if isinstance(trigger, EventTrigger) else None
        return self._confirmations if own is None else own


def entry_of(terms: JobTerms, occurred: Occurred, *, confirmations: int, now_ms: int) -> NewEntry | None:
    """Return the entry of a log, None where it lies before the job was made or after its end."""
    block = occurred.block
    if not Frame(created_at=terms.created_at, expires_at=terms.expires_at).holds(block.timestamp):
        return None
    chain_id = terms.trigger.chain_id if isinstance(terms.trigger, EventTrigger) else ChainId(0)
    evidence = event_evidence(chain_id, occurred)
    waits = f"{confirmations} blocks are to lie on top of block {block.number}"
    ruling = Ruling(outcome=Outcome.CONFIRMING, reason=Reason.UNCONFIRMED, detail=waits) if confirmations else QUEUED
    return replace(new_entry(terms, evidence, ruling, now_ms=now_ms), ready_block=block.number + confirmations)


def withdrawn(stored: LedgerEntry, *, now_ms: int) -> NewEntry | None:
    """Return what an entry becomes when a reorg drops its block; None when nothing changes.

    What was acted on stays fired and is marked; everything else is withdrawn until its log is mined again.
    """
    detail = "a reorg dropped the block of its log"
    if stored.outcome is Outcome.FIRED:
        if stored.entry.reason is Reason.REORGED:
            return None
        return replace(stored.entry, reason=Reason.REORGED, detail=f"{detail} after it had fired", decided_at_ms=now_ms)
    return replace(stored.entry, outcome=Outcome.WITHDRAWN, reason=Reason.REORGED, detail=detail, decided_at_ms=now_ms)


def mined_again(stored: LedgerEntry, fresh: NewEntry, *, had_fired: bool, now_ms: int) -> NewEntry | None:
    """Return what an entry becomes when its log is seen in `fresh`'s block; None when it was known to lie there.

    A log mined again is the same firing: what had fired stays fired, also where it was withdrawn in between
    (`had_fired`), and whatever waited waits anew in its new block.
    """
    if stored.entry.evidence == fresh.evidence and stored.entry.reason is not Reason.REORGED:
        return None
    if stored.outcome is Outcome.FIRED or had_fired:
        again = replace(fresh, outcome=Outcome.FIRED, reason=Reason.NONE, ready_block=None)
        return replace(again, detail="a reorg moved its log to another block after it had fired", decided_at_ms=now_ms)
    return fresh


def by_number(terms: Sequence[JobTerms]) -> Mapping[int, JobTerms]:
    """Return terms by their job's number."""
    return {each.number: each for each in terms}
