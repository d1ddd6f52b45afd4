"""What an operator can do wrong about its keys and its registration: one clear sentence, and no secret in it."""

import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.e2e.site import CHAIN_ID, Site
from tests.fakes.rpc_server import chain_id_server
from triggerx.evm.keys import PrivateKey
from triggerx.node.keystore import make_keystore

KEY = "11" * 32


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with chain_id_server(CHAIN_ID) as url:
        made = Site(tmp_path, url)
        made.write()
        yield made


@pytest.mark.parametrize(
    ("content", "mode", "sentence"),
    [
        (None, 0, "cannot be read: No such file"),
        (KEY, 0o644, "chmod 600"),
        ("not a key", 0o600, "is malformed: expected 64 hexadecimal digits"),
    ],
)
def test_key_when_its_file_is_unfit_then_the_remedy_is_named(
    site: Site, content: str | None, mode: int, sentence: str
) -> None:
    file = site.directory / "keeper.key"
    if content is not None:
        file.write_text(content)
        file.chmod(mode)
    said = site.refused(78, "--roles", "keeper", TRIGGERX_KEYS__KEEPER_FILE=str(file))
    assert "keys.keeper_file" in said
    assert sentence in said
    assert KEY not in said


@pytest.mark.parametrize(
    ("password", "mode", "sentence"),
    [
        (None, 0, "keys.keeper_password_file: the key is in a keystore, and nothing says its password"),
        ("swordfish", 0o640, "keys.keeper_password_file: others may use the password in"),
        ("", 0o600, "is empty: write the password there"),
        ("swordfish", 0o600, "does not open: the password is wrong"),
    ],
)
def test_keystore_when_its_password_is_unfit_then_one_sentence_says_so(
    site: Site, password: str | None, mode: int, sentence: str
) -> None:
    file, password_file = site.directory / "keeper.json", site.directory / "keeper.password"
    file.touch(mode=0o600)
    file.write_bytes(make_keystore(PrivateKey.parse(KEY), b"correct horse", scrypt_n=2))
    variables = {"TRIGGERX_KEYS__KEEPER_FILE": str(file)}
    if password is not None:
        password_file.write_text(password)
        password_file.chmod(mode)
        variables["TRIGGERX_KEYS__KEEPER_PASSWORD_FILE"] = str(password_file)
    said = site.refused(78, "--roles", "keeper", **variables)
    assert sentence in said
    assert "swordfish" not in said


def test_key_when_it_is_a_credential_and_no_service_runs_then_the_unit_is_told_of(site: Site) -> None:
    said = site.refused(78, "--roles", "keeper", TRIGGERX_KEYS__KEEPER_FILE="credential:keeper")
    assert "LoadCredential=keeper:FILE" in said


@pytest.mark.parametrize(("role", "setting"), [("keeper", "keys.keeper_file"), ("engine", "keys.engine_file")])
def test_key_when_a_role_has_none_then_the_setting_is_named(site: Site, role: str, setting: str) -> None:
    assert setting in site.refused(78, "--roles", role)


def unfit(site: Site, name: str) -> dict[str, str]:
    """What makes an operator's command fail, by its name."""
    file = site.directory / "keeper.key"
    file.write_text(KEY)
    file.chmod(0o644 if name == "open" else 0o600)
    variables = {"TRIGGERX_KEYS__KEEPER_FILE": str(file)}
    if name == "keyless":
        return {}
    if name == "password":
        file.write_bytes(make_keystore(PrivateKey.parse(KEY), b"correct horse", scrypt_n=2))
        password = site.directory / "password"
        password.touch(mode=0o600)
        password.write_text("swordfish")
        variables["TRIGGERX_KEYS__KEEPER_PASSWORD_FILE"] = str(password)
    if name == "network":
        variables["TRIGGERX_NETWORK"] = "elsewhere"
    if name == "endpoint":
        site.write('network = "local"', 'data_dir = "data"')
    if name == "nowhere":
        site.write('data_dir = "data"')
    if name == "away":
        with closing(socket.socket()) as free:
            free.bind(("127.0.0.1", 0))
            variables["TRIGGERX_CHAINS__31337__RPC_URLS"] = f"http://127.0.0.1:{free.getsockname()[1]}"
    return variables


@pytest.mark.parametrize(
    ("fault", "status", "sentence"),
    [
        ("keyless", 78, "has no key: set keys.keeper_file"),
        ("open", 78, "keys.keeper_file: others may use the private key in"),
        ("password", 78, "does not open: the password is wrong"),
        ("network", 78, 'no profile "elsewhere"'),
        ("endpoint", 78, "chain 31337 has no endpoint: set rpc_urls in the table [chains.31337]"),
        ("away", 69, "check the endpoints of chain 31337"),
        ("nowhere", 78, "no network is configured, so there is none to be an operator of"),
    ],
)
@pytest.mark.parametrize("command", [("operator", "status"), ("operator", "register"), ("operator", "unregister")])
def test_operator_when_something_is_missing_then_one_sentence_says_so(
    site: Site, command: tuple[str, ...], fault: str, status: int, sentence: str
) -> None:
    said = site.refused_command(status, *command, **unfit(site, fault))
    assert sentence in said
    assert KEY not in said
    assert "swordfish" not in said
