"""Tasks in the rows that the published SDK reads, with what the chain proves of each."""

from collections.abc import Iterable, Mapping, Sequence

from triggerx.core.document import decode_document
from triggerx.core.errors import InvalidInput
from triggerx.core.job import Job, JobId
from triggerx.core.job_body import STATIC_DEFINITIONS, target_function
from triggerx.core.task import Task
from triggerx.evm.abi import DecodeError, argument_texts
from triggerx.evm.types import Address, checksum, to_hex
from triggerx.ports.store import Store
from triggerx_librarian.formats import iso, iso_ms, optional_hex


class TaskRows:
    """Makes rows. `explorer_url` is a block explorer's base address, or empty."""

    def __init__(self, store: Store, *, explorer_url: str) -> None:
        self._store = store
        self._explorer_url = explorer_url.rstrip("/")

    async def rows(self, tasks: Iterable[Task]) -> list[dict[str, object]]:
        """Return the rows of tasks, in their order."""
        rows = list(tasks)
        jobs: dict[JobId, Job | None] = {}
        for job_id in {task.job_id for task in rows}:
            jobs[job_id] = await self._store.jobs.get(job_id)
        performers: dict[Address, int] = {}
        for address in {task.task_performer for task in rows if task.task_performer is not None}:
            keeper = await self._store.keepers.by_address(address)
            if keeper is not None:
                performers[address] = keeper.keeper_id
        arguments = [await self._arguments(task, jobs[task.job_id]) for task in rows]
        return [self._row(task, given, performers) for task, given in zip(rows, arguments, strict=True)]

    async def _arguments(self, task: Task, job: Job | None) -> Sequence[str]:
        """The action's arguments: those of the body, or what a script computed, once the document of it is here."""
        if job is None:
            return ()
        if task.task_definition_id in STATIC_DEFINITIONS or task.action_data_cid is None:
            return job.body.action.arguments
        content = await self._store.documents.get(task.action_data_cid)
        if content is None:
            return ()
        try:
            return argument_texts(target_function(job.body), decode_document(content).action.data)
        except (DecodeError, InvalidInput):  # a document that was refused, or of another version of the job
            return ()

    def _row(self, task: Task, arguments: Sequence[str], performers: Mapping[Address, int]) -> dict[str, object]:
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
            "converted_arguments": list(arguments),
            "created_at": iso(task.created_at),
            "fired_at": iso_ms(task.fired_at_ms),
            "executed_at": iso_ms(task.executed_at_ms),
            "attested_at": iso_ms(task.attested_at_ms),
        }
