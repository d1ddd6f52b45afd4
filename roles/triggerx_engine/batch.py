"""What one transaction of the engine decides about occurrences, gathered so that it is written in a few statements.

Rule: an occurrence's entry, its task, its job's counts and its line in the event log are one transaction; whoever
decides adds to a batch, and the batch is written as the last thing before the commit.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from triggerx.core.admission import FIRES, Surroundings, admit
from triggerx.core.canonical import Json
from triggerx.core.evidence import Evidence
from triggerx.core.job import JobId
from triggerx.core.ledger import Decision, EntryNumber, LedgerEntry, NewEntry, Outcome, Reason, Ruling, new_entry
from triggerx.core.terms import DAY_S, JobTerms
from triggerx.events import Event, TaskCreated
from triggerx.evm.types import ChainId, Hash32
from triggerx.ports.store import Queries
from triggerx.ports.store.jobs import Fired, Move
from triggerx.ports.store.journal import NewEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class Extension:
    """A stored range of due seconds that reaches further now, or less far."""

    number: EntryNumber
    last_moment: int
    count: int
    detail: str


class Batch:
    """Decisions about occurrences of any jobs; `now_ms` is when they are made."""

    def __init__(self, around: Mapping[ChainId, Surroundings], *, now_ms: int) -> None:
        self.now_ms = now_ms
        self.fired_keys: list[Hash32] = []
        self._around = around
        self._fired: dict[int, int] = {}
        self._fired_of_user: dict[int, int] = {}
        self._entries: list[NewEntry] = []
        self._returned: list[NewEntry] = []
        self._firings: list[NewEntry] = []
        self._events: list[NewEvent] = []
        self._decisions: list[Decision] = []
        self._extensions: list[Extension] = []
        self._moves: dict[int, int | None] = {}
        self._users: dict[int, int] = {}

    def rule(self, terms: JobTerms) -> Ruling:
        """Rule on one more occurrence of a job, counting what this batch lets through already."""
        return admit(
            terms,
            self._around[terms.action_chain_id],
            ahead=self._fired.get(terms.number, 0),
            ahead_of_user=self._fired_of_user.get(terms.user_id, 0),
        )

    def fire(self, terms: JobTerms, evidence: Evidence) -> None:
        """Note a new occurrence as fired, and make its task."""
        entry = self.entry(terms, evidence, FIRES)
        self._entries.append(entry)
        self._make_task(terms, entry)

    def fire_stored(self, terms: JobTerms, stored: LedgerEntry, *, evidence: Evidence | None = None) -> None:
        """Fire an occurrence that waited in the ledger, with newer evidence where there is some."""
        entry = replace(stored.entry, evidence=evidence or stored.entry.evidence)
        if evidence is None:
            self._decisions.append(Decision(number=stored.number, outcome=Outcome.FIRED))
        else:
            self._returned.append(replace(entry, outcome=Outcome.FIRED, reason=Reason.NONE, detail=""))
        self._make_task(terms, entry)

    def note(self, entry: NewEntry) -> None:
        """Note a new occurrence that does not fire now."""
        self._entries.append(entry)

    def put_back(self, entry: NewEntry) -> None:
        """Give a stored occurrence, known by its key, another outcome and newer evidence."""
        self._returned.append(entry)

    def decide(self, stored: LedgerEntry, ruling: Ruling) -> None:
        """Give a stored occurrence another outcome, or the same with another reason; the same changes nothing."""
        if (stored.outcome, stored.entry.reason) != (ruling.outcome, ruling.reason):
            self._decisions.append(
                Decision(number=stored.number, outcome=ruling.outcome, reason=ruling.reason, detail=ruling.detail)
            )

    def extend(self, extension: Extension) -> None:
        """Let a stored range of due seconds end elsewhere."""
        self._extensions.append(extension)

    def move_on(self, terms: JobTerms, next_due_at: int | None) -> None:
        """Set when a time job is due next."""
        self._moves[terms.number] = next_due_at
        self._users[terms.number] = terms.user_id

    def report(self, kind: str, job_id: JobId, details: Mapping[str, Json]) -> None:
        """Add a line about a job to the event log."""
        self._events.append(NewEvent(kind=kind, subject=f"job:{job_id}", payload=details))

    def entry(self, terms: JobTerms, evidence: Evidence, ruling: Ruling) -> NewEntry:
        """Make the entry of an occurrence, decided about now."""
        return new_entry(terms, evidence, ruling, now_ms=self.now_ms)

    async def write(self, queries: Queries) -> list[Event]:
        """Write everything; returns what to tell the bus once it is durable."""
        await self._write_counts(queries, day=self.now_ms // 1000 // DAY_S)
        if self._entries:
            await queries.ledger.add_many(self._entries)
        if self._returned:
            await queries.ledger.put_back(self._returned)
        for each in self._extensions:
            await queries.ledger.extend(
                each.number, last_moment=each.last_moment, count=each.count, detail=each.detail, now_ms=self.now_ms
            )
        if self._decisions:
            await queries.ledger.decide_many(self._decisions, now_ms=self.now_ms)
        if self._firings:
            await queries.tasks.insert_fired(self._firings)
            await queries.events.append_fired(self._firings, now_ms=self.now_ms)
        if self._events:
            await queries.events.append_many(self._events, now_ms=self.now_ms)
        return [TaskCreated(key) for key in self.fired_keys]

    async def _write_counts(self, queries: Queries, *, day: int) -> None:
        users, fired = self._users, self._fired
        moves = [
            Move(number=number, user_id=users[number], next_due_at=due, runs=fired.get(number, 0), day=day)
            for number, due in self._moves.items()
        ]
        if moves:
            await queries.jobs.move_on(moves)
        others = [
            Fired(number=number, user_id=users[number], runs=runs, day=day)
            for number, runs in fired.items()
            if number not in self._moves
        ]
        if others:
            await queries.jobs.count_fired(others)

    def _make_task(self, terms: JobTerms, entry: NewEntry) -> None:
        self._users[terms.number] = terms.user_id
        self._fired[terms.number] = self._fired.get(terms.number, 0) + 1
        self._fired_of_user[terms.user_id] = self._fired_of_user.get(terms.user_id, 0) + 1
        self.fired_keys.append(entry.task_key)
        self._firings.append(entry)
