"""A role that needs a key is told so before anything starts; a key that nobody uses is not read."""

from pathlib import Path

import pytest

from tests.fakes.log import RecordingLog
from triggerx.core.errors import ConfigurationError
from triggerx.evm.keys import PrivateKey
from triggerx.node.config import Config, ConfigSource, load_config
from triggerx.node.config.tables import KeysConfig
from triggerx.node.keys import KeySigner, OperatorSigner
from triggerx.node.keystore import make_keystore
from triggerx.node.secret_files import SecretFile
from triggerx.node.serve import serve
from triggerx.node.settings import NodeSettings
from triggerx.node.signers import node_signers

KEY = PrivateKey((7).to_bytes(32, "big"))


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    file = tmp_path / "some.key"
    file.touch(mode=0o600)
    file.write_text(KEY.reveal().hex())
    return file


def settings(folder: Path, *roles: str, keys: KeysConfig | None = None) -> NodeSettings:
    config = Config(data_dir=folder / "data", keys=keys or KeysConfig())
    return NodeSettings(config=config, roles=roles, log=RecordingLog())


def test_signers_when_the_roles_have_their_files_then_they_are_those_of_the_keys(
    tmp_path: Path, key_file: Path
) -> None:
    keys = KeysConfig(engine_file=SecretFile(key_file), keeper_file=SecretFile(key_file))
    engine, nobody = node_signers(settings(tmp_path, "engine", "librarian", keys=keys))
    assert isinstance(engine, KeySigner)
    assert (engine.address, nobody) == (KEY.address, None)
    nothing, keeper = node_signers(settings(tmp_path, "keeper", keys=keys))
    assert isinstance(keeper, OperatorSigner)
    assert (nothing, keeper.address) == (None, KEY.address)


def test_signers_when_no_role_needs_a_key_then_none_is_read(tmp_path: Path) -> None:
    keys = KeysConfig(engine_file=SecretFile(tmp_path / "absent"), keeper_file=SecretFile(tmp_path / "absent"))
    assert node_signers(settings(tmp_path, "librarian", "sentinel", "pulse", keys=keys)) == (None, None)


@pytest.mark.parametrize("role", ["engine", "keeper"])
def test_signers_when_a_key_is_missing_then_setting_and_form_are_named(tmp_path: Path, role: str) -> None:
    with pytest.raises(ConfigurationError, match=rf"keys\.{role}_file to a keystore, or to a file with 64 hex"):
        node_signers(settings(tmp_path, "librarian", role))


@pytest.mark.parametrize("role", ["engine", "keeper"])
def test_signers_when_a_key_is_in_a_keystore_then_the_roles_password_file_opens_it(tmp_path: Path, role: str) -> None:
    file, password_file = tmp_path / "some.json", tmp_path / "some.password"
    for each, content in (
        (file, make_keystore(KEY, b"correct horse", scrypt_n=2)),
        (password_file, b"correct horse\n"),
    ):
        each.touch(mode=0o600)
        each.write_bytes(content)
    fields = {f"{role}_file": SecretFile(file), f"{role}_password_file": SecretFile(password_file)}
    signer = next(each for each in node_signers(settings(tmp_path, role, keys=KeysConfig(**fields))) if each)
    assert signer.address == KEY.address
    with pytest.raises(
        ConfigurationError, match=rf"^keys\.{role}_password_file: the key is in a keystore, and nothing"
    ):
        node_signers(settings(tmp_path, role, keys=KeysConfig(**{f"{role}_file": SecretFile(file)})))


def test_signers_when_the_service_was_given_credentials_then_key_and_password_are_taken_from_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, content in (("key", make_keystore(KEY, b"correct horse", scrypt_n=2)), ("password", b"correct horse")):
        (tmp_path / name).touch(mode=0o400)
        (tmp_path / name).write_bytes(content)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    file = tmp_path / "triggerx.toml"
    file.write_text('[keys]\nkeeper_file = "credential:key"\nkeeper_password_file = "credential:password"\n')
    keys = load_config(ConfigSource(config_file=file, environ={}), ()).keys
    keeper = node_signers(settings(tmp_path, "keeper", keys=keys))[1]
    assert keeper is not None
    assert keeper.address == KEY.address


@pytest.mark.parametrize("missing", ["engine", "keeper"])
async def test_serve_when_one_of_two_keys_is_missing_then_nothing_is_made(
    tmp_path: Path, key_file: Path, missing: str
) -> None:
    there = "keeper" if missing == "engine" else "engine"
    keys = KeysConfig(**{f"{there}_file": SecretFile(key_file)})
    with pytest.raises(ConfigurationError, match=rf"keys\.{missing}_file"):
        await serve(settings(tmp_path, "engine", "keeper", keys=keys))
    assert not (tmp_path / "data").exists()
