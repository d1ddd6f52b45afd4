"""Completion: ends a job when nothing is scheduled for it any more and none of its tasks is open."""

import asyncio
from typing import NoReturn

from triggerx.core.canonical import Json
from triggerx.core.job import Job, JobId, JobStatus
from triggerx.core.task import FINAL, TaskStatus
from triggerx.events import JobChanged, TaskEnded
from triggerx.role import Services, WakeUp

GOOD = frozenset({TaskStatus.ATTESTED})


class Completion:
    """Looks at the jobs that are off the schedule whenever a task ended or a job changed, and at every poll."""

    def __init__(self, services: Services, *, poll_s: float) -> None:
        self._services = services
        self._poll_s = poll_s

    async def run(self) -> NoReturn:
        """End jobs, for ever."""
        wake_up = WakeUp(self._services, TaskEnded, JobChanged)
        async with asyncio.TaskGroup() as group:
            group.create_task(wake_up.listen(), name="engine.completion.listen")
            while True:
                for job in await self._services.store.jobs.list_unscheduled():
                    await self._end(job)
                await wake_up.wait(self._poll_s)

    async def _end(self, job: Job) -> None:
        tasks = await self._services.store.tasks.list_by_job(job.job_id)
        if any(task.status not in FINAL for task in tasks):
            return
        bad = [task for task in tasks if task.status not in GOOD]
        status = JobStatus.COMPLETED if len(bad) < len(tasks) or not tasks else JobStatus.FAILED
        reason = job.status_reason or "its time frame is over"
        if bad:
            reason += f"; {len(bad)} of {len(tasks)} tasks did not succeed, the last one: {bad[-1].task_error}"
        await self._set(job.job_id, status, reason)

    async def _set(self, job_id: JobId, status: JobStatus, reason: str) -> None:
        """Write the end, unless the job was stopped, paused or put back onto the schedule since it was read."""
        services = self._services
        async with services.store.transaction() as queries:
            present = await queries.jobs.get(job_id)
            if present is None or present.is_paused or present.next_due_at is not None:
                return
            if present.status is not JobStatus.SCHEDULED:
                return
            await queries.jobs.set_status(job_id, status, reason=reason)
            details: dict[str, Json] = {"status": int(status), "reason": reason}
            await queries.events.append("job_ended", f"job:{job_id}", details, now_ms=services.clock.now_ms())
        services.log.info("job ended", job_id=str(job_id), status=status.name.lower(), reason=reason)
        await services.bus.publish(JobChanged(job_id))
