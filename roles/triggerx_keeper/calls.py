"""The call of the execution hub that carries a job's action, guarded by the mandate where there is one."""

from typing import Final

from triggerx.core.budget import INNER_GAS_DEFAULT, budget_of, paid_gas, run_cost
from triggerx.core.job import JobBody
from triggerx.core.task import SignedAssignment
from triggerx.evm.contracts import TaskExecutionHub
from triggerx.evm.types import Address, Wei
from triggerx.ports.chain import CallReverted, Chain

NO_QUORUM: Final = ((), (0, 0))  # security levels 2 to 4 are attested after the action


async def measure_inner_call(chain: Chain, hub: Address, body: JobBody, inner: bytes) -> int:
    """Return the gas that the target's call with this calldata takes now, when the hub makes it.

    The hub survives a target that runs out of gas, so a node's estimate of the whole leaves the target next to nothing.
    A call that would fail gets the default: the hub then records the failure.
    """
    try:
        return await chain.estimate_gas(body.action.target, inner, sender=hub)
    except CallReverted:
        return INNER_GAS_DEFAULT


def build_call(body: JobBody, signed: SignedAssignment, inner: bytes, *, gas_price: Wei, inner_gas: int) -> bytes:
    """Build the hub's calldata for one assignment; `inner` is the target's.

    The fee is what a run at this price is expected to cost.
    """
    fee = run_cost(paid_gas(body, inner_gas), gas_price, body.priority, fee_max_wei=budget_of(body).fee_max_wei)
    if body.mandate is None:
        return TaskExecutionHub.executeFunction.encode(body.job_id, fee, body.action.target, inner)
    return TaskExecutionHub.executeTask.encode(
        body.mandate.mandate.as_tuple(),
        body.mandate.signature,
        signed.firing.as_tuple(),
        signed.assignment.as_tuple(),
        signed.signature,
        fee,
        0,
        inner,
        NO_QUORUM,
    )
