"""BLS against the vectors verified on a chain, against py_ecc's pairing, and with and without gmpy2."""

import json
import pickle
import subprocess
import sys
from functools import reduce
from operator import mul
from pathlib import Path

import pytest
from py_ecc.fields import optimized_bn128_FQ as FQ
from py_ecc.fields import optimized_bn128_FQ2 as FQ2
from py_ecc.fields import optimized_bn128_FQ12 as FQ12
from py_ecc.optimized_bn128.optimized_pairing import final_exponentiate, pairing

from triggerx.evm.bn254 import curve, g2
from triggerx.evm.bn254.bls import (
    PAIRING_INPUT_BYTES,
    REGISTRATION_DOMAIN,
    BlsKey,
    PublicKey,
    Signature,
    aggregate_public_keys,
    aggregate_signatures,
    check_public_key,
    check_signature_point,
    pairing_input,
    registration_message,
)
from triggerx.evm.bn254.field import P, R
from triggerx.evm.bn254.hash_to_point import hash_to_point
from triggerx.evm.keccak import keccak256
from triggerx.evm.tasks import TASKS_DOMAIN, vote_message
from triggerx.evm.types import ChainId, Hash32, from_hex, parse_address, parse_hash32

VECTORS = json.loads((Path(__file__).parents[3] / "vectors" / "attestation.json").read_text())
KEYS = [BlsKey.from_private_key(bytes((n,)) * 32) for n in (0x11, 0x22, 0x33)]
VOTE = vote_message(parse_hash32(VECTORS["task"]["vote_hash"]))
POINT = (int(VECTORS["task"]["message_point"][0], 16), int(VECTORS["task"]["message_point"][1], 16))

# Prints what the curve computes, with gmpy2 hidden from the import where the argument says so.
COMPUTE = """
import sys
if sys.argv[1] == "plain":
    sys.modules["gmpy2"] = None
from triggerx.evm.bn254 import field
from triggerx.evm.bn254.bls import BlsKey, aggregate_public_keys, aggregate_signatures, check_public_key
assert field.ACCELERATED == (sys.argv[1] != "plain")
keys = [BlsKey.from_private_key(bytes((n,)) * 32) for n in range(1, 7)]
check_public_key(keys[0].public)
for domain in (bytes(32), b"d" * 32):
    signatures = [key.sign(domain, bytes((n,))) for n, key in enumerate(keys)]
    print(signatures, aggregate_signatures(signatures))
print([key.public for key in keys], aggregate_public_keys([key.public for key in keys]))
"""


def pairing_answers_one(data: bytes) -> bool:
    """What precompile 0x08 answers (EIP-197), computed by py_ecc."""
    words = [int.from_bytes(data[place : place + 32], "big") for place in range(0, len(data), 32)]
    product = []
    for place in range(0, len(words), 6):
        x, y, x_im, x_re, y_im, y_re = words[place : place + 6]
        left = (FQ(x), FQ(y), FQ.one())
        right = (FQ2([x_re, x_im]), FQ2([y_re, y_im]), FQ2.one())
        product.append(pairing(right, left, final_exponentiate=False))
    return bool(final_exponentiate(reduce(mul, product)) == FQ12.one())


def test_keys_when_derived_then_equal_the_vectors() -> None:
    for key, vector in zip(KEYS, VECTORS["keys"], strict=False):
        assert key.secret == int(vector["secret"], 16)
        assert BlsKey.from_private_key(vector["private_key"]) == key
    assert [f"0x{number:064x}" for number in KEYS[0].public] == VECTORS["keys"][0]["public"]


def test_vote_when_hashed_and_signed_then_equals_the_vectors() -> None:
    assert hash_to_point(TASKS_DOMAIN, VOTE) == POINT
    assert [f"0x{number:064x}" for number in KEYS[0].sign(TASKS_DOMAIN, VOTE)] == VECTORS["keys"][0]["signature"]


def test_seed_when_not_below_the_order_then_loses_a_bit() -> None:
    secrets = [BlsKey.from_private_key(bytes((n,)) * 32).secret for n in range(1, 60)]
    assert all(0 < secret < R for secret in secrets)
    assert any(secret >= 2**253 for secret in secrets)


def test_aggregate_when_paired_then_verifies_and_a_missing_signer_does_not() -> None:
    signatures = [key.sign(TASKS_DOMAIN, VOTE) for key in KEYS]
    publics = [key.public for key in KEYS]
    data = pairing_input(aggregate_signatures(signatures), aggregate_public_keys(publics), POINT)
    assert len(data) == PAIRING_INPUT_BYTES
    assert pairing_answers_one(data)
    assert not pairing_answers_one(
        pairing_input(aggregate_signatures(signatures[1:]), aggregate_public_keys(publics), POINT)
    )


def test_aggregates_when_summed_in_any_order_then_are_the_same() -> None:
    signatures = [key.sign(TASKS_DOMAIN, VOTE) for key in KEYS]
    publics = [key.public for key in KEYS]
    assert aggregate_signatures(signatures) == aggregate_signatures(signatures[::-1])
    assert aggregate_public_keys(publics) == aggregate_public_keys(publics[::-1])
    total = BlsKey(sum(key.secret for key in KEYS) % R)
    assert (total.public, total.sign(TASKS_DOMAIN, VOTE)) == (
        aggregate_public_keys(publics),
        aggregate_signatures(signatures),
    )


def test_aggregate_when_empty_or_infinite_then_is_refused() -> None:
    signature, public = KEYS[0].sign(TASKS_DOMAIN, VOTE), KEYS[0].public
    with pytest.raises(ValueError, match="at least one signature"):
        aggregate_signatures([])
    with pytest.raises(ValueError, match="at least one public key"):
        aggregate_public_keys([])
    with pytest.raises(ValueError, match="infinity"):
        aggregate_signatures([signature, curve.negate(signature)])
    with pytest.raises(ValueError, match="infinity"):
        aggregate_public_keys([public, g2.negate(public)])


@pytest.mark.parametrize("signature", [(0, 0), (1, 1), (1, 2 + P), (-1, 2)])
def test_signature_when_no_point_then_is_refused(signature: Signature) -> None:
    with pytest.raises(ValueError, match="G1"):
        check_signature_point(signature)
    with pytest.raises(ValueError, match="G1"):
        aggregate_signatures([KEYS[0].sign(TASKS_DOMAIN, VOTE), signature])


@pytest.mark.parametrize("public", [(0, 0, 0, 0), (1, 2, 3, 4), (*g2.GENERATOR[:3], g2.GENERATOR[3] + P)])
def test_public_key_when_no_point_then_is_refused(public: PublicKey) -> None:
    with pytest.raises(ValueError, match="G2"):
        check_public_key(public)
    with pytest.raises(ValueError, match="G2"):
        aggregate_public_keys([public])


def test_points_when_honest_then_pass_their_checks() -> None:
    for key in KEYS:
        check_public_key(key.public)
        check_signature_point(key.sign(TASKS_DOMAIN, VOTE))


@pytest.mark.parametrize("value", ["", "0x", "zz" * 32, "11" * 31, b"", b"\x11" * 33])
def test_key_when_seed_is_no_private_key_then_is_refused_without_repeating_it(value: str | bytes) -> None:
    with pytest.raises(ValueError, match="expected a private key") as caught:
        BlsKey.from_private_key(value)
    assert not value or str(value) not in str(caught.value)


@pytest.mark.parametrize("secret", [0, -1, R, R + 1])
def test_key_when_secret_is_out_of_range_then_is_refused(secret: int) -> None:
    with pytest.raises(ValueError, match="secret scalar"):
        BlsKey(secret)


def test_key_when_shown_then_hides_its_secret() -> None:
    key = KEYS[0]
    shown = f"{key!r} {key} {[key]}"
    assert str(key.secret) not in shown
    assert f"{key.secret:x}" not in shown
    with pytest.raises(TypeError):
        pickle.dumps(key)


def test_registration_when_proved_then_binds_operator_contract_and_chain() -> None:
    assert keccak256(b"OthenticBLSAuth") == REGISTRATION_DOMAIN
    operator, center = parse_address(VECTORS["task"]["performer"]), parse_address(VECTORS["task"]["attestation_center"])
    message = registration_message(operator, center, ChainId(1))
    assert message == keccak256(bytes(12) + operator + bytes(12) + center + bytes(31) + b"\x01")
    assert (
        len(
            {
                message,
                registration_message(center, operator, ChainId(1)),
                registration_message(operator, center, ChainId(2)),
            }
        )
        == 3
    )
    signature = KEYS[0].sign(REGISTRATION_DOMAIN, message)
    assert pairing_answers_one(pairing_input(signature, KEYS[0].public, hash_to_point(REGISTRATION_DOMAIN, message)))


def test_domain_when_another_then_the_signature_differs() -> None:
    message = Hash32(from_hex(VECTORS["task"]["vote_hash"]))
    assert KEYS[0].sign(TASKS_DOMAIN, message) != KEYS[0].sign(REGISTRATION_DOMAIN, message)


def test_results_when_computed_without_gmpy2_then_are_the_same() -> None:
    runs = [
        subprocess.run([sys.executable, "-c", COMPUTE, how], capture_output=True, text=True, timeout=120, check=True)
        for how in ("plain", "gmpy2")
    ]
    assert runs[0].stdout == runs[1].stdout
    assert "mpz" not in runs[1].stdout
