"""What an attester finds out by itself about one task document, from its own endpoints and its own store."""

import asyncio

from triggerx.core.document import TaskDocument
from triggerx.core.errors import InvalidInput
from triggerx.core.job import JobBody, TimeTrigger
from triggerx.core.job_body import created_at_of, expected_job_hash, static_calldata
from triggerx.core.validation import Facts, RegistryEntry, Seed, engine_of
from triggerx.evm.hub import Firing, FiringKind
from triggerx.evm.types import Hash32
from triggerx.ports.chain import CallReverted, Chain
from triggerx.ports.store.peering import AnnouncedDocument
from triggerx.role import Services
from triggerx.triggers.time import is_due
from triggerx_keeper.executions import read_execution
from triggerx_keeper.registry import read_entry


def trigger_fault(body: JobBody, firing: Firing) -> str:
    """Return why this firing is not one of the job's, or an empty text when it is."""
    if not isinstance(body.trigger, TimeTrigger) or firing.kind != FiringKind.TIME:
        return "only time firings of time jobs can be checked"
    created_at = created_at_of(body.job_id)
    expires_at = created_at + body.time_frame_s
    if not is_due(body.trigger, created_at=created_at, expires_at=expires_at, moment=firing.index):
        return f"second {firing.index} is not one of the schedule's"
    return ""


async def gather_facts(
    services: Services, document: TaskDocument, body: JobBody, announced: AnnouncedDocument
) -> Facts:
    """Look everything up; what cannot be found out (yet) is None. Raises `RecoverableError` when a chain is away."""
    network = services.network
    action_chain = network.action_chains.get(document.action.chain_id)
    if action_chain is None:
        raise InvalidInput("action.chain_id", f"{document.action.chain_id} is not part of network {network.name}")
    chain = services.chain(action_chain.chain_id)
    execution, seed = await asyncio.gather(
        read_execution(chain, action_chain, document.action.tx_hash),
        read_seed(services.chain(network.l2_chain_id), document.assignment.seed_block),
    )
    registry: RegistryEntry | None = None
    if execution is not None:
        try:
            registry = await read_entry(chain, action_chain, body.job_id, block=execution.block_number)
        except CallReverted:
            registry = None
    engine = engine_of(document)
    return Facts(
        heard_at=announced.heard_at,
        operators=await services.operators.active(),
        engine=engine,
        is_engine=engine is not None and await services.operators.is_engine(engine),
        seed=seed,
        seed_at=document.assignment.firing.index - network.timing.seed_lag_s,
        registry=registry,
        registry_hash=expected_job_hash(body),
        trigger_fault=trigger_fault(body, document.assignment.firing),
        expected_data=static_calldata(body),
        execution=execution,
        claimed_by=await _claimed_by(services, announced),
        confirmations_min=action_chain.confirmations,
    )


async def read_seed(chain: Chain, number: int) -> Seed | None:
    """Return a block as the seed of a draw, with its successor's time; None while it is not known."""
    block, after = await asyncio.gather(chain.block(number), chain.block(number + 1))
    if block is None:
        return None
    return Seed(
        block_hash=block.hash, timestamp=block.timestamp, next_timestamp=None if after is None else after.timestamp
    )


async def _claimed_by(services: Services, announced: AnnouncedDocument) -> Hash32 | None:
    """Return another task key whose earlier document names the same transaction, announced by the same performer.

    What others claim says nothing: only its own sender can be believed to have done an action, so that a stranger who
    announces an action first spoils nobody's document.
    """
    for other in await services.store.votes.announced_with(announced.execution_tx_hash):
        if other.task_hash == announced.task_hash:
            return None
        if other.task_key != announced.task_key and other.performer == announced.performer:
            return other.task_key
    return None
