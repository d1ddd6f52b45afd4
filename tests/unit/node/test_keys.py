import os
from pathlib import Path

import pytest

from triggerx.core.errors import ConfigurationError
from triggerx.evm.bn254.bls import BlsKey
from triggerx.evm.keccak import keccak256
from triggerx.evm.keys import PrivateKey, recover
from triggerx.node.keys import KeySigner, OperatorSigner, read_key
from triggerx.node.keystore import make_keystore

DIGITS = "11" * 32


PASSWORD = b"correct horse"


def nobody_asked() -> bytes:
    raise AssertionError("a key that is no keystore has no password")


def read(file: Path, *, setting: str) -> PrivateKey:
    return read_key(file, setting=setting, password=nobody_asked)


def written(directory: Path, content: str | bytes, mode: int = 0o600) -> Path:
    file = directory / "keeper.key"
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    file.chmod(mode)
    return file


@pytest.mark.parametrize("content", [DIGITS, f"0x{DIGITS}\n", f"  {DIGITS}\r\n"])
@pytest.mark.parametrize("mode", [0o600, 0o400])
def test_key_when_its_file_is_right_then_it_is_read(tmp_path: Path, content: str, mode: int) -> None:
    key = read(written(tmp_path, content, mode), setting="keys.keeper_file")
    assert key == PrivateKey.parse(DIGITS)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o666, 0o601])
def test_key_when_others_may_use_its_file_then_it_is_refused_with_the_remedy(tmp_path: Path, mode: int) -> None:
    file = written(tmp_path, DIGITS, mode)
    with pytest.raises(ConfigurationError) as caught:
        read(file, setting="keys.keeper_file")
    assert f"chmod 600 {file}" in str(caught.value)


@pytest.mark.parametrize("content", ["", "11" * 31, "zz" * 32, "00" * 32, "ff" * 32, "11" * 200, b"\xff" * 64])
def test_key_when_its_file_is_malformed_then_it_is_refused_without_repeating_it(
    tmp_path: Path, content: str | bytes
) -> None:
    with pytest.raises(ConfigurationError, match=r"keys\.engine_file: .* is malformed") as caught:
        read(written(tmp_path, content), setting="keys.engine_file")
    assert "1111" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_key_when_its_file_is_a_keystore_then_its_password_opens_it(tmp_path: Path) -> None:
    key = PrivateKey.parse(DIGITS)
    file = written(tmp_path, b"\n " + make_keystore(key, PASSWORD, scrypt_n=2))
    assert read_key(file, setting="keys.keeper_file", password=lambda: PASSWORD) == key


def test_key_when_its_keystore_does_not_open_then_setting_and_file_are_named_and_no_secret(tmp_path: Path) -> None:
    file = written(tmp_path, make_keystore(PrivateKey.parse(DIGITS), PASSWORD, scrypt_n=2))
    with pytest.raises(ConfigurationError) as caught:
        read_key(file, setting="keys.keeper_file", password=lambda: b"wrong horse")
    assert str(caught.value) == f"keys.keeper_file: the keystore {file} does not open: the password is wrong"
    file.write_text('{"version": 3}')
    with pytest.raises(ConfigurationError, match=r"keys\.keeper_file: the keystore .* cannot be read: .* `crypto`"):
        read_key(file, setting="keys.keeper_file", password=lambda: PASSWORD)


def test_key_when_others_may_read_its_keystore_then_it_is_refused_before_the_password_is_asked(tmp_path: Path) -> None:
    file = written(tmp_path, make_keystore(PrivateKey.parse(DIGITS), PASSWORD, scrypt_n=2), 0o644)
    with pytest.raises(ConfigurationError, match="chmod 600"):
        read(file, setting="keys.keeper_file")


def test_key_when_its_file_is_absent_or_no_file_then_it_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read: No such file"):
        read(tmp_path / "nothing", setting="keys.keeper_file")
    with pytest.raises(ConfigurationError, match="cannot be read: Is a directory"):
        read(tmp_path, setting="keys.keeper_file")
    with pytest.raises(ConfigurationError, match="is no regular file"):
        read(Path(os.devnull), setting="keys.keeper_file")


def test_signer_when_it_signs_then_its_address_is_recovered() -> None:
    signer = KeySigner(PrivateKey.parse(DIGITS))
    digest = keccak256(b"something")
    assert recover(digest, signer.sign_digest(digest)) == signer.address


def test_operator_signer_when_it_signs_then_it_is_the_bls_key_of_its_private_key() -> None:
    signer = OperatorSigner(PrivateKey.parse(DIGITS))
    bls = BlsKey.from_private_key(DIGITS)
    assert signer.bls_public_key == bls.public
    assert signer.sign_bls(keccak256(b"domain"), b"message") == bls.sign(keccak256(b"domain"), b"message")


def test_signer_when_shown_then_it_is_its_address_alone() -> None:
    assert (
        repr(OperatorSigner(PrivateKey.parse(DIGITS))) == "OperatorSigner(0x19E7E376E7C213B7E7e7e46cc70A5dD086DAff2A)"
    )
