"""Private keys from files to signers; the secrets stay inside, and a careless file is refused."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Final

from triggerx.core.errors import ConfigurationError
from triggerx.evm.bn254.bls import BlsKey
from triggerx.evm.keys import PrivateKey
from triggerx.evm.types import Hash32, checksum
from triggerx.node.keystore import KEYSTORE_BYTES_MAX, BadKeystore, WrongPassword, is_keystore, open_keystore
from triggerx.node.secret_files import read_secret

_API_KEY_BYTES_MAX: Final = 128
"""A key is a word of 68 letters; whatever is longer is another file."""
_WORD: Final = re.compile(r"[!-~]+")


class KeySigner:
    """Implements `ports.signer.Signer` with a key held in memory; shows its address alone."""

    __slots__ = ("_key", "address")

    def __init__(self, key: PrivateKey) -> None:
        self._key = key
        self.address = key.address

    def sign_digest(self, digest: Hash32) -> bytes:
        """Return `r ‖ s ‖ v` (65 bytes, v 27 or 28, low s) over the raw digest."""
        return self._key.sign_digest(digest)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({checksum(self.address)})"


class OperatorSigner(KeySigner):
    """Implements `ports.signer.AttesterSigner`: the BLS key follows from the private key (CHAIN.md §2)."""

    __slots__ = ("_bls_key", "bls_public_key")

    def __init__(self, key: PrivateKey) -> None:
        super().__init__(key)
        self._bls_key = BlsKey.from_private_key(key.reveal())
        self.bls_public_key = self._bls_key.public

    def sign_bls(self, domain: Hash32, message: bytes) -> tuple[int, int]:
        """Return the G1 signature `(x, y)` over `hashToPoint(domain, message)`."""
        return self._bls_key.sign(domain, message)


def read_key(file: Path, *, setting: str, password: Callable[[], bytes]) -> PrivateKey:
    """Read 64 hexadecimal digits, with or without 0x, or a keystore, for which alone the password is asked.

    `setting` is the configuration's key, for messages. Raises `ConfigurationError` for a file that is absent, that
    others may read or write, that holds something else or does not open; what it holds is never repeated.
    """
    content = read_secret(file, setting=setting, what="private key", bytes_max=KEYSTORE_BYTES_MAX)
    try:
        if is_keystore(content):
            return open_keystore(content, password())
        return PrivateKey.parse(content.decode("ascii"))
    except ValueError:
        raise ConfigurationError(
            f"{setting}: the key file {file} is malformed: expected 64 hexadecimal digits, with or without 0x, or a "
            "keystore (Web3 secret storage, version 3)"
        ) from None
    except WrongPassword as error:
        raise ConfigurationError(f"{setting}: the keystore {file} does not open: {error}") from None
    except BadKeystore as error:
        raise ConfigurationError(f"{setting}: the keystore {file} cannot be read: {error}") from None


def read_api_key(file: Path, *, setting: str) -> str:
    """Read an API's key, one word; raises as `read_key`."""
    content = read_secret(file, setting=setting, what="API key", bytes_max=_API_KEY_BYTES_MAX).strip()
    if not content.isascii() or not _WORD.fullmatch(content.decode("ascii", "replace")):
        raise ConfigurationError(
            f"{setting}: the key file {file} is malformed: expected an API key, as triggerx api-key create prints it"
        )
    return content.decode("ascii")
