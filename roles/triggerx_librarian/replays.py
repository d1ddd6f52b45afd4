"""Replays over HTTP: a job's simulation against history, and audits of the ledger against the chain."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from aiohttp import web

from triggerx.core.errors import InvalidInput, NotFound
from triggerx.core.job import Job, JobBody, JobId
from triggerx.core.job_body import parse_body
from triggerx.core.job_fields import read_chain_id, read_integer
from triggerx.evm.registry import pack_job_id
from triggerx.evm.types import ChainId
from triggerx.http.json import json_response, read_json
from triggerx.role import Services
from triggerx.triggers.audit import JobAudit, audit_job
from triggerx.triggers.occurrence import trigger_chain
from triggerx.triggers.simulation import World, simulate
from triggerx_librarian.parameters import job_id_in, object_of
from triggerx_librarian.replay_json import audit_json, simulation_json

BLOCK_MAX: Final = (1 << 63) - 1  # what a database numbers blocks with
JOBS_PER_AUDIT: Final = 20  # a page; each costs a few reads of the chain and of the store
JOBS_PER_AUDIT_MAX: Final = 100
JOB_ID_MAX: Final = (1 << 256) - 1


class Replays:
    """The handlers of simulation and audit."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def simulate(self, request: web.Request) -> web.Response:
        """POST /api/jobs/simulate: `{job, from_block, to_block}`, blocks of the trigger's chain, both included.

        The job is a body as POST /api/jobs takes it. It need not exist: without a `job_id` it is taken as created at
        the first block.
        """
        services, asked = self._services, object_of(await read_json(request))
        first = read_integer(asked, "from_block", low=0, high=BLOCK_MAX)
        last = read_integer(asked, "to_block", low=first, high=BLOCK_MAX)
        try:
            body = await self._body(object_of(asked.get("job"), "job"), first)
            found = await simulate(
                body,
                World(
                    network=services.network,
                    chains=services.chains,
                    conditions=services.store.conditions,
                    scripts=services.scripts,
                    script_sources=services.script_sources,
                ),
                first=first,
                last=last,
            )
        except InvalidInput as error:
            field = error.field if error.field in {"from_block", "to_block", "job"} else f"job.{error.field}"
            raise InvalidInput(field, error.message) from error
        return json_response(simulation_json(found))

    async def audit_one(self, request: web.Request) -> web.Response:
        """GET /api/jobs/:job_id/audit?from=&to=: one job over blocks of its trigger's chain, both included."""
        first, last = _span_in(request)
        job_id = job_id_in(request)
        job = await self._services.store.jobs.get(job_id)
        if job is None:
            raise NotFound(f"there is no job {job_id}")
        return json_response(audit_json(await self._audited(job, first=first, last=last)))

    async def audit_all(self, request: web.Request) -> web.Response:
        """GET /api/audit?from=&to=&chain_id=&after=&limit=: the jobs of one chain's triggers, a page at a time.

        `chain_id` may be left out where the network has one action chain. `next_after` is what to send as `after` for
        the next page, null after the last; a page may hold fewer jobs than `limit`, or none. `unchecked` are those
        that could not be audited, with the reason.
        """
        first, last = _span_in(request)
        chain_id = self._chain_id_in(request)
        if chain_id not in self._services.chains:
            known = ", ".join(str(each) for each in sorted(self._services.chains)) or "none"
            raise InvalidInput("chain_id", f"this node has no endpoint for chain {chain_id}, it has {known}")
        limit = read_integer(request.query, "limit", low=1, high=JOBS_PER_AUDIT_MAX, default=JOBS_PER_AUDIT)
        jobs = await self._services.store.jobs.list_page(after=_after_in(request), limit=limit)
        audits, unchecked = await self._audit(
            [job for job in jobs if trigger_chain(job.body) == chain_id], first=first, last=last
        )
        following = jobs[-1].job_id if len(jobs) == limit else None
        answer: dict[str, object] = {
            "chain_id": str(chain_id),
            "from_block": first,
            "to_block": last,
            "complete": not unchecked and all(audit.is_complete for audit in audits),
            "findings": sum(len(audit.findings) for audit in audits),
            "jobs": [audit_json(audit) for audit in audits],
            "unchecked": unchecked,
            "next_after": None if following is None else str(following),
        }
        return json_response(answer)

    async def _audit(
        self, jobs: Sequence[Job], *, first: int, last: int
    ) -> tuple[list[JobAudit], list[dict[str, object]]]:
        """Audit one after the other; a job whose trigger makes no sense keeps no other from it."""
        audits: list[JobAudit] = []
        unchecked: list[dict[str, object]] = []
        for job in jobs:
            try:
                audits.append(await self._audited(job, first=first, last=last))
            except InvalidInput as error:
                unchecked.append({"job_id": str(job.job_id), "field": error.field, "reason": error.message})
        return audits, unchecked

    async def _audited(self, job: Job, *, first: int, last: int) -> JobAudit:
        services = self._services
        return await audit_job(
            services.store, job, network=services.network, chains=services.chains, first=first, last=last
        )

    def _chain_id_in(self, request: web.Request) -> ChainId:
        chains = self._services.network.action_chains
        default = next(iter(chains)) if len(chains) == 1 else None
        return ChainId(read_integer(request.query, "chain_id", low=1, high=(1 << 32) - 1, default=default))

    async def _body(self, raw: Mapping[str, object], first: int) -> JobBody:
        """Read a body; one without an id gets one that says it was created at the first block of the span."""
        if raw.get("job_id") not in (None, ""):
            return parse_body(raw)
        created_chain_id = read_chain_id(raw, "created_chain_id")
        body = parse_body({**raw, "job_id": str(pack_job_id(created_chain_id, 0, 1))})
        chain = self._services.chains.get(trigger_chain(body))
        if chain is None:
            return body  # which chain is not of this node, and in which field, the simulation says
        block = await chain.block(first)
        if block is None:
            raise InvalidInput("from_block", f"chain {chain.chain_id} has no block {first} yet")
        return replace(body, job_id=JobId(pack_job_id(created_chain_id, block.timestamp, 1)))


def _span_in(request: web.Request) -> tuple[int, int]:
    first = read_integer(request.query, "from", low=0, high=BLOCK_MAX)
    return first, read_integer(request.query, "to", low=first, high=BLOCK_MAX)


def _after_in(request: web.Request) -> JobId | None:
    after = read_integer(request.query, "after", low=0, high=JOB_ID_MAX, default=0)
    return JobId(after) if after else None
