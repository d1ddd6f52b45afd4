"""What became of a job's occurrences, and why: the ledger as it is, and as sentences."""

from typing import Final

from aiohttp import web

from triggerx.core.errors import InvalidInput
from triggerx.core.evidence import SECOND_MAX, dump_evidence
from triggerx.core.job import ConditionTrigger, Job, TimeTrigger
from triggerx.core.ledger import LedgerEntry
from triggerx.core.task import Task
from triggerx.core.why import Attempt, Records, Value, explain
from triggerx.evm.types import Hash32, checksum, to_hex
from triggerx.http.json import json_response
from triggerx.role import Services
from triggerx.triggers.sources import name_of, source_of
from triggerx.triggers.time import count_dues, is_due, next_due
from triggerx_librarian.formats import iso, iso_ms
from triggerx_librarian.ownership import stored_job
from triggerx_librarian.parameters import job_id_in, limit_in, moment_in

WHY_ENTRIES: Final = 10
"""Explained where no moment is asked about: the newest, which fill a screen."""
WHY_ENTRIES_AT: Final = 100  # of one second: a flood of logs in one block is told by its first hundred


class History:
    """The handlers of `/api/jobs/:job_id/why` and `/ledger`."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def why(self, request: web.Request) -> web.Response:
        """GET /api/jobs/:job_id/why?at=: why it did or did not run at a moment, or how it stands now, in sentences."""
        job = await stored_job(self._services.store, job_id_in(request))
        at = moment_in(request, "at")
        findings = explain(await self._records(job, at), at=at)
        shown = [
            {"code": finding.code, "text": finding.text, "at": finding.at, "at_iso": iso(finding.at)}
            for finding in findings
        ]
        return json_response({"job_id": str(job.job_id), "at": at, "findings": shown})

    async def ledger(self, request: web.Request) -> web.Response:
        """GET /api/jobs/:job_id/ledger?since=&until=&limit=: the newest entries of a span of moments, ascending."""
        job = await stored_job(self._services.store, job_id_in(request))
        since, until = moment_in(request, "since"), moment_in(request, "until")
        first, last = since or 0, SECOND_MAX if until is None else until
        if first > last:
            raise InvalidInput("since", f"is {first}, after until {last}")
        entries = await self._services.store.ledger.list_by_job(
            job.job_id, since=first, until=last, limit=limit_in(request)
        )
        return json_response({"job_id": str(job.job_id), "entries": [_row(entry) for entry in entries]})

    async def _records(self, job: Job, at: int | None) -> Records:
        store = self._services.store
        entries = await store.ledger.list_by_job(
            job.job_id,
            since=0 if at is None else at,
            until=SECOND_MAX if at is None else at,
            limit=WHY_ENTRIES if at is None else WHY_ENTRIES_AT,
        )
        tasks: dict[Hash32, Task] = {}
        attempts: dict[Hash32, list[Attempt]] = {}
        for key in (entry.entry.task_key for entry in entries):
            task = await store.tasks.by_key(key)
            if task is not None:
                tasks[key], attempts[key] = task, await self._attempts(key)
        before, exact, after = (None, False, None) if at is None else _around(job, at)
        return Records(
            job=job,
            now=self._services.clock.now(),
            entries=entries,
            tasks=tasks,
            attempts=attempts,
            value=await self._value(job),
            is_due=exact,
            due_before=before,
            due_after=after,
        )

    async def _attempts(self, key: Hash32) -> list[Attempt]:
        rows = await self._services.store.assignments.list_by_task(key)
        return [
            Attempt(
                number=row.signed.assignment.attempt,
                performer=checksum(row.signed.assignment.performer),
                status=row.status.value,
                reason=row.reason,
            )
            for row in rows
        ]

    async def _value(self, job: Job) -> Value | None:
        trigger = job.body.trigger
        if not isinstance(trigger, ConditionTrigger):
            return None
        newest = await self._services.store.conditions.latest(name_of(source_of(trigger)))
        if newest is None:
            return None
        return Value(value=newest.value, observed_at_ms=newest.observed_at_ms, fault=newest.fault)


def _around(job: Job, at: int) -> tuple[int | None, bool, int | None]:
    """Return the due second before a moment, whether it is one itself, and the next one after it."""
    trigger = job.body.trigger
    if not isinstance(trigger, TimeTrigger):
        return None, False, None
    frame = {"created_at": job.created_at, "expires_at": job.expires_at}
    _, before = count_dues(trigger, **frame, after=job.created_at, until=at - 1)
    return before, is_due(trigger, **frame, moment=at), next_due(trigger, **frame, after=at)


def _row(stored: LedgerEntry) -> dict[str, object]:
    entry = stored.entry
    return {
        "number": stored.number,
        "task_key": to_hex(entry.task_key),
        "moment": entry.moment,
        "last_moment": entry.last_moment,
        "moment_iso": iso(entry.moment),
        "count": entry.count,
        "outcome": entry.outcome.value,
        "reason": entry.reason.value,
        "detail": entry.detail,
        "evidence": dump_evidence(entry.evidence),
        "ready_block": entry.ready_block,
        "noted_at": iso_ms(stored.noted_at_ms),
        "decided_at": iso_ms(entry.decided_at_ms),
    }
