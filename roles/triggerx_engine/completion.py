"""Completion: ends a job when its trigger can fire no more and none of its tasks is open.

Which jobs those may be is read in pages, from counts that are kept beside each job: tasks are counted once, when their
job ends, and none of them is loaded but the one that the reason names.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final, NoReturn

from triggerx.core.canonical import Json
from triggerx.core.followers import chain_follower, views_follower
from triggerx.core.job import ConditionTrigger, JobStatus, TimeTrigger
from triggerx.core.task import DEAD, FINAL, Task, TaskStatus
from triggerx.core.terms import JobTerms
from triggerx.events import JobChanged, TaskEnded
from triggerx.evm.types import ChainId
from triggerx.ports.store.jobs import IdleJob
from triggerx.role import Services, WakeUp

JOBS_PER_READ: Final = 500  # bounds a page to some ten milliseconds
LOOK_PAUSE_S: Final = 0.2  # tasks end by the hundred in a second; nobody waits for a job's end more closely
Page = Callable[[int, int], Awaitable[Sequence[IdleJob]]]
"""Reads at most so many jobs (second) beyond a number (first)."""
SEEN_WITHIN_S: Final = 86_400  # a chain that is away for longer holds no job open: its owner should hear of the end


class Unseen:
    """Which jobs' time frames are over, while blocks of it were not handled yet; for one look, at `now`."""

    def __init__(self, services: Services, now: int) -> None:
        self._store = services.store
        self._now = now
        self._handled: dict[tuple[ChainId, bool], int] = {}

    async def of(self, numbers: Sequence[int]) -> frozenset[int]:
        """Return those jobs of which something that happened in their time may not be in the ledger yet."""
        terms = await self._store.jobs.terms(numbers) if numbers else ()
        return frozenset([each.number for each in terms if not await self._is_seen(each)])

    async def _is_seen(self, terms: JobTerms) -> bool:
        trigger = terms.trigger
        if isinstance(trigger, TimeTrigger) or trigger.chain_id is None:
            return True
        if self._now > terms.expires_at + SEEN_WITHIN_S:
            return True
        place = trigger.chain_id, isinstance(trigger, ConditionTrigger)
        if place not in self._handled:
            self._handled[place] = await self._handled_until(*place)
        return self._handled[place] > terms.expires_at

    async def _handled_until(self, chain_id: ChainId, is_by_view: bool) -> int:
        """Return the second of the newest block that was handled; 0 where there is none."""
        blocks = await self._store.blocks.window(chain_follower(chain_id))
        if is_by_view:
            cursor = await self._store.cursors.get(views_follower(chain_id))
            blocks = [block for block in blocks if cursor is not None and block.number <= cursor.number]
        return max((block.timestamp for block in blocks), default=0)


class Completion:
    """Looks at the jobs that may be over whenever a task ended or a job changed, and at every poll."""

    def __init__(self, services: Services, *, poll_s: float) -> None:
        self._services = services
        self._poll_s = poll_s

    async def run(self) -> NoReturn:
        """End jobs, for ever."""
        wake_up = WakeUp(self._services, TaskEnded, JobChanged)
        async with asyncio.TaskGroup() as group:
            group.create_task(wake_up.listen(), name="engine.completion.listen")
            while True:
                await self.look()
                await self._services.clock.sleep(LOOK_PAUSE_S)
                await wake_up.wait(self._poll_s)

    async def look(self) -> None:
        """End what is over: time jobs off the schedule, jobs that do not recur and have run, jobs out of time."""
        jobs, now = self._services.store.jobs, self._services.clock.now()
        unseen = Unseen(self._services, now)
        await self._end_all(
            lambda after, limit: jobs.list_unscheduled(after=after, limit=limit),
            lambda job: job.reason or "its time frame is over",
        )
        await self._end_all(
            lambda after, limit: jobs.list_finished(after=after, limit=limit),
            lambda job: "it does not recur, and has run",
        )
        await self._end_all(
            lambda after, limit: jobs.list_expired(now, after=after, limit=limit),
            lambda job: "its time frame is over",
            unseen=unseen,
        )

    async def _end_all(self, read: Page, reason_of: Callable[[IdleJob], str], *, unseen: Unseen | None = None) -> None:
        """End what can end; those that have an occurrence still to be decided about, or unseen, are passed over."""
        page = await read(0, JOBS_PER_READ)
        while page:
            numbers = [job.number for job in page]
            waiting = await self._services.store.ledger.waiting(numbers)
            if unseen is not None:
                waiting |= await unseen.of([number for number in numbers if number not in waiting])
            for job in page:
                if job.number not in waiting:
                    await self._end(job, reason_of(job))
            page = await read(page[-1].number, JOBS_PER_READ) if len(page) == JOBS_PER_READ else ()

    async def _end(self, job: IdleJob, reason: str) -> None:
        services = self._services
        async with services.store.transaction() as queries:
            present = await queries.jobs.get(job.job_id)
            if present is None or present.next_due_at is not None:
                return
            if present.status is not JobStatus.SCHEDULED and not present.is_paused:
                return
            counts = await queries.tasks.count_by_status(job.job_id)
            if not counts.keys() <= FINAL or await queries.ledger.waiting([job.number]):
                return
            last = await queries.tasks.last_dead(job.job_id) if counts.keys() & DEAD else None
            status, reason = _verdict(counts, last, reason)
            await queries.jobs.set_status(job.job_id, status, reason=reason)
            details: dict[str, Json] = {"status": int(status), "reason": reason}
            await queries.events.append("job_ended", f"job:{job.job_id}", details, now_ms=services.clock.now_ms())
        services.log.info("job ended", job_id=str(job.job_id), status=status.name.lower(), reason=reason)
        await services.bus.publish(JobChanged(job.job_id))


def _verdict(counts: Mapping[TaskStatus, int], last_dead: Task | None, reason: str) -> tuple[JobStatus, str]:
    """A job has completed unless it had tasks and none of them succeeded."""
    total = sum(counts.values())
    bad = sum(counts.get(status, 0) for status in DEAD)
    status = JobStatus.COMPLETED if bad < total or total == 0 else JobStatus.FAILED
    if last_dead is not None:
        reason += f"; {bad} of {total} tasks did not succeed, the last one: {last_dead.task_error}"
    return status, reason
