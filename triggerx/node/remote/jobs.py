"""What those of `triggerx jobs` do that need no owner's key: they ask the API, and show its answer."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Final, TypeVar

import msgspec

from triggerx.client.answers import JobEntry
from triggerx.client.api import Answer, Api, ApiRefused
from triggerx.client.job_file import BadJobFile, JobFile
from triggerx.core.errors import RecoverableError, TriggerxError, UnavailableError, UnrecoverableError
from triggerx.core.job import JobId
from triggerx.evm.types import Address, parse_address
from triggerx.node.options import UsageError
from triggerx.node.remote.output import print_document, print_findings, print_raw, print_table, say
from triggerx.node.remote.place import Place
from triggerx.ports.chain import CallReverted

HEADINGS: Final = ("JOB", "TITLE", "DEFINITION", "STATUS", "TASKS", "SPENT WEI", "LAST RUN")
INTERRUPTED: Final = 130
_NUMBER: Final = re.compile(r"[0-9]{1,80}")

_OBJECT: Final = msgspec.json.Decoder(dict[str, object], float_hook=Decimal)

T = TypeVar("T")


def asked(place: Place, question: Callable[[Api], Awaitable[Answer[T]]]) -> Answer[T]:
    """Ask the API once; a refused key is told with the way to give another."""

    async def ask() -> Answer[T]:
        async with place.open_api() as api:
            return await question(api)

    return run(ask)


def run(work: Callable[[], Awaitable[T]]) -> T:
    """Do it in a loop of its own; what the chain or the API refuses becomes one error with its exit status."""

    async def whole() -> T:
        return await work()

    try:
        return asyncio.run(whole())
    except ApiRefused as error:
        if error.status not in (401, 403):
            raise
        hint = "give a key by --api-key-file FILE or TRIGGERX_API_KEY"
        raise ApiRefused(f"{error}: {hint}", status=error.status, field=error.field) from error
    except CallReverted as error:
        raise UsageError(f"the chain refuses the transaction: {error.reason}") from error
    except (UnrecoverableError, RecoverableError):
        raise
    except TriggerxError as error:
        raise UsageError(str(error)) from error
    except KeyboardInterrupt as error:
        raise UnrecoverableError("interrupted before the end", exit_status=INTERRUPTED) from error


def parse_job_id(text: str) -> JobId:
    """Read a job's id; raises `UsageError`."""
    if not _NUMBER.fullmatch(text) or not 1 <= int(text) < 1 << 256:
        raise UsageError(f"JOB: expected the number of a job, as triggerx jobs list shows it, got {text[:90]!r}")
    return JobId(int(text))


def parse_moment(text: str) -> int:
    """Read unix seconds or ISO 8601, which is UTC where it has no offset; raises `UsageError`."""
    if _NUMBER.fullmatch(text):
        return int(text)
    try:
        given = datetime.fromisoformat(text)
    except ValueError as error:
        raise UsageError(
            f"--at: expected unix seconds or ISO 8601 such as 2030-01-31T09:00:00Z, got {text[:60]!r}"
        ) from error
    aware = given if given.tzinfo is not None else given.replace(tzinfo=UTC)
    return int(aware.timestamp() // 1)


def list_jobs(place: Place, *, owner: str | None, is_json: bool) -> None:
    """Print the jobs of the key, or of an owner."""
    address = None if owner is None else _owner(owner)
    answer = asked(place, lambda api: api.jobs_of_key() if address is None else api.jobs_of(address))
    if is_json:
        print_raw(answer.raw)
        return
    if not answer.value.jobs:
        say("There is no job yet: triggerx jobs create FILE makes one.")
        return
    print_table(HEADINGS, [_row(entry) for entry in answer.value.jobs])


def show_job(place: Place, job: str, *, is_json: bool) -> None:
    """Print everything the API has of one job."""
    job_id = parse_job_id(job)
    shown(asked(place, lambda api: api.job(job_id)), is_json=is_json)


def pause_job(place: Place, job: str, *, is_json: bool) -> None:
    """Let nothing of it fire until it is resumed."""
    job_id = parse_job_id(job)
    shown(asked(place, lambda api: api.pause_job(job_id)), is_json=is_json)


def resume_job(place: Place, job: str, *, is_json: bool) -> None:
    """Let it fire again."""
    job_id = parse_job_id(job)
    shown(asked(place, lambda api: api.resume_job(job_id)), is_json=is_json)


def why(place: Place, job: str, *, at: str | None, is_json: bool) -> None:
    """Print why a job did or did not run, as it stands or at a moment."""
    job_id = parse_job_id(job)
    second = None if at is None else parse_moment(at)
    answer = asked(place, lambda api: api.why(job_id, at=second))
    if is_json:
        print_raw(answer.raw)
        return
    print_findings(answer.value.findings)


def shown(answer: Answer[T], *, is_json: bool) -> None:
    """Print an answer that is one object."""
    if is_json:
        print_raw(answer.raw)
    else:
        print_document(as_object(answer.raw))


def about_file(job_file: JobFile, error: ApiRefused) -> ApiRefused | BadJobFile:
    """The API's refusal of a body, told of the file that it came from."""
    return BadJobFile(f"{job_file.path}: {error}") if error.field else error


def as_object(raw: bytes) -> dict[str, object]:
    """An answer that was decoded before, as the object it is; numbers stay exact."""
    try:
        return _OBJECT.decode(raw)
    except (msgspec.MsgspecError, ValueError, InvalidOperation, RecursionError) as error:
        raise UnavailableError(f"the API answered with what is no JSON object: {error}") from error


def _row(entry: JobEntry) -> tuple[object, ...]:
    job = entry.job_data
    return (
        job.job_id,
        job.job_title,
        job.task_definition_id,
        job.status,
        len(job.task_ids),
        job.job_cost_actual_wei,
        job.last_executed_at,
    )


def _owner(text: str) -> Address:
    try:
        return parse_address(text)
    except ValueError as error:
        raise UsageError(f"--owner: {error}") from error
