"""Tasks over HTTP: the lists the published SDK and front ends read."""

from collections.abc import Sequence

from aiohttp import web

from triggerx.core.errors import NotFound
from triggerx.core.job import Job
from triggerx.core.task import Task
from triggerx.http.json import json_response
from triggerx.http.routes import key_of
from triggerx.role import Services
from triggerx_librarian.ownership import jobs_of_key
from triggerx_librarian.parameters import address_in, job_id_in, limit_in, task_id_in
from triggerx_librarian.task_json import TaskRows


class Tasks:
    """The handlers of `/api/tasks` that change nothing."""

    def __init__(self, services: Services, rows: TaskRows) -> None:
        self._services = services
        self._rows = rows

    async def by_job(self, request: web.Request) -> web.Response:
        """GET /api/tasks/job/:job_id: a job's tasks, oldest first; an empty array when there are none."""
        tasks = await self._services.store.tasks.list_by_job(job_id_in(request))
        return json_response(await self._rows.rows(tasks))

    async def one(self, request: web.Request) -> web.Response:
        """GET /api/tasks/:task_id."""
        task_id = task_id_in(request)
        task = await self._services.store.tasks.get(task_id)
        if task is None:
            raise NotFound(f"there is no task {task_id}")
        return json_response((await self._rows.rows([task]))[0])

    async def recent(self, request: web.Request) -> web.Response:
        """GET /api/tasks/recent?limit=: the newest tasks of all jobs, newest first."""
        return await self._list(await self._services.store.tasks.list_recent(limit=limit_in(request)))

    async def by_owner(self, request: web.Request) -> web.Response:
        """GET /api/tasks/user/:address?limit=: the newest tasks of an owner's jobs, newest first."""
        tasks = await self._services.store.tasks.list_by_owner(address_in(request), limit=limit_in(request))
        return await self._list(tasks)

    async def by_api_key(self, request: web.Request) -> web.Response:
        """GET /api/tasks/by-apikey?limit=: the newest tasks of the jobs posted with this key, newest first."""
        jobs = await self._services.store.jobs.list_by_api_key(key_of(request).api_key_id)
        return await self._list(await self._newest(jobs, limit_in(request)))

    async def by_safe(self, request: web.Request) -> web.Response:
        """GET /api/tasks/safe-address/:address?limit=: of the jobs of this key's owner that act through one Safe."""
        safe = address_in(request)
        jobs = await jobs_of_key(self._services.store, key_of(request))
        chosen = [job for job in jobs if job.body.action.safe_address == safe]
        return await self._list(await self._newest(chosen, limit_in(request)))

    async def _newest(self, jobs: Sequence[Job], limit: int) -> list[Task]:
        tasks: list[Task] = []
        for job in jobs:
            tasks += await self._services.store.tasks.list_by_job(job.job_id)
        return sorted(tasks, key=lambda task: task.task_id, reverse=True)[:limit]

    async def _list(self, tasks: Sequence[Task]) -> web.Response:
        return json_response({"tasks": await self._rows.rows(tasks)})
