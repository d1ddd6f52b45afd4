"""Jobs over HTTP as they are shown: lists with what the bodies say, single ones with how they stand."""

from collections.abc import Iterable
from typing import Final

from aiohttp import web

from triggerx.core.errors import InvalidInput, NotFound
from triggerx.core.job import Job
from triggerx.core.job_body import created_at_of
from triggerx.core.job_fields import read_address
from triggerx.evm.types import Address, checksum, to_hex
from triggerx.http.json import json_response
from triggerx.http.routes import key_of
from triggerx.ports.store.registry import RegistryRecord
from triggerx.role import Services
from triggerx_librarian.formats import iso
from triggerx_librarian.job_json import job_data, trigger_data
from triggerx_librarian.ownership import address_of, jobs_of_key, stored_job
from triggerx_librarian.parameters import address_in, chain_id_in, job_id_in, limit_in
from triggerx_librarian.standing import standing_of

UNCLAIMED_LIMIT: Final = 100  # a lost POST is one job, or the few of one request


class Jobs:
    """The handlers of `/api/jobs` that change nothing."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def by_api_key(self, request: web.Request) -> web.Response:
        """GET /api/jobs/by-apikey: the jobs posted with this key."""
        jobs = await self._services.store.jobs.list_by_api_key(key_of(request).api_key_id)
        return await self._list(jobs)

    async def by_owner(self, request: web.Request) -> web.Response:
        """GET /api/jobs/user/:address: an owner's jobs, none for somebody unknown."""
        return await self._list(await self._services.store.jobs.list_by_owner(address_in(request)))

    async def by_owner_on_chain(self, request: web.Request) -> web.Response:
        """GET /api/jobs/user/:address/chain/:chain_id: those that were created on one chain."""
        owner, chain_id = address_in(request), chain_id_in(request)
        return await self._list(await self._services.store.jobs.list_by_owner(owner, chain_id=chain_id))

    async def by_safe(self, request: web.Request) -> web.Response:
        """GET /api/jobs/safe-address/:address: the jobs of this key's owner that act through one Safe."""
        safe = address_in(request)
        jobs = await jobs_of_key(self._services.store, key_of(request))
        return await self._list(job for job in jobs if job.body.action.safe_address == safe)

    async def unclaimed(self, request: web.Request) -> web.Response:
        """GET /api/jobs/unclaimed?owner=: active jobs of the registry whose body nobody has posted, newest first.

        Their owner claims one by posting its body. Without `owner` those of the key's own address.
        """
        owner = self._owner_asked_for(request)
        records = await self._services.store.registry.list_unclaimed(owner, limit=limit_in(request, UNCLAIMED_LIMIT))
        return json_response({"jobs": [_record(record) for record in records]})

    async def of_owner(self, request: web.Request) -> web.Response:
        """GET /api/jobs/user/:address/:job_id: one job of an owner, its data bare."""
        owner, job = address_in(request), await stored_job(self._services.store, job_id_in(request))
        if job.body.owner != owner:
            raise NotFound(f"{checksum(owner)} has no job {job.job_id}")
        return json_response(await self._bare(job))

    async def one(self, request: web.Request) -> web.Response:
        """GET /api/jobs/:job_id: one job, its data bare."""
        return json_response(await self._bare(await stored_job(self._services.store, job_id_in(request))))

    async def task_fees(self, request: web.Request) -> web.Response:
        """GET /api/jobs/:job_id/task-fees: what each of a job's tasks cost, in wei, and their sum; null until known."""
        job = await stored_job(self._services.store, job_id_in(request))
        tasks = await self._services.store.tasks.list_by_job(job.job_id)
        fees = [
            {"task_id": task.task_id, "task_opx_cost": None if task.task_cost is None else str(task.task_cost)}
            for task in tasks
        ]
        total = sum(task.task_cost or 0 for task in tasks)
        return json_response({"job_id": str(job.job_id), "task_fees": fees, "total_fee_wei": str(total)})

    async def _list(self, jobs: Iterable[Job]) -> web.Response:
        shown = [
            {"job_data": job_data(job, await self._task_ids(job)), **trigger_data(job)} for job in jobs
        ]  # one read a job: what the SDK shows of a job names its tasks
        return json_response({"jobs": shown})

    async def _bare(self, job: Job) -> dict[str, object]:
        standing = await standing_of(self._services, job)
        return {**job_data(job, await self._task_ids(job)), **standing, **trigger_data(job)}

    async def _task_ids(self, job: Job) -> list[int]:
        return [task.task_id for task in await self._services.store.tasks.list_by_job(job.job_id)]

    def _owner_asked_for(self, request: web.Request) -> Address:
        if request.query.get("owner"):
            return read_address(request.query, "owner")
        owner = address_of(key_of(request))
        if owner is None:
            raise InvalidInput("owner", "is missing: an application's key has no address of its own")
        return owner


def _record(record: RegistryRecord) -> dict[str, object]:
    return {
        "job_id": str(record.job_id),
        "user_address": checksum(record.owner),
        "created_chain_id": str(record.chain_id),
        "job_hash": to_hex(record.job_hash),
        "version": str(record.version),
        "created_at": iso(created_at_of(record.job_id)),
        "block_number": record.block_number,
    }
