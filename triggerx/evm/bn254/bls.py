"""BLS keys, signatures and their aggregates, and the input with which a chain's pairing precompile verifies them.

Signatures are points of G1 as `(x, y)`, public keys points of G2 as `(x_re, x_im, y_re, y_im)`, both as the
Attestation Center and its OBLS contract take them. Verification itself is the precompile's, reached through a chain.
"""

import hashlib
from collections.abc import Sequence
from typing import Final, NoReturn, Self

from triggerx.evm.abi.codec import encode
from triggerx.evm.bn254 import curve, g2
from triggerx.evm.bn254.field import R
from triggerx.evm.bn254.hash_to_point import hash_to_point
from triggerx.evm.keccak import Hash32, keccak256
from triggerx.evm.types import Address, ChainId, from_hex

Signature = curve.Point
PublicKey = g2.G2Point

PAIRING_INPUT_BYTES: Final = 384
REGISTRATION_DOMAIN: Final = Hash32(bytes.fromhex("536e32096d745cb431ecc9c1df62d1566bc52bb6b2e3c32cf4666bcae127fc6d"))
"""keccak256("OthenticBLSAuth"), the domain of proofs of possession; a test holds it equal."""

_NEGATED_GENERATOR: Final = g2.negate(g2.GENERATOR)


class BlsKey:
    """A BLS key pair that does not show its secret: neither in `repr` nor in a pickle."""

    __slots__ = ("_public", "_secret")

    def __init__(self, secret: int) -> None:
        """From a scalar; `ValueError` unless it is from 1 to the order less 1."""
        if not 0 < secret < R:
            raise ValueError("expected a secret scalar from 1 to the group's order less 1")
        public = g2.multiply(g2.GENERATOR, secret)
        if public is None:
            raise ValueError("expected a secret scalar whose public key is not infinity")
        self._secret = secret
        self._public = public

    @classmethod
    def from_private_key(cls, value: str | bytes) -> Self:
        """The key that an operator's private key implies: 32 bytes, or 64 hexadecimal digits with or without `0x`.

        The seed is the text `0x` and the lower-case digits; its SHA-256 read little-endian is masked to 254 bits, and
        to 253 when that is not below the order, as the original network's node derives it.
        """
        raw = value if isinstance(value, bytes) else _secret_bytes(value)
        if len(raw) != 32:
            raise ValueError(f"expected a private key of 32 bytes, got {len(raw)}")
        seed = hashlib.sha256(b"0x" + raw.hex().encode()).digest()
        scalar = int.from_bytes(seed, "little") & ((1 << 254) - 1)
        if scalar >= R:
            scalar &= (1 << 253) - 1
        return cls(scalar)

    @property
    def secret(self) -> int:
        """The scalar, for a keystore; never for a log."""
        return self._secret

    @property
    def public(self) -> PublicKey:
        """The public key as the contracts store it: `(x_re, x_im, y_re, y_im)`."""
        return self._public

    def sign(self, domain: bytes, message: bytes) -> Signature:
        """The signature of a message under a 32-byte domain."""
        signature = curve.multiply(hash_to_point(domain, message), self._secret)
        if signature is None:
            raise ValueError("expected a signature that is not infinity")
        return signature

    def __repr__(self) -> str:
        return f"BlsKey(public=0x{self._public[0]:064x}…)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a private key is not pickled")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, BlsKey) and self._public == other._public

    def __hash__(self) -> int:
        return hash(self._public)


def aggregate_signatures(signatures: Sequence[Signature]) -> Signature:
    """The sum of signatures over one message; `ValueError` for none, a point off the curve or a sum of infinity."""
    if not signatures:
        raise ValueError("expected at least one signature to aggregate")
    for signature in signatures:
        check_signature_point(signature)
    found = curve.total(signatures)
    if found is None:
        raise ValueError("expected signatures whose sum is not infinity")
    return found


def aggregate_public_keys(keys: Sequence[PublicKey]) -> PublicKey:
    """The sum of public keys, each checked before by `check_public_key`; `ValueError` for none or a sum of infinity."""
    if not keys:
        raise ValueError("expected at least one public key to aggregate")
    for key in keys:
        if not g2.is_on_curve(key):
            raise ValueError("expected public keys that are points of G2")
    found = g2.total(keys)
    if found is None:
        raise ValueError("expected public keys whose sum is not infinity")
    return found


def check_signature_point(signature: Signature) -> None:
    """`ValueError` unless the pair is a point of G1; (0, 0), the precompiles' infinity, is off the curve as well."""
    if not curve.is_on_curve(signature):
        raise ValueError("expected a signature that is a point of G1 and not infinity")


def check_public_key(key: PublicKey) -> None:
    """`ValueError` unless the four numbers are a point of G2's subgroup and not infinity; takes milliseconds."""
    if not g2.is_on_curve(key):
        raise ValueError("expected a public key that is a point of G2 and not infinity")
    if not g2.is_in_subgroup(key):
        raise ValueError("expected a public key of G2's prime-order subgroup")


def pairing_input(signature: Signature, public: PublicKey, message_point: curve.Point) -> bytes:
    """384 bytes for precompile 0x08 (EIP-197), which answers 1 when e(signature, -G2)·e(H, public) = 1."""
    words = (*signature, *_swapped(_NEGATED_GENERATOR), *message_point, *_swapped(public))
    return b"".join(word.to_bytes(32, "big") for word in words)


def registration_message(operator: Address, avs_governance: Address, chain_id: ChainId) -> Hash32:
    """What a registering operator signs under `REGISTRATION_DOMAIN`, bound to contract and chain against replay."""
    return keccak256(encode(("address", "address", "uint256"), (operator, avs_governance, chain_id)))


def _swapped(point: g2.G2Point) -> tuple[int, int, int, int]:
    """The imaginary parts first, as the precompile reads them."""
    return point[1], point[0], point[3], point[2]


def _secret_bytes(text: str) -> bytes:
    """The bytes of a secret's text; the error does not repeat it, nor does the one it came from."""
    stripped = text.strip()
    try:
        return from_hex(stripped if stripped[:2] in {"0x", "0X"} else "0x" + stripped)
    except ValueError:
        raise ValueError("expected a private key of 64 hexadecimal digits") from None
