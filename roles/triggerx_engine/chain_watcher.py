"""The chain watcher: follows one chain once for all jobs that wait for it, their events and their on-chain values.

What a range dropped, what its logs add to the ledger, and how far the follower has come are one transaction; then what
is confirmed fires. A log is taken from the canonical range alone, so none is left out and none counts twice.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from itertools import pairwise
from typing import Final, NoReturn

from triggerx.core.errors import InvalidInput, RecoverableError
from triggerx.core.followers import chain_follower
from triggerx.core.job import JobStatus
from triggerx.core.ledger import NewEntry, Outcome
from triggerx.core.task import ChainLogMinedAgain
from triggerx.core.terms import JobTerms
from triggerx.events import Event, JobChanged, JobCreated
from triggerx.evm.types import ChainId, Hash32
from triggerx.moves import move_task
from triggerx.ports.chain import Block, BlockRange, Chain, Receipt
from triggerx.ports.store import Queries
from triggerx.ports.store.jobs import TriggerKind
from triggerx.role import Services, WakeUp
from triggerx.triggers.block_logs import blocks_of
from triggerx.triggers.ordinals import ordinals
from triggerx_engine.catch_up import CatchUp
from triggerx_engine.event_jobs import EventJobs, Occurred, entry_of, mined_again, withdrawn
from triggerx_engine.job_feed import PUTS_AT_ONCE, JobFeed
from triggerx_engine.queue import Queue
from triggerx_engine.shelf import set_aside
from triggerx_engine.views import Views

WINDOW_BLOCKS: Final = 256  # kept to notice a reorg by after a restart, as many as the follower itself remembers
BEGIN_BLOCKS: Final = 64  # known from the start: deeper than the reorgs of any chain that is in use
ENTRIES_PER_TRANSACTION: Final = 1_000  # a flood is entered in pieces of whole blocks, each some ten milliseconds
CONFIRMATIONS: Final = 1  # on a chain that the network's file says nothing about
RETRY_S: Final = 2.0  # after a chain did not answer; its client has tried every endpoint by then


class ChainWatcher:
    """One chain. It follows from the first job that waits for it on, and stops when none is left."""

    def __init__(self, services: Services, queue: Queue, views: Views, *, chain_id: ChainId, poll_s: float) -> None:
        confirmations = services.network.confirmations_on(chain_id)
        self._services = services
        self._queue = queue
        self._views = views
        self._chain_id = chain_id
        self._chain: Chain = services.chain(chain_id)
        self._name = chain_follower(chain_id)
        self._poll_s = poll_s
        self._log = services.log.bind(loop=self._name)
        self._jobs = EventJobs(chain_id, confirmations=CONFIRMATIONS if confirmations is None else confirmations)
        self._feed = JobFeed(services, TriggerKind.EVENT, chain_id=chain_id)
        self._catch_up = CatchUp(services, self._chain, self._jobs, self._caught_up)

    async def run(self) -> NoReturn:
        """Follow, for ever; a chain that does not answer is tried again."""
        wake_up = WakeUp(self._services, JobCreated, JobChanged)
        async with asyncio.TaskGroup() as group:
            group.create_task(wake_up.listen(), name=f"{self._name}.listen")
            group.create_task(self._feed.listen(), name=f"{self._name}.feed")
            while True:
                try:
                    await self._refresh()
                    if self._has_work:
                        await self._follow()
                    else:
                        await wake_up.wait(self._poll_s)
                except RecoverableError as error:
                    self._log.warning("chain watcher waits", reason=str(error))
                    await self._services.clock.sleep(RETRY_S)

    @property
    def _has_work(self) -> bool:
        return len(self._jobs) > 0 or self._views.has_any(self._chain_id)

    async def _follow(self) -> None:
        known = list(await self._services.store.blocks.window(self._name))
        if not known or not self._jobs.is_any_covered:
            newest = await self._newest_blocks()
            async with self._services.store.transaction() as queries:
                await queries.blocks.move(self._name, dropped=known, added=newest, keep=WINDOW_BLOCKS)
            known = newest
        last = known[-1]
        await self._catch_up.run(covered_to=last)
        ranges = self._chain.canonical_ranges(self._jobs.wanted, known=known, start_block=last.number + 1)
        while (found := await self._next(ranges, last)) is not None:
            await self.take(found)
            last = found.blocks[-1]
            await self._views.read(self._chain_id, head=last)
            await self._refresh()
            await self._catch_up.run(covered_to=last)
            if not self._has_work:
                return

    async def _next(self, ranges: AsyncIterator[BlockRange], last: Block) -> BlockRange | None:
        """Return the next range; None once jobs have changed on a chain that stands still at `last`.

        Only then: a range that is being read has its filter already, and a new job's logs must not be left out of it.
        """
        reading = asyncio.create_task(_first_of(ranges), name=f"{self._name}.range")
        try:
            while not reading.done():
                is_news = bool(self._jobs.uncovered) or await self._feed.has_changes()
                if is_news and (await self._chain.head()).hash == last.hash and not reading.done():
                    return None
                changed = asyncio.create_task(self._feed.changed(), name=f"{self._name}.jobs")
                try:
                    await asyncio.wait({reading, changed}, return_when=asyncio.FIRST_COMPLETED)
                finally:
                    changed.cancel()
            return reading.result()
        finally:
            reading.cancel()
            await asyncio.wait({reading})
            if not reading.cancelled():
                reading.exception()  # where something else went wrong first, that is what is told

    async def _newest_blocks(self) -> list[Block]:
        """The head and the blocks under it: with it alone known, a reorg of one block would leave nothing to go on."""
        head = await self._chain.head()
        numbers = range(max(0, head.number - BEGIN_BLOCKS + 1), head.number + 1)
        blocks = list((await blocks_of(self._chain, numbers)).values())
        if blocks[-1] != head or any(above.parent_hash != below.hash for below, above in pairwise(blocks)):
            raise RecoverableError(f"chain {self._chain_id} was reorganised while its newest blocks were read")
        return blocks

    async def take(self, found: BlockRange) -> None:
        """Take one range in, and let go what it confirms.

        A block comes into the window with its entries or not at all: one whose entries alone were stored could be
        dropped while the engine is down, and nobody would know that they are to be withdrawn.
        """
        services = self._services
        occurred = await self._occurred(found)
        services.crash_point("engine.chain.before-entries")
        dropped = found.dropped
        for blocks, part in _pieces(found.blocks, occurred):
            async with services.store.transaction() as queries:
                if dropped:
                    await self._withdraw(queries, dropped)
                events = await self._enter(queries, part)
                services.crash_point("engine.chain.after-entries")
                await queries.blocks.move(self._name, dropped=dropped, added=blocks, keep=WINDOW_BLOCKS)
            dropped = ()
            await self._publish(events)
        if occurred:
            self._log.info("events found", block=found.blocks[-1].number, events=len(occurred))
        services.crash_point("engine.chain.before-release")
        await self._queue.release_confirmed(self._chain_id, head=found.blocks[-1].number)

    async def _withdraw(self, queries: Queries, dropped: Sequence[Block]) -> None:
        now_ms = self._services.clock.now_ms()
        stored = await queries.ledger.in_blocks(self._chain_id, [block.hash for block in dropped])
        changed = [entry for each in stored if (entry := withdrawn(each, now_ms=now_ms)) is not None]
        await queries.ledger.put_back(changed)
        self._log.warning("blocks replaced", count=len(dropped), last=dropped[0].number, entries=len(changed))

    async def _occurred(self, found: BlockRange) -> list[Occurred]:
        """Match the logs, and find their places in the receipts: by counting where all logs are there."""
        matches = self._jobs.match(found.logs)
        if not matches:
            return []
        blocks = {block.number: block for block in found.blocks}
        if found.is_whole:
            places = ordinals(found.logs)
        else:
            places = await self._places({log.block_number for log, _ in matches}, blocks)
        occurred: list[Occurred] = []
        for log, number in matches:
            ordinal = places.get((log.tx_hash, log.log_index))
            if ordinal is None:
                raise RecoverableError(f"block {log.block_number}'s receipts do not hold its log {log.log_index}")
            occurred.append(Occurred(number=number, log=log, block=blocks[log.block_number], ordinal=ordinal))
        return occurred

    async def _places(self, numbers: set[int], blocks: dict[int, Block]) -> dict[tuple[Hash32, int], int]:
        places: dict[tuple[Hash32, int], int] = {}
        for number in sorted(numbers):
            for receipt in await self._chain.receipts(blocks[number]):
                places |= _places_in(receipt)
        return places

    async def _enter(self, queries: Queries, occurred: Sequence[Occurred]) -> list[Event]:
        """Write entries; one whose firing is known is put back where a reorg had moved or dropped it.

        Returns what to tell the bus after the commit.
        """
        if not occurred:
            return []
        now_ms = self._services.clock.now_ms()
        fresh: dict[Hash32, NewEntry] = {}
        for each in occurred:
            job = self._jobs.terms(each.number)
            entry = entry_of(job, each, confirmations=self._jobs.confirmations(job), now_ms=now_ms)
            if entry is not None:
                fresh[entry.task_key] = entry
        known = {each.entry.task_key: each for each in await queries.ledger.by_keys(list(fresh))}
        moved: list[NewEntry] = []
        events: list[Event] = []
        for key, stored in known.items():
            task = await queries.tasks.by_key(key) if stored.outcome is Outcome.WITHDRAWN else None
            if task is not None:  # it had fired, and was given up when its log did not come back
                events += await move_task(queries, task, ChainLogMinedAgain(), attempts_max=0, now_ms=now_ms)
            again = mined_again(stored, fresh[key], had_fired=task is not None, now_ms=now_ms)
            if again is not None:
                moved.append(again)
        await queries.ledger.put_back(moved)
        await queries.ledger.add_many([entry for key, entry in fresh.items() if key not in known])
        return events

    async def _publish(self, events: Sequence[Event]) -> None:
        for event in events:
            await self._services.bus.publish(event)

    async def _caught_up(self, occurred: Sequence[Occurred], terms: JobTerms, block_number: int) -> None:
        async with self._services.store.transaction() as queries:
            events = await self._enter(queries, occurred)
            await queries.jobs.set_watched_from(terms.number, block_number)
        self._services.crash_point("engine.chain.after-catch-up")
        await self._publish(events)
        await self._queue.release_confirmed(self._chain_id, head=block_number - 1)

    async def _refresh(self) -> None:
        """Watch new and changed jobs, and no longer those that are over; a poisonous one is set aside."""
        changes = await self._feed.changes()
        for number in changes.gone:
            self._jobs.remove(number)
        for place, terms in enumerate(changes.put):
            if place % PUTS_AT_ONCE == 0:
                await self._services.clock.sleep(0)  # others are waiting, and these may be ten thousand
            try:
                self._jobs.put(terms)
            except InvalidInput as error:
                await self._set_aside(terms, error)

    async def _set_aside(self, terms: JobTerms, error: InvalidInput) -> None:
        self._jobs.remove(terms.number)
        self._log.error("job quarantined", job_id=str(terms.job_id), reason=str(error))
        async with self._services.store.transaction() as queries:
            await queries.jobs.set_status(terms.job_id, JobStatus.FAILED, reason=str(error))
            await set_aside(queries, terms, error, now=self._services.clock.now())


async def _first_of(ranges: AsyncIterator[BlockRange]) -> BlockRange:
    return await anext(ranges)


def _pieces(
    blocks: Sequence[Block], occurred: Sequence[Occurred]
) -> Iterator[tuple[Sequence[Block], Sequence[Occurred]]]:
    """Split a range into runs of whole blocks with `ENTRIES_PER_TRANSACTION` entries, or somewhat more."""
    by_block: dict[int, list[Occurred]] = {block.number: [] for block in blocks}
    for each in occurred:
        by_block[each.block.number].append(each)
    first, part = 0, list[Occurred]()
    for place, block in enumerate(blocks, start=1):
        part += by_block[block.number]
        if len(part) >= ENTRIES_PER_TRANSACTION or place == len(blocks):
            yield blocks[first:place], part
            first, part = place, []


def _places_in(receipt: Receipt) -> dict[tuple[Hash32, int], int]:
    indexes = sorted(log.log_index for log in receipt.logs)
    return {(receipt.tx_hash, index): ordinal for ordinal, index in enumerate(indexes)}
