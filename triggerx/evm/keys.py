"""An operator's secp256k1 key, and who signed a digest.

Signatures are 65 bytes `r ‖ s ‖ v` with v 27 or 28 and s in the lower half (EIP-2), over a 32-byte digest that is
hashed no further. The secret leaves the object only where it is asked for by name.
"""

from typing import Final, NoReturn, Self

import coincurve

from triggerx.evm.keccak import keccak256
from triggerx.evm.types import Address, from_hex

SIGNATURE_BYTES: Final = 65
ORDER: Final = 0xFFFFFFFF_FFFFFFFF_FFFFFFFF_FFFFFFFE_BAAEDCE6_AF48A03B_BFD25E8C_D0364141


class PrivateKey:
    """A secp256k1 private key that does not show itself: neither in `repr` nor in a pickle."""

    __slots__ = ("_address", "_key")

    def __init__(self, secret: bytes) -> None:
        """From 32 bytes; `ValueError` unless they are a scalar from 1 to the order less 1."""
        if len(secret) != 32:
            raise ValueError(f"expected a private key of 32 bytes, got {len(secret)}")
        if not 0 < int.from_bytes(secret, "big") < ORDER:
            raise ValueError("expected a private key from 1 to the curve's order less 1")
        self._key = coincurve.PrivateKey(secret)
        self._address = address_of(self._key.public_key.format(compressed=False))

    @classmethod
    def parse(cls, value: str | bytes) -> Self:
        """From 32 bytes, or 64 hexadecimal digits with or without `0x`; an error never repeats the text."""
        if isinstance(value, bytes):
            return cls(value)
        text = value.strip()
        try:
            secret = from_hex(text if text[:2] in {"0x", "0X"} else "0x" + text)
        except ValueError:
            raise ValueError("expected a private key of 64 hexadecimal digits") from None
        return cls(secret)

    @property
    def address(self) -> Address:
        """The address that the key's signatures recover to."""
        return self._address

    def reveal(self) -> bytes:
        """The secret's 32 bytes, for a keystore or for deriving the BLS key; never for a log."""
        return self._key.secret

    def sign_digest(self, digest: bytes) -> bytes:
        """65 bytes over the 32-byte digest, deterministic (RFC 6979), with a low s."""
        if len(digest) != 32:
            raise ValueError(f"expected a digest of 32 bytes, got {len(digest)}")
        signature = self._key.sign_recoverable(digest, hasher=None)
        return signature[:64] + bytes((27 + signature[64],))

    def __repr__(self) -> str:
        return f"PrivateKey(address=0x{self._address.hex()})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a private key is not pickled")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PrivateKey) and self._address == other._address

    def __hash__(self) -> int:
        return hash(self._address)


def recover(digest: bytes, signature: bytes) -> Address:
    """The address whose key made the 65-byte signature over the digest.

    `ValueError` for another length, a v that is not 27 or 28, a high s (it could be flipped by anyone), or values that
    are no signature. Any well-formed signature recovers to some address: the caller compares.
    """
    if len(digest) != 32:
        raise ValueError(f"expected a digest of 32 bytes, got {len(digest)}")
    if len(signature) != SIGNATURE_BYTES:
        raise ValueError(f"expected a signature of {SIGNATURE_BYTES} bytes, got {len(signature)}")
    if signature[64] not in (27, 28):
        raise ValueError(f"expected a signature whose v is 27 or 28, got {signature[64]}")
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:64], "big")
    if not 0 < r < ORDER or not 0 < s <= ORDER // 2:
        raise ValueError("expected a signature with r within the order and s in its lower half")
    recoverable = signature[:64] + bytes((signature[64] - 27,))
    try:
        key = coincurve.PublicKey.from_signature_and_message(recoverable, digest, hasher=None)
    except Exception as error:  # coincurve raises the bare class where no key fits
        raise ValueError("expected a signature that some key could have made") from error
    return address_of(key.format(compressed=False))


def address_of(public_key: bytes) -> Address:
    """The address of an uncompressed public key: 65 bytes that begin with 4."""
    if len(public_key) != 65 or public_key[0] != 4:
        raise ValueError(f"expected an uncompressed public key of 65 bytes, got {len(public_key)}")
    return Address(keccak256(public_key[1:])[12:])
