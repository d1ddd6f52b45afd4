"""The hub's digests against eth_account and against golden vectors that the contract is tested with as well."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from eth_abi.abi import default_codec as oracle
from eth_account.messages import encode_typed_data

from triggerx.evm.hub import (
    APPROVAL_DOMAIN,
    ASSIGNMENT_TYPE,
    MANDATE_TYPE,
    Assignment,
    Firing,
    FiringKind,
    Mandate,
    approval_message,
    assignment_digest,
    log_key_head,
    log_task_key,
    mandate_digest,
    task_key,
)
from triggerx.evm.keccak import keccak256
from triggerx.evm.types import Address, ChainId, Hash32, Wei, from_hex, parse_address, to_hex

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "hub.json").read_text())
HUB = parse_address(VECTORS["hub"])
CHAIN = ChainId(VECTORS["chain_id"])
JOB = int(VECTORS["job_id"])
CALLDATA = from_hex(VECTORS["calldata"])
FIRING = Firing.time(1_800_000_000)
MANDATE = Mandate(
    job_id=JOB,
    job_hash=Hash32(b"\x01" * 32),
    version=1_799_999_000,
    owner=Address(b"\x02" * 20),
    target=Address(b"\x03" * 20),
    selector=CALLDATA[:4],
    calldata_hash=keccak256(CALLDATA),
    value_max=Wei(10**18),
    fee_max=Wei(2 * 10**15),
    inner_gas_min=100_000,
    runs_max=10,
    spacing=60,
    attempts_max=3,
    security=1,
    not_before=1_799_999_999,
    expiry=1_800_864_000,
)
ASSIGNMENT = Assignment(
    task_key=task_key(JOB, FIRING),
    performer=Address(b"\x04" * 20),
    attempt=1,
    not_before=1_800_000_000,
    not_after=1_800_000_030,
)


def typed_digest(type_string: str, values: tuple[object, ...]) -> bytes:
    name, fields = type_string.rstrip(")").split("(")
    members = [{"type": kind, "name": field} for kind, field in (f.split(" ") for f in fields.split(","))]
    domain = {"name": "triggerx", "version": "1", "chainId": CHAIN, "verifyingContract": to_hex(HUB)}
    message: dict[str, Any] = {m["name"]: value for m, value in zip(members, values, strict=True)}
    signable = encode_typed_data(domain, {name: members}, message)
    return keccak256(b"\x19\x01" + signable.header + signable.body)


def test_mandate_when_hashed_then_equals_eth_account_and_the_vector() -> None:
    found = mandate_digest(MANDATE, CHAIN, HUB)
    assert found == typed_digest(MANDATE_TYPE, MANDATE.as_tuple())
    assert to_hex(found) == VECTORS["mandate_digest"]


def test_assignment_when_hashed_then_equals_eth_account_and_the_vector() -> None:
    found = assignment_digest(ASSIGNMENT, CHAIN, HUB)
    assert found == typed_digest(ASSIGNMENT_TYPE, ASSIGNMENT.as_tuple())
    assert to_hex(found) == VECTORS["assignment_digest"]


@pytest.mark.parametrize(
    ("firing", "name"),
    [
        (FIRING, "time"),
        (Firing.event(ChainId(10), Hash32(b"\x05" * 32), 7), "event"),
        (Firing.condition(3), "condition"),
    ],
)
def test_task_key_when_made_then_equals_the_abi_and_the_vector(firing: Firing, name: str) -> None:
    types = ["uint256", "uint8", "uint256", "uint256", "bytes32"]
    found = task_key(JOB, firing)
    assert found == keccak256(oracle.encode(types, (JOB, *firing.as_tuple())))
    assert to_hex(found) == VECTORS["task_keys"][name]


def test_firing_when_constructed_then_leaves_what_its_kind_lacks_at_zero() -> None:
    assert Firing.time(5).as_tuple() == (1, 5, 0, bytes(32))
    assert Firing.condition(2).as_tuple() == (3, 2, 0, bytes(32))
    assert Firing.event(ChainId(1), Hash32(b"\x01" * 32), 0).kind == FiringKind.EVENT
    assert Firing(kind=1, index=5, chain_id=ChainId(0), tx_hash=Hash32(bytes(32))) == Firing.time(5)


def test_digest_when_chain_or_hub_differ_then_differs() -> None:
    other = Address(b"\x09" * 20)
    digests = {mandate_digest(MANDATE, c, h) for c in (CHAIN, ChainId(1)) for h in (HUB, other)}
    assert len(digests) == 4


def test_approval_when_made_then_equals_the_abi_and_the_vector() -> None:
    types = ["address", "uint256", "bytes32", "bytes32", "uint256", "uint256", "address", "uint64"]
    values = (
        HUB,
        CHAIN,
        ASSIGNMENT.task_key,
        keccak256(CALLDATA),
        5,
        MANDATE.fee_max,
        ASSIGNMENT.performer,
        1_800_000_030,
    )
    found = approval_message(MANDATE, ASSIGNMENT, CALLDATA, Wei(5), CHAIN, HUB)
    assert found == keccak256(oracle.encode(types, values))
    assert to_hex(found) == VECTORS["approval_message"]


def test_approval_domain_then_is_the_hash_of_its_name() -> None:
    assert keccak256(b"TriggerXHubApproval") == APPROVAL_DOMAIN


def test_values_when_too_wide_for_their_types_then_are_refused() -> None:
    with pytest.raises(ValueError, match="runs_max: expected uint32"):
        replace(MANDATE, runs_max=2**32)
    with pytest.raises(ValueError, match="selector: expected 4 bytes"):
        replace(MANDATE, selector=b"")
    with pytest.raises(ValueError, match="attempt: expected uint8"):
        replace(ASSIGNMENT, attempt=256)
    with pytest.raises(ValueError, match="performer: expected 20 bytes"):
        replace(ASSIGNMENT, performer=Address(b""))
    with pytest.raises(ValueError, match="kind: expected uint8"):
        replace(FIRING, kind=-1)
    with pytest.raises(ValueError, match="index: expected uint256"):
        Firing.condition(2**256)


@pytest.mark.parametrize(
    "changes",
    [
        {"kind": 256},
        {"kind": -1},
        {"kind": True},
        {"kind": 1.0},
        {"index": 1 << 256},
        {"index": -1},
        {"index": False},
        {"chain_id": 1 << 256},
        {"chain_id": "1"},
        {"tx_hash": bytes(31)},
        {"tx_hash": bytes(33)},
        {"tx_hash": "0x00"},
    ],
)
def test_firing_when_a_field_does_not_fit_its_solidity_type_then_is_refused_by_name(changes: dict[str, object]) -> None:
    (name,) = changes
    with pytest.raises(ValueError, match=f"^{name}: "):
        Firing(**{"kind": 1, "index": 5, "chain_id": ChainId(0), "tx_hash": Hash32(bytes(32)), **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize("job_id", [-1, 1 << 256])
def test_task_key_when_the_job_id_is_no_word_then_is_refused(job_id: int) -> None:
    with pytest.raises(ValueError, match="256 bits"):
        task_key(job_id, FIRING)


def test_a_logs_task_key_when_made_from_its_jobs_words_is_the_firings() -> None:
    tx_hash = Hash32(b"\x07" * 32)
    for job, ordinal in ((JOB, 258), (2**256 - 1, 0)):
        expected = task_key(job, Firing.event(CHAIN, tx_hash, ordinal))
        assert log_task_key(log_key_head(job), CHAIN, tx_hash, ordinal) == expected
