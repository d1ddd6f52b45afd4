"""Dead letters: tasks that ended without an attestation, for their owner to look at and to have tried once more."""

from typing import Final, cast

from aiohttp import web

from triggerx.core.errors import NotFound
from triggerx.core.job import Job
from triggerx.core.task import DEAD, Task
from triggerx.core.task_inputs import OwnerRetried
from triggerx.evm.contracts import TaskExecutionHub
from triggerx.evm.types import Address
from triggerx.http.json import json_response
from triggerx.http.problems import refuse
from triggerx.http.routes import key_of
from triggerx.moves import move_task
from triggerx.ports.store.accounts import ApiKey, Scope
from triggerx.role import Services
from triggerx_librarian.acceptance import action_chain_of
from triggerx_librarian.ownership import address_of, require_owner, stored_job
from triggerx_librarian.parameters import limit_in, task_id_in
from triggerx_librarian.registry import chain_of
from triggerx_librarian.task_json import TaskRows

ATTEMPT_MAX: Final = 255  # the hub's assignments number attempts in eight bits


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

        409 unless it is a dead letter, and where the hub has counted all the attempts that the owner's mandate allows.
        Where it is `unknown`, nothing but the owner's look at the target's chain keeps its action from happening twice.
        """
        services, task_id = self._services, task_id_in(request)
        found = await services.store.tasks.get(task_id)
        if found is None:
            raise NotFound(f"there is no task {task_id}")
        job = await stored_job(services.store, found.job_id)
        require_owner(key_of(request), job)
        await self._check_attempts(found, job)
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

    async def _check_attempts(self, task: Task, job: Job) -> None:
        """Refuse what the hub would: an attempt beyond the mandate's, unless the action is done and to be attested.

        The hub counts attempts that were mined; those that no performer made are the engine's alone.
        """
        if task.attempt >= ATTEMPT_MAX:
            raise refuse(409, "attempts-used", f"task {task.task_id} had {task.attempt} attempts: no number is left")
        if job.body.mandate is None:
            return
        allowed = job.body.mandate.mandate.attempts_max
        hub = action_chain_of(self._services, job.body).task_execution_hub
        chain = chain_of(self._services, job.body.action.chain_id)
        attempts, done = TaskExecutionHub.taskAttempts, TaskExecutionHub.taskDone
        used = cast("int", attempts.decode_output(await chain.call(hub, attempts.encode(task.task_key)))[0])
        if used >= allowed and not done.decode_output(await chain.call(hub, done.encode(task.task_key)))[0]:
            raise refuse(
                409,
                "attempts-used",
                f"the hub of chain {job.body.action.chain_id} has counted {used} attempts of task {task.task_id}, and "
                f"the owner's mandate allows {allowed}: post the job with a mandate of a higher attemptsMax first",
            )


def _whose(key: ApiKey) -> Address | None:
    if Scope.ADMIN in key.scopes:
        return None
    owner = address_of(key)
    if owner is None:
        raise refuse(
            403, "not-owner", f"dead letters are shown to their jobs' owners and to admins: {key.owner} is neither"
        )
    return owner
