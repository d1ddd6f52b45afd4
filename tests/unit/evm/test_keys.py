import pickle

import pytest
from eth_account import Account
from hypothesis import given, settings
from hypothesis import strategies as st

from triggerx.evm.keccak import keccak256
from triggerx.evm.keys import ORDER, PrivateKey, address_of, recover
from triggerx.evm.types import checksum

SECRET = "0x" + "11" * 32
DIGEST = keccak256(b"digest")


def test_key_when_parsed_then_has_the_known_address() -> None:
    key = PrivateKey.parse(SECRET)
    assert checksum(key.address) == "0x19E7E376E7C213B7E7e7e46cc70A5dD086DAff2A"
    assert key == PrivateKey.parse("11" * 32) == PrivateKey.parse(b"\x11" * 32) == PrivateKey.parse(f" {SECRET}\n")
    assert key.reveal() == b"\x11" * 32


@settings(max_examples=25, deadline=None)
@given(st.integers(1, ORDER - 1), st.binary(min_size=32, max_size=32))
def test_signature_when_made_then_equals_eth_account_and_recovers(secret: int, digest: bytes) -> None:
    key = PrivateKey(secret.to_bytes(32, "big"))
    signature = key.sign_digest(digest)
    assert signature == Account.unsafe_sign_hash(digest, secret.to_bytes(32, "big")).signature
    assert recover(digest, signature) == key.address


@pytest.mark.parametrize("value", ["", "0x", "11" * 31, "zz" * 32, "0x" + "00" * 32, hex(ORDER), b"", b"\x11" * 33])
def test_key_when_it_is_none_then_is_refused_without_repeating_it(value: str | bytes) -> None:
    with pytest.raises(ValueError, match="expected a private key") as caught:
        PrivateKey.parse(value)
    assert not value or str(value) not in str(caught.value)
    assert caught.value.__cause__ is None


def test_key_when_shown_then_hides_its_secret() -> None:
    key = PrivateKey.parse(SECRET)
    assert "11" * 8 not in f"{key!r} {key} {[key]}"
    with pytest.raises(TypeError):
        pickle.dumps(key)


def test_signature_when_flipped_to_its_high_s_then_is_refused() -> None:
    signature = PrivateKey.parse(SECRET).sign_digest(DIGEST)
    high = ORDER - int.from_bytes(signature[32:64], "big")
    flipped = signature[:32] + high.to_bytes(32, "big") + bytes((55 - signature[64],))
    with pytest.raises(ValueError, match="lower half"):
        recover(DIGEST, flipped)


@pytest.mark.parametrize(
    "signature",
    [
        b"",
        bytes(65),
        bytes(64) + b"\x1b",
        b"\x01" * 64,
        b"\x01" * 64 + b"\x00",
        b"\x01" * 64 + b"\x1d",
        b"\xff" * 32 + b"\x01" * 32 + b"\x1b",
        (5).to_bytes(32, "big") + b"\x01" * 32 + b"\x1b",  # x³ + 7 is no square at x = 5
    ],
)
def test_signature_when_malformed_then_is_refused(signature: bytes) -> None:
    with pytest.raises(ValueError, match="expected"):
        recover(DIGEST, signature)


def test_digest_when_of_another_length_then_is_refused() -> None:
    key = PrivateKey.parse(SECRET)
    with pytest.raises(ValueError, match="32 bytes"):
        key.sign_digest(b"digest")
    with pytest.raises(ValueError, match="32 bytes"):
        recover(b"digest", key.sign_digest(DIGEST))


def test_public_key_when_compressed_then_is_refused() -> None:
    with pytest.raises(ValueError, match="uncompressed"):
        address_of(b"\x02" + bytes(32))
