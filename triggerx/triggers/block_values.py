"""The values of on-chain sources at one block, in as few requests as can be: how the engine and every replay read them.

What is read depends on the block alone, never on what was read before: a feed's decimals are remembered, but where its
aggregator has changed they are asked for again at the same block.
"""

from collections.abc import Mapping
from typing import Final, TypeAlias

from triggerx.evm.types import ZERO_HASH
from triggerx.ports.chain import Block, Chain, View
from triggerx.ports.store.ledger import Observation
from triggerx.triggers.json_route import Unreadable
from triggerx.triggers.readings import Answer, Reading, value_from, views_of
from triggerx.triggers.sources import FeedSource, Source, ViewSource

OnChain: TypeAlias = FeedSource | ViewSource


class BlockValues:
    """Reads of any chains, which share nothing but the decimals of their feeds."""

    def __init__(self) -> None:
        self._feeds: dict[str, Reading] = {}

    async def read(self, chain: Chain, block: Block, wanted: Mapping[str, OnChain]) -> list[Observation]:
        """Return one observation a source, a fault where it cannot be read. Raises as `Chain.call_many`."""
        found = await self._read(chain, block, wanted)
        outdated = {name: wanted[name] for name, each in found.items() if each.fault and name in self._feeds}
        if outdated:
            for name in outdated:
                del self._feeds[name]
            found |= await self._read(chain, block, outdated)
        return list(found.values())

    async def _read(self, chain: Chain, block: Block, wanted: Mapping[str, OnChain]) -> dict[str, Observation]:
        asked = {name: views_of(source, known=self._feeds.get(name)) for name, source in wanted.items()}
        views = list(dict.fromkeys(view for each in asked.values() for view in each))
        answers = await chain.call_many(views, block=block.number)
        by_view: dict[View, Answer] = dict(zip(views, answers, strict=True))
        return {name: self._observation(name, wanted[name], asked[name], by_view, block) for name in wanted}

    def _observation(
        self, name: str, source: OnChain, asked: tuple[View, ...], answers: Mapping[View, Answer], block: Block
    ) -> Observation:
        try:
            reading = value_from(source, [answers[view] for view in asked], known=self._feeds.get(name))
        except Unreadable as error:
            return _observed(name, NO_VALUE, block, fault=str(error))
        if isinstance(source, FeedSource):
            self._feeds[name] = reading
        return _observed(name, reading, block)


NO_VALUE: Final = Reading(value="0", response_hash=ZERO_HASH)


def _observed(name: str, reading: Reading, block: Block, *, fault: str = "") -> Observation:
    return Observation(
        source=name,
        value=reading.value,
        observed_at_ms=block.timestamp * 1000,
        block_number=block.number,
        block_hash=block.hash,
        response_hash=None if fault else reading.response_hash,
        fault=fault,
    )


def is_on_chain(source: Source) -> bool:
    """Whether anybody can read the source's value at any block, today and later."""
    return isinstance(source, FeedSource | ViewSource)
