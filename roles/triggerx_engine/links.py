"""Links: starts a job of a chain when the one before it has completed, or ends it when that one has failed."""

import asyncio
from typing import Final, NoReturn

from triggerx.core.canonical import Json
from triggerx.core.job import Job, JobStatus, OnLinkFailure
from triggerx.events import JobChanged, JobCreated
from triggerx.role import Services, WakeUp
from triggerx.triggers.handover import settle_schedule

JOBS_PER_ROUND: Final = 100


class Links:
    """Looks at the waiting jobs whose predecessor is over, whenever a job was created or changed, and at every poll."""

    def __init__(self, services: Services, *, poll_s: float) -> None:
        self._services = services
        self._poll_s = poll_s
        self._log = services.log.bind(loop="engine.links")

    async def run(self) -> NoReturn:
        """Start and end linked jobs, for ever."""
        wake_up = WakeUp(self._services, JobCreated, JobChanged)
        async with asyncio.TaskGroup() as group:
            group.create_task(wake_up.listen(), name="engine.links.listen")
            while True:
                for waiting, before in await self._services.store.jobs.list_linked(limit=JOBS_PER_ROUND):
                    await self.follow(waiting, before)
                await wake_up.wait(self._poll_s)

    async def follow(self, waiting: Job, before: Job) -> None:
        """Decide about a job that waits for one which is over."""
        services = self._services
        status, reason = JobStatus.SCHEDULED, ""
        if before.status is not JobStatus.COMPLETED and before.body.link_on_failure is OnLinkFailure.STOP:
            status = JobStatus.FAILED
            reason = f"job {before.job_id} before it in its chain {_end_of(before)}: {before.status_reason}"
        async with services.store.transaction() as queries:
            present = await queries.jobs.get(waiting.job_id)
            if present is None or present.status is not JobStatus.CREATED:
                return
            now_ms = services.clock.now_ms()
            await settle_schedule(queries, waiting.job_id, now_ms=now_ms)
            await queries.jobs.set_status(waiting.job_id, status, reason=reason)
            if status is JobStatus.FAILED:
                await queries.jobs.set_schedule(waiting.job_id, next_due_at=None)
            details: dict[str, Json] = {"before": str(before.job_id), "status": int(status), "reason": reason}
            await queries.events.append("link_followed", f"job:{waiting.job_id}", details, now_ms=now_ms)
        self._log.info("link followed", job_id=str(waiting.job_id), before=str(before.job_id), status=status.name)
        await services.bus.publish(JobChanged(waiting.job_id))


def _end_of(before: Job) -> str:
    return "was deleted" if before.status is JobStatus.STOPPED else before.status.name.lower()
