"""The jobs of one kind as a watcher must know them: all of them at first, then whatever has changed.

The bus tells which jobs changed, the store what they have become. What the bus lost is found by reading all again.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, NoReturn

from triggerx.core.errors import UnrecoverableError
from triggerx.core.job import ConditionTrigger, EventTrigger, JobId, JobStatus, TimeTrigger, Trigger
from triggerx.core.terms import JobTerms
from triggerx.events import JobChanged, JobCreated
from triggerx.evm.types import ChainId
from triggerx.ports.store.jobs import TriggerKind
from triggerx.role import Services

JOBS_PER_READ: Final = 200  # a read holds the loop for some milliseconds
PUTS_AT_ONCE: Final = 100  # and so does putting so many into an index, which whoever gets them does
ALL_AGAIN_S: Final = 60.0  # an event of the bus is lost seldom, and the job then waits this long at most

TRIGGERS: Final[Mapping[TriggerKind, type[Trigger]]] = MappingProxyType(
    {TriggerKind.TIME: TimeTrigger, TriggerKind.EVENT: EventTrigger, TriggerKind.CONDITION: ConditionTrigger}
)
OVER: Final = frozenset({JobStatus.COMPLETED, JobStatus.FAILED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """Jobs to watch, or to watch anew, and the numbers of those to watch no more."""

    put: tuple[JobTerms, ...] = ()
    gone: tuple[int, ...] = ()


def is_over(terms: JobTerms) -> bool:
    """Whether a job's trigger matters no more: it has ended, or was deleted."""
    return terms.status in OVER or (terms.status is JobStatus.STOPPED and not terms.is_paused)


class JobFeed:
    """Reads for one watcher; `listen` runs beside it."""

    def __init__(self, services: Services, kind: TriggerKind, *, chain_id: ChainId | None = None) -> None:
        self._services = services
        self._kind = kind
        self._chain_id = chain_id
        self._heard: set[JobId] = set()
        self._known: set[int] = set()
        self._read_at = float("-inf")
        self._called = asyncio.Event()

    async def listen(self) -> NoReturn:
        """Hear which jobs change, for ever."""
        async with self._services.bus.subscribe(JobCreated, JobChanged) as events:
            async for event in events:
                if isinstance(event, JobCreated | JobChanged):
                    self._heard.add(event.job_id)
                    self._called.set()
        raise UnrecoverableError("a subscription of the bus ended, which none may")

    async def changed(self) -> None:
        """Return once another job has changed, whosever; what was heard since the last time counts."""
        await self._called.wait()
        self._called.clear()

    async def has_changes(self) -> bool:
        """Whether `changes` would return any; what was heard of jobs that are not watched here is forgotten."""
        if self._services.clock.monotonic() - self._read_at >= ALL_AGAIN_S:
            return True
        heard, self._heard = self._heard, set()
        found = [terms for job_id in sorted(heard) if (terms := await self._services.store.jobs.terms_of(job_id))]
        own = {terms.job_id for terms in found if terms.number in self._known or self._is_mine(terms)}
        self._heard |= own
        return bool(own)

    async def changes(self) -> Changes:
        """Return what changed since the last call; the first one returns every job."""
        now = self._services.clock.monotonic()
        if now - self._read_at >= ALL_AGAIN_S:
            self._read_at = now
            self._heard.clear()
            return await self._all()
        heard, self._heard = self._heard, set()
        found = [terms for job_id in sorted(heard) if (terms := await self._services.store.jobs.terms_of(job_id))]
        put = tuple(terms for terms in found if self._is_mine(terms))
        gone = tuple(terms.number for terms in found if terms.number in self._known and not self._is_mine(terms))
        self._known.update(terms.number for terms in put)
        self._known.difference_update(gone)
        return Changes(put=put, gone=gone)

    def _is_mine(self, terms: JobTerms) -> bool:
        """Whether a job is one to watch here, as `jobs.list_watched` sees it."""
        trigger = terms.trigger
        if is_over(terms) or not isinstance(trigger, TRIGGERS[self._kind]):
            return False
        return self._chain_id is None or (isinstance(trigger, EventTrigger) and trigger.chain_id == self._chain_id)

    async def _all(self) -> Changes:
        found: list[JobTerms] = []
        after = 0
        while True:
            page = await self._services.store.jobs.list_watched(
                self._kind, chain_id=self._chain_id, after=after, limit=JOBS_PER_READ
            )
            found += page
            if len(page) < JOBS_PER_READ:
                break
            after = page[-1].number
        present = {terms.number for terms in found}
        gone, self._known = tuple(self._known - present), present
        return Changes(put=tuple(found), gone=gone)
