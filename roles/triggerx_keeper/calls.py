"""The call of the execution hub that carries a job's action, guarded by the mandate where there is one."""

from dataclasses import dataclass

from triggerx.core.job import JobBody
from triggerx.core.job_body import static_calldata
from triggerx.core.task import SignedAssignment
from triggerx.evm.contracts import TaskExecutionHub
from triggerx.evm.types import Wei

GUARD_GAS = 260_000  # what executeTask uses beside the inner call, measured at 210,000 to 240,000
UNGUARDED_GAS = 90_000  # the same of executeFunction
INNER_GAS_DEFAULT = 100_000  # taken for the inner call of a job whose owner stated none
UNGUARDED_FEE_MAX = Wei(10**15)  # 0.001 ether: nobody but the keepers' own rule caps the fee of an unguarded job


@dataclass(frozen=True, slots=True, kw_only=True)
class HubCall:
    """Calldata for the hub, and what it will say of itself: inner calldata, value and fee in wei."""

    data: bytes
    inner_data: bytes
    value: Wei
    fee: Wei


def build_call(body: JobBody, signed: SignedAssignment, *, gas_price: Wei) -> HubCall:
    """Build the hub call of one assignment at this gas price; the fee repays the performer's gas up to the cap."""
    inner = static_calldata(body)
    value = Wei(0)
    if body.mandate is None:
        fee = Wei(min(UNGUARDED_FEE_MAX, (UNGUARDED_GAS + INNER_GAS_DEFAULT) * gas_price))
        data = TaskExecutionHub.executeFunction.encode(body.job_id, fee, body.action.target, inner)
        return HubCall(data=data, inner_data=inner, value=value, fee=fee)
    mandate = body.mandate.mandate
    gas = GUARD_GAS + (mandate.inner_gas_min or INNER_GAS_DEFAULT)
    fee = Wei(min(mandate.fee_max, gas * gas_price))
    data = TaskExecutionHub.executeTask.encode(
        mandate.as_tuple(),
        body.mandate.signature,
        signed.firing.as_tuple(),
        signed.assignment.as_tuple(),
        signed.signature,
        fee,
        value,
        inner,
        ((), (0, 0)),
    )
    return HubCall(data=data, inner_data=inner, value=value, fee=fee)
