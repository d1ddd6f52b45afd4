"""What stands in a path or a query as typed values; each refusal names its parameter."""

from datetime import UTC, datetime, timedelta
from typing import Final

from aiohttp import web

from triggerx.core.errors import InvalidInput
from triggerx.core.evidence import SECOND_MAX
from triggerx.core.job import JobId
from triggerx.core.job_fields import exact_integer, read_address, read_integer, shown
from triggerx.core.task import TaskId
from triggerx.evm.types import Address, ChainId

LIMIT_DEFAULT: Final = 50  # a page of a front end
LIMIT_MAX: Final = 500  # about half a megabyte of tasks
_ROW_MAX: Final = (1 << 63) - 1  # what a database numbers rows with
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def address_in(request: web.Request) -> Address:
    """Return the path's address, in any case."""
    return read_address(request.match_info, "address")


def chain_id_in(request: web.Request) -> ChainId:
    """Return the path's chain id."""
    return ChainId(read_integer(request.match_info, "chain_id", low=1, high=(1 << 32) - 1))


def job_id_in(request: web.Request) -> JobId:
    """Return the path's job id, a decimal string of up to 256 bits."""
    return JobId(read_integer(request.match_info, "job_id", low=1, high=(1 << 256) - 1))


def row_id_in(request: web.Request, name: str) -> int:
    """Return the number of a row."""
    return read_integer(request.match_info, name, low=1, high=_ROW_MAX)


def task_id_in(request: web.Request) -> TaskId:
    """Return the path's task id."""
    return TaskId(row_id_in(request, "task_id"))


def limit_in(request: web.Request, default: int = LIMIT_DEFAULT) -> int:
    """Return `?limit=`, how many rows are wanted."""
    return read_integer(request.query, "limit", low=1, high=LIMIT_MAX, default=default)


def moment_in(request: web.Request, name: str) -> int | None:
    """Return a query's moment, unix seconds or ISO 8601 (in UTC where it has no offset); None where it is absent."""
    text = request.query.get(name, "")
    if not text:
        return None
    seconds = exact_integer(text)
    if seconds is None:
        try:
            # A query's plus sign is a space once it is decoded, and the offset of `…T09:00:00+01:00` has one.
            moment = datetime.fromisoformat(text.replace(" ", "+") if "T" in text else text)
        except ValueError as error:
            raise InvalidInput(
                name, f"expected unix seconds, or ISO 8601 such as 2030-01-31T09:00:00Z, got {shown(text)}"
            ) from error
        aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        seconds = (aware - _EPOCH) // timedelta(seconds=1)
    if not 0 <= seconds <= SECOND_MAX:
        raise InvalidInput(name, f"expected a moment from 1970 to 9999, got {shown(text)}")
    return seconds


def object_of(value: object, field: str = "body") -> dict[str, object]:
    """Return a JSON object, or refuse."""
    if not isinstance(value, dict):
        raise InvalidInput(field, "expected a JSON object")
    return value
