"""The call of the execution hub that carries a job's action, guarded by the mandate where there is one."""

from typing import Final

from triggerx.core.budget import gas_of_run
from triggerx.core.job import JobBody
from triggerx.core.task import SignedAssignment
from triggerx.core.validation import UNGUARDED_FEE_MAX_WEI
from triggerx.evm.contracts import TaskExecutionHub
from triggerx.evm.types import Address, Wei
from triggerx.ports.chain import CallReverted, Chain

INNER_GAS_DEFAULT: Final = 100_000  # taken for the inner call where nothing better is known
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

    The fee repays the performer's gas at this price, up to the cap.
    """
    if body.mandate is None:
        fee = min(UNGUARDED_FEE_MAX_WEI, gas_of_run(inner_gas, is_guarded=False) * gas_price)
        return TaskExecutionHub.executeFunction.encode(body.job_id, fee, body.action.target, inner)
    mandate = body.mandate.mandate
    gas = gas_of_run(mandate.inner_gas_min or INNER_GAS_DEFAULT, is_guarded=True)
    return TaskExecutionHub.executeTask.encode(
        mandate.as_tuple(),
        body.mandate.signature,
        signed.firing.as_tuple(),
        signed.assignment.as_tuple(),
        signed.signature,
        min(mandate.fee_max, gas * gas_price),
        0,
        inner,
        NO_QUORUM,
    )
