"""AVS Governance registers whoever has power and proves the key, for this operator, contract and chain alone."""

import pytest

from tests.contract.chains.deployed import System
from triggerx.evm.abi import Function
from triggerx.evm.bn254 import curve
from triggerx.evm.bn254.bls import REGISTRATION_DOMAIN, BlsKey, registration_message
from triggerx.evm.bn254.field import P
from triggerx.evm.contracts import AvsGovernance
from triggerx.evm.keys import PrivateKey
from triggerx.evm.tasks import TASKS_DOMAIN
from triggerx.evm.types import ZERO_ADDRESS, Address, ChainId

RECEIVER = Function.parse("rewardsReceiver(address operator) returns (address)")
SET_RECEIVER = Function.parse("setRewardsReceiver(address receiver)")


def registration(
    system: System,
    operator: PrivateKey,
    *,
    proof_for: Address | None = None,
    governance: Address | None = None,
    chain_id: int | None = None,
    domain: bytes = REGISTRATION_DOMAIN,
) -> tuple[tuple[int, ...], tuple[int, int]]:
    """The operator's key, and a proof that may be for another operator, contract or chain."""
    bls = BlsKey.from_private_key(operator.reveal())
    message = registration_message(
        proof_for or operator.address, governance or system.at.avs_governance, ChainId(chain_id or system.chain_id)
    )
    return bls.public, bls.sign(domain, message)


def call_of(key: tuple[int, ...], proof: tuple[int, int], receiver: Address = ZERO_ADDRESS) -> bytes:
    return AvsGovernance.registerAsOperator.encode((key, receiver, (proof,), b""))


@pytest.fixture
def operator(system: System) -> PrivateKey:
    """Somebody with voting power."""
    call = AvsGovernance.setVotingPower.encode(system.stranger.address, 500)
    system.do(system.deployer, system.at.avs_governance, call)
    return system.stranger


def test_operator_when_it_proves_its_key_then_is_registered(system: System, operator: PrivateKey) -> None:
    governance, (key, proof) = system.at.avs_governance, registration(system, operator)
    mined = system.do(operator, governance, call_of(key, proof))
    assert mined.events(AvsGovernance.OperatorRegistered, governance) == [{"operator": operator.address, "blsKey": key}]
    assert mined.events(AvsGovernance.SetRewardsReceiver, governance) == [
        {"operator": operator.address, "receiver": operator.address}
    ]
    assert system.read(governance, AvsGovernance.isOperatorRegistered, operator.address)
    assert system.read(governance, AvsGovernance.votingPower, operator.address) == 500
    assert system.refusal(operator, governance, call_of(key, proof)) == "OperatorAlreadyRegistered()"


def test_operator_when_it_leaves_then_may_come_back(system: System, operator: PrivateKey) -> None:
    governance, leave = system.at.avs_governance, AvsGovernance.unregisterAsOperatorFromAvs.encode()
    assert system.refusal(operator, governance, leave) == "OperatorNotRegistered()"
    system.do(operator, governance, call_of(*registration(system, operator)))
    mined = system.do(operator, governance, leave)
    assert mined.events(AvsGovernance.OperatorUnregistered, governance) == [{"operator": operator.address}]
    assert not system.read(governance, AvsGovernance.isOperatorRegistered, operator.address)
    assert system.refusal(operator, governance, call_of(*registration(system, operator))) == ""


def test_operator_without_power_then_is_refused(system: System) -> None:
    call = call_of(*registration(system, system.stranger))
    assert system.refusal(system.stranger, system.at.avs_governance, call) == "NotEnoughVotingPower()"


def test_proof_when_for_something_else_then_is_refused(system: System, operator: PrivateKey) -> None:
    wrong = [
        registration(system, operator, proof_for=system.owner.address),
        registration(system, operator, governance=system.at.attestation_center),
        registration(system, operator, chain_id=1),
        registration(system, operator, domain=TASKS_DOMAIN),
    ]
    for key, proof in wrong:
        assert system.refusal(operator, system.at.avs_governance, call_of(key, proof)) == "InvalidAuthSignature()"


def test_proof_when_it_is_another_operators_then_is_refused(system: System, operator: PrivateKey) -> None:
    # Somebody copies both the key and the proof that the first operator published.
    key, proof = registration(system, system.owner)
    assert system.refusal(operator, system.at.avs_governance, call_of(key, proof)) == "InvalidAuthSignature()"


def test_proof_when_it_is_no_signature_of_the_key_then_is_refused(system: System, operator: PrivateKey) -> None:
    governance, (key, proof) = system.at.avs_governance, registration(system, operator)
    other = BlsKey.from_private_key(system.owner.reveal()).public
    cases = [
        (other, proof),
        (key, curve.negate(proof)),
        (key, (0, 0)),
        (key, (1, 3)),
        ((0, 0, 0, 0), (0, 0)),
        ((key[0] + P, *key[1:]), proof),
    ]
    for wrong_key, wrong_proof in cases:
        call = call_of(wrong_key, wrong_proof)
        assert system.refusal(operator, governance, call) == "InvalidAuthSignature()"
    off_the_curve = call_of((1, 2, 3, 4), proof)
    assert system.refusal(operator, governance, off_the_curve) == "PrecompileFailed()"


def test_rewards_receiver_then_is_whom_the_operator_names(system: System, operator: PrivateKey) -> None:
    governance, (key, proof) = system.at.avs_governance, registration(system, operator)
    assert system.refusal(operator, governance, SET_RECEIVER.encode(operator.address)) == "OperatorNotRegistered()"
    system.do(operator, governance, call_of(key, proof, system.owner.address))
    assert system.read(governance, RECEIVER, operator.address) == system.owner.address
    assert system.refusal(operator, governance, SET_RECEIVER.encode(ZERO_ADDRESS)) == "ZeroAddress()"
    system.do(operator, governance, SET_RECEIVER.encode(system.engine.address))
    assert system.read(governance, RECEIVER, operator.address) == system.engine.address


def test_voting_power_when_set_by_another_then_is_refused(system: System) -> None:
    call = AvsGovernance.setVotingPower.encode(system.stranger.address, 1)
    assert system.refusal(system.stranger, system.at.avs_governance, call) == "NotOwner()"
