"""Jobs over HTTP: taken in once the chain agrees, shown, and stopped.

A job is its id: the same body again changes nothing, another body under the id needs a newer registry version, and a
new mandate may replace an old one.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from aiohttp import web

from triggerx.core.canonical import Json
from triggerx.core.errors import Conflict, InvalidInput, NotFound
from triggerx.core.job import Job, JobBody, JobId, JobStatus
from triggerx.core.job_body import created_at_of, parse_body
from triggerx.core.validation import RegistryEntry
from triggerx.events import JobChanged, JobCreated
from triggerx.evm.types import Wei, checksum
from triggerx.http.json import json_response, read_json
from triggerx.http.problems import refuse
from triggerx.http.routes import key_of
from triggerx.ports.store import Queries
from triggerx.ports.store.accounts import ApiKey, Scope
from triggerx.role import Services
from triggerx_librarian.acceptance import (
    action_chain_of,
    check_authority,
    check_mandate,
    check_schedulable,
    first_due,
    registered,
)
from triggerx_librarian.job_json import job_data, trigger_data
from triggerx_librarian.parameters import address_in, chain_id_in, job_id_in, object_of
from triggerx_librarian.registry import chain_of, read_deposit, read_entry

JOBS_PER_POST_MAX = 20  # the SDK posts one; each costs a few reads of the chain


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """A body the chain agrees with, its registry entry, and when it is due first; `entry` None for a known job."""

    body: JobBody
    entry: RegistryEntry | None = None
    due: int = 0


class Jobs:
    """The handlers of `/api/jobs`."""

    def __init__(self, services: Services, *, registry_wait_s: float) -> None:
        self._services = services
        self._registry_wait_s = registry_wait_s

    async def post(self, request: web.Request) -> web.Response:
        """POST /api/jobs: one body or an array of them, all taken or none; 201 when any is new, else 200."""
        key = key_of(request)
        bodies = _bodies(await read_json(request))
        accepted = []
        for place, body in enumerate(bodies):
            try:
                accepted.append(await self._accept(body, key))
            except InvalidInput as error:
                if len(bodies) == 1:
                    raise
                raise InvalidInput(f"[{place}].{error.field}", error.message) from error
        return await self._store(accepted, key)

    async def by_api_key(self, request: web.Request) -> web.Response:
        """GET /api/jobs/by-apikey: the jobs posted with this key."""
        jobs = await self._services.store.jobs.list_by_api_key(key_of(request).api_key_id)
        return json_response({"jobs": [await self._shown(job) for job in jobs]})

    async def by_owner(self, request: web.Request) -> web.Response:
        """GET /api/jobs/user/:address: an owner's jobs, none for somebody unknown."""
        jobs = await self._services.store.jobs.list_by_owner(address_in(request))
        return json_response({"jobs": [await self._shown(job) for job in jobs]})

    async def by_owner_on_chain(self, request: web.Request) -> web.Response:
        """GET /api/jobs/user/:address/chain/:chain_id: those that were created on one chain."""
        owner, chain_id = address_in(request), chain_id_in(request)
        jobs = await self._services.store.jobs.list_by_owner(owner, chain_id=chain_id)
        return json_response({"jobs": [await self._shown(job) for job in jobs]})

    async def of_owner(self, request: web.Request) -> web.Response:
        """GET /api/jobs/user/:address/:job_id: one job of an owner, its data bare."""
        owner, job = address_in(request), await self._job(job_id_in(request))
        if job.body.owner != owner:
            raise NotFound(f"{checksum(owner)} has no job {job.job_id}")
        return json_response(await self._bare(job))

    async def one(self, request: web.Request) -> web.Response:
        """GET /api/jobs/:job_id: one job, its data bare."""
        return json_response(await self._bare(await self._job(job_id_in(request))))

    async def delete(self, request: web.Request) -> web.Response:
        """PUT /api/jobs/delete/:job_id: stop a job that was deleted on chain; its owner may stop it before that."""
        key, job = key_of(request), await self._job(job_id_in(request))
        if job.status is not JobStatus.STOPPED or job.is_paused:
            await self._stop(job, await self._reason_to_stop(job, key))
        return json_response({"job_id": str(job.job_id), "status": "deleted"})

    async def _accept(self, body: JobBody, key: ApiKey) -> Accepted:
        """Check one body against store and chain; the store is read again inside the transaction that writes."""
        check_schedulable(body)
        known = await self._services.store.jobs.get(body.job_id)
        if known is not None and is_same(known.body, body) and not is_deleted(known):
            return Accepted(body=known.body)
        entry = await registered(self._services, body, wait_s=self._registry_wait_s)
        check_mandate(body, entry, action_chain_of(self._services, body), now=self._services.clock.now())
        check_authority(body, key)
        if known is not None:
            _check_replaces(known, body, entry)
        return Accepted(body=body, entry=entry, due=first_due(body, self._services.clock))

    async def _store(self, accepted: Sequence[Accepted], key: ApiKey) -> web.Response:
        services, owner = self._services, accepted[0].body.owner
        action_chain = action_chain_of(services, accepted[0].body)
        chain = chain_of(services, action_chain.chain_id)
        head = await chain.head()
        deposit = await read_deposit(chain, action_chain, owner, block=head.number)
        events: list[JobCreated | JobChanged] = []
        now = services.clock.now()
        async with services.store.transaction() as queries:
            user = await queries.users.ensure(owner, now=now)
            await queries.deposits.set(chain.chain_id, owner, deposit, block_number=head.number, now=now)
            for item in accepted:
                if item.entry is not None:
                    events += await self._write(queries, item, item.entry, user_id=user.user_id, key=key)
        for event in events:
            await services.bus.publish(event)
            services.log.info("job accepted", job_id=str(event.job_id), new=isinstance(event, JobCreated))
        bodies = [item.body for item in accepted]
        answer = {
            "user_id": user.user_id,
            "account_balance": str(user.account_balance),
            "token_balance": str(deposit),
            "job_ids": [str(body.job_id) for body in bodies],
            "task_definition_ids": [int(body.task_definition_id) for body in bodies],
            "time_frames": [body.time_frame_s for body in bodies],
            "is_guarded": [body.is_guarded for body in bodies],
        }
        is_new = any(isinstance(event, JobCreated) for event in events)
        return json_response(answer, status=201 if is_new else 200)

    async def _write(
        self, queries: Queries, item: Accepted, entry: RegistryEntry, *, user_id: int, key: ApiKey
    ) -> list[JobCreated | JobChanged]:
        """Insert or replace one job; what another request wrote meanwhile is checked as if it had been there before."""
        body, clock = item.body, self._services.clock
        job = Job(
            body=body,
            user_id=user_id,
            job_hash=entry.job_hash,
            version=entry.version,
            status=JobStatus.SCHEDULED,
            created_at=created_at_of(body.job_id),
            accepted_at=clock.now(),
            next_due_at=item.due,
            spent_wei=Wei(0),
        )
        subject = f"job:{body.job_id}"
        details: dict[str, Json] = {"version": str(entry.version), "is_guarded": body.is_guarded, "due": item.due}
        if await queries.jobs.insert(job, api_key_id=key.api_key_id):
            await queries.events.append("job_created", subject, details, now_ms=clock.now_ms())
            return [JobCreated(body.job_id)]
        known = await queries.jobs.get(body.job_id)
        if known is None or (is_same(known.body, body) and not is_deleted(known)):
            return []
        _check_replaces(known, body, entry)
        await queries.jobs.replace_body(body.job_id, body, job_hash=entry.job_hash, version=entry.version)
        await queries.jobs.set_status(body.job_id, JobStatus.SCHEDULED, reason="")
        await queries.jobs.set_schedule(body.job_id, next_due_at=item.due)
        await queries.events.append("job_updated", subject, details, now_ms=clock.now_ms())
        return [JobChanged(body.job_id)]

    async def _reason_to_stop(self, job: Job, key: ApiKey) -> str:
        chain_id = job.body.created_chain_id
        chain = chain_of(self._services, chain_id)
        entry = await read_entry(chain, action_chain_of(self._services, job.body), job.job_id)
        if entry is None or not entry.is_active:
            return "deleted on chain"
        if Scope.ADMIN in key.scopes or key.owner.lower() == checksum(job.body.owner).lower():
            return "stopped by its owner; the registry still has it"
        raise refuse(
            403, "not-owner", f"the job is active on chain {chain_id}: delete it there first, or use its owner's key"
        )

    async def _stop(self, job: Job, reason: str) -> None:
        services, details = self._services, {"reason": reason}
        async with services.store.transaction() as queries:
            await queries.jobs.set_schedule(job.job_id, next_due_at=None)
            await queries.jobs.set_status(job.job_id, JobStatus.STOPPED, reason=reason)
            await queries.events.append("job_stopped", f"job:{job.job_id}", details, now_ms=services.clock.now_ms())
        await services.bus.publish(JobChanged(job.job_id))
        services.log.info("job stopped", job_id=str(job.job_id), reason=reason)

    async def _job(self, job_id: JobId) -> Job:
        job = await self._services.store.jobs.get(job_id)
        if job is None:
            raise NotFound(f"there is no job {job_id}")
        return job

    async def _shown(self, job: Job) -> dict[str, object]:
        tasks = await self._services.store.tasks.list_by_job(job.job_id)
        return {"job_data": job_data(job, [task.task_id for task in tasks]), **trigger_data(job)}

    async def _bare(self, job: Job) -> dict[str, object]:
        tasks = await self._services.store.tasks.list_by_job(job.job_id)
        return {**job_data(job, [task.task_id for task in tasks]), **trigger_data(job)}


def is_same(known: JobBody, body: JobBody) -> bool:
    """Whether a posted body says nothing new: the same, or the same without the mandate that is there already."""
    return known == body or (body.mandate is None and replace(known, mandate=None) == body)


def is_deleted(job: Job) -> bool:
    """Whether a job was stopped for good, not paused."""
    return job.status is JobStatus.STOPPED and not job.is_paused


def _check_replaces(known: Job, body: JobBody, entry: RegistryEntry) -> None:
    """Refuse a body that contradicts the stored one at the same registry version; a new mandate contradicts nothing."""
    if entry.version > known.version:
        return
    if is_deleted(known) and is_same(known.body, body):
        raise refuse(
            409,
            "job-stopped",
            f"job {body.job_id} was stopped ({known.status_reason}): update it on chain, or create another",
            field="job_id",
        )
    if entry.version == known.version and replace(known.body, mandate=body.mandate) == body:
        return
    raise Conflict(
        f"job {body.job_id} has another body already, at registry version {known.version}: update it on chain first"
    )


def _bodies(raw: object) -> list[JobBody]:
    items = raw if isinstance(raw, list) else [raw]
    if not 1 <= len(items) <= JOBS_PER_POST_MAX:
        raise InvalidInput("body", f"expected 1 to {JOBS_PER_POST_MAX} jobs, got {len(items)}")
    bodies: list[JobBody] = []
    for place, item in enumerate(items):
        prefix = "" if len(items) == 1 else f"[{place}]."
        try:
            body = parse_body(object_of(item))
        except InvalidInput as error:
            raise InvalidInput(prefix + error.field, error.message) from error
        if any(body.job_id == other.job_id for other in bodies):
            raise InvalidInput(f"{prefix}job_id", "stands in this request twice")
        if bodies and (body.owner, body.created_chain_id) != (bodies[0].owner, bodies[0].created_chain_id):
            raise InvalidInput(f"{prefix}user_address", "all jobs of one request must have one owner and chain")
        bodies.append(body)
    return bodies
