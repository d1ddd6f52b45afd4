"""What `triggerx keys` does: an operator's keys as keystores in a folder.

No key is ever printed. Standard output has the answer, standard error what a person should know besides.
"""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from triggerx.core.errors import ConfigurationError
from triggerx.evm.bn254.bls import BlsKey, PublicKey
from triggerx.evm.keys import PrivateKey
from triggerx.evm.types import checksum
from triggerx.node.config import ConfigSource, load_config
from triggerx.node.discovery import role_names
from triggerx.node.key_folder import KeyEntry, KeyFolder, new_key, write_plain
from triggerx.node.keys import read_key
from triggerx.node.options import UsageError
from triggerx.node.passwords import ask_new_password, password_source, read_password
from triggerx.node.remote.output import print_line, print_table, say

FOLDER: Final = "keys"
HEADINGS: Final = ("NAME", "ADDRESS", "BLS KEY", "MODE", "KEPT AS", "PROBLEM")


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyPlace:
    """Which folder is meant: the one named, else `keys` in the data directory."""

    keys_dir: Path | None = None
    source: ConfigSource = field(default_factory=ConfigSource)

    def folder(self) -> KeyFolder:
        """The folder; it need not be there."""
        if self.keys_dir is not None:
            return KeyFolder(self.keys_dir)
        return KeyFolder(load_config(self.source, role_names()).data_dir / FOLDER)


def make_key(place: KeyPlace, name: str, *, password_file: Path | None, is_json: bool) -> None:
    """Make a key that nobody had before."""
    folder = place.folder()
    folder.check_free(name)
    password = _new_password(name, password_file, option="--password-file")
    key = new_key()
    _tell("made", name, folder.add(name, key, password), key, is_json=is_json)


def import_key(
    place: KeyPlace,
    name: str,
    origin: Path,
    *,
    origin_password_file: Path | None,
    password_file: Path | None,
    is_json: bool,
) -> None:
    """Take a key in from a file of digits or another keystore; that file stays as it is."""
    folder = place.folder()
    folder.check_free(name)
    ask = password_source(origin_password_file, prompt=f"Password of {origin}", option="--from-password-file")
    with _unfit_files():
        key = read_key(origin, setting="--from", password=ask)
    password = _new_password(name, password_file, option="--password-file")
    _tell("imported", name, folder.add(name, key, password), key, is_json=is_json)


def list_keys(place: KeyPlace, *, is_json: bool) -> None:
    """Print what there is, as far as it shows without a password."""
    folder = place.folder()
    entries = folder.entries()
    if is_json:
        _print_json({"keys_dir": str(folder.directory), "keys": [_row(entry) for entry in entries]})
    elif entries:
        print_table(HEADINGS, [_cells(entry) for entry in entries])
    else:
        say(f"There is no key in {folder.directory} yet: triggerx keys new NAME makes one.")


def export_key(place: KeyPlace, name: str, file: Path, *, password_file: Path | None, is_json: bool) -> None:
    """Write a key's digits to a new file, for a program that takes nothing else."""
    key = _opened(place.folder(), name, password_file)
    write_plain(file, key)
    _tell("exported", name, file, key, is_json=is_json)
    say(f"{file} holds the key itself, and nothing protects it but its mode.")


def rotate_key(
    place: KeyPlace, name: str, *, password_file: Path | None, new_password_file: Path | None, is_json: bool
) -> None:
    """Put a key under another password."""
    folder = place.folder()
    key = _opened(folder, name, password_file)
    password = _new_password(name, new_password_file, option="--new-password-file")
    _tell("put under its new password", name, folder.rotate(name, key, password), key, is_json=is_json)


def short(public_key: PublicKey) -> str:
    """A BLS public key's first and last digits, to tell it from others."""
    return f"0x{public_key[0]:064x}"[:10] + "…" + f"{public_key[3]:064x}"[-8:]


def digits(public_key: PublicKey) -> list[str]:
    """A BLS public key as the contracts have it, each number in 64 digits."""
    return [f"0x{number:064x}" for number in public_key]


@contextmanager
def _unfit_files() -> Iterator[None]:
    """A file that the command names is part of how it was typed."""
    try:
        yield
    except ConfigurationError as error:
        raise UsageError(str(error)) from error


def _opened(folder: KeyFolder, name: str, password_file: Path | None) -> PrivateKey:
    with _unfit_files():
        ask = password_source(password_file, prompt=f"Password of {name}", option="--password-file")
        return folder.open(name, ask)


def _new_password(name: str, file: Path | None, *, option: str) -> bytes:
    if file is None:
        return ask_new_password(f"New password of {name}", option=option)
    with _unfit_files():
        return read_password(file, setting=option)


def _tell(done: str, name: str, file: Path, key: PrivateKey, *, is_json: bool) -> None:
    public = BlsKey.from_private_key(key.reveal()).public
    address = checksum(key.address)
    if is_json:
        _print_json({"name": name, "file": str(file), "address": address, "bls_public_key": digits(public)})
        return
    print_line(address)
    say(f"Key {name} was {done}: {file}; its BLS public key is {short(public)}.")


def _row(entry: KeyEntry) -> dict[str, object]:
    """A keystore's address is what its file says: `is_verified` is false until a password opens it."""
    return {
        "name": entry.name,
        "file": str(entry.file),
        "address": None if entry.address is None else checksum(entry.address),
        "is_verified": entry.address is not None and not entry.is_encrypted,
        "bls_public_key": None if entry.bls_public_key is None else digits(entry.bls_public_key),
        "mode": f"{entry.mode:o}",
        "is_encrypted": entry.is_encrypted,
        "problem": entry.problem or None,
    }


def _cells(entry: KeyEntry) -> tuple[str, ...]:
    return (
        entry.name,
        "" if entry.address is None else checksum(entry.address),
        "" if entry.bls_public_key is None else short(entry.bls_public_key),
        f"{entry.mode:o}",
        "" if entry.problem else "keystore" if entry.is_encrypted else "plain digits",
        entry.problem,
    )


def _print_json(document: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(document, ensure_ascii=False) + "\n")
