"""The time watcher: gives every due second of every time job its one entry in the ledger, and fires those that may.

One transaction claims the jobs that are due, writes entries and tasks, and moves the schedules on, so a kill at any
moment neither loses nor doubles a due second. Where many are due at once that transaction is made ready ahead, and what
waits for the due second is the commit alone.
"""

import asyncio
from collections.abc import Sequence
from typing import Final, NoReturn, TypeAlias

from triggerx.core.admission import FIRES
from triggerx.core.errors import InvalidInput
from triggerx.core.job import JobStatus, TimeTrigger
from triggerx.core.terms import JobTerms
from triggerx.events import Event, JobChanged, JobCreated
from triggerx.ports.store import Queries
from triggerx.role import Services, WakeUp
from triggerx.triggers.misfire import settle_slots
from triggerx_engine.batch import Batch
from triggerx_engine.prices import Prices
from triggerx_engine.ranges import Run, note_runs, ruled
from triggerx_engine.shelf import set_aside

DUE_PER_ROUND: Final = 1_000  # bounds one transaction to some ten milliseconds; what is left over comes next round
AHEAD_JOBS_MIN: Final = 50  # fewer are written in some milliseconds, and hold nobody up ahead of their time
AHEAD_S_PER_JOB: Final = 0.0002  # three times what one takes; what is ready too early only waits
AHEAD_S_MAX: Final = 0.4  # other writers wait as long: a fraction of a block
Due: TypeAlias = tuple[JobTerms, list[Run]]


class _ClockWentBack(Exception):
    """The due second that a transaction was made ready for is further off than it was."""


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
                next_at = await self._services.store.jobs.next_due_at()
                idle_s = self._poll_s if next_at is None else await self._idle_s(next_at)
                if idle_s > 0:
                    await wake_up.wait(idle_s)
                else:
                    await self.fire_due(at=next_at or 0)

    async def fire_due(self, *, at: int = 0) -> int:
        """Settle every job that is due now, at most `DUE_PER_ROUND`; return how many there were.

        `at` is a due second that is about to come: everything is written as it will be then, and committed then.
        """
        try:
            return await self._fire(at)
        except _ClockWentBack:
            return 0

    async def _fire(self, at: int) -> int:
        services = self._services
        async with services.store.transaction() as queries:
            now = max(services.clock.now(), at)
            batch = Batch(self._prices.around(at=at), now_ms=max(services.clock.now_ms(), at * 1000))
            claimed = await queries.jobs.claim_due(now, limit=DUE_PER_ROUND)
            if not claimed:
                return 0
            events: list[Event] = []
            settled: list[Due] = []
            for terms in claimed:
                try:
                    settled.append((terms, self._settle(batch, terms, now)))
                except InvalidInput as error:
                    events += await self._set_aside(queries, terms, error)
            await _note(queries, batch, settled)
            events += await batch.write(queries)
            services.crash_point("engine.slots.before-commit")
            await self._reach(at)
        services.crash_point("engine.slots.after-commit")
        for event in events:
            await services.bus.publish(event)
        self._log.info("jobs due", jobs=len(claimed), fired=len(batch.fired_keys))
        return len(claimed)

    async def _reach(self, at: int) -> None:
        """Wait for the second; a bounded time only, for a clock that was set back meanwhile makes it a far one."""
        clock = self._services.clock
        until = clock.monotonic() + 2 * AHEAD_S_MAX
        while (left_ms := at * 1000 - clock.now_ms()) > 0:
            if clock.monotonic() >= until:
                raise _ClockWentBack
            await clock.sleep(min(left_ms / 1000, AHEAD_S_MAX))

    def _settle(self, batch: Batch, terms: JobTerms, now: int) -> list[Run]:
        """Decide about a job's due seconds up to now, and move its schedule on."""
        trigger, due = terms.trigger, terms.next_due_at
        if not isinstance(trigger, TimeTrigger) or due is None:
            raise InvalidInput("trigger", "only time jobs have due seconds")
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

    async def _idle_s(self, next_at: int) -> float:
        """How long there is nothing to do: until the next due second, less what it takes to be ready for it."""
        left_s = next_at - self._services.clock.now_ms() / 1000
        if 0 < left_s <= self._poll_s + AHEAD_S_MAX:
            count = await self._services.store.jobs.count_due(next_at, limit=DUE_PER_ROUND)
            if count >= AHEAD_JOBS_MIN:
                left_s -= min(AHEAD_S_MAX, count * AHEAD_S_PER_JOB)
        return min(self._poll_s, max(0.0, left_s))


async def _note(queries: Queries, batch: Batch, settled: Sequence[Due]) -> None:
    """Enter the due seconds that do not fire; the newest range of a job is read only where there are some."""
    waiting = [(terms, runs) for terms, runs in settled if any(run.ruling is not FIRES for run in runs)]
    if not waiting:
        return
    newest = await queries.ledger.last_of([terms.number for terms, _ in waiting])
    lasts = {last.entry.job_number: last for last in newest}
    for terms, runs in waiting:
        note_runs(batch, terms, runs, lasts.get(terms.number))
