"""A folder of keys never loses one: what is written is read back before it counts, and nothing is written over."""

import json
import os
from pathlib import Path

import pytest

from triggerx.core.errors import ConfigurationError, UnrecoverableError
from triggerx.evm.keys import PrivateKey
from triggerx.node import key_folder
from triggerx.node.key_folder import KeyFolder, new_key, write_plain
from triggerx.node.keystore import make_keystore
from triggerx.node.options import UsageError

KEY = PrivateKey.parse("11" * 32)
OTHER = PrivateKey.parse("22" * 32)
OLD, NEW = b"old password", b"new password"


@pytest.fixture
def folder(tmp_path: Path) -> KeyFolder:
    return KeyFolder(tmp_path / "data" / "keys", scrypt_n=2)


def names(folder: KeyFolder) -> list[str]:
    return sorted(path.name for path in folder.directory.iterdir())


def test_add_when_the_name_is_free_then_the_keystore_is_its_owners_alone(folder: KeyFolder) -> None:
    file = folder.add("keeper", KEY, OLD)
    assert file == folder.directory / "keeper.json"
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.stat().st_nlink == 1
    for directory in (folder.directory, folder.directory.parent):
        assert directory.stat().st_mode & 0o777 == 0o700
    assert names(folder) == ["keeper.json"]
    assert folder.open("keeper", lambda: OLD) == KEY


def test_add_when_there_is_a_key_of_this_name_then_it_stays(folder: KeyFolder) -> None:
    folder.add("keeper", KEY, OLD)
    with pytest.raises(UsageError, match="there is a key keeper in"):
        folder.check_free("keeper")
    with pytest.raises(UsageError, match="there is a key keeper in"):
        folder.add("keeper", OTHER, NEW)
    assert folder.open("keeper", lambda: OLD) == KEY
    assert names(folder) == ["keeper.json"]


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "-x", ".hidden", "a.b", "a b", "a\n", "a" * 64])
def test_name_when_it_is_no_name_then_it_is_refused(folder: KeyFolder, name: str) -> None:
    with pytest.raises(UsageError, match=r"^NAME: expected"):
        folder.add(name, KEY, OLD)
    assert not folder.directory.exists()


def test_open_when_there_is_no_such_key_then_the_list_is_named(folder: KeyFolder) -> None:
    with pytest.raises(UsageError, match=r"there is no key keeper in .*: triggerx keys list"):
        folder.open("keeper", lambda: OLD)


def test_rotate_when_done_then_the_new_password_alone_opens_it(folder: KeyFolder) -> None:
    folder.add("keeper", KEY, OLD)
    folder.rotate("keeper", KEY, NEW)
    assert folder.open("keeper", lambda: NEW) == KEY
    with pytest.raises(ConfigurationError, match="the password is wrong"):
        folder.open("keeper", lambda: OLD)
    assert names(folder) == ["keeper.json"]


def test_rotate_when_the_new_file_reads_back_otherwise_then_the_old_one_stays(
    folder: KeyFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.add("keeper", KEY, OLD)
    monkeypatch.setattr(
        key_folder, "make_keystore", lambda key, password, scrypt_n: make_keystore(OTHER, password, scrypt_n=scrypt_n)
    )
    with pytest.raises(UnrecoverableError, match="holds another key than was written"):
        folder.rotate("keeper", KEY, NEW)
    monkeypatch.setattr(key_folder, "make_keystore", lambda key, password, scrypt_n: b'{"version": 3')
    with pytest.raises(ConfigurationError, match="cannot be read"):
        folder.rotate("keeper", KEY, NEW)
    assert folder.open("keeper", lambda: OLD) == KEY
    assert names(folder) == ["keeper.json"]


def test_rotate_when_the_disk_is_full_then_the_old_one_stays(
    folder: KeyFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.add("keeper", KEY, OLD)

    def full(descriptor: int) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ConfigurationError, match="cannot be written: No space left"):
        folder.rotate("keeper", KEY, NEW)
    assert folder.open("keeper", lambda: OLD) == KEY
    assert names(folder) == ["keeper.json"]


def test_add_when_the_folder_cannot_be_made_then_it_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationError, match="file/keys: the key cannot be written: "):
        KeyFolder(tmp_path / "file" / "keys", scrypt_n=2).add("keeper", KEY, OLD)


def test_entries_when_there_is_no_folder_then_there_are_none(folder: KeyFolder) -> None:
    assert folder.entries() == []


def test_entries_when_some_are_unfit_then_the_others_are_shown_and_the_reason(folder: KeyFolder) -> None:
    folder.add("b-keystore", KEY, OLD)
    directory = folder.directory
    write_plain(directory / "a-plain.key", OTHER)
    (directory / "c-open.json").write_bytes(make_keystore(KEY, OLD, scrypt_n=2))
    (directory / "c-open.json").chmod(0o644)
    (directory / "d-odd.json").write_text("nothing")
    (directory / "d-odd.json").chmod(0o600)
    (directory / "e-gone.json").symlink_to(directory / "nowhere")
    (directory / ".b-keystore-x.new").touch()
    (directory / "notes.txt").touch()
    plain, kept, is_open, odd, gone = folder.entries()
    assert (plain.name, plain.address, plain.is_encrypted, plain.problem) == ("a-plain", OTHER.address, False, "")
    assert plain.bls_public_key is not None
    assert (kept.name, kept.address, kept.is_encrypted, kept.mode) == ("b-keystore", KEY.address, True, 0o600)
    assert kept.bls_public_key is None
    assert (is_open.address, is_open.mode) == (None, 0o644)
    assert "chmod 600" in is_open.problem
    assert odd.problem == "it is neither a keystore nor 64 digits"
    assert "cannot be read" in gone.problem


@pytest.mark.parametrize("address", [None, "zz", 5, "0x12"])
def test_entries_when_a_keystore_names_no_address_then_it_is_shown_without(folder: KeyFolder, address: object) -> None:
    file = folder.add("keeper", KEY, OLD)
    file.write_text(json.dumps({**json.loads(file.read_text()), "address": address}))
    (entry,) = folder.entries()
    assert (entry.address, entry.is_encrypted, entry.problem) == (None, True, "")


def test_plain_when_the_file_is_new_then_it_holds_the_digits_with_mode_600(tmp_path: Path) -> None:
    file = tmp_path / "plain"
    write_plain(file, KEY)
    assert file.read_text() == "11" * 32 + "\n"
    assert file.stat().st_mode & 0o777 == 0o600


def test_plain_when_anything_is_there_already_then_it_stays(tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "target")
    for file in (Path("/dev/stdout"), Path(os.devnull), tmp_path, link):
        with pytest.raises(UsageError, match=r"^--to: .* exists"):
            write_plain(file, KEY)
    assert not (tmp_path / "target").exists()
    with pytest.raises(UsageError, match=r"^--to: .* cannot be written: No such file"):
        write_plain(tmp_path / "absent" / "plain", KEY)


def test_new_key_when_made_twice_then_the_two_differ() -> None:
    assert new_key() != new_key()
