"""Sealing a message into a signed envelope, and opening one with every check that needs nobody else.

Whether the sender may say this, and whether it was said before, is for the caller: it asks the chain and the store.
"""

from collections.abc import Callable
from dataclasses import dataclass

from msgspec import structs

from triggerx.core.errors import InvalidInput
from triggerx.core.messages import Message
from triggerx.evm.keys import recover
from triggerx.evm.types import Address, Hash32, checksum
from triggerx.wire import limits
from triggerx.wire.codec import decode_payload, encode_payload
from triggerx.wire.envelope import VERSION, Envelope, PeerDomain, decode_envelope, digest, encode_envelope
from triggerx.wire.peer_id import peer_id_bytes, peer_id_text

_UNSIGNED = bytes(65)


class OutOfTime(InvalidInput):
    """The envelope is expired or from the future by our clock: the sender need not have done anything wrong."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seal:
    """What a message is sealed with. `nonce` is 16 unpredictable bytes, never used twice; times are unix seconds."""

    domain: PeerDomain
    sender: Address
    peer_id: str
    nonce: bytes
    issued_at: int
    expires_at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A message whose envelope is in form, in time, and signed by `sender` for `peer_id`."""

    message: Message
    sender: Address
    peer_id: str
    nonce: bytes
    issued_at: int
    expires_at: int


def seal(message: Message, with_: Seal, sign: Callable[[Hash32], bytes]) -> bytes:
    """Write the signed envelope; `sign` returns `r ‖ s ‖ v` over a digest. Raises `InvalidInput` for a bad message."""
    kind, payload = encode_payload(message)
    _check_times(with_.issued_at, with_.expires_at, now=with_.issued_at)
    unsigned = Envelope(
        version=VERSION,
        kind=kind,
        sender=with_.sender,
        peer_id=peer_id_bytes(with_.peer_id),
        nonce=with_.nonce,
        issued_at=with_.issued_at,
        expires_at=with_.expires_at,
        payload=payload,
        signature=_UNSIGNED,
    )
    encode_envelope(unsigned)  # nothing out of form is ever signed
    return encode_envelope(structs.replace(unsigned, signature=sign(digest(unsigned, with_.domain))))


def open_envelope(data: bytes, *, domain: PeerDomain, now: int) -> Opened:
    """Read and check: size, version, form (the payload's too), times, signature, in this order; raises `InvalidInput`.

    `OutOfTime` is raised for times; all else is the sender's fault.
    """
    envelope = decode_envelope(data)
    message = decode_payload(envelope.kind, envelope.payload)
    _check_times(envelope.issued_at, envelope.expires_at, now=now)
    try:
        signer = recover(digest(envelope, domain), envelope.signature)
    except ValueError as error:
        raise InvalidInput("signature", f"is not a signature: {error}") from error
    if signer != envelope.sender:
        raise InvalidInput(
            "signature", f"is not of {checksum(envelope.sender)}, or not for this network, or the envelope was changed"
        )
    return Opened(
        message=message,
        sender=Address(envelope.sender),
        peer_id=peer_id_text(envelope.peer_id),
        nonce=envelope.nonce,
        issued_at=envelope.issued_at,
        expires_at=envelope.expires_at,
    )


def _check_times(issued_at: int, expires_at: int, *, now: int) -> None:
    if expires_at <= issued_at or expires_at - issued_at > limits.LIFETIME_S_MAX:
        raise InvalidInput(
            "expires_at", f"must be 1 to {limits.LIFETIME_S_MAX} seconds after issued_at, is {expires_at - issued_at}"
        )
    if issued_at > now + limits.CLOCK_SKEW_S:
        ahead = f"is {issued_at - now} s ahead of this node's clock, {limits.CLOCK_SKEW_S} s are allowed"
        raise OutOfTime("issued_at", f"{ahead}: set both clocks by NTP")
    if expires_at <= now:
        raise OutOfTime("expires_at", f"was {now - expires_at} s ago by this node's clock")
