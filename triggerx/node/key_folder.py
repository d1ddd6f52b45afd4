"""A folder of keys: keystores that are made, opened, listed and given another password.

Rule: a file is written whole, synced and read back before it stands under its name, and replaces nothing but the
keystore of the same key whose password changes. So a kill at any moment leaves either file, never half of one.
"""

import os
import re
import secrets
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from triggerx.core.errors import ConfigurationError, UnrecoverableError
from triggerx.evm.bn254.bls import BlsKey, PublicKey
from triggerx.evm.keys import PrivateKey
from triggerx.evm.types import Address
from triggerx.node.keys import read_key
from triggerx.node.keystore import KEYSTORE_BYTES_MAX, SCRYPT_N, is_keystore, make_keystore, named_address
from triggerx.node.options import UsageError
from triggerx.node.secret_files import read_secret

SUFFIX: Final = ".json"
PLAIN_SUFFIX: Final = ".key"
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}")


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyEntry:
    """One file of the folder, as far as it shows itself without a password.

    Of a keystore that is the address that it names, which its key alone vouches for; of plain digits everything.
    """

    name: str
    file: Path
    mode: int
    address: Address | None = None
    bls_public_key: PublicKey | None = None
    is_encrypted: bool = False
    problem: str = ""


class KeyFolder:
    """The keys of one operator: `NAME.json`, each a keystore of mode 600. `scrypt_n` is the cost of new ones."""

    def __init__(self, directory: Path, *, scrypt_n: int = SCRYPT_N) -> None:
        self.directory = directory
        self._scrypt_n = scrypt_n

    def file(self, name: str) -> Path:
        """Where this key is, or would be; raises `UsageError` for what is no name."""
        if not _NAME.fullmatch(name):
            raise UsageError(f"NAME: expected at most 63 of a-z, A-Z, 0-9, - and _, got {name[:80]!r}")
        return self.directory / f"{name}{SUFFIX}"

    def check_free(self, name: str) -> None:
        """Raise `UsageError` where there is a key of this name: none is ever written over."""
        if os.path.lexists(self.file(name)):
            raise UsageError(f"NAME: there is a key {name} in {self.directory}: take another name")

    def add(self, name: str, key: PrivateKey, password: bytes) -> Path:
        """Write a new keystore; raises as `check_free`, `ConfigurationError` where the folder cannot be written."""
        file = self.file(name)
        with self._written(file, key, password) as written:
            try:
                os.link(written, file)
            except FileExistsError:
                self.check_free(name)
                raise
        return file

    def open(self, name: str, password: Callable[[], bytes]) -> PrivateKey:
        """Return a key; raises `ConfigurationError` as `read_key`, `UsageError` where there is none of this name."""
        file = self.file(name)
        if not file.exists():
            raise UsageError(f"NAME: there is no key {name} in {self.directory}: triggerx keys list shows them")
        return read_key(file, setting="NAME", password=password)

    def rotate(self, name: str, key: PrivateKey, password: bytes) -> Path:
        """Put the key that was opened under this name under another password; the old file stays until it is."""
        file = self.file(name)
        with self._written(file, key, password) as written:
            written.replace(file)
        return file

    def entries(self) -> list[KeyEntry]:
        """Every key of the folder by name; what cannot be read is there with the reason."""
        if not self.directory.is_dir():
            return []
        files = (file for file in self.directory.iterdir() if file.suffix in (SUFFIX, PLAIN_SUFFIX))
        return [_entry(file) for file in sorted(files) if not file.name.startswith(".")]

    @contextmanager
    def _written(self, file: Path, key: PrivateKey, password: bytes) -> Iterator[Path]:
        """A synced file beside the final one that opens to this key; gone afterwards unless it was moved."""
        try:
            self.directory.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.directory.mkdir(mode=0o700, exist_ok=True)
            descriptor, name = tempfile.mkstemp(dir=self.directory, prefix=f".{file.stem}-", suffix=".new")
            temporary = Path(name)
            try:
                _write(descriptor, make_keystore(key, password, scrypt_n=self._scrypt_n))
                if read_key(temporary, setting="NAME", password=lambda: password).reveal() != key.reveal():
                    raise UnrecoverableError(f"{temporary} holds another key than was written: is the disk damaged?")
                yield temporary
                _sync(self.directory)
            finally:
                with suppress(FileNotFoundError):
                    temporary.unlink()
        except OSError as error:
            raise ConfigurationError(f"{self.directory}: the key cannot be written: {error.strerror}") from error


def new_key() -> PrivateKey:
    """A key from the system's randomness."""
    while True:
        with suppress(ValueError):  # one in 2^128 is no scalar of the curve
            return PrivateKey(secrets.token_bytes(32))


def write_plain(file: Path, key: PrivateKey) -> None:
    """Write the key's digits to a new file of mode 600; raises `UsageError` where there is any file already."""
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except FileExistsError as error:
        raise UsageError(f"--to: {file} exists: name a file that does not, since none is written over") from error
    except OSError as error:
        raise UsageError(f"--to: {file} cannot be written: {error.strerror}") from error
    try:
        _write(descriptor, key.reveal().hex().encode() + b"\n")
        _sync(file.parent)
    except OSError as error:
        file.unlink()
        raise UsageError(f"--to: {file} cannot be written: {error.strerror}") from error


def _entry(file: Path) -> KeyEntry:
    mode = stat.S_IMODE(file.lstat().st_mode)
    try:
        content = read_secret(file, setting=file.stem, what="private key", bytes_max=KEYSTORE_BYTES_MAX)
        if is_keystore(content):
            address = named_address(content)
            return KeyEntry(name=file.stem, file=file, mode=mode, address=address, is_encrypted=True)
        key = PrivateKey.parse(content.decode("ascii"))
    except ConfigurationError as error:
        return KeyEntry(name=file.stem, file=file, mode=mode, problem=str(error))
    except ValueError:
        return KeyEntry(name=file.stem, file=file, mode=mode, problem="it is neither a keystore nor 64 digits")
    public = BlsKey.from_private_key(key.reveal()).public
    return KeyEntry(name=file.stem, file=file, mode=mode, address=key.address, bls_public_key=public)


def _write(descriptor: int, content: bytes) -> None:
    with os.fdopen(descriptor, "wb") as opened:
        opened.write(content)
        opened.flush()
        os.fsync(descriptor)


def _sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
