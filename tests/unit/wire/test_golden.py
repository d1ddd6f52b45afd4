"""The bytes on the wire are what they were: other versions and other languages rely on them."""

import json
from pathlib import Path

import pytest

from tests.unit.wire.examples import DOMAIN, KEY, MESSAGES, PEER_ID, SEAL
from triggerx.evm import typed
from triggerx.evm.keccak import keccak256
from triggerx.evm.types import from_hex
from triggerx.wire import limits
from triggerx.wire.codec import Kind, encode_payload, payload_bytes_max
from triggerx.wire.envelope import decode_envelope, digest
from triggerx.wire.peer_id import peer_id_bytes
from triggerx.wire.seal import open_envelope, seal

VECTORS = Path(__file__).parents[2] / "vectors" / "wire"
PROTOCOL = Path(typed.__file__).parents[1] / "wire" / "PROTOCOL.md"


def vector(name: str) -> dict[str, str | int]:
    row = json.loads((VECTORS / f"{name}.json").read_text())
    assert isinstance(row, dict)
    return row


def raw(row: dict[str, str | int], name: str) -> bytes:
    return from_hex(str(row[name]))


@pytest.mark.parametrize("name", sorted(MESSAGES))
def test_seal_when_given_the_golden_message_then_writes_the_golden_bytes(name: str) -> None:
    row = vector(name)
    kind, payload = encode_payload(MESSAGES[name])
    assert (kind, payload) == (row["kind"], raw(row, "payload"))
    envelope = seal(MESSAGES[name], SEAL, KEY.sign_digest)
    assert envelope == raw(row, "envelope")
    assert digest(decode_envelope(envelope), DOMAIN) == raw(row, "digest")


@pytest.mark.parametrize("name", sorted(MESSAGES))
def test_open_when_given_the_golden_bytes_then_reads_the_golden_message(name: str) -> None:
    row = vector(name)
    opened = open_envelope(raw(row, "envelope"), domain=DOMAIN, now=SEAL.issued_at)
    assert opened.message == MESSAGES[name]
    assert (opened.sender, opened.peer_id, opened.nonce) == (raw(row, "sender"), PEER_ID, raw(row, "nonce"))
    assert (opened.issued_at, opened.expires_at) == (row["issued_at"], row["expires_at"])


def test_digest_when_computed_by_hand_then_is_the_golden_one() -> None:
    row = vector("votes_cast")

    def word(number: int) -> bytes:
        return number.to_bytes(32, "big")

    domain = keccak256(
        keccak256(b"EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)")
        + keccak256(b"triggerx-peers")
        + keccak256(b"1")
        + word(DOMAIN.chain_id)
        + bytes(12)
        + DOMAIN.attestation_center
    )
    struct = keccak256(
        keccak256(
            b"Envelope(uint8 kind,address sender,bytes peerId,bytes16 nonce,uint64 issuedAt,uint64 expiresAt,"
            b"bytes payload)"
        )
        + word(Kind.VOTES_CAST)
        + bytes(12)
        + KEY.address
        + keccak256(peer_id_bytes(PEER_ID))
        + SEAL.nonce
        + bytes(16)
        + word(SEAL.issued_at)
        + word(SEAL.expires_at)
        + keccak256(raw(row, "payload"))
    )
    assert keccak256(b"\x19\x01" + domain + struct) == raw(row, "digest")


def test_vectors_when_a_kind_is_added_then_one_must_be_added_too() -> None:
    assert sorted(path.stem for path in VECTORS.glob("*.json")) == sorted(MESSAGES)
    assert {vector(name)["kind"] for name in MESSAGES} == set(Kind)


def test_protocol_document_when_a_limit_or_kind_changes_then_says_so() -> None:
    text = PROTOCOL.read_text()
    names = [name for name in vars(limits) if name.isupper() and isinstance(getattr(limits, name), int)]
    for name in names:
        if name != "DOCUMENT_BYTES_MAX":
            assert f"| `{name}` | {getattr(limits, name)} |" in text, name
    for kind in Kind:
        assert f"| {int(kind)} | `{kind.name}` | {payload_bytes_max(kind)} |" in text, kind
