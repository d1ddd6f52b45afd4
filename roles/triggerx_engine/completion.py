"""Completion: ends a job when its trigger can fire no more and none of its tasks is open."""

import asyncio
from collections.abc import Sequence
from typing import Final, NoReturn

from triggerx.core.canonical import Json
from triggerx.core.followers import chain_follower, views_follower
from triggerx.core.job import ConditionTrigger, JobId, JobStatus, TimeTrigger
from triggerx.core.ledger import Outcome
from triggerx.core.task import FINAL, Task, TaskStatus
from triggerx.core.terms import JobTerms
from triggerx.events import JobChanged, TaskEnded
from triggerx.role import Services, WakeUp

GOOD: Final = frozenset({TaskStatus.ATTESTED})
WAITING: Final = frozenset({Outcome.CONFIRMING, Outcome.QUEUED, Outcome.HELD})
JOBS_PER_ROUND: Final = 500
SEEN_WITHIN_S: Final = 86_400  # a chain that is away for longer holds no job open: its owner should hear of the end


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
                await wake_up.wait(self._poll_s)

    async def look(self) -> None:
        """End what is over: time jobs off the schedule, jobs that do not recur and have run, jobs out of time."""
        jobs = self._services.store.jobs
        for job in await jobs.list_unscheduled():
            await self._end(job.job_id, job.status_reason or "its time frame is over")
        for job in await jobs.list_finished(limit=JOBS_PER_ROUND):
            await self._end(job.job_id, "it does not recur, and has run")
        now = self._services.clock.now()
        for terms in await jobs.list_expired(now, limit=JOBS_PER_ROUND):
            if now > terms.expires_at + SEEN_WITHIN_S or await self._is_seen(terms):
                await self._end(terms.job_id, "its time frame is over")

    async def _is_seen(self, terms: JobTerms) -> bool:
        """Whether every block of a job's time frame was handled, so that what happened in it is in the ledger."""
        trigger, store = terms.trigger, self._services.store
        if isinstance(trigger, TimeTrigger) or trigger.chain_id is None:
            return True
        blocks = await store.blocks.window(chain_follower(trigger.chain_id))
        if isinstance(trigger, ConditionTrigger):
            cursor = await store.cursors.get(views_follower(trigger.chain_id))
            blocks = [block for block in blocks if cursor is not None and block.number <= cursor.number]
        return any(block.timestamp > terms.expires_at for block in blocks)

    async def _end(self, job_id: JobId, reason: str) -> None:
        counts = await self._services.store.ledger.count(job_id)
        if any(counts.get(outcome, 0) for outcome in WAITING):
            return
        tasks = await self._services.store.tasks.list_by_job(job_id)
        if any(task.status not in FINAL for task in tasks):
            return
        status, reason = _verdict(tasks, reason)
        services = self._services
        async with services.store.transaction() as queries:
            present = await queries.jobs.get(job_id)
            if present is None or present.next_due_at is not None:
                return
            if present.status is not JobStatus.SCHEDULED and not present.is_paused:
                return
            await queries.jobs.set_status(job_id, status, reason=reason)
            details: dict[str, Json] = {"status": int(status), "reason": reason}
            await queries.events.append("job_ended", f"job:{job_id}", details, now_ms=services.clock.now_ms())
        services.log.info("job ended", job_id=str(job_id), status=status.name.lower(), reason=reason)
        await services.bus.publish(JobChanged(job_id))


def _verdict(tasks: Sequence[Task], reason: str) -> tuple[JobStatus, str]:
    """A job has completed unless it had tasks and none of them succeeded."""
    bad = [task for task in tasks if task.status not in GOOD]
    status = JobStatus.COMPLETED if len(bad) < len(tasks) or not tasks else JobStatus.FAILED
    if bad:
        reason += f"; {len(bad)} of {len(tasks)} tasks did not succeed, the last one: {bad[-1].task_error}"
    return status, reason
