"""The queue: lets go what waits in the ledger, the queued and the held, as soon as it may fire.

A flood of occurrences is in the ledger first and fires from here, higher priority first. What is held is asked again at
every poll, and at once when a deposit, a job or a task has changed.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import NoReturn

from triggerx.core.admission import Ruling
from triggerx.core.evidence import ConditionEvidence
from triggerx.core.ledger import EntryNumber, LedgerEntry, Outcome
from triggerx.core.terms import JobTerms
from triggerx.events import DepositChanged, JobChanged, OccurrenceQueued, TaskEnded
from triggerx.ports.store import Queries
from triggerx.role import Services, WakeUp
from triggerx_engine.batch import Batch
from triggerx_engine.prices import Prices
from triggerx_engine.ranges import is_range, release

ENTRIES_PER_ROUND = 500  # bounds one transaction to some ten milliseconds
FIRST = EntryNumber(0)


class Queue:
    """Reads the ledger again at every wake-up and every poll."""

    def __init__(self, services: Services, prices: Prices, *, on_time_s: int, poll_s: float) -> None:
        self._services = services
        self._prices = prices
        self._on_time_s = on_time_s
        self._poll_s = poll_s
        self._log = services.log.bind(loop="engine.queue")

    async def run(self) -> NoReturn:
        """Let go, for ever."""
        wake_up = WakeUp(self._services, OccurrenceQueued, DepositChanged, JobChanged, TaskEnded)
        async with asyncio.TaskGroup() as group:
            group.create_task(wake_up.listen(), name="engine.queue.listen")
            while True:
                await self.release_queued()
                await self.release_held()
                await wake_up.wait(self._poll_s)

    async def release_queued(self) -> None:
        """Decide about everything that is queued, a bounded number at a time."""
        count = ENTRIES_PER_ROUND if await self._services.store.ledger.list_queued(limit=1) else 0
        while count == ENTRIES_PER_ROUND:
            async with self._services.store.transaction() as queries:
                entries = await queries.ledger.list_queued(limit=ENTRIES_PER_ROUND)
                batch = await self._decide(queries, entries)
                events = [] if batch is None else await batch.write(queries)
            count = len(entries)
            for event in events:
                await self._services.bus.publish(event)

    async def release_held(self) -> None:
        """Ask again about everything that is held."""
        is_any = await self._services.store.ledger.list_held(after=FIRST, limit=1)
        after: EntryNumber | None = FIRST if is_any else None
        while after is not None:
            async with self._services.store.transaction() as queries:
                entries = await queries.ledger.list_held(after=after, limit=ENTRIES_PER_ROUND)
                batch = await self._decide(queries, entries)
                events = [] if batch is None else await batch.write(queries)
            after = entries[-1].number if len(entries) == ENTRIES_PER_ROUND else None
            for event in events:
                await self._services.bus.publish(event)

    async def _decide(self, queries: Queries, entries: Sequence[LedgerEntry]) -> Batch | None:
        if not entries:
            return None
        services = self._services
        batch = Batch(self._prices.around(), now_ms=services.clock.now_ms())
        numbers = sorted({each.entry.job_number for each in entries})
        terms = {each.number: each for each in await queries.jobs.terms(numbers)}
        for entry in entries:
            await self._decide_one(queries, batch, terms, entry)
        return batch

    async def _decide_one(
        self, queries: Queries, batch: Batch, by_number: Mapping[int, JobTerms], stored: LedgerEntry
    ) -> None:
        terms = by_number[stored.entry.job_number]
        ruling = batch.rule(terms)
        if ruling.outcome is not Outcome.FIRED:
            batch.decide(stored, ruling)
        elif is_range(stored.entry):
            release(batch, terms, stored, now=self._services.clock.now(), on_time_s=self._on_time_s)
        elif stored.outcome is Outcome.HELD and isinstance(stored.entry.evidence, ConditionEvidence):
            await self._release_condition(queries, batch, terms, stored)
        else:
            batch.fire_stored(terms, stored)

    async def _release_condition(self, queries: Queries, batch: Batch, terms: JobTerms, stored: LedgerEntry) -> None:
        """Fire a condition that was held only if it still holds: attesters look at the value as it is now."""
        state = await queries.conditions.state(terms.number)
        if state is None or not state.is_true or state.edge != stored.entry.firing.index:
            detail = f"it no longer held when the job's hold was over ({stored.entry.detail})"
            batch.decide(stored, Ruling(outcome=Outcome.MISSED, reason=stored.entry.reason, detail=detail))
            return
        batch.fire_stored(terms, stored)
