"""The queue: lets go what waits in the ledger (queued, confirmed, held) as soon as it may fire.

A flood of occurrences is in the ledger first and fires from here, higher priority first. What is held is asked again at
every poll, and at once when a deposit, a job or a task has changed.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final, NoReturn

from triggerx.core.evidence import ConditionEvidence
from triggerx.core.ledger import EntryNumber, LedgerEntry, Outcome, Ruling
from triggerx.core.terms import JobTerms
from triggerx.events import DepositChanged, JobChanged, OccurrenceQueued, TaskEnded
from triggerx.evm.types import ChainId
from triggerx.ports.store import Queries
from triggerx.role import Services, WakeUp
from triggerx_engine.batch import Batch
from triggerx_engine.prices import Prices
from triggerx_engine.ranges import is_range, release

ENTRIES_PER_ROUND: Final = 500  # bounds one transaction to some ten milliseconds
FIRST: Final = EntryNumber(0)
Take = Callable[[Queries, int], Awaitable[Sequence[LedgerEntry]]]
"""Takes at most so many entries from the ledger."""


class Queue:
    """Reads the ledger again at every wake-up and every poll; the watchers call it for what they have just entered."""

    def __init__(self, services: Services, prices: Prices, *, on_time_s: int, poll_s: float) -> None:
        self._services = services
        self._prices = prices
        self._on_time_s = on_time_s
        self._poll_s = poll_s

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
        """Decide about everything that is queued."""
        await self._release(lambda queries, limit: queries.ledger.list_queued(limit=limit))

    async def release_confirmed(self, chain_id: ChainId, *, head: int) -> None:
        """Decide about every log of this chain that has its confirmations at this head, and about what is queued."""
        await self._release(lambda queries, limit: queries.ledger.list_confirmed(chain_id, head=head, limit=limit))
        await self.release_queued()

    async def release_held(self) -> None:
        """Ask again about everything that is held."""
        after = FIRST

        async def take(queries: Queries, limit: int) -> Sequence[LedgerEntry]:
            nonlocal after
            entries = await queries.ledger.list_held(after=after, limit=limit)
            if limit > 1 and entries:
                after = entries[-1].number
            return entries

        await self._release(take)

    async def _release(self, take: Take) -> None:
        """Decide a bounded number at a time; where nothing waits, nothing is written."""
        count = ENTRIES_PER_ROUND if await take(self._services.store, 1) else 0
        while count == ENTRIES_PER_ROUND:
            async with self._services.store.transaction() as queries:
                entries = await take(queries, ENTRIES_PER_ROUND)
                batch = await self._decide(queries, entries)
                events = await batch.write(queries)
                self._services.crash_point("engine.queue.before-commit")
            self._services.crash_point("engine.queue.after-commit")
            count = len(entries)
            for event in events:
                await self._services.bus.publish(event)

    async def _decide(self, queries: Queries, entries: Sequence[LedgerEntry]) -> Batch:
        batch = Batch(self._prices.around(), now_ms=self._services.clock.now_ms())
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
        elif await _is_stale(queries, terms, stored):
            detail = f"it no longer held when the job's hold was over ({stored.entry.detail})"
            batch.decide(stored, Ruling(outcome=Outcome.MISSED, reason=stored.entry.reason, detail=detail))
        else:
            batch.fire_stored(terms, stored)


async def _is_stale(queries: Queries, terms: JobTerms, stored: LedgerEntry) -> bool:
    """Whether a condition that was held has become false since: the owner wants the action while it holds."""
    if stored.outcome is not Outcome.HELD or not isinstance(stored.entry.evidence, ConditionEvidence):
        return False
    state = await queries.conditions.state(terms.number)
    return state is None or not state.is_true or state.edge != stored.entry.evidence.edge
