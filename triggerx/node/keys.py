"""Private keys from files to signers; the secrets stay inside, and a careless file is refused."""

import os
import re
import stat
from pathlib import Path
from typing import Final

from triggerx.core.errors import ConfigurationError
from triggerx.evm.bn254.bls import BlsKey
from triggerx.evm.keys import PrivateKey
from triggerx.evm.types import Hash32, checksum

_FILE_BYTES_MAX: Final = 128
"""A key is 64 digits, perhaps with a prefix and a line's end; whatever is longer is another file."""
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


def read_key(file: Path, *, setting: str) -> PrivateKey:
    """Read 64 hexadecimal digits, with or without 0x; `setting` is the configuration's key, for messages.

    Raises `ConfigurationError` for a file that is absent, that others may read or write, or that holds something else;
    what it holds is never repeated.
    """
    content = _read_secret(file, setting=setting, what="private key")
    try:
        return PrivateKey.parse(content.decode("ascii"))
    except ValueError:
        raise ConfigurationError(
            f"{setting}: the key file {file} is malformed: expected 64 hexadecimal digits, with or without 0x"
        ) from None


def read_api_key(file: Path, *, setting: str) -> str:
    """Read an API's key, one word; raises as `read_key`."""
    content = _read_secret(file, setting=setting, what="API key").strip()
    if not content.isascii() or not _WORD.fullmatch(content.decode("ascii", "replace")):
        raise ConfigurationError(
            f"{setting}: the key file {file} is malformed: expected an API key, as triggerx api-key create prints it"
        )
    return content.decode("ascii")


def _read_secret(file: Path, *, setting: str, what: str) -> bytes:
    try:
        with file.open("rb") as opened:
            status = os.fstat(opened.fileno())
            content = opened.read(_FILE_BYTES_MAX + 1)
    except OSError as error:
        raise ConfigurationError(
            f"{setting}: the key file {file} cannot be read: {error.strerror}; write the {what} there, or set "
            f"{setting} to the file that has it"
        ) from error
    mode = stat.S_IMODE(status.st_mode)
    if not stat.S_ISREG(status.st_mode):
        raise ConfigurationError(f"{setting}: {file} is no regular file")
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise ConfigurationError(f"{setting}: others may use the key file {file} (mode {mode:o}): chmod 600 {file}")
    return content
