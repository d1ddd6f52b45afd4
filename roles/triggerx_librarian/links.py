"""Links between jobs: `link_job_id` names the job that starts when this one has completed.

Either may be posted first. The one after waits only where its own body says so (`chain_status` 2), and for one job
alone: were there two before it, nobody could say whose failure is to keep it from its start.
"""

from typing import Final

from triggerx.core.job import JobBody, JobId, JobStatus
from triggerx.core.job_body import chain_id_of
from triggerx.evm.types import ChainId, checksum
from triggerx.http.problems import ProblemError, refuse
from triggerx.ports.store import Queries
from triggerx.role import Services
from triggerx_librarian.registry import chain_of, read_entry

HEAD: Final = 1
BLOCK: Final = 2
"""`chain_status` of a job that waits for the one before it."""
CHAIN_JOBS_MAX: Final = 100  # jobs of one chain; each is read when one is added

LINKED_LOOKED_AT: Final = 500  # the engine starts them at once, so few are to be started at any moment


async def check_link(queries: Queries, body: JobBody) -> None:
    """Refuse, by the jobs that are posted already, a link that would never be followed, or never end."""
    link = body.link_job_id
    if link is None:
        if body.chain_status == HEAD:
            raise _refuse("is missing: the head of a chain (chain_status 1) names the job that starts after it")
        return
    if link == body.job_id:
        raise _refuse("is this job itself: name the job that starts when this one has completed")
    for other in await queries.jobs.list_naming(link, owner=body.owner, limit=2):
        if other != body.job_id:
            raise _refuse(
                f"is job {link}, which job {other} starts already: a job waits for one other, so name another, or take "
                f"the link out of job {other} first"
            )
    after: JobId | None = link
    for _ in range(CHAIN_JOBS_MAX):
        job = None if after is None else await queries.jobs.get(after)
        if job is None:
            return
        if job.body.owner != body.owner:
            raise _of_another(job.job_id, checksum(job.body.owner))
        if job.job_id == link and job.body.chain_status != BLOCK:
            raise _refuse(f"is job {link}, which waits for no other: update it with chain_status 2 first")
        after = job.body.link_job_id
        if after == body.job_id:
            raise _refuse(f"closes a circle: job {job.job_id} after it starts this one, so none would begin")
    raise _refuse(f"would make a chain of more than {CHAIN_JOBS_MAX} jobs")


async def check_link_on_chain(services: Services, body: JobBody) -> None:
    """Refuse a link to what the registry does not know as an active job of this owner."""
    link = body.link_job_id
    if link is None or link == body.job_id:
        return
    chain_id = ChainId(chain_id_of(link))
    action_chain = services.network.action_chains.get(chain_id)
    if action_chain is None:
        raise _refuse(f"is job {link}, made on chain {chain_id}, which is none of this network's")
    entry = await read_entry(chain_of(services, chain_id), action_chain, link)
    if entry is None:
        raise _refuse(f"is {link}, which the JobRegistry of chain {chain_id} does not know: create that job first")
    if entry.owner != body.owner:
        raise _of_another(link, checksum(entry.owner))
    if not entry.is_active:
        raise _refuse(f"is job {link}, which was deleted")


async def let_go(queries: Queries, body: JobBody) -> None:
    """Set a job that may run again: SCHEDULED, or CREATED where the one before it in its chain has not completed."""
    waits = body.chain_status == BLOCK
    await queries.jobs.set_status(body.job_id, JobStatus.CREATED if waits else JobStatus.SCHEDULED, reason="")
    if not waits:
        return
    linked = await queries.jobs.list_linked(limit=LINKED_LOOKED_AT)
    if any(each.job_id == body.job_id and before.status is JobStatus.COMPLETED for each, before in linked):
        await queries.jobs.set_status(body.job_id, JobStatus.SCHEDULED, reason="")


def _of_another(link: JobId, owner: str) -> ProblemError:
    return _refuse(f"leads to job {link} of {owner}: a chain's jobs have one owner")


def _refuse(message: str) -> ProblemError:
    return refuse(422, "link", f"link_job_id {message}", field="link_job_id")
