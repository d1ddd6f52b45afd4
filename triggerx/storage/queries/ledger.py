"""The ledger and the followers' blocks between rows and nouns.

An event's evidence has no text: it is the firing, the moment and the block, which a reorg looks for too.
"""

import json
from collections.abc import Iterator, Sequence
from typing import Final

from triggerx.core.canonical import canonical_json
from triggerx.core.errors import InvalidInput, NotFound, UnrecoverableError
from triggerx.core.evidence import EventEvidence, Evidence, evidence_json, parse_evidence
from triggerx.core.job import JobId
from triggerx.core.ledger import Decision, EntryNumber, LedgerEntry, LogEntries, NewEntry, Outcome, Reason, Ruling
from triggerx.evm.hub import Firing, FiringKind
from triggerx.evm.types import ChainId, Hash32
from triggerx.ports.chain import Block
from triggerx.storage.queries.tasks import firing_of
from triggerx.storage.session import Row, Session, Value

NO_BLOOM: Final = bytes(256)  # it is used once, when the block is new


class LedgerQueries:
    """The ledger over a session."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def add_many(self, entries: Sequence[NewEntry]) -> None:
        """Add entries; see `ports.store.Ledger`."""
        await self._session.execute_many("insert_entry", [_entry_row(entry) for entry in entries])

    async def add_logs(self, entries: Sequence[LogEntries]) -> int:
        """Add the entries of logs; see `ports.store.Ledger`."""
        rows = [row for each in entries for row in _log_rows(each)]
        return await self._session.execute_many("insert_log_entry", rows)

    async def by_keys(self, task_keys: Sequence[Hash32]) -> Sequence[LedgerEntry]:
        """Return the entries of these keys that there are."""
        return _entries(await self._session.fetch_all("entries_by_key", task_keys=_listed(task_keys)))

    async def put_back(self, entries: Sequence[NewEntry]) -> None:
        """Give known entries a new standing, by key."""
        await self._session.execute_many("put_entry_back", [_standing(entry) for entry in entries])

    async def decide_many(self, decisions: Sequence[Decision], *, now_ms: int) -> None:
        """Give stored entries a new outcome."""
        rows: list[dict[str, Value]] = [
            {
                "number": decision.number,
                "outcome": decision.outcome.value,
                "reason": decision.reason.value,
                "detail": decision.detail,
                "now_ms": now_ms,
            }
            for decision in decisions
        ]
        await self._session.execute_many("decide_entry", rows)

    async def end_waiting(self, job_number: int, ruling: Ruling, *, now_ms: int) -> None:
        """Give every entry of a job that still waits this outcome."""
        await self._session.execute(
            "end_waiting_entries",
            job_number=job_number,
            outcome=ruling.outcome.value,
            reason=ruling.reason.value,
            detail=ruling.detail,
            now_ms=now_ms,
        )

    async def extend(self, number: EntryNumber, *, last_moment: int, count: int, detail: str, now_ms: int) -> None:
        """Let a range end later."""
        written = await self._session.execute(
            "extend_entry", number=number, last_moment=last_moment, count=count, detail=detail, now_ms=now_ms
        )
        if written == 0:
            raise NotFound(f"there is no entry {number} in the ledger")

    async def last_of(self, job_numbers: Sequence[int]) -> Sequence[LedgerEntry]:
        """Return each job's entry with the highest moment, by job number."""
        numbers = canonical_json(list(job_numbers)).decode()
        return _entries(await self._session.fetch_all("last_entries_of_jobs", numbers=numbers))

    async def list_by_job(self, job_id: JobId, *, since: int, until: int, limit: int) -> Sequence[LedgerEntry]:
        """Return the newest entries of a span."""
        rows = await self._session.fetch_all(
            "entries_of_job", job_id=str(job_id), since=since, until=until, limit=limit
        )
        return _entries(rows)[::-1]

    async def list_queued(self, *, limit: int) -> Sequence[LedgerEntry]:
        """Return QUEUED entries."""
        return _entries(await self._session.fetch_all("queued_entries", limit=limit))

    async def list_held(self, *, after: EntryNumber, limit: int) -> Sequence[LedgerEntry]:
        """Return HELD entries."""
        return _entries(await self._session.fetch_all("held_entries", after=after, limit=limit))

    async def list_confirmed(self, chain_id: ChainId, *, head: int, limit: int) -> Sequence[LedgerEntry]:
        """Return CONFIRMING entries that have enough blocks on top."""
        return _entries(await self._session.fetch_all("confirmed_entries", chain_id=chain_id, head=head, limit=limit))

    async def in_blocks(self, chain_id: ChainId, blocks: Sequence[Block]) -> Sequence[LedgerEntry]:
        """Return the event entries of these blocks, by number."""
        numbers = canonical_json([block.number for block in blocks]).decode()
        hashes = _listed([block.hash for block in blocks])
        return _entries(
            await self._session.fetch_all(
                "entries_in_blocks", chain_id=chain_id, block_numbers=numbers, block_hashes=hashes
            )
        )

    async def count(self, job_id: JobId) -> dict[Outcome, int]:
        """Return how many occurrences had each outcome."""
        rows = await self._session.fetch_all("count_entries_of_job", job_id=str(job_id))
        return {Outcome(row.text("outcome")): row.integer("occurrences") for row in rows}

    async def waiting(self, job_numbers: Sequence[int]) -> frozenset[int]:
        """Return those of these jobs that have an occurrence that is still to be decided about."""
        numbers = canonical_json(list(job_numbers)).decode()
        rows = await self._session.fetch_all("jobs_with_waiting_entries", numbers=numbers)
        found = (row.integer_or_none("job_number") for row in rows)
        return frozenset(number for number in found if number is not None)

    async def queue_length(self) -> int:
        """Return how many entries are QUEUED."""
        row = await self._session.fetch_one("count_queued_entries")
        return 0 if row is None else row.integer("entries")


class BlockQueries:
    """The followers' newest blocks over a session."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def window(self, follower: str) -> Sequence[Block]:
        """Return the blocks of a follower."""
        return tuple(
            Block(
                number=row.integer("number"),
                hash=Hash32(row.octets("hash")),
                parent_hash=Hash32(row.octets("parent_hash")),
                timestamp=row.integer("block_timestamp"),
                logs_bloom=NO_BLOOM,
            )
            for row in await self._session.fetch_all("blocks_of_follower", follower=follower)
        )

    async def hash_at(self, follower: str, number: int) -> Hash32 | None:
        """Return the hash of one block of a follower."""
        row = await self._session.fetch_one("block_of_follower", follower=follower, number=number)
        return None if row is None else Hash32(row.octets("hash"))

    async def move(self, follower: str, *, dropped: Sequence[Block], added: Sequence[Block], keep: int) -> None:
        """Take dropped blocks out, put new ones in, and forget the oldest."""
        gone: list[dict[str, Value]] = [
            {"follower": follower, "number": block.number, "hash": block.hash} for block in dropped
        ]
        new: list[dict[str, Value]] = [
            {
                "follower": follower,
                "number": block.number,
                "hash": block.hash,
                "parent_hash": block.parent_hash,
                "block_timestamp": block.timestamp,
            }
            for block in added
        ]
        async with self._session.atomic() as session:
            await session.execute_many("drop_block", gone)
            await session.execute_many("put_block", new)
            await session.execute("forget_blocks", follower=follower, keep=keep)


def _listed(hashes: Sequence[Hash32]) -> str:
    return canonical_json([each.hex() for each in hashes]).decode()


def _entry_row(entry: NewEntry) -> tuple[Value, ...]:
    """The parameters of one entry, in the order in which `insert_entry` has them: firings come by the thousand."""
    firing, evidence = entry.firing, entry.evidence
    event = evidence if isinstance(evidence, EventEvidence) else None
    return (
        entry.task_key,
        entry.job_number,
        firing.kind,
        str(firing.index),
        firing.chain_id,
        firing.tx_hash,
        entry.moment,
        entry.last_moment,
        entry.count,
        entry.outcome.value,
        entry.reason.value,
        entry.detail,
        evidence_json(evidence) if event is None else "",
        entry.priority,
        entry.ready_block,
        None if event is None else event.block_number,
        None if event is None else event.block_hash,
        entry.decided_at_ms,
    )


def _log_rows(entries: LogEntries) -> Iterator[tuple[Value, ...]]:
    """The parameters of each log, in the order in which `insert_log_entry` has them."""
    ruling = entries.ruling
    shared = (
        entries.chain_id,
        entries.moment,
        ruling.outcome.value,
        ruling.reason.value,
        ruling.detail,
        entries.ready_block,
        entries.block_number,
        entries.block_hash,
        entries.decided_at_ms,
    )
    for number, _, priority, task_key, tx_hash, ordinal in entries.logs:
        yield (task_key, number, str(ordinal), tx_hash, priority, *shared)


def _standing(entry: NewEntry) -> dict[str, Value]:
    """The columns that a reorg or a retry gives anew."""
    evidence = entry.evidence
    event = evidence if isinstance(evidence, EventEvidence) else None
    return {
        "task_key": entry.task_key,
        "moment": entry.moment,
        "last_moment": entry.last_moment,
        "occurrences": entry.count,
        "outcome": entry.outcome.value,
        "reason": entry.reason.value,
        "detail": entry.detail,
        "evidence": evidence_json(evidence) if event is None else "",
        "ready_block": entry.ready_block,
        "block_number": None if event is None else event.block_number,
        "block_hash": None if event is None else event.block_hash,
        "decided_at_ms": entry.decided_at_ms,
    }


def _entries(rows: Sequence[Row]) -> Sequence[LedgerEntry]:
    return tuple(_entry(row) for row in rows)


def _entry(row: Row) -> LedgerEntry:
    firing = firing_of(row)
    return LedgerEntry(
        number=EntryNumber(row.integer("entry_number")),
        entry=NewEntry(
            job_number=row.integer("job_number"),
            job_id=JobId(row.number("job_id")),
            task_key=Hash32(row.octets("task_key")),
            firing=firing,
            moment=row.integer("moment"),
            last_moment=row.integer("last_moment"),
            count=row.integer("occurrences"),
            outcome=Outcome(row.text("outcome")),
            reason=Reason(row.text("reason")),
            detail=row.text("detail"),
            evidence=_evidence(row, firing),
            priority=row.integer("priority"),
            ready_block=row.integer_or_none("ready_block"),
            decided_at_ms=row.integer("decided_at_ms"),
        ),
        noted_at_ms=row.integer("noted_at_ms"),
    )


def _evidence(row: Row, firing: Firing) -> Evidence:
    if firing.kind == FiringKind.EVENT:
        return EventEvidence(
            chain_id=firing.chain_id,
            tx_hash=firing.tx_hash,
            ordinal=firing.index,
            block_number=row.integer("block_number"),
            block_hash=Hash32(row.octets("block_hash")),
            block_timestamp=row.integer("moment"),
        )
    text = row.text("evidence")
    try:
        return parse_evidence(json.loads(text), firing)
    except InvalidInput as error:
        raise UnrecoverableError(f"a ledger entry cannot be read by this program: {error}: {text[:200]}") from error
