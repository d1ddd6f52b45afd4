"""Envelopes: what was sealed opens, and every way to be wrong is refused, in the order of PROTOCOL.md."""

from dataclasses import replace

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.wire.examples import DOMAIN, EXPIRES_AT, ISSUED_AT, KEY, MESSAGES, SEAL
from triggerx.core.errors import InvalidInput
from triggerx.evm.keys import PrivateKey
from triggerx.evm.types import Address, ChainId
from triggerx.wire import limits
from triggerx.wire.envelope import Envelope, decode_envelope, digest, encode_envelope
from triggerx.wire.seal import OutOfTime, open_envelope, seal

VOTE = seal(MESSAGES["votes_cast"], SEAL, KEY.sign_digest)


def with_fields(**changes: object) -> bytes:
    """The golden vote with some elements replaced, and not signed anew."""
    envelope = decode_envelope(VOTE)
    values = {name: getattr(envelope, name) for name in Envelope.__struct_fields__} | changes
    return msgspec.msgpack.encode(list(values.values()))


def refusal(data: bytes, *, now: int = ISSUED_AT) -> InvalidInput:
    with pytest.raises(InvalidInput) as caught:
        open_envelope(data, domain=DOMAIN, now=now)
    return caught.value


@pytest.mark.parametrize("name", sorted(MESSAGES))
def test_open_when_sealed_for_this_network_then_returns_message_and_author(name: str) -> None:
    opened = open_envelope(seal(MESSAGES[name], SEAL, KEY.sign_digest), domain=DOMAIN, now=ISSUED_AT + 30)
    assert opened.message == MESSAGES[name]
    assert (opened.sender, opened.peer_id, opened.nonce) == (KEY.address, SEAL.peer_id, SEAL.nonce)


def test_open_when_larger_than_a_frame_then_is_refused_before_anything_else() -> None:
    assert refusal(bytes(limits.ENVELOPE_BYTES_MAX + 1)).field == "envelope"


@pytest.mark.parametrize(
    "data", [b"", b"\x99", b"\x01\x02", b"\x80", b"{}", b"\x99\xcc\x01", VOTE[1:], b"\xdc\x00\x09\x01"]
)
def test_open_when_it_does_not_begin_like_an_envelope_then_says_so(data: bytes) -> None:
    assert "does not begin like one" in refusal(data).message


@pytest.mark.parametrize("version", [0, 2, 127])
def test_open_when_of_another_version_then_says_which_and_what_to_do(version: int) -> None:
    error = refusal(b"\x9a" + bytes([version]) + b"whatever that version holds")
    assert error.field == "version"
    assert f"is {version}, this node speaks 1: update" in error.message


def test_open_when_elements_are_missing_extra_or_trailing_then_is_refused() -> None:
    elements = msgspec.msgpack.decode(VOTE)
    for bad in (
        msgspec.msgpack.encode(elements[:-1]),
        msgspec.msgpack.encode([*elements, b""]),
        VOTE + b"\0",
        VOTE[:-1],
    ):
        refusal(bad)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("kind", -1),
        ("kind", 256),
        ("kind", 4),
        ("sender", bytes(19)),
        ("peer_id", bytes(33)),
        ("peer_id", bytes(43)),
        ("nonce", bytes(15)),
        ("nonce", bytes(17)),
        ("issued_at", -1),
        ("issued_at", 2**63),
        ("issued_at", 1.5),
        ("expires_at", "soon"),
        ("payload", "text"),
        ("signature", bytes(64)),
    ],
)
def test_open_when_an_element_is_out_of_form_then_names_it(field: str, value: object) -> None:
    assert refusal(with_fields(**{field: value})).field == field


def test_open_when_expired_then_is_out_of_time() -> None:
    assert open_envelope(VOTE, domain=DOMAIN, now=EXPIRES_AT - 1).expires_at == EXPIRES_AT
    error = refusal(VOTE, now=EXPIRES_AT)
    assert isinstance(error, OutOfTime)
    assert error.field == "expires_at"


def test_open_when_issued_too_far_ahead_then_is_out_of_time_and_names_the_clock() -> None:
    assert open_envelope(VOTE, domain=DOMAIN, now=ISSUED_AT - limits.CLOCK_SKEW_S).issued_at == ISSUED_AT
    error = refusal(VOTE, now=ISSUED_AT - limits.CLOCK_SKEW_S - 1)
    assert isinstance(error, OutOfTime)
    assert "NTP" in error.message


@pytest.mark.parametrize("lifetime_s", [0, -1, limits.LIFETIME_S_MAX + 1])
def test_open_when_the_lifetime_is_not_allowed_then_is_refused_as_a_fault(lifetime_s: int) -> None:
    error = refusal(with_fields(expires_at=ISSUED_AT + lifetime_s))
    assert error.field == "expires_at"
    assert not isinstance(error, OutOfTime)


@pytest.mark.parametrize("lifetime_s", [0, limits.LIFETIME_S_MAX + 1])
def test_seal_when_the_lifetime_is_not_allowed_then_is_refused(lifetime_s: int) -> None:
    with pytest.raises(InvalidInput, match=r"^expires_at"):
        seal(MESSAGES["votes_cast"], replace(SEAL, expires_at=ISSUED_AT + lifetime_s), KEY.sign_digest)


@pytest.mark.parametrize(
    "change",
    [
        {"kind": 2, "payload": decode_envelope(seal(MESSAGES["task_performed"], SEAL, KEY.sign_digest)).payload},
        {"sender": bytes(20)},
        {"peer_id": bytes(38)},
        {"nonce": bytes(16)},
        {"issued_at": ISSUED_AT + 1},
        {"expires_at": EXPIRES_AT + 1},
        {"signature": bytes(65)},
    ],
    ids=lambda change: next(iter(change)),
)
def test_open_when_a_signed_element_was_changed_then_the_signature_is_refused(change: dict[str, object]) -> None:
    assert refusal(with_fields(**change)).field == "signature"


def test_open_when_signed_by_another_key_then_is_refused() -> None:
    other = PrivateKey(bytes([7]) * 32)
    assert refusal(seal(MESSAGES["votes_cast"], SEAL, other.sign_digest)).field == "signature"


def test_open_when_sealed_for_another_network_then_is_refused() -> None:
    for domain in (
        replace(DOMAIN, chain_id=ChainId(1)),
        replace(DOMAIN, attestation_center=Address(bytes(20))),
    ):
        data = seal(MESSAGES["votes_cast"], replace(SEAL, domain=domain), KEY.sign_digest)
        assert "not for this network" in refusal(data).message


def test_open_when_the_signature_is_flipped_to_its_twin_then_is_refused() -> None:
    """A high s would give the same message a second byte string (EIP-2)."""
    order = 0xFFFFFFFF_FFFFFFFF_FFFFFFFF_FFFFFFFE_BAAEDCE6_AF48A03B_BFD25E8C_D0364141
    envelope = decode_envelope(VOTE)
    s = int.from_bytes(envelope.signature[32:64], "big")
    twin = envelope.signature[:32] + (order - s).to_bytes(32, "big") + bytes([55 - envelope.signature[64]])
    assert refusal(with_fields(signature=twin)).field == "signature"


def test_seal_when_the_nonce_or_peer_id_is_out_of_form_then_is_refused() -> None:
    for bad in (replace(SEAL, nonce=bytes(15)), replace(SEAL, peer_id="12D3"), replace(SEAL, peer_id="0OIl")):
        with pytest.raises(InvalidInput):
            seal(MESSAGES["votes_cast"], bad, KEY.sign_digest)


@given(st.integers(0, len(VOTE) - 1), st.integers(1, 255))
@settings(max_examples=400)
def test_open_when_any_byte_was_changed_then_is_refused(at: int, flip: int) -> None:
    refusal(VOTE[:at] + bytes([VOTE[at] ^ flip]) + VOTE[at + 1 :])


@given(st.binary(max_size=400))
def test_open_when_given_garbage_then_raises_nothing_but_invalid_input(garbage: bytes) -> None:
    refusal(garbage)
    refusal(b"\x99\x01" + garbage)


def test_digest_when_only_the_signature_differs_then_is_the_same() -> None:
    envelope = decode_envelope(VOTE)
    other = decode_envelope(with_fields(signature=bytes(65)))
    assert digest(envelope, DOMAIN) == digest(other, DOMAIN)
    assert encode_envelope(envelope) == VOTE
