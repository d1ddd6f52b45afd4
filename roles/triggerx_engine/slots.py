"""The time watcher: gives every due second of every time job its one entry in the ledger, and fires those that may.

One transaction claims the jobs that are due, writes entries and tasks, and moves the schedules on, so a kill at any
moment neither loses nor doubles a due second.
"""

import asyncio
from collections.abc import Sequence
from typing import NoReturn

from triggerx.core.admission import FIRES
from triggerx.core.errors import InvalidInput
from triggerx.core.job import JobStatus, TimeTrigger
from triggerx.core.ledger import LedgerEntry
from triggerx.core.terms import JobTerms
from triggerx.events import Event, JobChanged, JobCreated
from triggerx.ports.store import Queries
from triggerx.role import Services, WakeUp
from triggerx.triggers.misfire import settle_slots
from triggerx_engine.batch import Batch
from triggerx_engine.prices import Prices
from triggerx_engine.ranges import Run, note_runs, ruled
from triggerx_engine.shelf import set_aside

DUE_PER_ROUND = 1_000  # bounds one transaction to some ten milliseconds; what is left over comes next round
Due = tuple[JobTerms, list[Run]]


class TimeWatcher:
    """Sleeps until the earliest due second, or until a job is created or changed, or `poll_s` is over."""

    def __init__(self, services: Services, prices: Prices, *, on_time_s: int, poll_s: float) -> None:
        self._services = services
        self._prices = prices
        self._on_time_s = on_time_s
        self._poll_s = poll_s
        self._log = services.log.bind(loop="engine.slots")

    async def run(self) -> NoReturn:
        """Fire what is due, for ever."""
        wake_up = WakeUp(self._services, JobCreated, JobChanged)
        async with asyncio.TaskGroup() as group:
            group.create_task(wake_up.listen(), name="engine.slots.listen")
            while True:
                idle_s = await self._idle_s()
                if idle_s > 0:
                    await wake_up.wait(idle_s)
                else:
                    await self.fire_due()

    async def fire_due(self) -> int:
        """Settle every job that is due now, at most `DUE_PER_ROUND`; return how many there were."""
        services = self._services
        async with services.store.transaction() as queries:
            batch = Batch(self._prices.around(), now_ms=services.clock.now_ms())
            claimed = await queries.jobs.claim_due(services.clock.now(), limit=DUE_PER_ROUND)
            if not claimed:
                return 0
            events: list[Event] = []
            settled: list[Due] = []
            for terms in claimed:
                try:
                    settled.append((terms, self._settle(batch, terms)))
                except InvalidInput as error:
                    events += await self._set_aside(queries, terms, error)
            await _note(queries, batch, settled)
            events += await batch.write(queries)
            services.crash_point("engine.slots.before-commit")
        services.crash_point("engine.slots.after-commit")
        for event in events:
            await services.bus.publish(event)
        self._log.info("jobs due", jobs=len(claimed), fired=len(batch.fired_keys))
        return len(claimed)

    def _settle(self, batch: Batch, terms: JobTerms) -> list[Run]:
        """Decide about a job's due seconds up to now, and move its schedule on."""
        trigger, due = terms.trigger, terms.next_due_at
        if not isinstance(trigger, TimeTrigger) or due is None:
            raise InvalidInput("trigger", "only time jobs have due seconds")
        now = self._services.clock.now()
        slots = settle_slots(
            trigger,
            created_at=terms.created_at,
            expires_at=terms.expires_at,
            first=due,
            until=now,
            now=now,
            on_time_s=self._on_time_s,
        )
        batch.move_on(terms, slots.next_due)
        return ruled(batch, terms, slots.fire, slots.left_out)

    async def _set_aside(self, queries: Queries, terms: JobTerms, error: InvalidInput) -> Sequence[Event]:
        """Take one poisonous job off the schedule, with the reason, so that the others go on."""
        await queries.jobs.set_schedule(terms.job_id, next_due_at=None)
        await queries.jobs.set_status(terms.job_id, JobStatus.FAILED, reason=str(error))
        await set_aside(queries, terms, error, now=self._services.clock.now())
        self._log.error("job quarantined", job_id=str(terms.job_id), reason=str(error))
        return (JobChanged(terms.job_id),)

    async def _idle_s(self) -> float:
        next_at = await self._services.store.jobs.next_due_at()
        if next_at is None:
            return self._poll_s
        return min(self._poll_s, max(0.0, next_at - self._services.clock.now_ms() / 1000))


async def _note(queries: Queries, batch: Batch, settled: Sequence[Due]) -> None:
    """Enter the due seconds that do not fire; the newest range of a job is read only where there are some."""
    waiting = [terms.number for terms, runs in settled if any(run.ruling is not FIRES for run in runs)]
    lasts: dict[int, LedgerEntry] = {}
    if waiting:
        lasts = {last.entry.job_number: last for last in await queries.ledger.last_of(waiting)}
    for terms, runs in settled:
        note_runs(batch, terms, runs, lasts.get(terms.number))
