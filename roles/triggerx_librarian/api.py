"""The librarian's routes in one table, each with who may call it, and the application that serves them."""

from typing import Final

from aiohttp import web

from triggerx.http.routes import PUBLIC, Gate, Ownership, Policy, Route, add_routes
from triggerx.http.server import new_application
from triggerx.ports.store.accounts import Scope
from triggerx.role import Services
from triggerx_librarian.api_keys import AdminKeys
from triggerx_librarian.controls import Controls
from triggerx_librarian.dead_letters import DeadLetters
from triggerx_librarian.fees import Fees
from triggerx_librarian.health import Health
from triggerx_librarian.history import History
from triggerx_librarian.jobs import Jobs
from triggerx_librarian.keepers import Keepers
from triggerx_librarian.postings import Postings
from triggerx_librarian.replays import Replays
from triggerx_librarian.runs import Runs
from triggerx_librarian.scripts import Scripts
from triggerx_librarian.task_json import TaskRows
from triggerx_librarian.tasks import Tasks
from triggerx_librarian.users import Users

READ: Final = Policy(scope=Scope.READ)
OWN: Final = Policy(scope=Scope.READ, ownership=Ownership.KEY)
WRITE: Final = Policy(scope=Scope.WRITE)
WRITE_JOB: Final = Policy(scope=Scope.WRITE, ownership=Ownership.OWNER)
ADMIN: Final = Policy(scope=Scope.ADMIN)


def routes(services: Services, *, registry_wait_s: float, explorer_url: str) -> tuple[Route, ...]:
    """Return the table. Fixed words stand before the paths that would take them for an id."""
    postings = Postings(services, registry_wait_s=registry_wait_s)
    rows = TaskRows(services.store, explorer_url=explorer_url)
    keepers, keys, health = Keepers(services), AdminKeys(services), Health(services)
    return (
        Route("GET", "/api/fees", Fees(services).estimate, PUBLIC),
        Route("POST", "/api/jobs", postings.post, WRITE_JOB),
        Route("POST", "/api/jobs/check", postings.check, WRITE_JOB),
        Route("PUT", "/api/jobs/update/{job_id}", postings.update, WRITE_JOB),
        Route("POST", "/api/jobs/update/{job_id}/check", postings.check_update, WRITE_JOB),
        *_job_routes(services),
        *_replay_routes(Replays(services)),
        *_task_routes(Tasks(services, rows), DeadLetters(services, rows)),
        Route("POST", "/api/scripts", Scripts(services).publish, WRITE),
        Route("GET", "/api/keepers/all", keepers.every, PUBLIC),
        Route("GET", "/api/keepers/performers", keepers.performers, PUBLIC),
        Route("GET", "/api/keepers/{keeper_id}", keepers.one, PUBLIC),
        Route("GET", "/api/users/{address}", Users(services).one, READ),
        Route("GET", "/status", keepers.status, PUBLIC),
        Route("GET", "/livez", health.live, PUBLIC),
        Route("GET", "/readyz", health.ready, PUBLIC),
        Route("GET", "/version", health.version, PUBLIC),
        Route("POST", "/admin/api-keys", keys.create, ADMIN),
        Route("GET", "/admin/api-keys", keys.by_owner, ADMIN),
        Route("PUT", "/admin/api-keys/{api_key_id}", keys.update, ADMIN),
        Route("DELETE", "/admin/api-keys/{api_key_id}", keys.delete, ADMIN),
    )


def _job_routes(services: Services) -> tuple[Route, ...]:
    jobs, controls, history = Jobs(services), Controls(services), History(services)
    return (
        Route("GET", "/api/jobs/by-apikey", jobs.by_api_key, OWN),
        Route("GET", "/api/jobs/unclaimed", jobs.unclaimed, READ),
        Route("GET", "/api/jobs/user/{address}", jobs.by_owner, READ),
        Route("GET", "/api/jobs/user/{address}/chain/{chain_id}", jobs.by_owner_on_chain, READ),
        Route("GET", "/api/jobs/user/{address}/{job_id}", jobs.of_owner, READ),
        Route("GET", "/api/jobs/safe-address/{address}", jobs.by_safe, OWN),
        Route("PUT", "/api/jobs/delete/{job_id}", controls.delete, WRITE_JOB),
        Route("POST", "/api/jobs/{job_id}/cancel", controls.delete, WRITE_JOB),
        Route("PUT", "/api/jobs/{job_id}/pause", controls.pause, WRITE_JOB),
        Route("PUT", "/api/jobs/{job_id}/resume", controls.resume, WRITE_JOB),
        Route("POST", "/api/jobs/{job_id}/run", Runs(services).request, WRITE_JOB),
        Route("GET", "/api/jobs/{job_id}/why", history.why, READ),
        Route("GET", "/api/jobs/{job_id}/ledger", history.ledger, READ),
        Route("GET", "/api/jobs/{job_id}/task-fees", jobs.task_fees, READ),
        Route("GET", "/api/jobs/{job_id}", jobs.one, READ),
    )


def _replay_routes(replays: Replays) -> tuple[Route, ...]:
    return (
        Route("POST", "/api/jobs/simulate", replays.simulate, READ),
        Route("GET", "/api/jobs/{job_id}/audit", replays.audit_one, READ),
        Route("GET", "/api/audit", replays.audit_all, READ),
    )


def _task_routes(tasks: Tasks, dead: DeadLetters) -> tuple[Route, ...]:
    return (
        Route("GET", "/api/tasks/job/{job_id}", tasks.by_job, READ),
        Route("GET", "/api/tasks/user/{address}", tasks.by_owner, READ),
        Route("GET", "/api/tasks/safe-address/{address}", tasks.by_safe, OWN),
        Route("GET", "/api/tasks/by-apikey", tasks.by_api_key, OWN),
        Route("GET", "/api/tasks/recent", tasks.recent, READ),
        Route("GET", "/api/tasks/dead", dead.newest, OWN),
        Route("POST", "/api/tasks/{task_id}/retry", dead.retry, WRITE_JOB),
        Route("GET", "/api/tasks/{task_id}", tasks.one, READ),
    )


def application(
    services: Services, *, registry_wait_s: float, explorer_url: str, request_timeout_s: float
) -> web.Application:
    """Return the application with every route behind its gate."""
    app = new_application(services.log, request_timeout_s=request_timeout_s)
    gate = Gate(services.store.api_keys, services.clock)
    add_routes(app, routes(services, registry_wait_s=registry_wait_s, explorer_url=explorer_url), gate)
    return app
