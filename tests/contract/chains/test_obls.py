"""The OBLS contract reproduces the vectors and agrees with our own curve; it refuses every wrong aggregate."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.contract.chains.deployed import HASH_TO_POINT, Bare, Keeper, System, running
from triggerx.chains.development import Kind
from triggerx.evm.abi import Function, encode
from triggerx.evm.bn254 import curve, g2
from triggerx.evm.bn254.bls import BlsKey, aggregate_signatures
from triggerx.evm.bn254.field import P
from triggerx.evm.bn254.hash_to_point import hash_to_field, hash_to_point
from triggerx.evm.contracts import AttestationCenter
from triggerx.evm.keys import PrivateKey
from triggerx.evm.tasks import TASKS_DOMAIN
from triggerx.evm.types import from_hex, parse_address

VECTORS = json.loads((Path(__file__).resolve().parents[2] / "vectors" / "attestation.json").read_text())
VERIFY = Function.parse(
    "verifySignature(uint256[2] message,uint256[2] signature,uint256[] indexes,uint256 required,uint256 minimum)"
    " returns (bool)"
)
REGISTER = Function.parse("registerOperator(uint256 index,uint256 votingPower,uint256[4] blsKey)")
SET_MANAGER = Function.parse("setOblsManager(address manager)")
MESSAGE = b"\x07" * 32
POINT = hash_to_point(TASKS_DOMAIN, MESSAGE)


def test_hash_to_point_of_the_task_vector_then_is_its_point(system: System) -> None:
    task = VECTORS["task"]
    found = system.read(system.at.obls, HASH_TO_POINT, TASKS_DOMAIN, from_hex(task["vote_hash"]))
    assert tuple(found) == tuple(int(word, 16) for word in task["message_point"])


def test_hash_to_point_of_many_messages_then_agrees_with_our_own(system: System) -> None:
    candidates = set()
    for index in range(12):
        message = b"message" * index
        assert tuple(system.read(system.at.obls, HASH_TO_POINT, TASKS_DOMAIN, message)) == hash_to_point(
            TASKS_DOMAIN, message
        )
        candidates |= {_candidate(element) for element in hash_to_field(TASKS_DOMAIN, message)}
    assert candidates == {1, 2, 3}, "the messages must reach every branch of the map"


def _candidate(element: int) -> int:
    z0 = 0xB3C4D79D41A91759A9E4C7E359B6B89EAEC68E62EFFFFFFD
    w = z0 * element * pow(element * element + 4, -1, P) % P
    first = ((z0 - 1) // 2 - element * w) % P
    for number, x in enumerate((first, (-1 - first) % P), start=1):
        if pow(x**3 + 3, (P - 1) // 2, P) == 1:
            return number
    return 3


def test_task_vector_when_submitted_at_its_address_then_is_accepted(kind: Kind) -> None:
    # The vector's Attestation Center is where the first account's third transaction creates a contract.
    task, key = VECTORS["task"], VECTORS["keys"][0]
    with running(kind) as chain:
        bare = Bare(chain)
        messenger = bare.keys[2]
        obls = bare.create("Obls")
        bare.create("ExampleTarget")
        constructor = encode(("address",) * 3, (obls, messenger.address, bare.deployer.address))
        center = bare.create("AttestationCenter", constructor)
        assert center == parse_address(task["attestation_center"])
        bare.do(bare.deployer, obls, SET_MANAGER.encode(center))
        performer = PrivateKey.parse(key["private_key"])
        assert performer.address == parse_address(task["performer"])
        for operator in (performer.address, messenger.address):  # who submits must be active as well
            public = _numbers(key["public"])
            call = AttestationCenter.registerOperator.encode(operator, public, 1, operator)
            bare.do(messenger, center, call)
        submission = AttestationCenter.submitTask.encode(
            (task["proof_of_task"], from_hex(task["data"]), performer.address, task["task_definition_id"]),
            (True, performer.sign_digest(from_hex(task["task_hash"])), _numbers(key["signature"]), [1]),
        )
        mined = bare.do(messenger, center, submission)
        assert len(mined.events(AttestationCenter.TaskSubmitted, center)) == 1


def _numbers(words: list[str]) -> tuple[int, ...]:
    return tuple(int(word, 16) for word in words)


@pytest.fixture
def ring(system: System) -> "Ring":
    return Ring(system)


class Ring:
    """An OBLS contract whose operators the test chooses."""

    def __init__(self, system: System) -> None:
        self.system = system
        self.obls = system.create("Obls")
        system.do(system.deployer, self.obls, SET_MANAGER.encode(system.messenger.address))

    def register(self, keys: Sequence[BlsKey], power: int = 10) -> None:
        for index, key in enumerate(keys, start=1):
            self.system.do(self.system.messenger, self.obls, REGISTER.encode(index, power, key.public))

    def refusal(self, signature: tuple[int, int], ids: Sequence[int], required: int = 0, minimum: int = 0) -> str:
        call = VERIFY.encode(POINT, signature, list(ids), required, minimum)
        return self.system.refusal(self.system.stranger, self.obls, call)


def key_of(number: int) -> BlsKey:
    return BlsKey(int.from_bytes(hashlib.sha256(bytes([number])).digest(), "big") >> 3)


def signed(keys: Sequence[BlsKey]) -> tuple[int, int]:
    return aggregate_signatures([key.sign(TASKS_DOMAIN, MESSAGE) for key in keys])


def test_aggregate_of_subsets_then_verifies(ring: Ring) -> None:
    keys = [key_of(number) for number in range(1, 6)]
    ring.register(keys)
    for chosen in ([1], [1, 2], [2, 3, 5], [1, 2, 3, 4, 5]):
        assert ring.refusal(signed([keys[index - 1] for index in chosen]), chosen, 10 * len(chosen)) == ""


def test_aggregate_when_keys_are_equal_then_doubles(ring: Ring) -> None:
    same, other = key_of(1), key_of(2)
    ring.register([same, same, other, same])
    assert ring.refusal(signed([same, same]), [1, 2]) == ""
    assert ring.refusal(signed([same, same, other, same]), [1, 2, 3, 4]) == ""


def test_aggregate_when_the_sum_meets_the_next_key_then_doubles_a_scaled_point(ring: Ring) -> None:
    first, second = key_of(1), key_of(2)
    both = BlsKey((first.secret + second.secret) % curve_order())
    ring.register([first, second, both])
    assert ring.refusal(signed([first, second, both]), [1, 2, 3]) == ""


def test_aggregate_when_keys_cancel_on_the_way_then_goes_on_from_infinity(ring: Ring) -> None:
    key, other = key_of(1), key_of(2)
    ring.register([key, BlsKey(curve_order() - key.secret), other])
    assert ring.refusal(signed([other]), [1, 2, 3]) == ""


def test_aggregate_when_all_keys_cancel_then_is_refused(ring: Ring) -> None:
    key = key_of(1)
    ring.register([key, BlsKey(curve_order() - key.secret)])
    assert ring.refusal(signed([key]), [1, 2]) == "InvalidOBLSSignature()"
    assert ring.refusal((0, 0), [1, 2]) == "InvalidOBLSSignature()"


def curve_order() -> int:
    return 21888242871839275222246405745257275088548364400416034343698204186575808495617


@pytest.mark.parametrize(
    "signature",
    [
        pytest.param((0, 0), id="infinity"),
        pytest.param((1, 3), id="off the curve"),
        pytest.param((1 + P, 2), id="not reduced"),
        pytest.param((1, 2 + P), id="y not reduced"),
        pytest.param((1, 2), id="another point"),
    ],
)
def test_signature_when_it_is_no_aggregate_then_is_refused(ring: Ring, signature: tuple[int, int]) -> None:
    ring.register([key_of(1)])
    assert ring.refusal(signature, [1]) == "InvalidOBLSSignature()"


def test_signature_when_negated_then_is_refused(ring: Ring) -> None:
    ring.register([key_of(1)])
    assert ring.refusal(curve.negate(signed([key_of(1)])), [1]) == "InvalidOBLSSignature()"


def test_indexes_when_wrong_then_are_refused_by_name(ring: Ring) -> None:
    keys = [key_of(1), key_of(2)]
    ring.register(keys)
    both = signed(keys)
    assert ring.refusal(both, []) == "InvalidOperatorIndexes()"
    assert ring.refusal(both, [2, 1]) == "InvalidOperatorIndexes()"
    assert ring.refusal(both, [1, 1]) == "InvalidOperatorIndexes()"
    assert ring.refusal(both, [0, 1]) == "InvalidOperatorIndexes()"
    assert ring.refusal(both, [1, 3]) == "InactiveOperator(3)"
    assert ring.refusal(both, [1, 2], 21) == "InsufficientVotingPower()"
    assert ring.refusal(both, [1, 2], 20, 11) == "OperatorDoesNotHaveMinimumVotingPower(1)"
    assert ring.refusal(both, [1, 2], 20, 10) == ""


def test_registration_when_key_or_power_is_wrong_then_is_refused(ring: Ring) -> None:
    def refusal(index: int, power: int, key: tuple[int, ...]) -> str:
        return ring.system.refusal(ring.system.messenger, ring.obls, REGISTER.encode(index, power, key))

    public = key_of(1).public
    assert refusal(0, 1, public) == "InvalidOperatorIndex()"
    assert refusal(1, 0, public) == "InvalidVotingPower()"
    assert refusal(1, 2**128, public) == "InvalidVotingPower()"
    assert refusal(1, 1, (0, 0, 0, 0)) == "InvalidBlsKey()"
    assert refusal(1, 1, (P, *public[1:])) == "InvalidBlsKey()"
    ring.register([key_of(1)])
    assert refusal(1, 1, public) == "InvalidOperatorIndex()"


def test_writes_when_the_sender_is_not_the_manager_then_are_refused(system: System) -> None:
    keeper = Keeper.of(system.stranger, 9, 1)
    for call in (
        REGISTER.encode(9, 1, keeper.bls.public),
        Function.parse("unRegisterOperator(uint256 index)").encode(1),
        Function.parse("modifyOperatorVotingPower(uint256 index,uint256 power)").encode(1, 5),
    ):
        assert system.refusal(system.deployer, system.at.obls, call) == "NotOBLSManager()"
    again = SET_MANAGER.encode(system.stranger.address)
    assert system.refusal(system.deployer, system.at.obls, again) == "AlreadySet()"
    assert system.refusal(system.stranger, system.at.obls, again) == "NotOwner()"


def test_key_of_an_operator_then_is_the_registered_one(system: System) -> None:
    function = Function.parse("getOperatorBLSPubKey(uint256 index) returns (uint256[4])")
    key = system.keepers[1].bls.public
    assert tuple(system.read(system.at.obls, function, 2)) == key
    assert g2.is_in_subgroup(key)
