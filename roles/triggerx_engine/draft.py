"""The election of attempts: who is on the roster, which block is the seed, and the signed order for the elected."""

from collections.abc import Sequence

from triggerx.core.election import Duty, Operator, draw
from triggerx.core.errors import InvalidInput, RecoverableError, UnrecoverableError
from triggerx.core.job import Job
from triggerx.core.task import SignedAssignment, Task
from triggerx.evm.hub import Assignment, assignment_digest
from triggerx.ports.chain import Block
from triggerx.role import Services


class EverythingWaits(RecoverableError):
    """No task can be assigned for now: what is missing has nothing to do with the one that was tried."""


async def draft_assignments(
    services: Services, moment: int, drafts: Sequence[tuple[Task, Job]]
) -> Sequence[SignedAssignment]:
    """Draw and sign the next attempts of tasks of one moment, over the operators that are active and have checked in.

    The seed hangs on the moment of the tasks' evidence, and the orders begin at that moment. Raises `EverythingWaits`
    while nobody is on the roster, `RecoverableError` while the seed block is not known, `InvalidInput` for a job whose
    chain is not of this network.
    """
    roster = await _roster(services)
    seed = await _seed_block(services, moment)
    return [_signed(services, task, job, roster, seed, moment) for task, job in drafts]


async def _roster(services: Services) -> Sequence[Operator]:
    since = services.clock.now() - services.network.timing.epoch_s
    online = {check_in.operator for check_in in await services.store.keepers.list_check_ins(since=since)}
    roster = [operator for operator in await services.operators.active() if operator.address in online]
    if not roster:
        raise EverythingWaits("no active keeper has checked in during this epoch")
    return roster


def _signed(
    services: Services, task: Task, job: Job, roster: Sequence[Operator], seed: Block, moment: int
) -> SignedAssignment:
    network = services.network
    if services.engine_signer is None:
        raise UnrecoverableError("the engine has no key")
    action_chain = network.action_chains.get(job.body.action.chain_id)
    if action_chain is None:
        raise InvalidInput("target_chain_id", f"chain {job.body.action.chain_id} is not part of network {network.name}")
    attempt = task.attempt + 1
    ranks = draw(roster, duty=Duty.PERFORMER, task_key=task.task_key, seed_block_hash=seed.hash)
    order = Assignment(
        task_key=task.task_key,
        performer=ranks[(attempt - 1) % len(ranks)].address,
        attempt=attempt,
        not_before=moment,
        not_after=services.clock.now() + network.timing.performer_window_s,
    )
    digest = assignment_digest(order, action_chain.chain_id, action_chain.task_execution_hub)
    return SignedAssignment(
        assignment=order,
        job_id=task.job_id,
        firing=task.firing,
        seed_block=seed.number,
        seed_block_hash=seed.hash,
        roster=tuple(operator.operator_id for operator in roster),
        signature=services.engine_signer.sign_digest(digest),
    )


async def _seed_block(services: Services, moment: int) -> Block:
    """Return the last block at least `seed_lag_s` before the firing's moment; attesters refuse any other.

    While it is the newest, a later one may still become the last: the endpoint has fallen behind, or the chain stands
    still, which is taken for granted once the moment is `seed_lag_s` old.
    """
    network, lag_s = services.network, services.network.timing.seed_lag_s
    chain = services.chain(network.l2_chain_id)
    seed = await chain.block_at(moment - lag_s) or await chain.block(0)
    if seed is None:
        raise RecoverableError(f"chain {network.l2_chain_id} shows no block yet")
    if services.clock.now() < moment + lag_s and await chain.block(seed.number + 1) is None:
        raise RecoverableError(
            f"block {seed.number} of chain {network.l2_chain_id} may not be the seed: none follows it"
        )
    return seed
