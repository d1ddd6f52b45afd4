"""On-chain values: one batched read a block for all conditions of a chain, at confirmed blocks, none left out.

A block is read once it has the chain's confirmations, so what was observed is not reorganised away, and whoever reads
that block again reads the same. After a restart the blocks in between are read too, as far back as nodes keep states.
"""

from typing import Final

from triggerx.core.canonical import Json
from triggerx.core.errors import RecoverableError
from triggerx.core.followers import views_follower
from triggerx.evm.types import ChainId
from triggerx.ports.chain import Block, Cursor
from triggerx.role import Services
from triggerx.triggers.block_values import BlockValues, OnChain
from triggerx.triggers.sources import FeedSource, ViewSource
from triggerx_engine.values import ConditionJobs

STATE_BLOCKS: Final = 120  # behind the head: full nodes keep the states of the last 128 blocks, and time passes
CONFIRMATIONS: Final = 1  # on a chain that the network's file says nothing about


class Views:
    """Reads for every chain; `ConditionJobs` says what is asked for."""

    def __init__(self, services: Services, jobs: ConditionJobs) -> None:
        self._services = services
        self._jobs = jobs
        self._values = BlockValues()
        self._idle: set[ChainId] = set()
        self._log = services.log.bind(loop="engine.views")

    def has_any(self, chain_id: ChainId) -> bool:
        """Whether any condition looks at this chain."""
        return bool(self._wanted(chain_id))

    async def read(self, chain_id: ChainId, *, head: Block) -> None:
        """Read every confirmed block after the last one that was read; none while no condition looks at the chain."""
        if not self._wanted(chain_id):
            self._idle.add(chain_id)
            return
        confirmations = self._services.network.confirmations_on(chain_id)
        last = head.number - (CONFIRMATIONS if confirmations is None else confirmations)
        name = views_follower(chain_id)
        cursor = await self._services.store.cursors.get(name)
        first = last if cursor is None or chain_id in self._idle else cursor.number + 1
        self._idle.discard(chain_id)
        if first < head.number - STATE_BLOCKS:
            await self._leave_out(chain_id, first, head.number - STATE_BLOCKS - 1)
            first = head.number - STATE_BLOCKS
        for number in range(max(first, 0), last + 1):
            block = await self._services.chain(chain_id).block(number)
            if block is None:
                raise RecoverableError(f"chain {chain_id}: block {number} is missing below {head.number}: ask again")
            wanted = self._wanted(chain_id)
            await self._jobs.take(await self._values.read(self._services.chain(chain_id), block, wanted))
            self._services.crash_point("engine.views.before-cursor")
            await self._services.store.cursors.set(name, Cursor(number=block.number, hash=block.hash))

    def _wanted(self, chain_id: ChainId) -> dict[str, OnChain]:
        found: dict[str, OnChain] = {}
        for name, source in self._jobs.sources().items():
            if isinstance(source, FeedSource | ViewSource) and source.chain_id == chain_id:
                found[name] = source
        return found

    async def _leave_out(self, chain_id: ChainId, first: int, last: int) -> None:
        """Say which blocks nobody can read any more."""
        details: dict[str, Json] = {"first_block": first, "last_block": last}
        await self._services.store.events.append(
            "blocks_unread", f"chain:{chain_id}", details, now_ms=self._services.clock.now_ms()
        )
        self._log.warning(
            "blocks left unread", chain_id=chain_id, first=first, last=last, advice="nodes keep no states"
        )
