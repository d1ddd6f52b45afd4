"""Jobs taken in and changed over HTTP, once the chain agrees.

A job is its id. The same body again changes nothing. A newer registry version replaces everything the registry's hash
binds and what is beside it. At the same version the owner may change what the hash does not bind (call, schedule's
times, filters, limits, priority, misfire policy, link, mandate), others only put a new mandate in. What has occurred
keeps its entry and its task key: those depend on the job's id and the firing alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from aiohttp import web

from triggerx.core.canonical import Json
from triggerx.core.errors import Conflict, InvalidInput
from triggerx.core.followers import BEGINS_ANEW, SCHEDULE_BEFORE
from triggerx.core.job import Job, JobBody, JobStatus
from triggerx.core.job_body import created_at_of, dump_body, parse_body
from triggerx.core.validation import RegistryEntry
from triggerx.events import JobChanged, JobCreated
from triggerx.evm.types import Wei
from triggerx.http.json import json_response, read_json
from triggerx.http.routes import key_of
from triggerx.ports.store import Queries
from triggerx.ports.store.accounts import ApiKey
from triggerx.role import Services
from triggerx.triggers.job_past import is_over
from triggerx_librarian.acceptance import (
    action_chain_of,
    check_authority,
    check_executable,
    check_limits,
    check_security,
    first_due,
    registered,
)
from triggerx_librarian.links import BLOCK, check_link, check_link_on_chain
from triggerx_librarian.mandates import check_mandate
from triggerx_librarian.ownership import own_job
from triggerx_librarian.parameters import object_of
from triggerx_librarian.registry import chain_of, read_deposit
from triggerx_librarian.replacement import (
    check_replaces,
    check_settled,
    is_deleted,
    is_same,
    replace_job,
)
from triggerx_librarian.watchable import check_trigger

JOBS_PER_POST_MAX = 20  # the SDK posts one; each costs a few reads of the chain


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """A body the chain agrees with.

    `entry` is the registry's, None where the job is known and nothing changes. `base` is the stored body that its owner
    (or an admin) changed into this one, None of what was posted.
    """

    body: JobBody
    entry: RegistryEntry | None = None
    base: JobBody | None = None


class Postings:
    """The handlers of POST /api/jobs and PUT /api/jobs/update."""

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

    async def update(self, request: web.Request) -> web.Response:
        """PUT /api/jobs/update/:job_id: the body's fields that change, or the whole body; for its owner or an admin.

        Fields that are left out keep their value, null takes the default. At the registry's present version whatever
        its hash does not bind may change; trigger and call only while no occurrence is on its way (409 otherwise).
        """
        known = await own_job(self._services.store, request)
        given = object_of(await read_json(request))
        body = parse_body({**dump_body(known.body), **given})
        if body.job_id != known.job_id:
            raise InvalidInput("job_id", f"is {body.job_id}, the path says {known.job_id}")
        if body.owner != known.body.owner:
            raise InvalidInput("user_address", "cannot change: a job belongs to who created it on chain")
        return await self._store([await self._accept(body, key_of(request), base=known.body)], key_of(request))

    async def _accept(self, body: JobBody, key: ApiKey, *, base: JobBody | None = None) -> Accepted:
        """Check one body against store and chain; the store is read again inside the transaction that writes."""
        services, is_owners = self._services, base is not None
        check_executable(body)
        check_limits(body)
        check_security(services, body)
        known = await services.store.jobs.get(body.job_id)
        if known is not None and is_same(known.body, body, is_owners=is_owners) and not is_deleted(known):
            return Accepted(body=known.body)
        entry = await registered(services, body, wait_s=self._registry_wait_s)
        check_mandate(body, entry, action_chain_of(services, body), now=services.clock.now())
        check_authority(body, key, is_mandate_enough=known is None or entry.version == known.version)
        check_trigger(services, body)
        if known is None or known.body.link_job_id != body.link_job_id:
            await check_link_on_chain(services, body)
        if known is not None:
            check_replaces(known, body, entry, is_owners=is_owners)
        first_due(body, after=services.clock.now())
        return Accepted(body=body, entry=entry, base=base)

    async def _store(self, accepted: Sequence[Accepted], key: ApiKey) -> web.Response:
        services, owner = self._services, accepted[0].body.owner
        action_chain = action_chain_of(services, accepted[0].body)
        chain_id = action_chain.chain_id
        deposit = await read_deposit(chain_of(services, chain_id), action_chain, owner)
        events: list[JobCreated | JobChanged] = []
        now = services.clock.now()
        async with services.store.transaction() as queries:
            user = await queries.users.ensure(owner, now=now)
            await queries.deposits.set(chain_id, owner, deposit.balance, block_number=deposit.block_number, now=now)
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
            "token_balance": str(deposit.balance),
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
        body, now_ms = item.body, self._services.clock.now_ms()
        await check_link(queries, body)
        due = first_due(body, after=now_ms // 1000)
        job = Job(
            body=body,
            user_id=user_id,
            job_hash=entry.job_hash,
            version=entry.version,
            status=JobStatus.CREATED if body.chain_status == BLOCK else JobStatus.SCHEDULED,
            created_at=created_at_of(body.job_id),
            accepted_at=now_ms // 1000,
            next_due_at=due,
            spent_wei=Wei(0),
        )
        subject = f"job:{body.job_id}"
        details: dict[str, Json] = {"version": str(entry.version), "is_guarded": body.is_guarded, "due": due}
        if await queries.jobs.insert(job, api_key_id=key.api_key_id):
            await queries.events.append("job_created", subject, details, now_ms=now_ms)
            return [JobCreated(body.job_id)]
        known, is_owners = await queries.jobs.get(body.job_id), item.base is not None
        if known is None or (is_same(known.body, body, is_owners=is_owners) and not is_deleted(known)):
            return []
        if is_owners and known.body != item.base:
            raise Conflict(
                f"job {body.job_id} was changed by another request meanwhile: look at it, and send this again"
            )
        check_replaces(known, body, entry, is_owners=is_owners)
        if entry.version == known.version:
            await check_settled(queries, known, body)
        details[SCHEDULE_BEFORE] = await replace_job(queries, known, body, entry, now_ms=now_ms)
        details[BEGINS_ANEW] = known.body.trigger != body.trigger or is_over(known)
        await queries.events.append("job_updated", subject, details, now_ms=now_ms)
        return [JobChanged(body.job_id)]


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
