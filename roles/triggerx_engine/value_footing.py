"""What an on-chain condition's task rests on: its value at a canonical block, read again where a reorg replaced that.

Values are read at confirmed blocks, so only a reorg that goes deeper than the confirmations gets here. Keepers take no
other block than the evidence's: where the value at the block in its place satisfies the condition too, the same firing
goes on with that; where it does not, it never became true there.
"""

from decimal import Decimal
from typing import Final

from triggerx.core.errors import RecoverableError
from triggerx.core.evidence import ConditionEvidence
from triggerx.core.followers import chain_follower
from triggerx.core.job import ConditionTrigger, Job
from triggerx.ports.chain import Block, Chain
from triggerx.role import Services
from triggerx.triggers.block_values import BlockValues
from triggerx.triggers.condition import holds, spec_of
from triggerx.triggers.occurrence import condition_evidence, frame_of
from triggerx.triggers.sources import FeedSource, ViewSource, name_of, source_of

VALUE_GONE: Final = "a reorg replaced the block of its value, and its condition is not true at the one in its place"


class ValueFooting:
    """Looks at the blocks that the engine follows, and asks the chain where those do not hold the evidence's."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._values = BlockValues()

    async def renewed(self, job: Job, evidence: ConditionEvidence) -> ConditionEvidence | None:
        """Return the evidence as the canonical chain has it, the same while its block stands; None where it has none.

        Raises `RecoverableError` while the block in its place is not there, or has not its confirmations.
        """
        trigger, number = job.body.trigger, evidence.block_number
        if number is None or not isinstance(trigger, ConditionTrigger):
            return evidence
        source = source_of(trigger)
        if not isinstance(source, FeedSource | ViewSource):
            return evidence
        followed = await self._services.store.blocks.hash_at(chain_follower(source.chain_id), number)
        if followed == evidence.block_hash:
            return evidence
        chain = self._services.chain(source.chain_id)
        block = await self._confirmed(chain, number)
        if block.hash == evidence.block_hash:
            return evidence
        (seen,) = await self._values.read(chain, block, {name_of(source): source})
        if (await self._confirmed(chain, number)).hash != block.hash:
            raise RecoverableError(f"block {number} was replaced while the value was read at it: it is read again")
        is_true = not seen.fault and holds(spec_of(trigger), Decimal(seen.value))
        if not is_true or not frame_of(job.body).holds(block.timestamp):
            return None
        await self._services.store.conditions.record([seen])
        return condition_evidence(seen, evidence.edge)

    async def _confirmed(self, chain: Chain, number: int) -> Block:
        block, head = await chain.block(number), await chain.head()
        confirmations = self._services.network.confirmations_on(chain.chain_id) or 0
        if block is None or head.number - number < confirmations:
            raise RecoverableError(f"a reorg took block {number}, and the one in its place is not confirmed yet")
        return block
