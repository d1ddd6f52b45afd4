"""The ledger in the store, and the blocks and values its entries rest on."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from triggerx.core.job import JobId
from triggerx.core.ledger import Decision, EntryNumber, LedgerEntry, LogEntries, NewEntry, Outcome, Ruling
from triggerx.evm.types import ChainId, Hash32
from triggerx.ports.chain import Block


class Ledger(Protocol):
    """One entry an occurrence, ever; its identity is its task key."""

    async def add_many(self, entries: Sequence[NewEntry]) -> None:
        """Add entries; those whose key is known are left as they are."""
        ...

    async def add_logs(self, entries: Sequence[LogEntries]) -> int:
        """Add the entries of logs; those whose key is known are left as they are. Returns how many were added."""
        ...

    async def by_keys(self, task_keys: Sequence[Hash32]) -> Sequence[LedgerEntry]:
        """Return the entries of these keys that there are; inside a transaction they stay locked until its end."""
        ...

    async def put_back(self, entries: Sequence[NewEntry]) -> None:
        """Give known entries, found by key, all that these say: outcome, reason, evidence, moments, ready block."""
        ...

    async def decide_many(self, decisions: Sequence[Decision], *, now_ms: int) -> None:
        """Give stored entries a new outcome."""
        ...

    async def end_waiting(self, job_number: int, ruling: Ruling, *, now_ms: int) -> None:
        """Give every entry of a job that is CONFIRMING, QUEUED or HELD this outcome."""
        ...

    async def extend(self, number: EntryNumber, *, last_moment: int, count: int, detail: str, now_ms: int) -> None:
        """Let a range of due seconds end at `last_moment`, with `count` due seconds in all; raises `NotFound`."""
        ...

    async def last_of(self, job_numbers: Sequence[int]) -> Sequence[LedgerEntry]:
        """Return each job's entry with the highest moment, where it has any, by job number."""
        ...

    async def list_by_job(self, job_id: JobId, *, since: int, until: int, limit: int) -> Sequence[LedgerEntry]:
        """Return the newest entries that lie in this span of moments or reach into it, ascending by moment."""
        ...

    async def list_queued(self, *, limit: int) -> Sequence[LedgerEntry]:
        """Return QUEUED entries, higher priority first, then in the order they were stored.

        Inside a transaction they stay locked until its end, and those that others have locked are left out.
        """
        ...

    async def list_held(self, *, after: EntryNumber, limit: int) -> Sequence[LedgerEntry]:
        """Return HELD entries with a greater number, ascending; locked as those of `list_queued`."""
        ...

    async def list_confirmed(self, chain_id: ChainId, *, head: int, limit: int) -> Sequence[LedgerEntry]:
        """Return CONFIRMING entries of this chain whose `ready_block` is at most `head`, by number; locked likewise."""
        ...

    async def in_blocks(self, chain_id: ChainId, blocks: Sequence[Block]) -> Sequence[LedgerEntry]:
        """Return the event entries whose log lies in one of these blocks, by number."""
        ...

    async def count(self, job_id: JobId) -> dict[Outcome, int]:
        """Return how many occurrences had each outcome (a range counts as many as it has)."""
        ...

    async def waiting(self, job_numbers: Sequence[int]) -> frozenset[int]:
        """Return those of these jobs that have an occurrence CONFIRMING, QUEUED or HELD."""
        ...

    async def queue_length(self) -> int:
        """Return how many entries are QUEUED."""
        ...


class Blocks(Protocol):
    """The newest blocks that a follower has handled, by which it notices a reorg after a restart."""

    async def window(self, follower: str) -> Sequence[Block]:
        """Return the blocks of a follower, ascending; their blooms are not kept, and are 256 zero bytes."""
        ...

    async def hash_at(self, follower: str, number: int) -> Hash32 | None:
        """Return the hash of the block of this number in a follower's window, None where it is not in it."""
        ...

    async def move(self, follower: str, *, dropped: Sequence[Block], added: Sequence[Block], keep: int) -> None:
        """Take dropped blocks out, put new ones in, and forget all but the newest `keep`."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ConditionRow:
    """Where a condition job stands: whether it holds (None before the first value), and how often it became true.

    `value` is the value that brought it there.
    """

    job_number: int
    is_true: bool | None
    edge: int
    fired_at_ms: int | None
    value: str
    observed_at_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """A value of a source, or why there was none (`fault`); `value` is an exact decimal in plain notation.

    `source` is the name `triggers.sources` gives. The block is None for what lies off chain; `response_hash` is the
    SHA-256 of the answer it was read from.
    """

    source: str
    value: str
    observed_at_ms: int
    block_number: int | None = None
    block_hash: Hash32 | None = None
    response_hash: Hash32 | None = None
    fault: str = ""


class Conditions(Protocol):
    """Condition jobs' states, and the values that moved them."""

    async def states(self, *, after: int, limit: int) -> Sequence[ConditionRow]:
        """Return states with a greater job number, ascending."""
        ...

    async def state(self, job_number: int) -> ConditionRow | None:
        """Return one job's state."""
        ...

    async def save_many(self, rows: Sequence[ConditionRow]) -> None:
        """Insert or replace states."""
        ...

    async def record(self, observations: Sequence[Observation]) -> None:
        """Keep values for ever: those that changed a condition. The same source, time and value again is kept once."""
        ...

    async def note_latest(self, observations: Sequence[Observation]) -> None:
        """Keep only the newest value of each source."""
        ...

    async def latest(self, source: str) -> Observation | None:
        """Return the newest value of a source, recorded or only noted."""
        ...

    async def recorded(self, source: str, *, since_ms: int, until_ms: int, limit: int) -> Sequence[Observation]:
        """Return recorded values of a span (both ends included), ascending by time."""
        ...
