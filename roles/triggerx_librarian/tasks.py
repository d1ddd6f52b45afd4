"""Tasks over HTTP: the rows the published SDK reads, with what the chain proves of each."""

from collections.abc import Iterable, Mapping

from aiohttp import web

from triggerx.core.errors import NotFound
from triggerx.core.job import Job, JobId
from triggerx.core.task import Task
from triggerx.evm.types import Address, checksum, to_hex
from triggerx.http.json import json_response
from triggerx.role import Services
from triggerx_librarian.formats import iso, iso_ms, optional_hex
from triggerx_librarian.parameters import address_in, job_id_in, limit_in, task_id_in


class Tasks:
    """The handlers of `/api/tasks`. `explorer_url` is a block explorer's base address, or empty."""

    def __init__(self, services: Services, *, explorer_url: str) -> None:
        self._services = services
        self._explorer_url = explorer_url.rstrip("/")

    async def by_job(self, request: web.Request) -> web.Response:
        """GET /api/tasks/job/:job_id: a job's tasks, oldest first; an empty array when there are none."""
        tasks = await self._services.store.tasks.list_by_job(job_id_in(request))
        return json_response(await self._rows(tasks))

    async def one(self, request: web.Request) -> web.Response:
        """GET /api/tasks/:task_id."""
        task_id = task_id_in(request)
        task = await self._services.store.tasks.get(task_id)
        if task is None:
            raise NotFound(f"there is no task {task_id}")
        return json_response((await self._rows([task]))[0])

    async def recent(self, request: web.Request) -> web.Response:
        """GET /api/tasks/recent?limit=: the newest tasks of all jobs, newest first."""
        tasks = await self._services.store.tasks.list_recent(limit=limit_in(request))
        return json_response({"tasks": await self._rows(tasks)})

    async def by_owner(self, request: web.Request) -> web.Response:
        """GET /api/tasks/user/:address?limit=: the newest tasks of an owner's jobs, newest first."""
        tasks = await self._services.store.tasks.list_by_owner(address_in(request), limit=limit_in(request))
        return json_response({"tasks": await self._rows(tasks)})

    async def _rows(self, tasks: Iterable[Task]) -> list[dict[str, object]]:
        rows = list(tasks)
        jobs: dict[JobId, Job | None] = {}
        for job_id in {task.job_id for task in rows}:
            jobs[job_id] = await self._services.store.jobs.get(job_id)
        performers: dict[Address, int] = {}
        for address in {task.task_performer for task in rows if task.task_performer is not None}:
            keeper = await self._services.store.keepers.by_address(address)
            if keeper is not None:
                performers[address] = keeper.keeper_id
        return [self._row(task, jobs[task.job_id], performers) for task in rows]

    def _row(self, task: Task, job: Job | None, performers: Mapping[Address, int]) -> dict[str, object]:
        performer = task.task_performer
        execution_tx_hash = optional_hex(task.execution_tx_hash)
        has_link = bool(self._explorer_url and execution_tx_hash)
        return {
            "task_id": task.task_id,
            "task_number": task.task_number,
            "task_key": to_hex(task.task_key),
            "job_id": str(task.job_id),
            "task_definition_id": int(task.task_definition_id),
            "task_opx_cost": None if task.task_cost is None else str(task.task_cost),
            "execution_timestamp": iso(task.execution_timestamp),
            "execution_tx_hash": execution_tx_hash,
            "task_performer_id": None if performer is None else performers.get(performer),
            "task_performer_address": None if performer is None else checksum(performer),
            "task_attester_ids": list(task.task_attester_ids),
            "attesters_ids": list(task.task_attester_ids),
            "is_accepted": task.is_approved,
            "is_approved": task.is_approved,
            "is_successful": task.is_successful,
            "is_guarded": task.is_guarded,
            "task_submission_tx_hash": optional_hex(task.task_submission_tx_hash),
            "proof_of_task": task.proof_of_task,
            "action_data_cid": task.action_data_cid,
            "tx_url": f"{self._explorer_url}/tx/{execution_tx_hash}" if has_link else "",
            "task_status": task.status.value,
            "task_error": task.task_error,
            "attempt": task.attempt,
            "converted_arguments": [] if job is None else list(job.body.action.arguments),
            "created_at": iso(task.created_at),
            "fired_at": iso_ms(task.fired_at_ms),
            "executed_at": iso_ms(task.executed_at_ms),
            "attested_at": iso_ms(task.attested_at_ms),
        }
