"""Jobs taken in and changed over HTTP, once the chain agrees.

A job is its id. The same body again changes nothing. A newer registry version replaces everything the registry's hash
binds and what is beside it. At the same version the owner may change what the hash does not bind (call, schedule's
times, filters, limits, priority, misfire policy, link, mandate), others only put a new mandate in. What has occurred
keeps its entry and its task key: those depend on the job's id and the firing alone.
"""

from collections.abc import Sequence

from aiohttp import web

from triggerx.core.canonical import Json
from triggerx.core.errors import Conflict, InvalidInput
from triggerx.core.followers import BEGINS_ANEW, SCHEDULE_BEFORE
from triggerx.core.job import Job, JobBody, JobStatus
from triggerx.core.job_body import created_at_of, dump_body, parse_body
from triggerx.core.job_fields import read_chain_id, shown
from triggerx.core.validation import RegistryEntry
from triggerx.events import JobChanged, JobCreated
from triggerx.evm.registry import pack_job_id
from triggerx.evm.types import Wei
from triggerx.http.json import json_response, read_json
from triggerx.http.routes import key_of
from triggerx.ports.store import Queries
from triggerx.ports.store.accounts import ApiKey
from triggerx.role import Services
from triggerx.triggers.job_past import is_over
from triggerx_librarian.acceptance import action_chain_of, first_due
from triggerx_librarian.judging import Accepted, Judge
from triggerx_librarian.links import BLOCK, check_link
from triggerx_librarian.ownership import own_job
from triggerx_librarian.parameters import object_of
from triggerx_librarian.registry import chain_of, read_deposit
from triggerx_librarian.replacement import check_present, is_deleted, is_same, replace_job

JOBS_PER_POST_MAX = 20  # the SDK posts one; each costs a few reads of the chain


class Postings:
    """The handlers of POST /api/jobs and PUT /api/jobs/update, and of the questions what they would say."""

    def __init__(self, services: Services, *, registry_wait_s: float) -> None:
        self._services = services
        self._judge = Judge(services, registry_wait_s=registry_wait_s)

    async def post(self, request: web.Request) -> web.Response:
        """POST /api/jobs: one body or an array of them, all taken or none; 201 when any is new, else 200."""
        key = key_of(request)
        bodies = _bodies(await read_json(request))
        accepted = []
        for place, body in enumerate(bodies):
            try:
                accepted.append(await self._judge.accept(body, key))
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
        known, body = await self._changed(request)
        key = key_of(request)
        return await self._store([await self._judge.accept(body, key, base=known.body)], key)

    async def check(self, request: web.Request) -> web.Response:
        """POST /api/jobs/check: whether POST /api/jobs would take this one body once it is on chain; nothing is kept.

        Without a `job_id` the job is taken as created now. `?mandated=true` says that its owner's mandate is to be with
        it then, which is not signed yet.
        """
        raw = object_of(await read_json(request))
        is_new = raw.get("job_id") in (None, "")
        if is_new:
            created_chain_id = read_chain_id(raw, "created_chain_id")
            raw = {**raw, "job_id": str(pack_job_id(created_chain_id, self._services.clock.now(), 0))}
        due = await self._judge.rehearse(
            parse_body(raw), key_of(request), is_mandated=_is_mandated(request), is_new=is_new
        )
        return json_response({"is_accepted": True, "next_due_at": due})

    async def check_update(self, request: web.Request) -> web.Response:
        """POST /api/jobs/update/:job_id/check: the same of PUT /api/jobs/update/:job_id.

        What the registry binds may differ from what is there: it is taken as updated on chain by its owner.
        """
        known, body = await self._changed(request)
        due = await self._judge.rehearse(body, key_of(request), base=known.body, is_mandated=_is_mandated(request))
        return json_response({"is_accepted": True, "next_due_at": due})

    async def _changed(self, request: web.Request) -> tuple[Job, JobBody]:
        """The job of the path, and the body that its owner or an admin makes of it."""
        known = await own_job(self._services.store, request)
        given = object_of(await read_json(request))
        body = parse_body({**dump_body(known.body), **given})
        if body.job_id != known.job_id:
            raise InvalidInput("job_id", f"is {body.job_id}, the path says {known.job_id}")
        if body.owner != known.body.owner:
            raise InvalidInput("user_address", "cannot change: a job belongs to who created it on chain")
        return known, body

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
        await check_present(queries, known, body, entry, is_owners=is_owners)
        details[SCHEDULE_BEFORE] = await replace_job(queries, known, body, entry, now_ms=now_ms)
        details[BEGINS_ANEW] = known.body.trigger != body.trigger or is_over(known)
        await queries.events.append("job_updated", subject, details, now_ms=now_ms)
        return [JobChanged(body.job_id)]


def _is_mandated(request: web.Request) -> bool:
    text = request.query.get("mandated", "false")
    if text not in ("true", "false"):
        raise InvalidInput("mandated", f"expected true or false, got {shown(text)}")
    return text == "true"


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
