"""The Attestation Center accepts a task with a quorum, once, and refuses everything else by name, in its order."""

from dataclasses import replace

import pytest

from tests.contract.chains.deployed import Keeper, System, Task
from triggerx.evm.abi import Function
from triggerx.evm.bn254.bls import aggregate_signatures
from triggerx.evm.contracts import AttestationCenter
from triggerx.evm.hub import APPROVAL_DOMAIN
from triggerx.evm.keys import PrivateKey
from triggerx.evm.tasks import TASKS_DOMAIN, approve_power, reject_power, vote_message
from triggerx.evm.types import Address

IS_ACTIVE = Function.parse("isActiveOperator(address operator) returns (bool)")
UPDATE_POWER = Function.parse("updateVotingPower(address operator,uint256 votingPower)")
REWARDS = Function.parse("accumulatedRewards(uint256 operatorId) returns (uint256)")
SET_DEFINITION = Function.parse(
    "setTaskDefinition(uint16 id,uint256 minimum,(uint256 performer,uint256 attester,uint256 aggregator) fees)"
)
SET_MESSENGER = Function.parse("setMessageHandler(address handler)")
VERIFY_QUORUM = Function.parse(
    "verifyQuorum(bytes32 domain,bytes message,uint256[] attestersIds,uint256[2] taSignature) returns (bool)"
)
HALF_ORDER = 0xFFFFFFFF_FFFFFFFF_FFFFFFFF_FFFFFFFE_BAAEDCE6_AF48A03B_BFD25E8C_D0364141 // 2


def submit(system: System, task: Task, attesters: list[Keeper], aggregator: Keeper | None = None) -> None:
    sender = (aggregator or system.keepers[0]).key
    assert system.do(sender, system.at.attestation_center, system.submission(task, attesters)).succeeded


def refusal(system: System, submission: bytes, sender: PrivateKey | None = None) -> str:
    return system.refusal(sender or system.keepers[0].key, system.at.attestation_center, submission)


@pytest.fixture
def task(system: System) -> Task:
    return Task(performer=system.keepers[1])


def test_task_when_a_quorum_approves_then_is_submitted(system: System, task: Task) -> None:
    center, attesters = system.at.attestation_center, system.keepers[1:]
    number = system.read(center, AttestationCenter.taskNumber)
    mined = system.do(system.keepers[0].key, center, system.submission(task, attesters))
    assert mined.events(AttestationCenter.TaskSubmitted, center) == [
        {
            "operator": task.performer.address,
            "taskNumber": number,
            "proofOfTask": task.proof_of_task,
            "data": task.data,
            "taskDefinitionId": task.definition,
            "attestersIds": (2, 3, 4),
        }
    ]
    assert mined.events(AttestationCenter.TaskRejected, center) == []
    assert system.read(center, AttestationCenter.taskNumber) == number + 1


def test_task_when_a_third_rejects_then_is_rejected(system: System, task: Task) -> None:
    center, rejected = system.at.attestation_center, replace(task, is_approved=False)
    attesters = [system.keepers[0], system.keepers[3]]  # 2300 of 4600
    mined = system.do(system.keepers[0].key, center, system.submission(rejected, attesters))
    (event,) = mined.events(AttestationCenter.TaskRejected, center)
    assert event["attestersIds"] == (1, 4)
    assert mined.events(AttestationCenter.TaskSubmitted, center) == []


def test_task_when_submitted_then_rewards_performer_attesters_and_aggregator(system: System, task: Task) -> None:
    center, attesters = system.at.attestation_center, system.keepers[1:]
    mined = system.do(system.keepers[0].key, center, system.submission(task, attesters))
    rewards = [
        (event["operatorId"], event["fee"]) for event in mined.events(AttestationCenter.RewardAccumulated, center)
    ]
    assert rewards == [(2, 100), (2, 10), (3, 10), (4, 10), (1, 20)]
    assert [system.read(center, REWARDS, operator_id) for operator_id in (1, 2, 3, 4)] == [20, 110, 10, 10]


def test_task_when_rejected_then_its_performer_earns_nothing(system: System, task: Task) -> None:
    center, rejected = system.at.attestation_center, replace(task, is_approved=False)
    mined = system.do(system.keepers[0].key, center, system.submission(rejected, system.keepers[2:]))
    rewards = [
        (event["operatorId"], event["fee"]) for event in mined.events(AttestationCenter.RewardAccumulated, center)
    ]
    assert rewards == [(3, 10), (4, 10), (1, 20)]


def test_task_when_its_definition_has_no_fees_then_rewards_nobody(system: System, task: Task) -> None:
    center, free = system.at.attestation_center, replace(task, definition=9)
    mined = system.do(system.keepers[0].key, center, system.submission(free, system.keepers))
    assert mined.events(AttestationCenter.RewardAccumulated, center) == []


def test_performer_signature_when_of_another_then_is_refused(system: System, task: Task) -> None:
    forged = system.submission(task, system.keepers, signer=system.keepers[2].key)
    assert refusal(system, forged) == "InvalidPerformerSignature()"


def test_performer_signature_when_spelled_otherwise_then_is_refused(system: System, task: Task) -> None:
    good = system.submission(task, system.keepers)
    info, details = AttestationCenter.submitTask.decode_input(good)
    assert isinstance(details, tuple)
    signature = details[1]
    s = int.from_bytes(signature[32:64], "big")
    flipped = signature[:32] + (2 * HALF_ORDER + 1 - s).to_bytes(32, "big") + bytes([55 - signature[64]])
    for other in (flipped, signature[:64], b"", signature[:64] + bytes([signature[64] - 27]), signature + b"\0"):
        call = AttestationCenter.submitTask.encode(info, (details[0], other, details[2], details[3]))
        assert refusal(system, call) == "InvalidPerformerSignature()"


def test_task_when_submitted_again_then_is_refused_whatever_the_vote(system: System, task: Task) -> None:
    submit(system, task, system.keepers)
    assert refusal(system, system.submission(task, system.keepers)) == "MessageAlreadySigned()"
    rejected = replace(task, is_approved=False)
    assert refusal(system, system.submission(rejected, system.keepers)) == "MessageAlreadySigned()"
    assert refusal(system, system.submission(replace(task, data=b"another"), system.keepers)) == ""


@pytest.mark.parametrize(
    ("ids", "error"),
    [
        ([2, 1, 3, 4], "InvalidOperatorIndexes()"),
        ([1, 2, 3, 3], "InvalidOperatorIndexes()"),
        ([], "InvalidOperatorIndexes()"),
        ([0, 2, 3, 4], "InvalidOperatorIndexes()"),
        ([1, 2, 3, 5], "InactiveOperator(5)"),
        ([1, 2], "InsufficientVotingPower()"),
        ([2, 3, 4], "InvalidOBLSSignature()"),
    ],
)
def test_attesters_when_not_those_of_the_aggregate_then_are_refused(
    system: System, task: Task, ids: list[int], error: str
) -> None:
    assert refusal(system, system.submission(task, system.keepers, ids=ids)) == error


def test_aggregate_when_of_another_vote_then_is_refused(system: System, task: Task) -> None:
    for other in (replace(task, votes_on_approval=False), replace(task, voted_proof="another")):
        assert refusal(system, system.submission(other, system.keepers)) == "InvalidOBLSSignature()"
    infinity = system.submission(task, system.keepers, signature=(0, 0))
    assert refusal(system, infinity) == "InvalidOBLSSignature()"


def test_quorum_when_power_equals_the_floor_then_passes_and_below_fails(system: System, task: Task) -> None:
    # T = 3000 + 1 of four operators: floor(2T/3) = 2000, floor(T/3) = 1000.
    for keeper, power in zip(system.keepers, (1000, 1000, 1000, 1), strict=True):
        system.do(system.messenger, system.at.attestation_center, UPDATE_POWER.encode(keeper.address, power))
    assert (approve_power(3001), reject_power(3001)) == (2000, 1000)
    two, rejected = system.keepers[:2], replace(task, is_approved=False)
    assert refusal(system, system.submission(task, two)) == ""
    assert refusal(system, system.submission(task, [two[0], system.keepers[3]])) == "InsufficientVotingPower()"
    assert refusal(system, system.submission(rejected, two[:1])) == ""
    assert refusal(system, system.submission(rejected, system.keepers[3:])) == "InsufficientVotingPower()"


def test_minimum_power_when_a_definition_has_one_then_excludes_smaller_attesters(system: System, task: Task) -> None:
    call = SET_DEFINITION.encode(1, 1100, (0, 0, 0))
    system.do(system.deployer, system.at.attestation_center, call)
    error = "OperatorDoesNotHaveMinimumVotingPower(1)"
    assert refusal(system, system.submission(task, system.keepers)) == error
    # Of 3600 that may vote, 2400 are needed.
    assert refusal(system, system.submission(task, [system.keepers[1], system.keepers[3]])) == ""
    assert (
        refusal(system, system.submission(task, [system.keepers[1], system.keepers[2]])) == "InsufficientVotingPower()"
    )


def test_performer_when_inactive_then_the_task_is_refused(system: System, task: Task) -> None:
    stranger = replace(task, performer=Keeper.of(system.stranger, 9, 1))
    assert refusal(system, system.submission(stranger, system.keepers)) == "InactiveTaskPerformer()"


def test_aggregator_when_inactive_then_the_task_is_refused(system: System, task: Task) -> None:
    assert refusal(system, system.submission(task, system.keepers), system.stranger) == "InactiveAggregator()"


def test_operator_when_unregistered_then_counts_no_more(system: System, task: Task) -> None:
    center, gone = system.at.attestation_center, system.keepers[1]
    mined = system.do(system.messenger, center, AttestationCenter.unregisterOperator.encode(gone.address))
    assert mined.events(AttestationCenter.OperatorUnregisteredFromNetwork, center) == [{"operatorId": 2}]
    assert refusal(system, system.submission(task, system.keepers)) == "InactiveOperator(2)"
    others = [system.keepers[0], *system.keepers[2:]]
    assert refusal(system, system.submission(task, others)) == "InactiveTaskPerformer()"
    by_other = replace(task, performer=system.keepers[2])
    assert refusal(system, system.submission(by_other, others), gone.key) == "InactiveAggregator()"
    assert not system.read(center, IS_ACTIVE, gone.address)
    assert system.read(center, AttestationCenter.votingPower, gone.address) == 0
    assert system.read(center, AttestationCenter.numOfActiveOperators) == 3
    details = system.read(center, AttestationCenter.getActiveOperatorsDetails)
    assert {row[1] for row in details} == {1, 3, 4}


def test_operator_when_it_comes_back_then_keeps_its_id_with_a_new_key(system: System, task: Task) -> None:
    center, first = system.at.attestation_center, system.keepers[0]
    system.do(system.messenger, center, AttestationCenter.unregisterOperator.encode(first.address))
    renewed = replace(first, bls=Keeper.of(system.stranger, 1, 1).bls, power=5000)
    mined = system.register(renewed)
    assert mined.events(AttestationCenter.OperatorRegisteredToNetwork, center) == [
        {"operator": first.address, "votingPower": 5000}
    ]
    assert mined.events(AttestationCenter.OperatorBlsKeyUpdated, center) == [
        {"operator": first.address, "blsKey": renewed.bls.public}
    ]
    assert system.read(center, AttestationCenter.operatorsIdsByAddress, first.address) == 1
    assert refusal(system, system.submission(task, [first, *system.keepers[1:]])) == "InvalidOBLSSignature()"
    assert refusal(system, system.submission(task, [renewed, *system.keepers[1:]])) == ""


def test_operators_when_read_then_are_those_registered(system: System) -> None:
    center = system.at.attestation_center
    details = system.read(center, AttestationCenter.getActiveOperatorsDetails)
    assert [tuple(row) for row in details] == [
        (keeper.address, keeper.operator_id, keeper.power) for keeper in system.keepers
    ]
    for keeper in system.keepers:
        assert system.read(center, AttestationCenter.operatorsIdsByAddress, keeper.address) == keeper.operator_id
        assert system.read(center, AttestationCenter.votingPower, keeper.address) == keeper.power
        assert system.read(center, IS_ACTIVE, keeper.address)
    assert system.read(center, AttestationCenter.operatorsIdsByAddress, system.stranger.address) == 0


def test_messenger_functions_when_called_by_others_then_are_refused(system: System) -> None:
    center, keeper = system.at.attestation_center, system.keepers[0]
    for call in (
        AttestationCenter.registerOperator.encode(system.stranger.address, keeper.bls.public, 1, keeper.address),
        AttestationCenter.unregisterOperator.encode(keeper.address),
        UPDATE_POWER.encode(keeper.address, 10**6),
    ):
        assert system.refusal(system.deployer, center, call) == "NotMessageHandler()"


def test_messenger_when_the_operator_is_not_as_expected_then_is_refused(system: System) -> None:
    center, keeper = system.at.attestation_center, system.keepers[0]
    missing = f"OperatorNotRegistered(0x{system.stranger.address.hex()})"

    def refused(call: bytes) -> str:
        return system.refusal(system.messenger, center, call)

    register = AttestationCenter.registerOperator
    assert (
        refused(register.encode(keeper.address, keeper.bls.public, 1, keeper.address)) == "OperatorAlreadyRegistered()"
    )
    assert refused(register.encode(bytes(20), keeper.bls.public, 1, keeper.address)) == "ZeroAddress()"
    assert (
        refused(register.encode(system.stranger.address, keeper.bls.public, 0, keeper.address))
        == "InvalidVotingPower()"
    )
    assert refused(AttestationCenter.unregisterOperator.encode(system.stranger.address)) == missing
    assert refused(UPDATE_POWER.encode(system.stranger.address, 1)) == missing


def test_operators_when_there_are_as_many_as_fit_then_no_more_are_registered(system: System) -> None:
    center, key = system.at.attestation_center, system.keepers[0].bls.public
    register = AttestationCenter.registerOperator
    for number in range(1, 256 - len(system.keepers) + 1):
        operator = Address(number.to_bytes(20, "big"))
        system.do(system.messenger, center, register.encode(operator, key, 1, operator))
    assert system.read(center, AttestationCenter.numOfActiveOperators) == 256
    assert len(system.read(center, AttestationCenter.getActiveOperatorsDetails)) == 256
    call = register.encode(system.stranger.address, key, 1, system.stranger.address)
    assert system.refusal(system.messenger, center, call) == "TooManyOperators()"


def test_settings_when_changed_by_others_then_are_refused(system: System) -> None:
    center = system.at.attestation_center
    for call in (
        SET_DEFINITION.encode(1, 0, (0, 0, 0)),
        SET_MESSENGER.encode(system.stranger.address),
        Function.parse("transferOwnership(address to)").encode(system.stranger.address),
    ):
        assert system.refusal(system.stranger, center, call) == "NotOwner()"
    system.do(system.deployer, center, SET_MESSENGER.encode(system.stranger.address))
    call = UPDATE_POWER.encode(system.keepers[0].address, 1)
    assert system.refusal(system.messenger, center, call) == "NotMessageHandler()"
    assert system.refusal(system.stranger, center, call) == ""


def test_quorum_of_a_message_then_is_verified_under_its_domain_alone(system: System, task: Task) -> None:
    center, message = system.at.attestation_center, b"\x05" * 32

    def refused(signers: list[Keeper], domain: bytes, signed_domain: bytes, text: bytes = message) -> str:
        signature = aggregate_signatures([keeper.bls.sign(signed_domain, message) for keeper in signers])
        ids = [keeper.operator_id for keeper in signers]
        call = VERIFY_QUORUM.encode(domain, text, ids, signature)
        return system.refusal(system.stranger, center, call)

    assert refused(system.keepers[1:], APPROVAL_DOMAIN, APPROVAL_DOMAIN) == ""
    assert refused(system.keepers[:2], APPROVAL_DOMAIN, APPROVAL_DOMAIN) == "InsufficientVotingPower()"
    assert refused(system.keepers, APPROVAL_DOMAIN, TASKS_DOMAIN) == "InvalidOBLSSignature()"
    assert refused(system.keepers, APPROVAL_DOMAIN, APPROVAL_DOMAIN, b"\x06" * 32) == "InvalidOBLSSignature()"
    # A vote on a task is never a quorum for something else.
    assert (
        refused(system.keepers, TASKS_DOMAIN, TASKS_DOMAIN, vote_message(system.vote_hash(task))) == "InvalidDomain()"
    )


@pytest.mark.parametrize(("attesters", "gas_max"), [(4, 290_000), (10, 390_000)])
def test_gas_of_a_submission_then_stays_within_its_budget(
    system: System, task: Task, attesters: int, gas_max: int
) -> None:
    keepers = list(system.keepers)
    for number in range(5, attesters + 1):
        keepers.append(Keeper.of(PrivateKey(bytes([number]) * 32), number, 1000))
        system.register(keepers[-1])
    free = replace(task, definition=9)
    mined = system.do(system.keepers[0].key, system.at.attestation_center, system.submission(free, keepers))
    assert mined.gas_used < gas_max
