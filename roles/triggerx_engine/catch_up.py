"""Catch-up: what lay on the chain between a job's creation and the block from which its watcher covers it.

A job is posted some time after it was created on chain, and after a restart the first one to watch may be old. Its
blocks before the follower's are read once, with its own filter; the follower covers every block after them.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from triggerx.core.errors import RecoverableError
from triggerx.core.job import EventTrigger
from triggerx.core.terms import JobTerms
from triggerx.evm.types import Hash32
from triggerx.ports.chain import Block, Chain, Log, LogFilter, Receipt
from triggerx.role import Services
from triggerx.triggers.event import event_spec
from triggerx.triggers.ordinals import ordinal_in
from triggerx_engine.event_jobs import EventJobs, Occurred

JOBS_AT_ONCE: Final = 32  # between two ranges: new blocks do not wait long for many new jobs
Enter = Callable[[Sequence[Occurred], JobTerms, int], Awaitable[None]]
"""Stores what was found for a job, and the first block from which the follower covers it."""


class CatchUp:
    """Reads for the jobs of one chain that are not covered yet."""

    def __init__(self, services: Services, chain: Chain, jobs: EventJobs, enter: Enter) -> None:
        self._chain = chain
        self._jobs = jobs
        self._enter = enter
        self._log = services.log.bind(loop=f"engine.chain.{chain.chain_id}")

    async def run(self, *, covered_to: Block) -> None:
        """Read up to `covered_to` (included), the newest block that the follower has handed out.

        Where that was replaced meanwhile nothing is entered, for the follower drops only what lies in its own blocks;
        its next range begins with what was replaced, and the jobs have their turn after it.
        """
        last = covered_to.number
        for terms in self._jobs.uncovered[:JOBS_AT_ONCE]:
            occurred = await self._read(terms, last)
            present = await self._chain.block(last)
            if present is None or present.hash != covered_to.hash:
                return
            await self._enter(occurred, terms, last + 1)
            self._jobs.cover(terms.number)
            self._log.info("event job watched", job_id=str(terms.job_id), block=last + 1, found=len(occurred))

    async def _read(self, terms: JobTerms, last: int) -> list[Occurred]:
        trigger = terms.trigger
        if not isinstance(trigger, EventTrigger):
            return []
        before = await self._chain.block_at(terms.created_at - 1)
        first = 0 if before is None else before.number + 1
        if first > last:
            return []
        spec = event_spec(trigger)
        topics = () if spec.topic0 is None else ((spec.topic0,),)
        wanted = LogFilter(addresses=(spec.contract,), topics=topics)
        logs = [log for log in await self._chain.logs(wanted, from_block=first, to_block=last) if spec.matches(log)]
        blocks: dict[int, Block] = {}
        receipts: dict[Hash32, Receipt] = {}
        return [await self._occurred(terms, log, blocks, receipts) for log in logs]

    async def _occurred(
        self, terms: JobTerms, log: Log, blocks: dict[int, Block], receipts: dict[Hash32, Receipt]
    ) -> Occurred:
        block = blocks.get(log.block_number) or await self._chain.block(log.block_number)
        receipt = receipts.get(log.tx_hash) or await self._chain.receipt(log.tx_hash)
        ordinal = None if receipt is None else ordinal_in(receipt, log.log_index)
        if block is None or block.hash != log.block_hash or receipt is None or ordinal is None:
            raise RecoverableError(f"block {log.block_number} was replaced while it was read for job {terms.job_id}")
        blocks[block.number], receipts[log.tx_hash] = block, receipt
        return Occurred(number=terms.number, log=log, block=block, ordinal=ordinal)
