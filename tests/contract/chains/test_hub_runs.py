"""A guarded run: what is executed, what is paid to whom, how often, and what a failing target changes."""

import pytest

from tests.contract.chains.deployed import GWEI, System
from tests.contract.chains.runs import (
    BURN_GAS,
    CALLS,
    DEPOSIT,
    FEE,
    INCREMENT,
    LAST_CALLER,
    LAST_VALUE,
    LONG_S,
    TOTAL,
    Guarded,
)
from triggerx.evm.abi import Function
from triggerx.evm.contracts import JobRegistry, TaskExecutionHub
from triggerx.evm.hub import Firing, assignment_digest
from triggerx.evm.keccak import keccak256
from triggerx.evm.types import ZERO_HASH, ChainId, Hash32

MANDATE_DIGEST = Function.parse(
    "mandateDigest((uint256 jobId,bytes32 jobHash,uint256 version,address owner,address target,bytes4 selector,"
    "bytes32 calldataHash,uint256 valueMax,uint256 feeMax,uint256 innerGasMin,uint32 runsMax,uint32 spacing,"
    "uint8 attemptsMax,uint8 security,uint64 notBefore,uint64 expiry) mandate) returns (bytes32)"
)
ASSIGNMENT_DIGEST = Function.parse(
    "assignmentDigest((bytes32 taskKey,address performer,uint8 attempt,uint64 notBefore,uint64 notAfter) assignment)"
    " returns (bytes32)"
)
TASK_KEY = Function.parse(
    "taskKey(uint256 jobId,(uint8 kind,uint256 index,uint256 chainId,bytes32 txHash) firing) returns (bytes32)"
)
LAST_RUN_AT = Function.parse("mandateLastRunAt(bytes32 digest) returns (uint256)")


@pytest.fixture
def guarded(system: System) -> Guarded:
    return Guarded(system)


def test_digests_then_are_those_we_sign(guarded: Guarded) -> None:
    run, chain_id = guarded.run, guarded.system.chain_id
    assert guarded.of(MANDATE_DIGEST, run.mandate.as_tuple()) == guarded.digest(run)
    ordered = assignment_digest(run.assignment, chain_id, guarded.hub)
    assert guarded.of(ASSIGNMENT_DIGEST, run.assignment.as_tuple()) == ordered
    for firing in (
        run.firing,
        Firing.event(ChainId(10), Hash32(b"\x05" * 32), 7),
        Firing.condition(3),
        Firing.manual(3),
    ):
        assert guarded.of(TASK_KEY, guarded.job_id, firing.as_tuple()) == run.fired(firing).key


def test_run_when_all_is_right_then_calls_the_target_and_pays_the_performer(guarded: Guarded) -> None:
    run, system = guarded.run.but(value=7), guarded.system
    before = system.balance(guarded.performer.address)
    event = guarded.execute(run)
    assert (event["taskKey"], event["jobId"], event["performer"]) == (
        run.key,
        guarded.job_id,
        guarded.performer.address,
    )
    assert (event["success"], event["attempt"], event["fee"], event["value"]) == (True, 1, FEE, 7)
    assert event["executed"] == [
        {"keeper": guarded.performer.address, "target": guarded.target, "data": run.data, "value": 7}
    ]
    assert event["failed"] == []
    assert event["deducted"] == [{"user": system.owner.address, "amount": FEE + 7}]
    assert guarded.deposit() == DEPOSIT - FEE - 7
    assert system.balance(guarded.target) == 7
    assert system.balance(guarded.hub) == 0
    gained = system.balance(guarded.performer.address) - before
    assert FEE - 50 * GWEI * event["gas_used"] <= gained < FEE
    assert guarded.of_target(TOTAL) == 5
    assert guarded.of_target(LAST_CALLER) == guarded.hub
    assert guarded.of_target(LAST_VALUE) == 7


def test_run_when_done_then_is_counted(guarded: Guarded) -> None:
    run = guarded.run
    digest = guarded.digest(run)
    assert not guarded.of(TaskExecutionHub.taskDone, run.key)
    guarded.execute(run)
    assert guarded.of(TaskExecutionHub.taskDone, run.key)
    assert guarded.of(TaskExecutionHub.taskAttempts, run.key) == 1
    assert guarded.of(TaskExecutionHub.mandateRuns, digest) == 1
    assert guarded.of(LAST_RUN_AT, digest) == guarded.system.now()


def test_run_when_the_key_is_done_then_a_second_is_refused(guarded: Guarded) -> None:
    guarded.execute(guarded.run)
    assert guarded.refusal(guarded.run) == "TaskAlreadyDone()"
    assert guarded.refusal(guarded.run.but(assignment__attempt=2)) == "TaskAlreadyDone()"
    # Another mandate of the same owner does not make it another run.
    renewed = guarded.run.but(assignment__attempt=2, mandate__runs_max=9)
    assert guarded.refusal(renewed) == "TaskAlreadyDone()"


def test_run_when_the_target_fails_then_the_fee_is_paid_and_the_value_given_back(guarded: Guarded) -> None:
    run, digest = guarded.run.but(value=7), guarded.digest(guarded.run)
    guarded.set_failing(True)
    event = guarded.execute(run)
    assert event["success"] is False
    assert event["executed"] == []
    (failed,) = event["failed"]
    assert failed["result"] == keccak256(b"FailingOnPurpose()")[:4]
    assert (failed["keeper"], failed["target"], failed["value"]) == (guarded.performer.address, guarded.target, 7)
    assert guarded.deposit() == DEPOSIT - FEE
    assert guarded.system.balance(guarded.hub) == guarded.system.balance(guarded.target) == 0
    assert not guarded.of(TaskExecutionHub.taskDone, run.key)
    assert guarded.of(TaskExecutionHub.taskAttempts, run.key) == 1
    assert guarded.of(TaskExecutionHub.mandateRuns, digest) == 0


def test_run_when_it_failed_then_is_tried_again_under_a_new_assignment_until_attempts_end(guarded: Guarded) -> None:
    run = guarded.run
    guarded.set_failing(True)
    guarded.execute(run)
    assert guarded.refusal(run) == "AssignmentAlreadyUsed()"
    assert guarded.refusal(run.but(assignment__not_after=run.assignment.not_after + 1)) == "AssignmentAlreadyUsed()"
    second = run.but(assignment__attempt=2)
    guarded.execute(second)
    assert guarded.of(TaskExecutionHub.taskAttempts, run.key) == 2
    guarded.set_failing(False)
    assert guarded.refusal(run.but(assignment__attempt=3)) == "AttemptsExhausted()"
    assert guarded.deposit() == DEPOSIT - 2 * FEE


def test_run_when_the_first_attempt_never_came_then_a_later_number_is_the_first(guarded: Guarded) -> None:
    late = guarded.run.but(assignment__attempt=2, mandate__attempts_max=1)
    assert guarded.refusal(late) == ""
    assert guarded.refusal(late.but(assignment__attempt=0)) == "AssignmentAlreadyUsed()"


def test_mandate_when_its_runs_are_used_then_is_exhausted(guarded: Guarded) -> None:
    run = guarded.run.but(mandate__runs_max=2)
    for index in range(2):
        guarded.execute(run.fired(Firing.condition(index)))
    assert guarded.refusal(run.fired(Firing.condition(2))) == "MandateExhausted()"


def test_mandate_when_a_run_fails_then_none_of_its_runs_is_used(guarded: Guarded) -> None:
    run = guarded.run.but(mandate__runs_max=1)
    guarded.set_failing(True)
    guarded.execute(run)
    guarded.set_failing(False)
    assert guarded.execute(run.but(assignment__attempt=2))["success"] is True
    assert guarded.refusal(run.fired(Firing.condition(2))) == "MandateExhausted()"


def test_spacing_when_not_elapsed_then_the_next_firing_waits(guarded: Guarded) -> None:
    run = guarded.run.but(mandate__spacing=100)
    guarded.execute(run)
    following = run.fired(Firing.condition(1))
    guarded.system.wait(50)
    assert guarded.refusal(following) == "SpacingNotElapsed()"
    guarded.system.wait(50)
    assert guarded.refusal(following) == ""


def test_spacing_when_a_firing_failed_then_holds_other_firings_but_not_its_retry(guarded: Guarded) -> None:
    run = guarded.run.but(mandate__spacing=100)
    guarded.set_failing(True)
    guarded.execute(run)
    assert guarded.refusal(run.fired(Firing.condition(1))) == "SpacingNotElapsed()"
    assert guarded.refusal(run.but(assignment__attempt=2)) == ""


def test_version_when_the_job_was_updated_then_the_old_mandate_is_refused(guarded: Guarded) -> None:
    system, data = guarded.system, (60).to_bytes(32, "big")
    update = JobRegistry.updateJob.encode(
        guarded.job_id, "job", 1, 3600, guarded.target, data, "job", 3600, data
    )  # the same content: the version alone changes
    system.do(system.owner, system.at.job_registry, update)
    assert guarded.refusal(guarded.run) == "JobVersionMismatch()"
    renewed = guarded.first_run(guarded.job_id)
    assert renewed.mandate.job_hash == guarded.run.mandate.job_hash
    assert guarded.refusal(renewed) == ""


def test_job_when_deleted_then_no_run_is_accepted(guarded: Guarded) -> None:
    system = guarded.system
    system.do(system.owner, system.at.job_registry, JobRegistry.deleteJob.encode(guarded.job_id))
    assert guarded.refusal(guarded.run) == "JobNotActive()"


def test_inner_gas_when_starved_then_is_refused_before_the_target_runs(guarded: Guarded) -> None:
    run = guarded.run.but(mandate__inner_gas_min=500_000)
    assert guarded.refusal(run, gas=600_000) == "StarvedInnerGas()"
    assert guarded.refusal(run, gas=1_000_000) == ""
    mined = guarded.system.send(guarded.performer.key, guarded.hub, guarded.encoded(run), gas=600_000)
    assert not mined.succeeded
    assert guarded.of(TaskExecutionHub.taskAttempts, run.key) == 0
    assert guarded.deposit() == DEPOSIT


def test_inner_gas_when_promised_then_reaches_the_target(guarded: Guarded) -> None:
    # The target uses nearly all that was promised, at the least gas that the hub accepts.
    data = BURN_GAS.encode(440_000)
    run = guarded.run.but(
        mandate__inner_gas_min=500_000,
        mandate__selector=BURN_GAS.selector,
        mandate__calldata_hash=keccak256(data),
        data=data,
    )
    low, high = 600_000, 1_000_000
    while high - low > 2_000:
        middle = (low + high) // 2
        low, high = (low, middle) if guarded.refusal(run, gas=middle) == "" else (middle, high)
    assert guarded.execute(run, gas=high)["success"] is True


def test_inner_call_when_it_burns_all_gas_then_the_attempt_still_counts_and_is_paid(guarded: Guarded) -> None:
    data = BURN_GAS.encode(10**9)
    run = guarded.run.but(
        mandate__inner_gas_min=100_000,
        mandate__selector=BURN_GAS.selector,
        mandate__calldata_hash=ZERO_HASH,
        data=data,
    )
    event = guarded.execute(run, gas=700_000)
    assert event["success"] is False
    assert guarded.of(TaskExecutionHub.taskAttempts, run.key) == 1
    assert guarded.deposit() == DEPOSIT - FEE


def test_dynamic_arguments_when_the_mandate_leaves_them_open_then_only_the_selector_binds(guarded: Guarded) -> None:
    run = guarded.run.but(mandate__calldata_hash=ZERO_HASH, data=INCREMENT.encode(9))
    assert guarded.execute(run)["success"] is True
    assert guarded.of_target(TOTAL) == 9


def test_plain_transfer_when_allowed_then_sends_value_without_calldata(guarded: Guarded) -> None:
    system = guarded.system
    run = guarded.run.but(
        mandate__selector=bytes(4),
        mandate__target=system.stranger.address,
        data=b"",
        value=5,
        mandate__calldata_hash=keccak256(b""),
    )
    before = system.balance(system.stranger.address)
    assert guarded.execute(run)["success"] is True
    assert system.balance(system.stranger.address) == before + 5


def test_level_one_then_needs_a_quorum_over_exactly_this_run(guarded: Guarded) -> None:
    keepers, run = guarded.system.keepers, guarded.run.but(mandate__security=1)
    assert guarded.refusal(run) == "QuorumRequired()"
    approved = guarded.approved(run, keepers[1:])
    assert guarded.refusal(approved) == ""
    assert guarded.refusal(guarded.approved(run, keepers[:2])) == "InsufficientVotingPower()"
    for other in (
        approved.but(value=1),
        approved.but(mandate__fee_max=FEE + 1),
        approved.but(assignment__not_after=run.assignment.not_after + 1),
        approved.fired(Firing.condition(1)),
        approved.but(mandate__calldata_hash=ZERO_HASH, data=INCREMENT.encode(6)),
    ):
        assert guarded.refusal(other) == "InvalidOBLSSignature()"
    event = guarded.execute(approved)
    assert event["success"] is True
    assert guarded.of_target(CALLS) == 1


def test_gas_of_a_run_then_stays_within_its_budget(guarded: Guarded) -> None:
    guarded.execute(guarded.run)
    following = guarded.run.fired(Firing.condition(1))
    assert guarded.execute(following)["gas_used"] < 220_000


def test_long_ago_firing_then_is_still_one_run(guarded: Guarded) -> None:
    run = guarded.run.fired(Firing.time(guarded.system.now() - LONG_S))
    assert guarded.execute(run)["success"] is True
    assert guarded.refusal(run.but(assignment__attempt=2)) == "TaskAlreadyDone()"
