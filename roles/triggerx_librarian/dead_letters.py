"""Dead letters: tasks that ended without an attestation, for their owner to look at and to have tried once more."""

from aiohttp import web

from triggerx.core.errors import NotFound
from triggerx.core.task import DEAD, OwnerRetried
from triggerx.evm.types import Address
from triggerx.http.json import json_response
from triggerx.http.problems import refuse
from triggerx.http.routes import key_of
from triggerx.moves import move_task
from triggerx.ports.store.accounts import ApiKey, Scope
from triggerx.role import Services
from triggerx_librarian.ownership import address_of, require_owner, stored_job
from triggerx_librarian.parameters import limit_in, task_id_in
from triggerx_librarian.task_json import TaskRows


class DeadLetters:
    """The handlers of `/api/tasks/dead` and `/api/tasks/:task_id/retry`."""

    def __init__(self, services: Services, rows: TaskRows) -> None:
        self._services = services
        self._rows = rows

    async def newest(self, request: web.Request) -> web.Response:
        """GET /api/tasks/dead?limit=: failed, rejected and unknown tasks, newest first; of the key's owner, or all."""
        tasks = await self._services.store.tasks.list_dead(_whose(key_of(request)), limit=limit_in(request))
        return json_response({"tasks": await self._rows.rows(tasks)})

    async def retry(self, request: web.Request) -> web.Response:
        """POST /api/tasks/:task_id/retry: let one more performer try it; for its owner or an admin.

        409 unless it is a dead letter. Where it is `unknown`, nothing but the owner's look at the target's chain keeps
        its action from happening twice.
        """
        services, task_id = self._services, task_id_in(request)
        found = await services.store.tasks.get(task_id)
        if found is None:
            raise NotFound(f"there is no task {task_id}")
        require_owner(key_of(request), await stored_job(services.store, found.job_id))
        async with services.store.transaction() as queries:
            task = await queries.tasks.by_key(found.task_key)
            if task is None or task.status not in DEAD:
                status = found.status if task is None else task.status
                raise refuse(409, "task-not-dead", f"task {task_id} is {status.value}: only a dead letter is retried")
            events = await move_task(queries, task, OwnerRetried(), attempts_max=0, now_ms=services.clock.now_ms())
        for event in events:
            await services.bus.publish(event)
        services.log.info("task retried", task_id=task_id, job_id=str(found.job_id))
        after = await services.store.tasks.get(task_id)
        return json_response((await self._rows.rows([after or found]))[0])


def _whose(key: ApiKey) -> Address | None:
    if Scope.ADMIN in key.scopes:
        return None
    owner = address_of(key)
    if owner is None:
        raise refuse(
            403, "not-owner", f"dead letters are shown to their jobs' owners and to admins: {key.owner} is neither"
        )
    return owner
