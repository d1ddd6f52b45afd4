"""The time watcher: turns due seconds into tasks, each due second at most once.

One transaction moves the schedule on and inserts the task, so a kill at any moment neither loses nor doubles a firing;
a job that was stopped or changed since it was read is left alone.
"""

import asyncio
from typing import NoReturn

from triggerx.core.canonical import Json
from triggerx.core.errors import InvalidInput
from triggerx.core.job import Job, JobStatus, TimeTrigger
from triggerx.events import JobChanged, JobCreated, TaskCreated
from triggerx.evm.hub import Firing, task_key
from triggerx.evm.types import to_hex
from triggerx.ports.store import Queries
from triggerx.ports.store.tasks import NewTask
from triggerx.role import Services, WakeUp
from triggerx.triggers.time import last_due, next_due

DUE_PER_ROUND = 500  # bounds one round's memory and lets new jobs in between; what is left over comes next round


class TimeWatcher:
    """Sleeps until the earliest due second, or until a job is created or changed, or `poll_s` is over."""

    def __init__(self, services: Services, *, poll_s: float) -> None:
        self._services = services
        self._poll_s = poll_s
        self._log = services.log.bind(loop="engine.watcher")

    async def run(self) -> NoReturn:
        """Fire what is due, for ever."""
        wake_up = WakeUp(self._services, JobCreated, JobChanged)
        async with asyncio.TaskGroup() as group:
            group.create_task(wake_up.listen(), name="engine.watcher.listen")
            while True:
                if await self.fire_due() < DUE_PER_ROUND:
                    await wake_up.wait(await self._idle_s())

    async def fire_due(self) -> int:
        """Fire every job that is due now, at most `DUE_PER_ROUND`; return how many were looked at."""
        jobs = await self._services.store.jobs.list_due(self._services.clock.now(), limit=DUE_PER_ROUND)
        for job in jobs:
            try:
                await self._fire(job)
            except InvalidInput as error:
                await self._quarantine(job, error)
        return len(jobs)

    async def _idle_s(self) -> float:
        next_at = await self._services.store.jobs.next_due_at()
        if next_at is None:
            return self._poll_s
        return min(self._poll_s, max(0.0, next_at - self._services.clock.now_ms() / 1000))

    async def _fire(self, job: Job) -> None:
        services, trigger, due = self._services, job.body.trigger, job.next_due_at
        if not isinstance(trigger, TimeTrigger) or due is None:
            raise InvalidInput("trigger", "only time jobs have due seconds")
        schedule = {"created_at": job.created_at, "expires_at": job.expires_at}
        latest, missed = last_due(trigger, expires_at=job.expires_at, due=due, now=services.clock.now())
        reason = await self._over(job)
        if reason:
            await self._end(job, reason, due=due, missed=missed + 1)
            return
        next_due_at = next_due(trigger, **schedule, after=latest)
        firing = Firing.time(latest)
        key = task_key(job.job_id, firing)
        now, now_ms = services.clock.now(), services.clock.now_ms()
        new = NewTask(
            task_key=key,
            job_id=job.job_id,
            task_definition_id=job.body.task_definition_id,
            firing=firing,
            is_guarded=job.body.is_guarded,
            evidence={"kind": "time", "due": latest},
            created_at=now,
            fired_at_ms=now_ms,
        )
        async with services.store.transaction() as queries:
            if not await queries.jobs.advance(job.job_id, due=due, next_due_at=next_due_at):
                return
            task = await queries.tasks.insert(new)
            if missed:
                await _note_missed(queries, job, due=due, before=latest, count=missed, now_ms=now_ms)
            if task is not None:
                fired: dict[str, Json] = {"task_key": to_hex(key), "due": latest}
                await queries.events.append("fired", f"job:{job.job_id}", fired, now_ms=now_ms)
        if missed:
            self._log.warning("due seconds missed", job_id=str(job.job_id), first_due=due, count=missed)
        if task is not None:
            self._log.info("job fired", job_id=str(job.job_id), due=latest, task_id=task.task_id)
            await services.bus.publish(TaskCreated(key))

    async def _over(self, job: Job) -> str:
        """Return why the job's mandate allows no further run, which its hub would refuse; empty while it does."""
        if job.body.mandate is None:
            return ""
        mandate = job.body.mandate.mandate
        if self._services.clock.now() > mandate.expiry:
            return f"the mandate expired at {mandate.expiry}: sign a new one to go on"
        if await self._services.store.tasks.count_by_job(job.job_id) >= mandate.runs_max:
            return f"the mandate's {mandate.runs_max} runs are used: sign a new one to go on"
        return ""

    async def _end(self, job: Job, reason: str, *, due: int, missed: int) -> None:
        """Take a job off the schedule with the reason, and count the due seconds up to now that it did not fire at."""
        now_ms = self._services.clock.now_ms()
        async with self._services.store.transaction() as queries:
            if not await queries.jobs.advance(job.job_id, due=due, next_due_at=None):
                return
            await queries.jobs.set_status(job.job_id, JobStatus.SCHEDULED, reason=reason)
            await _note_missed(queries, job, due=due, before=None, count=missed, now_ms=now_ms)
            details: dict[str, Json] = {"reason": reason, "due": due}
            await queries.events.append("schedule_ended", f"job:{job.job_id}", details, now_ms=now_ms)
        self._log.warning("schedule ended", job_id=str(job.job_id), due=due, reason=reason)
        await self._services.bus.publish(JobChanged(job.job_id))

    async def _quarantine(self, job: Job, error: InvalidInput) -> None:
        """Set one poisonous job aside, with the reason, so that the others go on."""
        now = self._services.clock.now()
        async with self._services.store.transaction() as queries:
            if job.next_due_at is None or not await queries.jobs.advance(
                job.job_id, due=job.next_due_at, next_due_at=None
            ):
                return
            await queries.jobs.set_status(job.job_id, JobStatus.FAILED, reason=str(error))
            await queries.quarantine.add(
                kind="job", subject=f"job:{job.job_id}", reason=str(error), content=b"", now=now
            )
        self._log.error("job quarantined", job_id=str(job.job_id), reason=str(error))


async def _note_missed(queries: Queries, job: Job, *, due: int, before: int | None, count: int, now_ms: int) -> None:
    details: dict[str, Json] = {"first_due": due, "before": before, "count": count}
    await queries.events.append("slots_missed", f"job:{job.job_id}", details, now_ms=now_ms)
