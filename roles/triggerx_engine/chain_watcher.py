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
from triggerx.core.ledger import LogEntries, NewEntry, Outcome
from triggerx.core.task_inputs import ChainLogMinedAgain
from triggerx.core.terms import JobTerms
from triggerx.events import Event, JobChanged, JobCreated
from triggerx.evm.types import ChainId
from triggerx.moves import move_task
from triggerx.ports.chain import Block, BlockRange, Chain
from triggerx.ports.store import Queries
from triggerx.ports.store.jobs import TriggerKind
from triggerx.role import Services, WakeUp
from triggerx.triggers.block_logs import blocks_of
from triggerx.triggers.occurrence import SeenLog
from triggerx.triggers.ordinals import ordinals, proven_ordinals
from triggerx_engine.catch_up import CatchUp
from triggerx_engine.event_jobs import EventJobs, Matches, Places, mined_again, withdrawn
from triggerx_engine.job_feed import PUTS_AT_ONCE, JobFeed
from triggerx_engine.queue import Queue
from triggerx_engine.shelf import set_aside
from triggerx_engine.views import Views

WINDOW_BLOCKS: Final = 256  # kept to notice a reorg by after a restart, as many as the follower itself remembers
BEGIN_BLOCKS: Final = 64  # known from the start: deeper than the reorgs of any chain that is in use
ENTRIES_PER_TRANSACTION: Final = 4_000  # a flood is entered in pieces of whole blocks, each some 25 milliseconds
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
        matches = self._jobs.match(found.logs)
        places = await self._places(found, matches)
        services.crash_point("engine.chain.before-entries")
        dropped = found.dropped
        for blocks, entries in self._pieces(found.blocks, matches, places):
            async with services.store.transaction() as queries:
                if dropped:
                    await self._withdraw(queries, dropped)
                events = await self._enter(queries, entries)
                services.crash_point("engine.chain.after-entries")
                await queries.blocks.move(self._name, dropped=dropped, added=blocks, keep=WINDOW_BLOCKS)
            dropped = ()
            await self._publish(events)
        if matches:
            self._log.info("events found", block=found.blocks[-1].number, events=sum(map(len, matches.values())))
        services.crash_point("engine.chain.before-release")
        await self._queue.release_confirmed(self._chain_id, head=found.blocks[-1].number)

    async def _withdraw(self, queries: Queries, dropped: Sequence[Block]) -> None:
        now_ms = self._services.clock.now_ms()
        stored = await queries.ledger.in_blocks(self._chain_id, dropped)
        changed = [entry for each in stored if (entry := withdrawn(each, now_ms=now_ms)) is not None]
        await queries.ledger.put_back(changed)
        self._log.warning("blocks replaced", count=len(dropped), last=dropped[0].number, entries=len(changed))

    async def _places(self, found: BlockRange, matches: Matches) -> Places:
        """Find the places of logs in their receipts: by counting where the logs prove them."""
        if not matches:
            return {}
        if found.is_whole:
            return ordinals(found.logs)
        places = proven_ordinals(found.logs)
        for block in found.blocks:
            if any((log.tx_hash, log.log_index) not in places for log, _ in matches.get(block.number, ())):
                places |= await self._chain.ordinals(block)
        return places

    def _pieces(
        self, blocks: Sequence[Block], matches: Matches, places: Places
    ) -> Iterator[tuple[Sequence[Block], Sequence[LogEntries]]]:
        """Split a range into runs of whole blocks with `ENTRIES_PER_TRANSACTION` entries, or somewhat more."""
        now_ms = self._services.clock.now_ms()
        first, part = 0, list[LogEntries]()
        for place, block in enumerate(blocks, start=1):
            part += self._jobs.entries(block, matches.get(block.number, ()), places, now_ms=now_ms)
            if place == len(blocks) or _count(part) >= ENTRIES_PER_TRANSACTION:
                yield blocks[first:place], part
                first, part = place, []

    async def _enter(self, queries: Queries, entries: Sequence[LogEntries]) -> list[Event]:
        """Write entries; returns what to tell the bus after the commit."""
        if await queries.ledger.add_logs(entries) == _count(entries):
            return []
        return await self._meet_again(queries, entries)

    async def _meet_again(self, queries: Queries, entries: Sequence[LogEntries]) -> list[Event]:
        """Put the entries whose firing was known back where a reorg had moved or dropped it."""
        now_ms = self._services.clock.now_ms()
        fresh = {entry.task_key: entry for each in entries for entry in each.written_out()}
        moved: list[NewEntry] = []
        events: list[Event] = []
        for stored in await queries.ledger.by_keys(list(fresh)):
            key = stored.entry.task_key
            task = await queries.tasks.by_key(key) if stored.outcome is Outcome.WITHDRAWN else None
            if task is not None:  # it had fired, and was given up when its log did not come back
                events += await move_task(queries, task, ChainLogMinedAgain(), attempts_max=0, now_ms=now_ms)
            again = mined_again(stored, fresh[key], had_fired=task is not None, now_ms=now_ms)
            if again is not None:
                moved.append(again)
        await queries.ledger.put_back(moved)
        return events

    async def _publish(self, events: Sequence[Event]) -> None:
        for event in events:
            await self._services.bus.publish(event)

    async def _caught_up(self, seen: Sequence[SeenLog], terms: JobTerms, block_number: int) -> None:
        now_ms = self._services.clock.now_ms()
        entries: list[LogEntries] = []
        for each in seen:
            place = {(each.log.tx_hash, each.log.log_index): each.ordinal}
            entries += self._jobs.entries(each.block, [(each.log, terms.number)], place, now_ms=now_ms)
        async with self._services.store.transaction() as queries:
            events = await self._enter(queries, entries)
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


def _count(entries: Sequence[LogEntries]) -> int:
    return sum(len(each.logs) for each in entries)
