"""Run now: the owner's signature has a job run once, beside its trigger. An API key alone does not suffice.

The nonce is the run's identity: whoever sends the same wish again gets the same task key, and nothing is run twice.
"""

from typing import Final

from aiohttp import web

from triggerx.core.canonical import Json
from triggerx.core.errors import InvalidInput
from triggerx.core.evidence import COUNT_MAX, RUN_AGE_S_MAX, SECOND_MAX, ManualEvidence
from triggerx.core.job import Job, JobId, JobStatus
from triggerx.core.job_fields import read_integer, read_text
from triggerx.core.ledger import QUEUED, LedgerEntry, new_entry
from triggerx.core.validation import signer_of
from triggerx.events import OccurrenceQueued
from triggerx.evm.hub import Firing, run_digest, task_key
from triggerx.evm.types import checksum, from_hex, to_hex
from triggerx.http.json import json_response, read_json
from triggerx.http.problems import ProblemError, refuse
from triggerx.ports.store import Queries
from triggerx.role import Services
from triggerx_librarian.acceptance import action_chain_of
from triggerx_librarian.job_json import status_word
from triggerx_librarian.ownership import stored_job
from triggerx_librarian.parameters import job_id_in, object_of
from triggerx_librarian.registry import chain_of, check_current, read_entry

AHEAD_S_MAX: Final = 30  # clocks of wallets differ by seconds; the draw waits for a block of the signed second
SIGNATURE_BYTES: Final = 65


class Runs:
    """The handler of POST /api/jobs/:job_id/run."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def request(self, request: web.Request) -> web.Response:
        """POST /api/jobs/:job_id/run `{nonce, requested_at, signature}`: 201 once it is queued, 200 if it was before.

        The signature is the owner's, 65 bytes as 0x-hex, over `evm.hub.run_digest` of the job's id and version, the
        nonce and the second; at most an hour old. It counts against the job's limits as every run does.
        """
        job = await stored_job(self._services.store, job_id_in(request))
        wish = _read_wish(object_of(await read_json(request)))
        self._check_signature(job, wish)
        firing = Firing.manual(wish.nonce)
        known = await self._services.store.ledger.by_keys([task_key(job.job_id, firing)])
        if known:
            return _answer(job.job_id, wish, known[0])
        self._check_moment(job, wish)
        await self._check_registry(job)
        async with self._services.store.transaction() as queries:
            is_new, stored = await self._enter(queries, job.job_id, firing, wish)
        if is_new:
            await self._services.bus.publish(OccurrenceQueued(job.job_id))
            self._services.log.info("run requested", job_id=str(job.job_id), nonce=str(wish.nonce))
        return _answer(job.job_id, wish, stored, status=201 if is_new else 200)

    async def _enter(
        self, queries: Queries, job_id: JobId, firing: Firing, wish: ManualEvidence
    ) -> tuple[bool, LedgerEntry]:
        """Give the wish its one entry; the job's row is locked, so of two requests one finds the other's."""
        terms = await queries.jobs.terms_of(job_id)
        if terms is None or terms.status is not JobStatus.SCHEDULED:
            raise _not_running(await stored_job(queries, job_id))
        key = task_key(job_id, firing)
        known = await queries.ledger.by_keys([key])
        if known:
            return False, known[0]
        now_ms = self._services.clock.now_ms()
        await queries.ledger.add_many([new_entry(terms, wish, QUEUED, now_ms=now_ms)])
        (stored,) = await queries.ledger.by_keys([key])
        details: dict[str, Json] = {"nonce": str(wish.nonce), "task_key": to_hex(key)}
        await queries.events.append("run_requested", f"job:{job_id}", details, now_ms=now_ms)
        return True, stored

    def _check_signature(self, job: Job, wish: ManualEvidence) -> None:
        action_chain = action_chain_of(self._services, job.body)
        chain_id, hub = action_chain.chain_id, action_chain.task_execution_hub
        digest = run_digest(job.job_id, job.version, wish.nonce, wish.requested_at, chain_id, hub)
        signer = signer_of(digest, wish.signature)
        if signer == job.body.owner:
            return
        who = "nobody: it is malformed" if signer is None else checksum(signer)
        raise refuse(
            403,
            "not-owner",
            f"the signature is by {who}, not by the job's owner {checksum(job.body.owner)}: the owner signs "
            f"Run(jobId {job.job_id}, version {job.version}, nonce {wish.nonce}, requestedAt {wish.requested_at}) in "
            f"the EIP-712 domain name triggerx, version 1, chainId {chain_id}, verifyingContract {checksum(hub)}",
            field="signature",
        )

    def _check_moment(self, job: Job, wish: ManualEvidence) -> None:
        now, at = self._services.clock.now(), wish.requested_at
        if job.status is not JobStatus.SCHEDULED:
            raise _not_running(job)
        if now - at > RUN_AGE_S_MAX:
            raise InvalidInput("requested_at", f"is {now - at} s ago, of {RUN_AGE_S_MAX} s at most: sign it anew")
        if at - now > AHEAD_S_MAX:
            raise InvalidInput("requested_at", f"is {at - now} s from now: sign the present second")
        if not job.created_at <= at <= job.expires_at:
            raise InvalidInput("requested_at", f"is outside of the job's time, {job.created_at} to {job.expires_at}")

    async def _check_registry(self, job: Job) -> None:
        """Refuse what every keeper would: a job that was deleted, or updated on chain since it was posted."""
        chain = chain_of(self._services, job.body.created_chain_id)
        check_current(job, await read_entry(chain, action_chain_of(self._services, job.body), job.job_id))


def _read_wish(raw: dict[str, object]) -> ManualEvidence:
    text = read_text(raw, "signature", bytes_max=2 + 2 * SIGNATURE_BYTES)
    try:
        signature = from_hex(text)
    except ValueError:
        signature = b""
    if len(signature) != SIGNATURE_BYTES:
        raise InvalidInput("signature", f"expected {SIGNATURE_BYTES} bytes as 0x-hex")
    return ManualEvidence(
        nonce=read_integer(raw, "nonce", low=0, high=COUNT_MAX),
        requested_at=read_integer(raw, "requested_at", low=0, high=SECOND_MAX),
        signature=signature,
    )


def _not_running(job: Job) -> ProblemError:
    advice = {
        "paused": "resume it first",
        "created": "it waits for the job before it in its chain",
    }.get(status_word(job), "it runs no more")
    return refuse(409, "job-not-scheduled", f"job {job.job_id} is {status_word(job)}: {advice}")


def _answer(job_id: JobId, wish: ManualEvidence, stored: LedgerEntry, *, status: int = 200) -> web.Response:
    answer = {
        "job_id": str(job_id),
        "nonce": str(wish.nonce),
        "task_key": to_hex(stored.entry.task_key),
        "outcome": stored.outcome.value,
        "reason": stored.entry.reason.value,
        "detail": stored.entry.detail,
    }
    return json_response(answer, status=status)
