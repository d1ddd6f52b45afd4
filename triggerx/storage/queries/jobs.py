"""Jobs between rows and nouns. The body's canonical JSON is the fact, the columns beside it are derived from it here.

`script_trigger_function` stays empty: no body of the published SDK can name one (its triggers are never scripts).
"""

from collections.abc import Sequence
from functools import lru_cache

from triggerx.core.errors import InvalidInput, NotFound, UnrecoverableError
from triggerx.core.job import EventTrigger, Job, JobBody, JobId, JobStatus, TimeTrigger
from triggerx.core.job_body import decode_body, encode_body
from triggerx.evm.types import Address, ChainId, Hash32, Wei
from triggerx.storage.session import Row, Session, Value

NO_LINK = "-1"  # the schema's word for "linked to nothing"
BODIES_REMEMBERED = 512  # checking a body encodes its call; a due list reads the same bodies again and again


class JobQueries:
    """The job table over a session."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def insert(self, job: Job, *, api_key_id: int | None) -> bool:
        """Add the job; see `ports.store.Jobs`."""
        written = await self._session.execute(
            "insert_job",
            **_body_columns(job.body),
            job_id=str(job.job_id),
            user_id=job.user_id,
            api_key_id=api_key_id,
            status=int(job.status),
            is_paused=job.is_paused,
            status_reason=job.status_reason,
            job_hash=job.job_hash,
            version=job.version,
            created_at=job.created_at,
            accepted_at=job.accepted_at,
            next_due_at=job.next_due_at,
            last_executed_at=job.last_executed_at,
            spent_wei=str(job.spent_wei),
        )
        return written == 1

    async def replace_body(self, job_id: JobId, body: JobBody, *, job_hash: bytes, version: int) -> None:
        """Put the body of a newer registry version in."""
        _found(
            job_id,
            await self._session.execute(
                "replace_job_body", **_body_columns(body), job_id=str(job_id), job_hash=job_hash, version=version
            ),
        )

    async def get(self, job_id: JobId) -> Job | None:
        """Return the job."""
        row = await self._session.fetch_one("get_job", job_id=str(job_id))
        return None if row is None else _job(row)

    async def list_by_owner(self, owner: Address, *, chain_id: ChainId | None = None) -> Sequence[Job]:
        """Return an owner's jobs."""
        if chain_id is None:
            return _jobs(await self._session.fetch_all("jobs_of_owner", owner=owner))
        return _jobs(await self._session.fetch_all("jobs_of_owner_on_chain", owner=owner, chain_id=chain_id))

    async def list_by_api_key(self, api_key_id: int) -> Sequence[Job]:
        """Return the jobs that were posted with this key."""
        return _jobs(await self._session.fetch_all("jobs_of_api_key", api_key_id=api_key_id))

    async def list_due(self, now: int, *, limit: int) -> Sequence[Job]:
        """Return what is due."""
        return _jobs(await self._session.fetch_all("jobs_due", now=now, limit=limit))

    async def next_due_at(self) -> int | None:
        """Return the earliest due time."""
        row = await self._session.fetch_one("next_due_at")
        return None if row is None else row.integer("next_due_at")

    async def list_unscheduled(self) -> Sequence[Job]:
        """Return the scheduled jobs that have no due time any more."""
        return _jobs(await self._session.fetch_all("unscheduled_jobs"))

    async def set_schedule(self, job_id: JobId, *, next_due_at: int | None) -> None:
        """Set when it fires next."""
        _found(job_id, await self._session.execute("set_job_schedule", job_id=str(job_id), next_due_at=next_due_at))

    async def advance(self, job_id: JobId, *, due: int, next_due_at: int | None) -> bool:
        """Move a job from this due second on, unless it was stopped, paused or moved meanwhile."""
        written = await self._session.execute("advance_job", job_id=str(job_id), due=due, next_due_at=next_due_at)
        return written == 1

    async def set_status(self, job_id: JobId, status: JobStatus, *, reason: str, is_paused: bool = False) -> None:
        """Set status and the sentence that explains it."""
        written = await self._session.execute(
            "set_job_status", job_id=str(job_id), status=int(status), is_paused=is_paused, reason=reason
        )
        _found(job_id, written)

    async def record_execution(self, job_id: JobId, *, executed_at: int, cost_wei: int) -> None:
        """Note an execution."""
        written = await self._session.execute(
            "record_execution", job_id=str(job_id), executed_at=executed_at, cost_wei=str(cost_wei)
        )
        _found(job_id, written)


def _found(job_id: JobId, written: int) -> None:
    if written == 0:
        raise NotFound(f"there is no job {job_id} in the store")


def _body_columns(body: JobBody) -> dict[str, Value]:
    trigger, action = body.trigger, body.action
    event = trigger if isinstance(trigger, EventTrigger) else None
    return {
        "body": encode_body(body).decode(),
        "owner": body.owner,
        "job_title": body.title,
        "task_definition_id": int(body.task_definition_id),
        "priority": body.priority,
        "security": body.security,
        "link_job_id": NO_LINK if body.link_job_id is None else str(body.link_job_id),
        "chain_status": body.chain_status,
        "time_frame": body.time_frame_s,
        "recurring": body.recurring,
        "time_interval": trigger.interval_s if isinstance(trigger, TimeTrigger) else 0,
        "trigger_chain_id": None if event is None else event.chain_id,
        "trigger_contract_address": None if event is None else event.contract,
        "trigger_event": "" if event is None else event.event,
        "script_ipfs_url": action.script_url,
        "script_trigger_function": "",
        "script_target_function": action.function if action.script_url else "",
        "created_chain_id": body.created_chain_id,
        "target_chain_id": action.chain_id,
        "target_contract_address": action.target,
        "job_cost_prediction": body.cost_prediction,
    }


def _jobs(rows: Sequence[Row]) -> Sequence[Job]:
    return tuple(_job(row) for row in rows)


def _job(row: Row) -> Job:
    return Job(
        body=_body(row.text("body")),
        user_id=row.integer("user_id"),
        job_hash=Hash32(row.octets("job_hash")),
        version=row.integer("version"),
        status=JobStatus(row.integer("status")),
        created_at=row.integer("created_at"),
        accepted_at=row.integer("accepted_at"),
        next_due_at=row.integer_or_none("next_due_at"),
        last_executed_at=row.integer_or_none("last_executed_at"),
        is_paused=row.boolean("is_paused"),
        status_reason=row.text("status_reason"),
        spent_wei=Wei(row.number("spent_wei")),
    )


@lru_cache(maxsize=BODIES_REMEMBERED)
def _body(text: str) -> JobBody:
    try:
        return decode_body(text.encode())
    except InvalidInput as error:
        raise UnrecoverableError(f"a job in the store cannot be read by this program: {error}: {text[:200]}") from error
