"""Accounts of development chains, derived from the mnemonic that every such chain uses.

Rule: these keys are public knowledge; nothing of value belongs to them. BIP-39 seed, BIP-32 derivation, path
m/44'/60'/0'/0/i, as anvil and Hardhat have it.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, field
from typing import Final

from triggerx.evm.keccak import keccak256
from triggerx.evm.types import Address

MNEMONIC: Final = "test test test test test test test test test test test junk"
HARDENED: Final = 2**31
BASE_PATH: Final = (44 + HARDENED, 60 + HARDENED, HARDENED, 0)
CURVE_ORDER: Final = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


@dataclass(slots=True)
class DevelopmentAccount:
    """A funded account of a development chain: its address (20 bytes) and private key (32 bytes)."""

    address: Address
    private_key: bytes = field(repr=False)

    @property
    def private_key_hex(self) -> str:
        """The key as tools take it."""
        return "0x" + self.private_key.hex()

    def sign_digest(self, digest: bytes) -> bytes:
        """Return `r ‖ s ‖ v` over the raw digest, v 27 or 28, low s: these accounts serve as `ports.signer.Signer`."""
        from coincurve import PrivateKey  # noqa: PLC0415 - a command that signs nothing need not load it

        signature = PrivateKey(self.private_key).sign_recoverable(digest, hasher=None)
        return signature[:64] + bytes([27 + signature[64]])


def derive_accounts(count: int, mnemonic: str = MNEMONIC) -> tuple[DevelopmentAccount, ...]:
    """Derive the first `count` accounts."""
    seed = hashlib.pbkdf2_hmac("sha512", mnemonic.encode(), b"mnemonic", 2048)
    master = hmac.digest(b"Bitcoin seed", seed, "sha512")
    key, chain_code = master[:32], master[32:]
    for index in BASE_PATH:
        key, chain_code = _child(key, chain_code, index)
    keys = (_child(key, chain_code, index)[0] for index in range(count))
    return tuple(DevelopmentAccount(address_of(one), one) for one in keys)


def address_of(private_key: bytes) -> Address:
    """Compute the address of a 32-byte secp256k1 key."""
    return Address(keccak256(_public(private_key, compressed=False)[1:])[12:])


def _child(key: bytes, chain_code: bytes, index: int) -> tuple[bytes, bytes]:
    head = b"\x00" + key if index >= HARDENED else _public(key, compressed=True)
    mixed = hmac.digest(chain_code, head + index.to_bytes(4, "big"), "sha512")
    child = (int.from_bytes(mixed[:32], "big") + int.from_bytes(key, "big")) % CURVE_ORDER
    return child.to_bytes(32, "big"), mixed[32:]


def _public(private_key: bytes, *, compressed: bool) -> bytes:
    from coincurve import PublicKey  # noqa: PLC0415 - a command that derives nothing need not load it

    return PublicKey.from_secret(private_key).format(compressed=compressed)
