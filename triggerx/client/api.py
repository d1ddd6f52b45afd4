"""A client of the librarian's HTTP API: every route that owners use, with typed answers.

Rule: whatever the other side does ends in a typed answer or in one sentence that names the API. A refusal is
`ApiRefused` with the problem's field (RFC 9457); silence, a failure over there and what is no answer of this API are
`UnavailableError`.
"""

import base64
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final, Generic, Self, TypeVar, cast
from urllib.parse import quote, urlencode, urlsplit

import aiohttp
import msgspec

from triggerx.client import answers
from triggerx.core.canonical import Json
from triggerx.core.errors import InvalidInput, UnavailableError, UnrecoverableError
from triggerx.core.job import JobId
from triggerx.evm.nesting import shallow_json
from triggerx.evm.types import Address, ChainId, checksum

ANSWER_WITHIN_S: Final = 30.0
"""An API waits for its chain's endpoint, and for a job's registry entry, in much less."""
REPLAYED_WITHIN_S: Final = 900.0
"""A simulation or an audit reads a range of blocks, each with what lies behind it."""
CONNECT_WITHIN_S: Final = 10.0
ANSWER_BYTES_MAX: Final = 64 * 1024 * 1024  # some ten thousand jobs with their ABIs
DETAIL_CHARS_MAX: Final = 1_000  # a sentence, also where it comes from something else than this API

T = TypeVar("T")
Query = Mapping[str, int | str | None]
NO_QUERY: Final[Query] = {}


class ApiRefused(UnrecoverableError):
    """The API does not take what was asked: the asker has to change it. `field` is the part that is wrong, or empty."""

    exit_status = 2

    def __init__(self, message: str, *, status: int, field: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.field = field


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer(Generic[T]):
    """An answer as it came, and as typed values."""

    raw: bytes
    value: T


def check_url(url: str, named_by: str) -> str:
    """Return the API's address without a slash at its end; raises `InvalidInput` naming `named_by`."""
    try:
        parts = urlsplit(url)
        is_address = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_address = False
    if not is_address or parts.query or parts.fragment or not url.isascii() or not url.isprintable() or " " in url:
        raise InvalidInput(named_by, f"expected an address such as http://127.0.0.1:9002, got {url[:80]!r}")
    if parts.username is not None or parts.password is not None:
        raise InvalidInput(named_by, "holds a user or a password: this API takes a key, and not in its address")
    return url.rstrip("/")


class Api:
    """One API, over a session that carries the key. `named_by` is where its address was taken from, for errors."""

    def __init__(self, session: aiohttp.ClientSession, url: str, named_by: str) -> None:
        self._session = session
        self.url = url
        self._named_by = named_by

    @classmethod
    @asynccontextmanager
    async def open(cls, url: str, *, key: str | None, named_by: str) -> AsyncIterator[Self]:
        """Open the connections; without a key the public routes answer. No proxy of the environment is used."""
        headers = {} if key is None else {"Authorization": f"Bearer {key}"}
        async with aiohttp.ClientSession(headers=headers, trust_env=False) as session:
            yield cls(session, check_url(url, named_by), named_by)

    async def post_job(self, body: Mapping[str, Json]) -> Answer[answers.Posted]:
        """POST /api/jobs: hand in one job that is on chain; the same body again changes nothing."""
        return await self._typed(answers.Posted, "POST", "/api/jobs", body=body)

    async def publish_script(self, source: bytes) -> Answer[answers.PublishedScript]:
        """POST /api/scripts: have a script kept by its content."""
        body: Mapping[str, Json] = {"source_base64": base64.b64encode(source).decode()}
        return await self._typed(answers.PublishedScript, "POST", "/api/scripts", body=body)

    async def check_job(self, body: Mapping[str, Json], *, is_mandated: bool) -> Answer[answers.Checked]:
        """POST /api/jobs/check: whether `post_job` would be refused once the job is on chain; nothing is kept.

        Without a `job_id` the job is taken as created now; `is_mandated` says that its mandate is to come with it.
        """
        return await self._checked("/api/jobs/check", body, is_mandated=is_mandated)

    async def check_update(
        self, job_id: JobId, body: Mapping[str, Json], *, is_mandated: bool
    ) -> Answer[answers.Checked]:
        """POST /api/jobs/update/:id/check: the same of `update_job`, whatever of it is to be changed on chain first."""
        return await self._checked(f"/api/jobs/update/{job_id}/check", body, is_mandated=is_mandated)

    async def jobs_of_key(self) -> Answer[answers.JobList]:
        """GET /api/jobs/by-apikey: the jobs that belong to this key."""
        return await self._typed(answers.JobList, "GET", "/api/jobs/by-apikey")

    async def jobs_of(self, owner: Address) -> Answer[answers.JobList]:
        """GET /api/jobs/user/:address: an owner's jobs."""
        return await self._typed(answers.JobList, "GET", f"/api/jobs/user/{checksum(owner)}")

    async def job(self, job_id: JobId) -> Answer[answers.JobRow]:
        """GET /api/jobs/:id: one job."""
        return await self._typed(answers.JobRow, "GET", f"/api/jobs/{job_id}")

    async def pause_job(self, job_id: JobId) -> Answer[answers.Document]:
        """PUT /api/jobs/:id/pause: it keeps what it is, and does not fire."""
        return await self._typed(answers.Document, "PUT", f"/api/jobs/{job_id}/pause", body={})

    async def resume_job(self, job_id: JobId) -> Answer[answers.Document]:
        """PUT /api/jobs/:id/resume: it fires again, from now on."""
        return await self._typed(answers.Document, "PUT", f"/api/jobs/{job_id}/resume", body={})

    async def delete_job(self, job_id: JobId) -> Answer[answers.Document]:
        """PUT /api/jobs/delete/:id: it never fires again."""
        return await self._typed(answers.Document, "PUT", f"/api/jobs/delete/{job_id}", body={})

    async def update_job(self, job_id: JobId, body: Mapping[str, Json]) -> Answer[answers.Document]:
        """PUT /api/jobs/update/:id: another body under the same id."""
        return await self._typed(answers.Document, "PUT", f"/api/jobs/update/{job_id}", body=body)

    async def run_job(
        self, job_id: JobId, *, nonce: int, requested_at: int, signature: str
    ) -> Answer[answers.Document]:
        """POST /api/jobs/:id/run: run it once now, at its owner's wish; a nonce counts once."""
        body: dict[str, Json] = {"nonce": str(nonce), "requested_at": requested_at, "signature": signature}
        return await self._typed(answers.Document, "POST", f"/api/jobs/{job_id}/run", body=body)

    async def why(self, job_id: JobId, *, at: int | None) -> Answer[answers.Why]:
        """GET /api/jobs/:id/why: why it did or did not run, now or at a unix second."""
        return await self._typed(answers.Why, "GET", f"/api/jobs/{job_id}/why", query={"at": at})

    async def simulate(self, job: Mapping[str, Json], *, from_block: int, to_block: int) -> Answer[answers.Simulation]:
        """POST /api/jobs/simulate: what the job would have done in these blocks, the last one included."""
        body: dict[str, Json] = {"job": job, "from_block": from_block, "to_block": to_block}
        return await self._typed(
            answers.Simulation, "POST", "/api/jobs/simulate", body=body, within_s=REPLAYED_WITHIN_S
        )

    async def audit_job(self, job_id: JobId, *, from_block: int, to_block: int) -> Answer[answers.Audit]:
        """GET /api/jobs/:id/audit: hold one job's ledger against what should have fired in these blocks."""
        query: Query = {"from": from_block, "to": to_block}
        return await self._typed(
            answers.Audit, "GET", f"/api/jobs/{job_id}/audit", query=query, within_s=REPLAYED_WITHIN_S
        )

    async def audit_page(
        self, *, from_block: int, to_block: int, chain_id: ChainId | None, after: str | None
    ) -> Answer[answers.AuditPage]:
        """GET /api/audit: the same for some of a chain's jobs; `after` is the page before's `next_after`."""
        query: Query = {"from": from_block, "to": to_block, "chain_id": chain_id, "after": after}
        return await self._typed(answers.AuditPage, "GET", "/api/audit", query=query, within_s=REPLAYED_WITHIN_S)

    async def tasks_of(self, job_id: JobId) -> Answer[list[answers.TaskRow]]:
        """GET /api/tasks/job/:id: a job's tasks, oldest first."""
        return await self._typed(list[answers.TaskRow], "GET", f"/api/tasks/job/{job_id}")

    async def recent_tasks(self, *, limit: int | None) -> Answer[answers.TaskList]:
        """GET /api/tasks/recent: the newest tasks of all jobs."""
        return await self._typed(answers.TaskList, "GET", "/api/tasks/recent", query={"limit": limit})

    async def dead_tasks(self, *, limit: int | None) -> Answer[answers.TaskList]:
        """GET /api/tasks/dead: the tasks that somebody has to look at."""
        return await self._typed(answers.TaskList, "GET", "/api/tasks/dead", query={"limit": limit})

    async def task(self, task_id: int) -> Answer[answers.TaskRow]:
        """GET /api/tasks/:id: one task."""
        return await self._typed(answers.TaskRow, "GET", f"/api/tasks/{task_id}")

    async def retry_task(self, task_id: int) -> Answer[answers.Document]:
        """POST /api/tasks/:id/retry: try a dead task again."""
        return await self._typed(answers.Document, "POST", f"/api/tasks/{task_id}/retry", body={})

    async def keepers(self) -> Answer[answers.KeeperList]:
        """GET /api/keepers/all: the keepers, each with its points."""
        return await self._typed(answers.KeeperList, "GET", "/api/keepers/all")

    async def document(self, path: str) -> Json:
        """GET any path of this API; whatever JSON it answers."""
        raw = await self._ask("GET", path, body=None, within_s=ANSWER_WITHIN_S)
        return cast("Json", self._decoded(answers.JSON, raw, f"GET {path}"))

    async def _checked(self, path: str, body: Mapping[str, Json], *, is_mandated: bool) -> Answer[answers.Checked]:
        query: Query = {"mandated": "true" if is_mandated else "false"}
        return await self._typed(answers.Checked, "POST", path, body=body, query=query)

    async def _typed(
        self,
        wanted: type[T],
        method: str,
        path: str,
        *,
        body: Mapping[str, Json] | None = None,
        query: Query = NO_QUERY,
        within_s: float = ANSWER_WITHIN_S,
    ) -> Answer[T]:
        given = {name: str(value) for name, value in query.items() if value is not None}
        full = quote(path) + (f"?{urlencode(given)}" if given else "")
        raw = await self._ask(method, full, body=body, within_s=within_s)
        return Answer(raw=raw, value=self._decoded(wanted, raw, f"{method} {path}"))

    async def _ask(self, method: str, path: str, *, body: Mapping[str, Json] | None, within_s: float) -> bytes:
        """Ask once: whether something that changes a job may be asked again is for the caller to know."""
        asked = f"{method} {path.partition('?')[0]}"
        content = None if body is None else answers.ENCODER.encode(body)
        headers = {} if body is None else {"Content-Type": "application/json"}
        timeout = aiohttp.ClientTimeout(total=within_s, sock_connect=min(within_s, CONNECT_WITHIN_S))
        try:
            async with self._session.request(
                method, self.url + path, data=content, headers=headers, timeout=timeout, allow_redirects=False
            ) as response:
                raw = await self._bounded(response)
                status = response.status
        except TimeoutError as error:
            raise self._away(f"gave no answer to {asked} within {within_s:g} s") from error
        except aiohttp.ClientConnectorError as error:
            raise self._away(f"cannot be reached: {error.os_error.strerror or error.os_error}") from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise self._away(f"answered {asked} with what is no HTTP ({type(error).__name__})") from error
        if 200 <= status < 300:
            return raw
        raise self._refusal(status, raw, asked)

    async def _bounded(self, response: aiohttp.ClientResponse) -> bytes:
        content = bytearray()
        async for chunk in response.content.iter_any():
            content += chunk
            if len(content) > ANSWER_BYTES_MAX:
                raise self._away(f"answers with more than {ANSWER_BYTES_MAX} bytes")
        return bytes(content)

    def _decoded(self, wanted: type[T], raw: bytes, asked: str) -> T:
        try:
            return msgspec.json.decode(shallow_json(raw), type=wanted)
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            reason = str(error)[:DETAIL_CHARS_MAX]
            raise self._away(f"answered {asked} with what is no answer of this API: {reason}") from error

    def _refusal(self, status: int, raw: bytes, asked: str) -> UnrecoverableError:
        """The problem as an error; an answer that is no problem document is told by its status."""
        try:
            problem = msgspec.json.decode(shallow_json(raw), type=answers.Problem)
        except (msgspec.MsgspecError, ValueError, RecursionError):
            problem = answers.Problem()
        detail = " ".join(problem.detail.split())[:DETAIL_CHARS_MAX]
        if 300 <= status < 400:
            return self._away(f"sends {asked} elsewhere (status {status}): name the API itself")
        if status >= 500 or status == 429:
            return self._away(
                f"failed at {asked} (status {status}): {detail or 'it does not say why'}: try again later"
            )
        field = problem.field or ""
        if field and not detail.startswith(field):
            detail = f"{field}: {detail}"
        return ApiRefused(
            f"the API {self.url} refuses {asked} (status {status}): {detail or 'it does not say why'}",
            status=status,
            field=field,
        )

    def _away(self, what: str) -> UnavailableError:
        return UnavailableError(
            f"the API {self.url} (named by {self._named_by}) {what}. Is a node with the librarian running there?"
        )
