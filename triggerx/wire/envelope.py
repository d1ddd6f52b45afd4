"""The signed envelope around every message, as bytes and as an EIP-712 digest.

An envelope is a MessagePack array whose first element is the protocol version; that much is the same in all versions.
Version 1 has exactly nine elements and one shortest form.
"""

from dataclasses import dataclass
from functools import cache
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from triggerx.core.errors import InvalidInput
from triggerx.evm import typed
from triggerx.evm.types import Address, ChainId, Hash32
from triggerx.wire import limits
from triggerx.wire.codec import decode_fields
from triggerx.wire.payloads import AddressBytes, Count, EcdsaSignature, Fields, Small
from triggerx.wire.peer_id import PEER_ID_BYTES_MAX, PEER_ID_BYTES_MIN

VERSION: Final = 1
NONCE_BYTES: Final = 16

_ENVELOPE_TYPE: Final = (
    "Envelope(uint8 kind,address sender,bytes peerId,bytes16 nonce,uint64 issuedAt,uint64 expiresAt,bytes payload)"
)
_ARRAY_MASK: Final = 0xF0
_ARRAY_MARK: Final = 0x90  # MessagePack fixarray: the low four bits count the elements
_VERSION_MAX: Final = 0x7F  # MessagePack positive fixint


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerDomain:
    """The network that envelopes are signed for, by L2 chain and Attestation Center; those of another do not verify."""

    chain_id: ChainId
    attestation_center: Address


class Envelope(Fields, frozen=True):
    """The nine elements in their order. `peer_id` is the author's, whoever passes it on; times are unix seconds."""

    version: Small
    kind: Small
    sender: AddressBytes
    peer_id: Annotated[bytes, Meta(min_length=PEER_ID_BYTES_MIN, max_length=PEER_ID_BYTES_MAX)]
    nonce: Annotated[bytes, Meta(min_length=NONCE_BYTES, max_length=NONCE_BYTES)]
    issued_at: Count
    expires_at: Count
    payload: bytes
    signature: EcdsaSignature


def encode_envelope(envelope: Envelope) -> bytes:
    """Write the bytes; raises `InvalidInput` for what others would refuse."""
    data = msgspec.msgpack.encode(envelope)
    decode_envelope(data)
    return data


def decode_envelope(data: bytes) -> Envelope:
    """Read and check size, version and form, in this order; raises `InvalidInput`."""
    if len(data) > limits.ENVELOPE_BYTES_MAX:
        raise InvalidInput("envelope", f"has {len(data)} bytes, more than the {limits.ENVELOPE_BYTES_MAX} allowed")
    if len(data) < 2 or data[0] & _ARRAY_MASK != _ARRAY_MARK or data[1] > _VERSION_MAX:
        raise InvalidInput("envelope", "does not begin like one: a MessagePack array with the version in front")
    if data[1] != VERSION:
        raise InvalidInput("version", f"is {data[1]}, this node speaks {VERSION}: update the older of the two nodes")
    return decode_fields(data, Envelope, whole="envelope")


def digest(envelope: Envelope, domain: PeerDomain) -> Hash32:
    """Return what the sender signs (EIP-712); the signature itself is not part of it."""
    hashed = typed.struct_hash(
        _ENVELOPE_TYPE,
        envelope.kind,
        envelope.sender,
        envelope.peer_id,
        envelope.nonce,
        envelope.issued_at,
        envelope.expires_at,
        envelope.payload,
    )
    return typed.digest(_separator(domain), hashed)


@cache
def _separator(domain: PeerDomain) -> Hash32:
    return typed.domain_separator("triggerx-peers", str(VERSION), domain.chain_id, domain.attestation_center)
