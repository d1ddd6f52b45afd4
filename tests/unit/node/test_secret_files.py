"""A secret's file is its owner's alone, and may be one of systemd's credentials."""

from pathlib import Path

import pytest

from triggerx.core.errors import ConfigurationError
from triggerx.node.secret_files import read_secret

SECRET = b"swordfish"


def written(file: Path, mode: int = 0o600) -> Path:
    file.write_bytes(SECRET)
    file.chmod(mode)
    return file


def read(file: Path, **environ: str) -> bytes:
    return read_secret(file, setting="keys.keeper_file", what="private key", bytes_max=64, environ=environ)


@pytest.mark.parametrize("mode", [0o600, 0o400])
def test_secret_when_only_its_owner_may_use_it_then_it_is_read(tmp_path: Path, mode: int) -> None:
    assert read(written(tmp_path / "secret", mode)) == SECRET


def test_secret_when_it_is_too_long_then_one_byte_more_than_the_bound_is_read(tmp_path: Path) -> None:
    file = written(tmp_path / "secret")
    file.write_bytes(b"a" * 1_000)
    assert len(read(file)) == 65


@pytest.mark.parametrize("mode", [0o400, 0o440])
def test_credential_when_systemd_made_it_then_it_is_read(tmp_path: Path, mode: int) -> None:
    """The group's right is how the kernel shows the one user's that systemd gives (the mask of its access list)."""
    written(tmp_path / "keeper", mode)
    assert read(Path("credential:keeper"), CREDENTIALS_DIRECTORY=str(tmp_path)) == SECRET


@pytest.mark.parametrize("mode", [0o444, 0o460, 0o604])
def test_credential_when_others_may_use_it_then_it_is_refused(tmp_path: Path, mode: int) -> None:
    written(tmp_path / "keeper", mode)
    with pytest.raises(ConfigurationError, match=r"keys\.keeper_file: others may use the private key"):
        read(Path("credential:keeper"), CREDENTIALS_DIRECTORY=str(tmp_path))


def test_credential_when_there_are_none_then_the_unit_is_told_of(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"keys\.keeper_file: credential:keeper .* LoadCredential=keeper:FILE"):
        read(Path("credential:keeper"))
    with pytest.raises(ConfigurationError, match="keeper cannot be read: No such file"):
        read(Path("credential:keeper"), CREDENTIALS_DIRECTORY=str(tmp_path))


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "../etc/shadow", "a\0b"])
def test_credential_when_its_name_is_a_path_then_it_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigurationError, match="expected credential:NAME"):
        read(Path(f"credential:{name}"), CREDENTIALS_DIRECTORY=str(tmp_path))
