"""What an attester finds out by itself about one task document, from its own endpoints and its own store."""

import asyncio
from dataclasses import replace

from triggerx.core.document import TaskDocument
from triggerx.core.errors import InvalidInput
from triggerx.core.evidence import parse_evidence
from triggerx.core.job import JobBody, TaskDefinition
from triggerx.core.job_body import STATIC_DEFINITIONS, expected_job_hash, static_calldata
from triggerx.core.network import Network
from triggerx.core.validation import Facts, RegistryEntry, Ruling, Seed, Verdict, engine_of, judge
from triggerx.evm.types import Hash32
from triggerx.ports.chain import CallReverted, Chain
from triggerx.ports.store.peering import AnnouncedDocument
from triggerx.role import Services
from triggerx_keeper.claims import Claims
from triggerx_keeper.computing import Computing
from triggerx_keeper.executions import read_execution
from triggerx_keeper.registry import read_entry


async def gather_facts(
    services: Services,
    claims: Claims,
    computing: Computing,
    document: TaskDocument,
    body: JobBody,
    announced: AnnouncedDocument,
) -> Facts:
    """Look everything up; what cannot be found out (yet) is None.

    Raises `RecoverableError` when a chain is away, `InvalidInput` for a job whose action cannot be judged here.
    """
    is_static = body.task_definition_id in STATIC_DEFINITIONS
    if body.task_definition_id is TaskDefinition.CUSTOM_SCRIPT:
        raise InvalidInput(
            "task_definition_id", f"a script says the action of task definition {body.task_definition_id}"
        )
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
    facts = Facts(
        heard_at=announced.heard_at,
        operators=await services.operators.active(),
        engine=engine,
        is_engine=engine is not None and await services.operators.is_engine(engine),
        seed=seed,
        registry=registry,
        registry_hash=expected_job_hash(body),
        trigger=None,
        expected_data=static_calldata(body) if is_static else document.action.data,
        execution=execution,
        claimed_by=await _claimed_by(services, announced),
        confirmations_min=action_chain.confirmations,
    )
    facts = replace(facts, trigger=await _check_trigger(claims, document, body, facts, network))
    if is_static or not _is_open(document, body, facts, network):
        return facts
    return replace(facts, computation=await computing.check(document, body))


async def read_seed(chain: Chain, number: int) -> Seed | None:
    """Return a block as the seed of a draw, with its successor's time; None while it is not known."""
    block, after = await asyncio.gather(chain.block(number), chain.block(number + 1))
    if block is None:
        return None
    return Seed(
        block_hash=block.hash, timestamp=block.timestamp, next_timestamp=None if after is None else after.timestamp
    )


def _is_open(document: TaskDocument, body: JobBody, facts: Facts, network: Network) -> bool:
    """Whether what is known leaves a yes possible: nobody else makes a keeper ask what lies outside.

    That takes an engine's signature on a registered job whose action is mined.
    """
    if facts.execution is None or facts.registry is None:
        return False  # which `judge` waits for
    return judge(document, body, facts, network).ruling not in (Ruling.REJECT, Ruling.ABSTAIN)


async def _check_trigger(
    claims: Claims, document: TaskDocument, body: JobBody, facts: Facts, network: Network
) -> Verdict | None:
    """Say what speaks against the trigger; it is looked at only while all else leaves a yes possible."""
    done, entry = facts.execution, facts.registry
    if done is None or entry is None or not _is_open(document, body, facts, network):
        return None
    evidence = parse_evidence(document.evidence, document.assignment.firing)
    return await claims.check(body, evidence, entry, acted_at=done.block_timestamp)


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
