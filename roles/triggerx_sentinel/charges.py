"""Charges: what one execution hub took from owners' deposits, onto their jobs, failed attempts too.

The hub pays the performer whether or not the target's call succeeds, so a failed attempt is spent as well. A charge is
told twice, by the hub's event and by the document of an approved run; whichever comes first counts, once.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, cast

from triggerx.core.canonical import Json
from triggerx.core.errors import RecoverableError
from triggerx.core.job import JobId
from triggerx.core.network import ActionChain
from triggerx.events import Event
from triggerx.evm.contracts import TaskExecutionHub
from triggerx.evm.types import ChainId, Hash32, Wei, to_hex
from triggerx.ports.chain import Log, LogFilter
from triggerx.ports.store import Queries
from triggerx.role import Services
from triggerx_sentinel.follower import LogReader

CHARGED: Final = "charged"


@dataclass(frozen=True, slots=True, kw_only=True)
class Charge:
    """What one transaction cost a job's owner; `task_key` is None where the hub's unguarded way was taken."""

    job_id: JobId
    chain_id: ChainId
    tx_hash: Hash32
    task_key: Hash32 | None
    wei: Wei
    charged_at: int
    now_ms: int

    async def store(self, queries: Queries) -> Sequence[Event]:
        """Add it to what the job has spent; a job that is not known here is of another network."""
        if await queries.jobs.get(self.job_id) is None:  # and if it is, nobody else counts for it meanwhile
            return ()
        key = "" if self.task_key is None else to_hex(self.task_key)
        subject = f"charge:{self.chain_id}:{to_hex(self.tx_hash)}:{key}"
        if await queries.events.has(CHARGED, subject):
            return ()
        details: dict[str, Json] = {"job_id": str(self.job_id), "wei": str(self.wei)}
        await queries.events.append(CHARGED, subject, details, now_ms=self.now_ms)
        await queries.jobs.record_charge(self.job_id, charged_at=self.charged_at, cost_wei=self.wei)
        return ()


class ChargeLogs(LogReader):
    """Reads the TaskExecutionHub of one action chain.

    Of the unguarded way the failed calls alone are read here: the hub's events do not name its jobs, and each takes a
    look at the transaction. The successful ones are known by their documents.
    """

    def __init__(self, services: Services, action_chain: ActionChain) -> None:
        self._services = services
        self._hub = action_chain.task_execution_hub
        self._chain = services.chain(action_chain.chain_id)

    @property
    def wanted(self) -> LogFilter:
        """The hub's two events that name a charge or lead to one."""
        topics = (TaskExecutionHub.TaskExecuted.topic, TaskExecutionHub.FunctionExecutionFailed.topic)
        return LogFilter(addresses=(self._hub,), topics=(topics,))

    async def prepare(self, log: Log) -> Charge | None:
        """Find out which job paid how much."""
        if log.topics[0] == TaskExecutionHub.TaskExecuted.topic:
            values = TaskExecutionHub.TaskExecuted.decode(log.topics, log.data)
            given = cast("int", values["value"]) if values["success"] else 0  # of a failed call it goes back
            wei = Wei(cast("int", values["fee"]) + given)
            return await self._charge(log, cast("int", values["jobId"]), cast("Hash32", values["taskKey"]), wei)
        transaction = await self._chain.transaction(log.tx_hash)
        if transaction is None:
            raise RecoverableError(f"the node has the log of {to_hex(log.tx_hash)}, but not the transaction")
        if transaction.to != self._hub or transaction.data[:4] != TaskExecutionHub.executeFunction.selector:
            return None
        job_id, fee, _, _ = cast("tuple[int, int, bytes, bytes]", _arguments(transaction.data))
        return await self._charge(log, job_id, None, Wei(fee))

    async def _charge(self, log: Log, job_id: int, task_key: Hash32 | None, wei: Wei) -> Charge:
        block, clock = await self._chain.block(log.block_number), self._services.clock
        return Charge(
            job_id=JobId(job_id),
            chain_id=self._chain.chain_id,
            tx_hash=log.tx_hash,
            task_key=task_key,
            wei=wei,
            charged_at=clock.now() if block is None else block.timestamp,
            now_ms=clock.now_ms(),
        )


def _arguments(data: bytes) -> tuple[object, ...]:
    return TaskExecutionHub.executeFunction.decode_input(data)
