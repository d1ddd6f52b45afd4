"""Registry logs: what one JobRegistry says about jobs, into its records and, in the same transaction, onto the jobs.

The chain is the judge: a job that was deleted there is over, and one that was updated there waits for its new body,
since the hub and every attester refuse the old one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, cast

from triggerx.core.canonical import Json
from triggerx.core.job import Job, JobId, JobStatus
from triggerx.core.network import ActionChain
from triggerx.events import Event, JobChanged
from triggerx.evm.contracts import JobRegistry
from triggerx.evm.types import ZERO_HASH, Address, ChainId, Hash32
from triggerx.ports.chain import Log, LogFilter
from triggerx.ports.store import Queries
from triggerx.ports.store.registry import RegistryRecord
from triggerx.role import Services
from triggerx.triggers.handover import STOPPED, settle_schedule
from triggerx_sentinel.follower import LogReader, Prepared

DELETED: Final = "deleted on chain"
UPDATED: Final = "updated on chain: post the new body"

_ENDED: Final = frozenset({JobStatus.COMPLETED, JobStatus.FAILED})


@dataclass(frozen=True, slots=True, kw_only=True)
class JobBound:
    """One `JobCreated` or `JobUpdated`."""

    record: RegistryRecord
    now_ms: int

    async def store(self, queries: Queries) -> Sequence[Event]:
        """Keep the record; a stored job of an older version is paused, and the POST of the newer body lets it go.

        When that body was posted before the event was confirmed, the stored version is the record's already. A paused
        job keeps its due seconds, so that each of them gets its entry in the ledger.
        """
        if not await queries.registry.put(self.record):
            return ()
        job = await queries.jobs.get(self.record.job_id)
        if job is None or job.version >= self.record.version or _is_over(job):
            return ()
        await queries.jobs.set_status(job.job_id, JobStatus.STOPPED, reason=UPDATED, is_paused=True)
        details: dict[str, Json] = {"reason": UPDATED, "version": str(self.record.version)}
        await queries.events.append("job_paused", f"job:{job.job_id}", details, now_ms=self.now_ms)
        return (JobChanged(job.job_id),)


@dataclass(frozen=True, slots=True, kw_only=True)
class JobDeleted:
    """One `JobDeleted`, which does not repeat the job's hash."""

    job_id: JobId
    chain_id: ChainId
    owner: Address
    version: int
    block_number: int
    now_ms: int

    async def store(self, queries: Queries) -> Sequence[Event]:
        """Keep the record as inactive, and stop the stored job for good, whatever it is doing."""
        if not await queries.registry.put(await self._record(queries)):
            return ()
        job = await queries.jobs.get(self.job_id)
        if job is None or _is_stopped(job):
            return ()
        await settle_schedule(queries, self.job_id, now_ms=self.now_ms, otherwise=STOPPED)
        await queries.jobs.set_schedule(self.job_id, next_due_at=None)
        await queries.jobs.set_status(self.job_id, JobStatus.STOPPED, reason=DELETED)
        await queries.events.append("job_stopped", f"job:{self.job_id}", {"reason": DELETED}, now_ms=self.now_ms)
        return (JobChanged(self.job_id),)

    async def _record(self, queries: Queries) -> RegistryRecord:
        """The hash stays as the record has it; a job from before the follower's start block has none any more."""
        known = await queries.registry.get(self.job_id)
        return RegistryRecord(
            job_id=self.job_id,
            chain_id=self.chain_id,
            owner=self.owner,
            job_hash=ZERO_HASH if known is None else known.job_hash,
            version=self.version,
            is_active=False,
            block_number=self.block_number,
        )


class RegistryLogs(LogReader):
    """Reads the JobRegistry of one action chain."""

    def __init__(self, services: Services, action_chain: ActionChain) -> None:
        self._services = services
        self._action_chain = action_chain

    @property
    def wanted(self) -> LogFilter:
        """The three events of CHAIN.md §4."""
        events = (JobRegistry.JobCreated, JobRegistry.JobUpdated, JobRegistry.JobDeleted)
        return LogFilter(addresses=(self._action_chain.job_registry,), topics=(tuple(event.topic for event in events),))

    async def prepare(self, log: Log) -> Prepared:
        """Turn one log into what is to be stored; nothing needs to be looked up."""
        topic = log.topics[0]
        if topic == JobRegistry.JobCreated.topic:
            values = JobRegistry.JobCreated.decode(log.topics, log.data)
            return self._bound(log, values, cast("Hash32", values["jobHash"]))
        if topic == JobRegistry.JobUpdated.topic:
            values = JobRegistry.JobUpdated.decode(log.topics, log.data)
            return self._bound(log, values, cast("Hash32", values["newJobHash"]))
        values = JobRegistry.JobDeleted.decode(log.topics, log.data)
        return JobDeleted(
            job_id=JobId(cast("int", values["jobId"])),
            chain_id=self._action_chain.chain_id,
            owner=cast("Address", values["jobOwner"]),
            version=cast("int", values["timestamp"]),
            block_number=log.block_number,
            now_ms=self._services.clock.now_ms(),
        )

    def _bound(self, log: Log, values: Mapping[str, object], job_hash: Hash32) -> JobBound:
        record = RegistryRecord(
            job_id=JobId(cast("int", values["jobId"])),
            chain_id=self._action_chain.chain_id,
            owner=cast("Address", values["jobOwner"]),
            job_hash=job_hash,
            version=cast("int", values["timestamp"]),
            is_active=True,
            block_number=log.block_number,
        )
        return JobBound(record=record, now_ms=self._services.clock.now_ms())


def _is_stopped(job: Job) -> bool:
    return job.status is JobStatus.STOPPED and not job.is_paused


def _is_over(job: Job) -> bool:
    return job.status in _ENDED or _is_stopped(job)
