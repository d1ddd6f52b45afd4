"""The job table over a session."""

from collections import Counter
from collections.abc import Sequence
from typing import Final

from triggerx.core.canonical import canonical_json
from triggerx.core.errors import NotFound
from triggerx.core.job import Job, JobBody, JobId, JobStatus
from triggerx.core.job_body import encode_body
from triggerx.core.task import RunChange
from triggerx.core.terms import DAY_S, JobTerms
from triggerx.evm.types import Address, ChainId
from triggerx.ports.store.jobs import Fired, IdleJob, Move, TriggerKind
from triggerx.storage.queries.job_rows import body_columns, first_gas, job_of, terms_of
from triggerx.storage.session import Row, Session

_COUNTS: Final = {
    RunChange.ENDED: (0, -1),
    RunChange.GIVEN_BACK: (-1, -1),
    RunChange.TAKEN_AGAIN: (1, 1),
    RunChange.OPENED: (0, 1),
}
"""What each change adds to a job's runs and to those of them that are open."""


class JobQueries:
    """The job table over a session."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def insert(self, job: Job, *, api_key_id: int | None) -> bool:
        """Add the job; see `ports.store.Jobs`."""
        async with self._session.atomic() as session:
            row = await session.fetch_one(
                "insert_job",
                **body_columns(job.body),
                **first_gas(job.body),
                job_id=str(job.job_id),
                user_id=job.user_id,
                api_key_id=api_key_id,
                status=int(job.status),
                is_paused=job.is_paused,
                status_reason=job.status_reason,
                job_hash=job.job_hash,
                version=job.version,
                created_at=job.created_at,
                expires_at=job.expires_at,
                accepted_at=job.accepted_at,
                next_due_at=job.next_due_at,
                last_executed_at=job.last_executed_at,
                spent_wei=str(job.spent_wei),
            )
            if row is not None:
                await _put_body(session, row, job.body)
        return row is not None

    async def replace_body(self, job_id: JobId, body: JobBody, *, job_hash: bytes, version: int) -> None:
        """Put the body of a newer registry version in."""
        async with self._session.atomic() as session:
            row = await session.fetch_one(
                "replace_job_body",
                **body_columns(body),
                **first_gas(body),
                is_unguarded=not body.is_guarded,
                job_id=str(job_id),
                job_hash=job_hash,
                version=version,
            )
            if row is None:
                raise NotFound(f"there is no job {job_id} in the store")
            await _put_body(session, row, body)

    async def get(self, job_id: JobId) -> Job | None:
        """Return the job."""
        row = await self._session.fetch_one("get_job", job_id=str(job_id))
        return None if row is None else job_of(row)

    async def get_many(self, job_ids: Sequence[JobId]) -> Sequence[Job]:
        """Return the jobs of these ids that there are."""
        listed = canonical_json([str(job_id) for job_id in job_ids]).decode()
        return _jobs(await self._session.fetch_all("jobs_by_id", job_ids=listed))

    async def list_by_owner(self, owner: Address, *, chain_id: ChainId | None = None) -> Sequence[Job]:
        """Return an owner's jobs."""
        if chain_id is None:
            return _jobs(await self._session.fetch_all("jobs_of_owner", owner=owner))
        return _jobs(await self._session.fetch_all("jobs_of_owner_on_chain", owner=owner, chain_id=chain_id))

    async def list_by_api_key(self, api_key_id: int) -> Sequence[Job]:
        """Return the jobs that were posted with this key."""
        return _jobs(await self._session.fetch_all("jobs_of_api_key", api_key_id=api_key_id))

    async def list_page(self, *, after: JobId | None, limit: int) -> Sequence[Job]:
        """Return jobs in the order of their acceptance."""
        job_id = "" if after is None else str(after)
        return _jobs(await self._session.fetch_all("jobs_after", job_id=job_id, limit=limit))

    async def claim_due(self, now: int, *, limit: int) -> Sequence[JobTerms]:
        """Return what is due; see `ports.store.Jobs`."""
        return _terms(await self._session.fetch_all("claim_due_jobs", now=now, limit=limit))

    async def next_due_at(self) -> int | None:
        """Return the earliest due time."""
        row = await self._session.fetch_one("next_due_at")
        return None if row is None else row.integer("next_due_at")

    async def terms(self, numbers: Sequence[int]) -> Sequence[JobTerms]:
        """Return the terms of these jobs."""
        return _terms(await self._session.fetch_all("job_terms", numbers=_listed(numbers)))

    async def terms_of(self, job_id: JobId) -> JobTerms | None:
        """Return a job's terms."""
        row = await self._session.fetch_one("job_terms_by_id", job_id=str(job_id))
        return None if row is None else terms_of(row)

    async def list_watched(
        self, kind: TriggerKind, *, chain_id: ChainId | None, after: int, limit: int
    ) -> Sequence[JobTerms]:
        """Return jobs of this kind that are not over."""
        if chain_id is None:
            return _terms(await self._session.fetch_all("watched_jobs", kind=kind.value, after=after, limit=limit))
        return _terms(
            await self._session.fetch_all(
                "watched_jobs_on_chain", kind=kind.value, chain_id=chain_id, after=after, limit=limit
            )
        )

    async def list_expired(self, now: int, *, after: int, limit: int) -> Sequence[IdleJob]:
        """Return event and condition jobs whose time frame is over."""
        return _idle(await self._session.fetch_all("expired_jobs", now=now, after=after, limit=limit))

    async def list_finished(self, *, after: int, limit: int) -> Sequence[IdleJob]:
        """Return event and condition jobs that do not recur and have run."""
        return _idle(await self._session.fetch_all("finished_jobs", after=after, limit=limit))

    async def list_linked(self, *, limit: int) -> Sequence[tuple[Job, Job]]:
        """Return the jobs that wait for one that is over, with that one."""
        pairs = [
            (row.integer("waiting"), row.integer("before"))
            for row in await self._session.fetch_all("linked_jobs", limit=limit)
        ]
        numbers = sorted({number for pair in pairs for number in pair})
        rows = await self._session.fetch_all("jobs_by_number", numbers=_listed(numbers))
        jobs = {row.integer("job_number"): job_of(row) for row in rows}
        return tuple((jobs[waiting], jobs[before]) for waiting, before in pairs)

    async def list_naming(self, job_id: JobId, *, owner: Address, limit: int) -> Sequence[JobId]:
        """Return the jobs that name it as the one after them."""
        rows = await self._session.fetch_all("jobs_naming", job_id=str(job_id), owner=owner, limit=limit)
        return tuple(JobId(row.number("job_id")) for row in rows)

    async def list_unscheduled(self, *, after: int, limit: int) -> Sequence[IdleJob]:
        """Return the time jobs that have no due time any more."""
        return _idle(await self._session.fetch_all("unscheduled_jobs", after=after, limit=limit))

    async def count_due(self, until: int, *, limit: int) -> int:
        """Return how many jobs are due, counting no further than the limit."""
        return len(await self._session.fetch_all("count_due_jobs", until=until, limit=limit))

    async def move_on(self, moves: Sequence[Move]) -> None:
        """Set when many jobs are due next, and count their runs."""
        async with self._session.atomic() as session:
            rows = [
                {"number": move.number, "next_due_at": move.next_due_at, "runs": move.runs, "day": move.day}
                for move in sorted(moves, key=_number)
            ]
            await session.execute_many("move_job_on", rows)
            await _count_users(session, moves)

    async def count_fired(self, fired: Sequence[Fired]) -> None:
        """Add runs that were let through; rows are taken in one order, so that no two counts wait for each other."""
        async with self._session.atomic() as session:
            jobs = [{"number": one.number, "runs": one.runs, "day": one.day} for one in sorted(fired, key=_number)]
            await session.execute_many("count_fired_runs", jobs)
            await _count_users(session, fired)

    async def count_run(self, job_id: JobId, change: RunChange) -> None:
        """Keep the counts of runs true when a task moved."""
        runs, open_runs = _COUNTS[change]
        await self._session.execute("count_run", job_id=str(job_id), runs=runs, open_runs=open_runs)

    async def set_watched_from(self, number: int, block_number: int) -> None:
        """Note the first block that is covered."""
        await self._session.execute("set_watched_from", number=number, block_number=block_number)

    async def set_schedule(self, job_id: JobId, *, next_due_at: int | None) -> None:
        """Set when it fires next."""
        _found(job_id, await self._session.execute("set_job_schedule", job_id=str(job_id), next_due_at=next_due_at))

    async def set_status(self, job_id: JobId, status: JobStatus, *, reason: str, is_paused: bool = False) -> None:
        """Set status and the sentence that explains it."""
        written = await self._session.execute(
            "set_job_status", job_id=str(job_id), status=int(status), is_paused=is_paused, reason=reason
        )
        _found(job_id, written)

    async def record_execution(self, job_id: JobId, *, executed_at: int, gas: int) -> None:
        """Note an execution."""
        written = await self._session.execute("record_execution", job_id=str(job_id), executed_at=executed_at, gas=gas)
        _found(job_id, written)

    async def record_charge(self, job_id: JobId, *, charged_at: int, cost_wei: int) -> None:
        """Add what the owner was charged to what was spent, and to what was on the day of it."""
        written = await self._session.execute(
            "record_charge", job_id=str(job_id), day=charged_at // DAY_S, cost_wei=str(cost_wei)
        )
        _found(job_id, written)


async def _put_body(session: Session, row: Row, body: JobBody) -> None:
    await session.execute("put_job_body", number=row.integer("job_number"), body=encode_body(body).decode())


def _found(job_id: JobId, written: int) -> None:
    if written == 0:
        raise NotFound(f"there is no job {job_id} in the store")


def _jobs(rows: Sequence[Row]) -> Sequence[Job]:
    return tuple(job_of(row) for row in rows)


def _idle(rows: Sequence[Row]) -> Sequence[IdleJob]:
    return tuple(
        IdleJob(number=row.integer("job_number"), job_id=JobId(row.number("job_id")), reason=row.text("status_reason"))
        for row in rows
    )


def _terms(rows: Sequence[Row]) -> Sequence[JobTerms]:
    return tuple(terms_of(row) for row in rows)


def _listed(numbers: Sequence[int]) -> str:
    return canonical_json(list(numbers)).decode()


def _number(one: Move | Fired) -> int:
    return one.number


async def _count_users(session: Session, fired: Sequence[Move | Fired]) -> None:
    """Add the runs of many jobs to their owners' counts; owners are taken in one order too."""
    runs: Counter[tuple[int, int]] = Counter()
    for one in fired:
        if one.runs:
            runs[one.user_id, one.day] += one.runs
    users = [{"user_id": user_id, "day": day, "runs": count} for (user_id, day), count in sorted(runs.items())]
    await session.execute_many("count_users_runs", users)
