"""The deployed hub's way works for jobs without a mandate, within caps, until an owner uses mandates or closes it."""

import pytest

from tests.contract.chains.deployed import GWEI, System
from tests.contract.chains.runs import DEPOSIT, INCREMENT, TOTAL, Guarded
from triggerx.evm.abi import Function
from triggerx.evm.contracts import GasRegistry, JobRegistry, TaskExecutionHub
from triggerx.evm.types import Address

SET_GUARDED_ONLY = Function.parse("setGuardedOnly(bool isGuardedOnly)")
SET_CAPS = Function.parse("setUnguardedCaps(uint256 feeMax,uint256 feePerDayMax)")
CALL_MAX, DAY_MAX = 5 * 10**15, 5 * 10**16
DAY_S = 86_400


@pytest.fixture
def guarded(system: System) -> Guarded:
    return Guarded(system)


def call_of(guarded: Guarded, fee: int = 1000, target: Address | None = None, data: bytes | None = None) -> bytes:
    return TaskExecutionHub.executeFunction.encode(
        guarded.job_id, fee, target or guarded.target, INCREMENT.encode(5) if data is None else data
    )


def refusal(guarded: Guarded, call: bytes) -> str:
    return guarded.system.refusal(guarded.performer.key, guarded.hub, call)


def test_function_when_called_by_a_keeper_then_runs_and_is_paid(guarded: Guarded) -> None:
    system = guarded.system
    before = system.balance(guarded.performer.address)
    mined = system.do(guarded.performer.key, guarded.hub, call_of(guarded, CALL_MAX), value=7)
    assert mined.events(TaskExecutionHub.FunctionExecuted, guarded.hub) == [
        {"keeper": guarded.performer.address, "target": guarded.target, "data": INCREMENT.encode(5), "value": 7}
    ]
    assert mined.events(TaskExecutionHub.TaskExecuted, guarded.hub) == []
    assert mined.events(GasRegistry.ETHBalanceDeducted, system.at.gas_registry) == [
        {"user": system.owner.address, "amount": CALL_MAX}
    ]
    assert guarded.of_target(TOTAL) == 5
    assert system.balance(guarded.target) == 7
    gained = system.balance(guarded.performer.address) - before
    assert CALL_MAX - 7 - 50 * GWEI * mined.gas_used <= gained < CALL_MAX


def test_function_when_the_target_fails_then_the_keeper_has_its_value_back(guarded: Guarded) -> None:
    system = guarded.system
    guarded.set_failing(True)
    mined = system.do(guarded.performer.key, guarded.hub, call_of(guarded), value=10**18)
    assert len(mined.events(TaskExecutionHub.FunctionExecutionFailed, guarded.hub)) == 1
    assert mined.events(TaskExecutionHub.FunctionExecuted, guarded.hub) == []
    assert system.balance(guarded.hub) == system.balance(guarded.target) == 0
    assert guarded.deposit() == DEPOSIT - 1000


def test_function_when_not_allowed_then_is_refused_by_name(guarded: Guarded) -> None:
    system, call = guarded.system, call_of(guarded)
    assert system.refusal(system.stranger, guarded.hub, call) == "InactiveKeeper()"
    missing = TaskExecutionHub.executeFunction.encode(7, 1, guarded.target, b"")
    assert refusal(guarded, missing) == "JobNotFound()"
    assert refusal(guarded, call_of(guarded, CALL_MAX + 1)) == "FeeAboveCap()"
    system.do(system.owner, system.at.job_registry, JobRegistry.deleteJob.encode(guarded.job_id))
    assert refusal(guarded, call) == "JobNotActive()"


def test_function_when_it_would_speak_for_the_hub_then_is_refused(guarded: Guarded) -> None:
    steal = GasRegistry.deductETHBalance.encode(guarded.system.owner.address, DEPOSIT)
    for target in (guarded.system.at.gas_registry, guarded.hub):
        assert refusal(guarded, call_of(guarded, 0, target, steal)) == "ForbiddenTarget()"


def test_function_when_an_owners_day_is_spent_then_is_refused_until_tomorrow(guarded: Guarded) -> None:
    system = guarded.system
    system.wait(DAY_S - system.now() % DAY_S)  # the test must not run into midnight
    for _ in range(DAY_MAX // CALL_MAX):
        system.do(guarded.performer.key, guarded.hub, call_of(guarded, CALL_MAX))
    assert refusal(guarded, call_of(guarded, 1)) == "FeeAboveCap()"
    assert refusal(guarded, call_of(guarded, 0)) == ""
    system.wait(DAY_S)
    assert refusal(guarded, call_of(guarded, CALL_MAX)) == ""


def test_function_when_the_owner_closed_it_then_is_refused(guarded: Guarded) -> None:
    system = guarded.system
    system.do(system.owner, guarded.hub, SET_GUARDED_ONLY.encode(True))
    assert refusal(guarded, call_of(guarded)) == "GuardedOnly()"
    system.do(system.owner, guarded.hub, SET_GUARDED_ONLY.encode(False))
    assert refusal(guarded, call_of(guarded)) == ""


def test_function_when_the_job_ran_under_a_mandate_then_is_refused_for_that_job(guarded: Guarded) -> None:
    guarded.execute(guarded.run)
    assert refusal(guarded, call_of(guarded)) == "GuardedOnly()"
    guarded.job_id = guarded.create_job()
    assert refusal(guarded, call_of(guarded)) == ""


def test_caps_when_set_then_hold_and_only_the_owner_sets_them(guarded: Guarded) -> None:
    system = guarded.system
    assert system.refusal(system.stranger, guarded.hub, SET_CAPS.encode(1, 1)) == "NotOwner()"
    system.do(system.deployer, guarded.hub, SET_CAPS.encode(10, 15))
    assert refusal(guarded, call_of(guarded, 11)) == "FeeAboveCap()"
    system.do(guarded.performer.key, guarded.hub, call_of(guarded, 10))
    assert refusal(guarded, call_of(guarded, 6)) == "FeeAboveCap()"
    assert refusal(guarded, call_of(guarded, 5)) == ""
