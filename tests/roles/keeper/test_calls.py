from tests.fakes.chain import FakeChain
from tests.roles.scene import HUB
from tests.unit.core.sample import job_body, order_for
from triggerx.core.budget import FEE_PERCENT, FORWARD_GAS, INNER_GAS_DEFAULT, UNGUARDED_FEE_MAX_WEI
from triggerx.core.job_body import static_calldata
from triggerx.evm.contracts import TaskExecutionHub
from triggerx.evm.types import Wei
from triggerx.ports.chain import CallReverted
from triggerx_keeper.calls import build_call, measure_inner_call

UNGUARDED = job_body(is_guarded=False)


def fee_of(inner_gas: int, *, gas_price: int) -> object:
    call = build_call(
        UNGUARDED, order_for(1), static_calldata(UNGUARDED), gas_price=Wei(gas_price), inner_gas=inner_gas
    )
    return TaskExecutionHub.executeFunction.decode_input(call)[1]


async def test_inner_call_when_measured_then_it_is_what_the_hub_would_spend_on_it() -> None:
    chain = FakeChain()
    chain.gas_estimate = 134_000
    assert await measure_inner_call(chain, HUB, UNGUARDED, static_calldata(UNGUARDED)) == 134_000


async def test_inner_call_when_it_would_fail_then_the_default_lets_the_hub_record_that() -> None:
    chain = FakeChain()
    chain.gas_estimate = CallReverted("not now")
    assert await measure_inner_call(chain, HUB, UNGUARDED, static_calldata(UNGUARDED)) == INNER_GAS_DEFAULT


def test_fee_when_the_job_is_unguarded_then_it_repays_both_calls_up_to_the_cap() -> None:
    percent = FEE_PERCENT[UNGUARDED.priority]
    assert fee_of(134_000, gas_price=10**9) == (FORWARD_GAS + 134_000) * 10**9 * percent // 100
    assert fee_of(134_000, gas_price=10**12) == UNGUARDED_FEE_MAX_WEI
