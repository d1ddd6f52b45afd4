"""The event jobs of one chain as its watcher keeps them: what they wait for, and the entries that their logs make."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import TypeAlias

from triggerx.core.errors import RecoverableError
from triggerx.core.job import EventTrigger
from triggerx.core.ledger import QUEUED, LedgerEntry, LogEntries, NewEntry, Outcome, Reason, Ruling
from triggerx.core.terms import JobTerms
from triggerx.evm.hub import log_key_head, log_task_key
from triggerx.evm.types import ChainId, Hash32
from triggerx.ports.chain import Block, Log, LogFilter
from triggerx.triggers.event import event_spec
from triggerx.triggers.event_index import EventIndex

Places: TypeAlias = Mapping[tuple[Hash32, int], int]
"""Ordinals of logs in their receipts, by transaction hash and log index."""
Matches: TypeAlias = Mapping[int, Sequence[tuple[Log, int]]]
"""Logs with the number of a job that wants them, by the number of their block."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Watched:
    terms: JobTerms
    confirmations: int
    key_head: bytes


class EventJobs:
    """What is watched on one chain. Changed by its watcher alone, between two ranges."""

    def __init__(self, chain_id: ChainId, *, confirmations: int) -> None:
        self._chain_id = chain_id
        self._confirmations = confirmations
        self._index = EventIndex()
        self._watched: dict[int, _Watched] = {}
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
        known = self._watched.get(terms.number)
        if known is None or known.terms.trigger != trigger:
            self._index.put(terms.number, event_spec(trigger))
        confirmations = self._confirmations if trigger.confirmations is None else trigger.confirmations
        self._watched[terms.number] = _Watched(
            terms=terms, confirmations=confirmations, key_head=log_key_head(terms.job_id)
        )
        if terms.watched_from is not None or terms.number in self._covered:
            self._covered.add(terms.number)
        else:
            self._uncovered[terms.number] = terms

    def remove(self, number: int) -> None:
        """Watch a job no more."""
        self._index.remove(number)
        self._watched.pop(number, None)
        self._covered.discard(number)
        self._uncovered.pop(number, None)

    def wanted(self) -> LogFilter:
        """What to ask the chain for."""
        return self._index.filter()

    def match(self, logs: Sequence[Log]) -> Matches:
        """Return each log with each job that wants it, by the number of its block."""
        found: dict[int, list[tuple[Log, int]]] = {}
        for number, matches in groupby(self._index.match(logs), key=_block_number):
            found.setdefault(number, []).extend(matches)
        return found

    def entries(
        self, block: Block, matches: Iterable[tuple[Log, int]], places: Places, *, now_ms: int
    ) -> list[LogEntries]:
        """Return the entries of a block's logs with the jobs that want them.

        Left out are those of jobs that were made after the block, or had ended before it. The terms are as they were
        put: usage has moved on, and an entry does not depend on it. Raises `RecoverableError` where a place is missing.
        """
        chain_id, moment, watched = self._chain_id, block.timestamp, self._watched
        groups: dict[int, LogEntries] = {}
        for log, number in matches:
            job = watched[number]
            terms = job.terms
            if not terms.created_at <= moment <= terms.expires_at:
                continue
            ordinal = places.get((log.tx_hash, log.log_index))
            if ordinal is None:
                raise RecoverableError(f"block {block.number}'s receipts do not hold its log {log.log_index}")
            group = groups.get(job.confirmations)
            if group is None:
                group = groups[job.confirmations] = self._group(block, job.confirmations, now_ms)
            key = log_task_key(job.key_head, chain_id, log.tx_hash, ordinal)
            group.logs.append((number, terms.job_id, terms.priority, key, log.tx_hash, ordinal))
        return list(groups.values())

    def _group(self, block: Block, confirmations: int, now_ms: int) -> LogEntries:
        waits = f"{confirmations} blocks are to lie on top of block {block.number}"
        waiting = Ruling(outcome=Outcome.CONFIRMING, reason=Reason.UNCONFIRMED, detail=waits)
        return LogEntries(
            chain_id=self._chain_id,
            block_number=block.number,
            block_hash=block.hash,
            moment=block.timestamp,
            ruling=waiting if confirmations else QUEUED,
            ready_block=block.number + confirmations,
            decided_at_ms=now_ms,
        )


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


def _block_number(match: tuple[Log, int]) -> int:
    return match[0].block_number


def by_number(terms: Sequence[JobTerms]) -> Mapping[int, JobTerms]:
    """Return terms by their job's number."""
    return {each.number: each for each in terms}
