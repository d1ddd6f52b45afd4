"""One follower: confirmed ranges of one contract's logs into the store, each range with its cursor or not at all."""

import asyncio
from collections.abc import Sequence
from typing import Final, NoReturn, Protocol

from triggerx.core.errors import InvalidInput, UnrecoverableError
from triggerx.events import Event
from triggerx.evm.abi import DecodeError
from triggerx.evm.types import to_hex
from triggerx.ports.chain import Chain, Cursor, Log, LogFilter
from triggerx.ports.store import Queries
from triggerx.role import Services

PREPARED_AT_ONCE: Final = 32  # logs looked up side by side, so that their questions share requests


class Prepared(Protocol):
    """What one log means, with everything looked up that the network was needed for."""

    async def store(self, queries: Queries) -> Sequence[Event]:
        """Write it; returns the bus events for after the commit. Writing the same log again changes nothing."""
        ...


class LogReader(Protocol):
    """Knows the logs of one contract."""

    @property
    def wanted(self) -> LogFilter:
        """Which logs to follow."""
        ...

    def chosen(self, logs: Sequence[Log]) -> Sequence[Log]:
        """Leave out those of one range that say nothing beside the others; all are chosen unless a reader says so."""
        return logs

    async def prepare(self, log: Log) -> Prepared | None:
        """Look up what is needed outside a transaction; None for a log that means nothing here."""
        ...


class Several(LogReader):
    """Readers of several contracts of one chain as one, whose logs share their requests and their cursor."""

    def __init__(self, *readers: LogReader) -> None:
        self._readers = readers

    @property
    def wanted(self) -> LogFilter:
        """The logs of any of them."""
        filters = [reader.wanted for reader in self._readers]
        topics = tuple(topic for each in filters for topic in each.topics[0] or ())
        return LogFilter(addresses=tuple(one for each in filters for one in each.addresses), topics=(topics,))

    def chosen(self, logs: Sequence[Log]) -> Sequence[Log]:
        """Those that their reader chooses, in the order of the chain."""
        chosen: list[Log] = []
        for reader in self._readers:
            chosen += reader.chosen([log for log in logs if log.address in reader.wanted.addresses])
        return sorted(chosen, key=lambda log: (log.block_number, log.log_index))

    async def prepare(self, log: Log) -> Prepared | None:
        """Have the log's own reader look it up."""
        for reader in self._readers:
            if log.address in reader.wanted.addresses:
                return await reader.prepare(log)
        return None


class Follower:
    """Runs one reader over one chain from its stored cursor on."""

    def __init__(  # one composition call; every argument is a fact of its own
        self, services: Services, *, name: str, chain: Chain, reader: LogReader, start_block: int, confirmations: int
    ) -> None:
        self.name = name
        self._services = services
        self._chain = chain
        self._reader = reader
        self._start_block = start_block
        self._confirmations = confirmations
        self._log = services.log.bind(loop=name)

    async def run(self) -> NoReturn:
        """Follow, for ever."""
        store = self._services.store
        batches = self._chain.confirmed_logs(
            self._reader.wanted,
            after=await store.cursors.get(self.name),
            start_block=self._start_block,
            confirmations=self._confirmations,
        )
        async for batch in batches:
            prepared = await self._prepare_all(self._reader.chosen(batch.logs))
            try:
                await self._store([found for _, found in prepared], batch.cursor)
            except InvalidInput:  # one of them cannot be stored: find it, and let the others through
                for log, found in prepared:
                    await self._store_alone(log, found)
                await self._store([], batch.cursor)
        raise UnrecoverableError(f"the follower {self.name} ended, which it may not")

    async def _store(self, prepared: Sequence[Prepared], cursor: Cursor | None) -> None:
        """Write everything and the cursor in one transaction, then tell the bus."""
        events: list[Event] = []
        async with self._services.store.transaction() as queries:
            for found in prepared:
                events.extend(await found.store(queries))
            if cursor is not None:
                await queries.cursors.set(self.name, cursor)
            self._services.crash_point("sentinel.follower.before-commit")
        self._services.crash_point("sentinel.follower.after-commit")
        for event in events:
            await self._services.bus.publish(event)

    async def _store_alone(self, log: Log, found: Prepared) -> None:
        try:
            await self._store([found], None)
        except InvalidInput as error:
            await self._quarantine(log, error)

    async def _prepare_all(self, logs: Sequence[Log]) -> list[tuple[Log, Prepared]]:
        """Prepare the logs of a batch, keeping their order; without those that mean nothing."""
        prepared: list[tuple[Log, Prepared]] = []
        for start in range(0, len(logs), PREPARED_AT_ONCE):
            part = logs[start : start + PREPARED_AT_ONCE]
            for log, found in zip(part, await asyncio.gather(*map(self._prepare, part)), strict=True):
                if found is not None:
                    prepared.append((log, found))
        return prepared

    async def _prepare(self, log: Log) -> Prepared | None:
        """Prepare one log; one that cannot be understood is set aside so that the others go on."""
        try:
            return await self._reader.prepare(log)
        except (InvalidInput, DecodeError) as error:
            await self._quarantine(log, error)
            return None

    async def _quarantine(self, log: Log, error: Exception) -> None:
        subject = f"log:{self._chain.chain_id}:{to_hex(log.tx_hash)}:{log.log_index}"
        self._log.error("log quarantined", subject=subject, reason=str(error))
        await self._services.store.quarantine.add(
            kind="log", subject=subject, reason=str(error), content=log.data, now=self._services.clock.now()
        )
