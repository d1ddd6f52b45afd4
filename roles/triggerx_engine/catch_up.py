"""Catch-up: what lay on the chain between a job's creation and the block from which its watcher covers it.

A job is posted some time after it was created on chain, and after a restart the first one to watch may be old. Its
blocks before the follower's are read once, with its own filter; the follower covers every block after them.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from triggerx.core.followers import chain_follower
from triggerx.core.job import EventTrigger
from triggerx.core.terms import JobTerms
from triggerx.ports.chain import Block, Chain
from triggerx.role import Services
from triggerx.triggers.block_logs import seen_logs
from triggerx.triggers.event import event_spec
from triggerx.triggers.occurrence import SeenLog
from triggerx_engine.event_jobs import EventJobs

JOBS_AT_ONCE: Final = 32  # between two ranges: new blocks do not wait long for many new jobs
Enter = Callable[[Sequence[SeenLog], JobTerms, int], Awaitable[None]]
"""Stores what was found for a job, and the first block from which the follower covers it."""


class CatchUp:
    """Reads for the jobs of one chain that are not covered yet."""

    def __init__(self, services: Services, chain: Chain, jobs: EventJobs, enter: Enter) -> None:
        self._chain = chain
        self._jobs = jobs
        self._enter = enter
        self._log = services.log.bind(loop=chain_follower(chain.chain_id))

    async def run(self, *, covered_to: Block) -> None:
        """Read up to `covered_to` (included), the newest block that the follower has handed out.

        Where that was replaced meanwhile nothing is entered, for the follower drops only what lies in its own blocks;
        its next range begins with what was replaced, and the jobs have their turn after it.
        """
        last = covered_to.number
        for terms in self._jobs.uncovered[:JOBS_AT_ONCE]:
            seen = await self._read(terms, last)
            present = await self._chain.block(last)
            if present is None or present.hash != covered_to.hash:
                return
            await self._enter(seen, terms, last + 1)
            self._jobs.cover(terms.number)
            self._log.info("event job watched", job_id=str(terms.job_id), block=last + 1, found=len(seen))

    async def _read(self, terms: JobTerms, last: int) -> list[SeenLog]:
        trigger = terms.trigger
        if not isinstance(trigger, EventTrigger):
            return []
        before = await self._chain.block_at(terms.created_at - 1)
        first = 0 if before is None else before.number + 1
        if first > last:
            return []
        return [
            seen async for seen in seen_logs(self._chain, event_spec(trigger), first=first, last=last, by_topic=True)
        ]
