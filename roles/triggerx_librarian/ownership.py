"""Whose a job is: what anybody may see is read by its id, what only its owner or an admin may change is refused here.

An application's key, which acts for many users, posts jobs and reads; it changes no job that is there already.
"""

from collections.abc import Sequence

from aiohttp import web

from triggerx.core.errors import NotFound
from triggerx.core.job import Job, JobId
from triggerx.evm.types import Address, checksum, parse_address
from triggerx.http.problems import refuse
from triggerx.http.routes import key_of
from triggerx.ports.store import Queries
from triggerx.ports.store.accounts import ApiKey, Scope
from triggerx_librarian.parameters import job_id_in


def address_of(key: ApiKey) -> Address | None:
    """Return the address that a key belongs to; None for an application's."""
    return parse_address(key.owner) if key.owner.startswith("0x") else None


def may_change(key: ApiKey, owner: Address) -> bool:
    """Whether this is the owner's own key, or an admin's."""
    return Scope.ADMIN in key.scopes or address_of(key) == owner


def require_owner(key: ApiKey, job: Job) -> None:
    """Refuse a key that is neither the job's owner's nor an admin's."""
    if not may_change(key, job.body.owner):
        raise refuse(
            403,
            "not-owner",
            f"this API key belongs to {key.owner}: job {job.job_id} is changed with a key of its owner "
            f"{checksum(job.body.owner)}, or an admin's",
        )


async def stored_job(queries: Queries, job_id: JobId) -> Job:
    """Return a job; 404 where there is none."""
    job = await queries.jobs.get(job_id)
    if job is None:
        raise NotFound(f"there is no job {job_id}")
    return job


async def own_job(queries: Queries, request: web.Request) -> Job:
    """Return the job of the path, to be changed by the key of this request."""
    job = await stored_job(queries, job_id_in(request))
    require_owner(key_of(request), job)
    return job


async def jobs_of_key(queries: Queries, key: ApiKey) -> Sequence[Job]:
    """Return the jobs of the address that a key belongs to; of an application's key, those posted with it."""
    address = address_of(key)
    if address is None:
        return await queries.jobs.list_by_api_key(key.api_key_id)
    return await queries.jobs.list_by_owner(address)
