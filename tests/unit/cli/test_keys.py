"""`triggerx keys` as an operator types it."""

import functools
import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path

import eth_account
import pytest

from triggerx.cli import main as cli
from triggerx.evm.keys import PrivateKey
from triggerx.evm.types import checksum
from triggerx.node import key_commands
from triggerx.node.key_folder import KeyFolder
from triggerx.node.keystore import SCRYPT_N, make_keystore

DIGITS = "11" * 32
ADDRESS = "0x19E7E376E7C213B7E7e7e46cc70A5dD086DAff2A"
BLS_SHORT = "0x091b807c…edb5b0e3"


@dataclass
class Operator:
    """Types commands over a folder of keys and reads what comes."""

    folder: Path
    monkeypatch: pytest.MonkeyPatch
    capsys: pytest.CaptureFixture[str]

    @property
    def keys_dir(self) -> Path:
        return self.folder / "data" / "keys"

    def types(self, *arguments: str) -> tuple[int, str, str]:
        """Exit status, standard output, standard error."""
        places = () if "--keys-dir" in arguments else ("--data-dir", str(self.folder / "data"))
        self.monkeypatch.setattr(sys, "argv", ["triggerx", "keys", *arguments, *places])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        said = self.capsys.readouterr()
        assert "Traceback" not in said.err
        return int(ended.value.code or 0), said.out, said.err

    def writes(self, name: str, content: str, mode: int = 0o600) -> str:
        file = self.folder / name
        file.write_text(content)
        file.chmod(mode)
        return str(file)


@pytest.fixture
def operator(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Operator:
    for name in list(os.environ):
        if name.startswith("TRIGGERX_"):
            monkeypatch.delenv(name)
    monkeypatch.setattr("triggerx.node.config.load.SYSTEM_DIR", tmp_path)
    monkeypatch.setattr(key_commands, "KeyFolder", functools.partial(KeyFolder, scrypt_n=2))
    return Operator(tmp_path, monkeypatch, capsys)


def test_new_when_made_then_other_programs_read_it_and_its_address_is_printed(
    operator: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(key_commands, "KeyFolder", KeyFolder)  # as it costs outside of tests
    status, out, err = operator.types("new", "keeper", "--password-file", operator.writes("pw", "swordfish\n"))
    file = operator.keys_dir / "keeper.json"
    document = json.loads(file.read_text())
    secret = bytes(eth_account.Account.decrypt(document, "swordfish"))
    assert status == 0
    assert out.strip() == checksum(PrivateKey(secret).address)
    assert document["crypto"]["kdfparams"]["n"] == SCRYPT_N == 2**18
    assert f"Key keeper was made: {file}" in err
    assert secret.hex() not in out + err
    assert "swordfish" not in out + err


def test_import_when_it_is_a_file_of_digits_then_it_is_kept_under_the_password(operator: Operator) -> None:
    password, origin = operator.writes("pw", "swordfish"), operator.writes("plain", DIGITS)
    status, out, err = operator.types("import", "keeper", "--from", origin, "--password-file", password, "--json")
    document = json.loads(out)
    assert (status, document["name"], document["address"]) == (0, "keeper", ADDRESS)
    assert document["bls_public_key"][0] == "0x091b807c1970ef6f5041f689ffee3d74489bb751c15b066e6059b162d3fb208f"
    assert DIGITS not in out + err
    assert KeyFolder(operator.keys_dir).open("keeper", lambda: b"swordfish") == PrivateKey.parse(DIGITS)
    assert Path(origin).read_text() == DIGITS


def test_import_when_it_is_a_keystore_then_its_own_password_opens_it(operator: Operator) -> None:
    keystore = make_keystore(PrivateKey.parse(DIGITS), b"sardine", scrypt_n=2).decode()
    origin, old, new = (
        operator.writes("other.json", keystore),
        operator.writes("old", "sardine"),
        operator.writes("new", "swordfish"),
    )
    arguments = ("import", "keeper", "--from", origin, "--password-file", new)
    assert operator.types(*arguments, "--from-password-file", old)[:2] == (0, f"{ADDRESS}\n")
    status, out, err = operator.types(*arguments[:1], "second", *arguments[2:], "--from-password-file", new)
    assert (status, out) == (2, "")
    assert "--from: the keystore" in err
    assert "the password is wrong" in err


def test_list_when_there_are_keys_then_each_shows_what_needs_no_password(operator: Operator) -> None:
    assert operator.types("list") == (
        0,
        "",
        f"There is no key in {operator.keys_dir} yet: triggerx keys new NAME makes one.\n",
    )
    operator.types("new", "keeper", "--password-file", operator.writes("pw", "swordfish"))
    plain = operator.keys_dir / "plain.key"
    plain.write_text(DIGITS)
    plain.chmod(0o600)
    status, out, _ = operator.types("list")
    heading, kept, in_the_open = out.splitlines()
    assert status == 0
    assert heading.split()[:2] == ["NAME", "ADDRESS"]
    assert kept.split()[2:] == ["600", "keystore"]
    assert in_the_open.split() == ["plain", ADDRESS, BLS_SHORT, "600", "plain", "digits"]
    plain.chmod(0o644)
    rows = json.loads(operator.types("list", "--json")[1])["keys"]
    assert [(row["name"], row["is_verified"], row["is_encrypted"], row["mode"]) for row in rows] == [
        ("keeper", False, True, "600"),
        ("plain", False, False, "644"),
    ]
    assert "chmod 600" in rows[1]["problem"]


def test_rotate_and_export_when_the_password_is_right_then_the_key_is_the_same(operator: Operator) -> None:
    old, new = operator.writes("old", "sardine"), operator.writes("new", "swordfish")
    operator.types("import", "keeper", "--from", operator.writes("plain", DIGITS), "--password-file", old)
    rotated = operator.types("rotate", "keeper", "--password-file", old, "--new-password-file", new, "--json")
    assert (rotated[0], json.loads(rotated[1])["address"]) == (0, ADDRESS)
    target = operator.folder / "exported"
    status, out, err = operator.types("export", "keeper", "--to", str(target), "--password-file", new)
    assert (status, out) == (0, f"{ADDRESS}\n")
    assert DIGITS not in out + err
    assert target.read_text() == f"{DIGITS}\n"
    assert target.stat().st_mode & 0o777 == 0o600
    again = operator.types("export", "keeper", "--to", str(target), "--password-file", new)
    assert again[0] == 2
    assert "exists: name a file that does not" in again[2]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("new",), "Missing argument 'NAME'"),
        (("new", "a/b", "--password-file", "pw"), "NAME: expected at most 63"),
        (("new", "keeper"), "new password of keeper: there is no terminal to ask for it: give --password-file FILE"),
        (("new", "keeper", "--password-file", "absent"), "--password-file: the file absent cannot be read"),
        (("new", "keeper", "--password-file", "open"), "--password-file: others may use the password in open"),
        (("new", "keeper", "--password-file", "empty"), "--password-file: the file empty is empty"),
        (("new", "there", "--password-file", "pw"), "NAME: there is a key there in"),
        (("import", "keeper", "--password-file", "pw"), "Missing option '--from'"),
        (
            ("import", "keeper", "--from", "absent", "--password-file", "pw"),
            "--from: the file absent cannot be read",
        ),
        (("import", "keeper", "--from", "open", "--password-file", "pw"), "--from: others may use the private key"),
        (("import", "keeper", "--from", "pw", "--password-file", "pw"), "--from: the key file pw is malformed"),
        (("import", "there", "--from", "plain", "--password-file", "pw"), "NAME: there is a key there in"),
        (("export", "there", "--password-file", "pw"), "Missing option '--to'"),
        (("export", "gone", "--to", "x", "--password-file", "pw"), "NAME: there is no key gone in"),
        (("export", "there", "--to", "x", "--password-file", "wrong"), "does not open: the password is wrong"),
        (("export", "there", "--to", "/dev/stdout", "--password-file", "pw"), "--to: /dev/stdout exists"),
        (("rotate", "there", "--password-file", "wrong", "--new-password-file", "pw"), "the password is wrong"),
        (("rotate", "there", "--password-file", "pw", "--new-password-file", "empty"), "is empty"),
        (("rotate", "gone", "--password-file", "pw"), "NAME: there is no key gone in"),
        (("show",), "show"),
    ],
)
def test_command_when_it_is_wrong_then_one_sentence_says_so_and_nothing_changes(
    operator: Operator, arguments: tuple[str, ...], message: str
) -> None:
    operator.monkeypatch.chdir(operator.folder)
    operator.writes("pw", "swordfish")
    operator.writes("wrong", "sardine")
    operator.writes("open", "swordfish", 0o644)
    operator.writes("empty", "\n")
    operator.types("import", "there", "--from", operator.writes("plain", DIGITS), "--password-file", "pw")
    before = (operator.keys_dir / "there.json").read_bytes()
    ended, out, err = operator.types(*arguments)
    assert (ended, out) == (2, "")
    assert message in err
    assert "swordfish" not in err
    assert "sardine" not in err
    assert [path.name for path in operator.keys_dir.iterdir()] == ["there.json"]
    assert (operator.keys_dir / "there.json").read_bytes() == before
    assert not (operator.folder / "x").exists()


def test_folder_when_it_is_named_then_no_configuration_is_read(operator: Operator) -> None:
    elsewhere = str(operator.folder / "elsewhere")
    operator.monkeypatch.setenv("TRIGGERX_NETWRK", "x")
    password = operator.writes("pw", "swordfish")
    assert operator.types("new", "keeper", "--password-file", password)[0] == 78
    assert operator.types("new", "keeper", "--password-file", password, "--keys-dir", elsewhere)[0] == 0
    assert (operator.folder / "elsewhere" / "keeper.json").exists()
