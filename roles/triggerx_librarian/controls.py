"""Pause, resume and delete: what a job's owner, or an admin, does to it. Sent again, each changes nothing."""

from aiohttp import web

from triggerx.core.canonical import Json
from triggerx.core.job import Job, JobStatus
from triggerx.core.validation import RegistryEntry
from triggerx.events import JobChanged
from triggerx.evm.types import checksum
from triggerx.http.json import json_response
from triggerx.http.problems import ProblemError, refuse
from triggerx.http.routes import key_of
from triggerx.ports.store import Queries
from triggerx.ports.store.accounts import ApiKey
from triggerx.role import Services
from triggerx.triggers.handover import STOPPED, settle_schedule
from triggerx_librarian.acceptance import action_chain_of
from triggerx_librarian.job_json import status_word
from triggerx_librarian.links import let_go
from triggerx_librarian.ownership import may_change, own_job, stored_job
from triggerx_librarian.parameters import job_id_in
from triggerx_librarian.registry import chain_of, check_current, read_entry

_RUNNING = frozenset({JobStatus.CREATED, JobStatus.SCHEDULED})


class Controls:
    """The handlers that move a job between its states."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def pause(self, request: web.Request) -> web.Response:
        """PUT /api/jobs/:job_id/pause: let nothing of it fire; what occurs meanwhile is entered as skipped.

        409 for a job that is over.
        """
        job = await own_job(self._services.store, request)
        reason = f"paused by {_who(key_of(request), job)}"
        async with self._services.store.transaction() as queries:
            present = await stored_job(queries, job.job_id)
            is_changed = not present.is_paused
            if is_changed:
                if present.status not in _RUNNING:
                    raise _over(present, "paused")
                await queries.jobs.set_status(job.job_id, JobStatus.STOPPED, reason=reason, is_paused=True)
                await self._log(queries, job, "job_paused", reason)
        return await self._answer(job, is_changed=is_changed)

    async def resume(self, request: web.Request) -> web.Response:
        """PUT /api/jobs/:job_id/resume: let it fire again; a linked job waits on where the one before it is not over.

        409 for a job that is over, that was deleted on chain, or that was updated there and waits for its new body.
        """
        job = await own_job(self._services.store, request)
        if job.is_paused:
            check_current(job, await self._entry(job))
        async with self._services.store.transaction() as queries:
            present = await stored_job(queries, job.job_id)
            is_changed = present.is_paused
            if not is_changed and present.status not in _RUNNING:
                raise _over(present, "resumed")
            if is_changed:
                await settle_schedule(queries, job.job_id, now_ms=self._services.clock.now_ms())
                await let_go(queries, present.body)
                await self._log(queries, job, "job_resumed", f"resumed by {_who(key_of(request), job)}")
        return await self._answer(job, is_changed=is_changed)

    async def delete(self, request: web.Request) -> web.Response:
        """PUT /api/jobs/delete/:job_id and POST /api/jobs/:job_id/cancel: stop it for good.

        Anybody may have a job stopped that was deleted on chain; its owner, or an admin, before that too.
        """
        key, job = key_of(request), await stored_job(self._services.store, job_id_in(request))
        if job.status is not JobStatus.STOPPED or job.is_paused:
            reason = await self._reason_to_stop(job, key)
            async with self._services.store.transaction() as queries:
                now_ms = self._services.clock.now_ms()
                await settle_schedule(queries, job.job_id, now_ms=now_ms, otherwise=STOPPED)
                await queries.jobs.set_schedule(job.job_id, next_due_at=None)
                await queries.jobs.set_status(job.job_id, JobStatus.STOPPED, reason=reason)
                await self._log(queries, job, "job_stopped", reason)
            await self._services.bus.publish(JobChanged(job.job_id))
            self._services.log.info("job stopped", job_id=str(job.job_id), reason=reason)
        return json_response({"job_id": str(job.job_id), "status": "deleted"})

    async def _reason_to_stop(self, job: Job, key: ApiKey) -> str:
        entry = await self._entry(job)
        if entry is None or not entry.is_active:
            return "deleted on chain"
        if may_change(key, job.body.owner):
            return f"stopped by {_who(key, job)}; the registry still has it"
        raise refuse(
            403,
            "not-owner",
            f"job {job.job_id} is active on chain {job.body.created_chain_id}: delete it there first, or use a key of "
            f"its owner {checksum(job.body.owner)}",
        )

    async def _entry(self, job: Job) -> RegistryEntry | None:
        chain = chain_of(self._services, job.body.created_chain_id)
        return await read_entry(chain, action_chain_of(self._services, job.body), job.job_id)

    async def _log(self, queries: Queries, job: Job, kind: str, reason: str) -> None:
        details: dict[str, Json] = {"reason": reason}
        await queries.events.append(kind, f"job:{job.job_id}", details, now_ms=self._services.clock.now_ms())

    async def _answer(self, job: Job, *, is_changed: bool) -> web.Response:
        present = await stored_job(self._services.store, job.job_id)
        if is_changed:
            await self._services.bus.publish(JobChanged(job.job_id))
            self._services.log.info("job changed", job_id=str(job.job_id), status=status_word(present))
        return json_response(
            {
                "job_id": str(present.job_id),
                "status": status_word(present),
                "status_code": int(present.status),
                "is_paused": present.is_paused,
            }
        )


def _who(key: ApiKey, job: Job) -> str:
    return "its owner" if key.owner == checksum(job.body.owner) else "an admin"


def _over(job: Job, what: str) -> ProblemError:
    reason = f" ({job.status_reason})" if job.status_reason else ""
    word = status_word(job)
    verb = "was" if word == "deleted" else "has"
    return refuse(409, "job-over", f"job {job.job_id} {verb} {word}{reason}: it cannot be {what}")
