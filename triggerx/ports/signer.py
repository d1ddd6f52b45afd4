"""The node's keys as something that signs; the secrets stay behind it."""

from typing import Protocol

from triggerx.evm.types import Address, Hash32


class Signer(Protocol):
    """One ECDSA identity. Never shows its secret in `repr`, logs or errors."""

    @property
    def address(self) -> Address:
        """The address its signatures recover to."""
        ...

    def sign_digest(self, digest: Hash32) -> bytes:
        """Return `r ‖ s ‖ v` (65 bytes, v 27 or 28, low s) over the raw digest."""
        ...


class AttesterSigner(Signer, Protocol):
    """An operator's identity: its consensus key also gives the BLS key (CHAIN.md §2)."""

    @property
    def bls_public_key(self) -> tuple[int, int, int, int]:
        """The G2 key `(x_re, x_im, y_re, y_im)`."""
        ...

    def sign_bls(self, domain: Hash32, message: bytes) -> tuple[int, int]:
        """Return the G1 signature `(x, y)` over `hashToPoint(domain, message)`."""
        ...
