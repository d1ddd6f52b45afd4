"""What an operator can do wrong, with real processes: one clear sentence, the right exit status, nothing lost."""

import os
import signal
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.fakes.rpc_server import chain_id_server
from triggerx.evm.keys import PrivateKey
from triggerx.node.keystore import make_keystore

CHAIN_ID = 31337
PROFILE = f"""
l1_chain_id = {CHAIN_ID}
l2_chain_id = {CHAIN_ID}
avs_governance = "0x0000000000000000000000000000000000000001"
attestation_center = "0x0000000000000000000000000000000000000002"
engines = []
"""
TIMEOUT_S = 60
KEY = "11" * 32
STRANGER = """
from dataclasses import dataclass
from triggerx.role import RoleConfig

@dataclass(frozen=True, slots=True, kw_only=True)
class StrangerConfig(RoleConfig):
    number: int = 1

class StrangerRole:
    name = "stranger"
    config_type = StrangerConfig

    def __init__(self, services, config):
        self._config = config

    async def run(self, *, started):
        started()
        1 / self._config.number
"""


@dataclass
class Site:
    """A directory with a profile `local` and a configuration, and the command line over it."""

    directory: Path
    rpc_url: str
    lines: list[str] = field(default_factory=list)

    @property
    def data_dir(self) -> Path:
        return self.directory / "data"

    @property
    def config_file(self) -> Path:
        return self.directory / "triggerx.toml"

    def write(self, *lines: str) -> None:
        (self.directory / "networks").mkdir(exist_ok=True)
        (self.directory / "networks" / "local.toml").write_text(PROFILE)
        default = ['network = "local"', 'data_dir = "data"', f"[chains.{CHAIN_ID}]", f'rpc_urls = ["{self.rpc_url}"]']
        self.config_file.write_text("\n".join(lines or [*default, "[librarian]", "port = 0"]) + "\n")

    def command(self, *arguments: str) -> list[str]:
        places = ["--config", str(self.config_file), "--config-dir", str(self.directory)]
        return [sys.executable, "-c", "from triggerx.cli.main import main; main()", *arguments, *places]

    def environ(self, **variables: str) -> dict[str, str]:
        bare = {name: value for name, value in os.environ.items() if not name.startswith("TRIGGERX_")}
        return {**bare, "XDG_DATA_HOME": str(self.directory / "xdg"), **variables}

    def refused(self, status: int, *arguments: str, **variables: str) -> str:
        """Run to the refusal and return its sentence, the last line of standard error."""
        done = subprocess.run(
            self.command("run", *arguments),
            env=self.environ(**variables),
            cwd=self.directory,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )
        assert done.returncode == status, done.stderr
        assert "Traceback" not in done.stderr
        assert not (self.data_dir / "crash.log").exists()
        assert done.stdout == ""
        sentence = done.stderr.splitlines()[-1]
        assert sentence.startswith("triggerx: ")
        return sentence

    @contextmanager
    def running(self, *arguments: str) -> Iterator[subprocess.Popen[str]]:
        """Run a node until the context ends; entered once it has started."""
        with subprocess.Popen(
            self.command("run", *arguments), env=self.environ(), stderr=subprocess.PIPE, text=True, cwd=self.directory
        ) as process:
            try:
                assert process.stderr is not None
                said = []
                for line in process.stderr:
                    said.append(line)
                    if "node started" in line:
                        break
                else:
                    raise AssertionError("".join(said))
                yield process
            finally:
                if process.poll() is None:
                    process.send_signal(signal.SIGTERM)
                process.communicate(timeout=TIMEOUT_S)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with chain_id_server(CHAIN_ID) as url:
        made = Site(tmp_path, url)
        made.write()
        yield made


@contextmanager
def taken_port() -> Iterator[int]:
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        yield taken.getsockname()[1]


@pytest.mark.parametrize(
    ("lines", "sentence"),
    [
        (('netwrok = "local"',), ':1: netwrok: unknown key; did you mean "network"?'),
        (
            ('network = "local"', "[log]", "level = 3"),
            ':3: log.level: expected one of "debug", "info", "warning", "error"',
        ),
        (('network = "local"', "[log"), ":2: not valid TOML"),
        (('network = "locl"',), 'no profile "locl"; did you mean "local"?'),
        (
            ('network = "local"', "[librarian]", 'port = "80"'),
            ":3: librarian.port: expected a whole number, got '80' (text)",
        ),
        (('network = "local"', "[librarian]", "prot = 80"), ':3: librarian.prot: unknown key; did you mean "port"?'),
        (('network = "local"',), "[chains.31337]"),
    ],
)
def test_configuration_when_it_is_wrong_then_file_line_and_remedy_are_named(
    site: Site, lines: tuple[str, ...], sentence: str
) -> None:
    site.write(*lines)
    assert sentence in site.refused(78, "--roles", "librarian")


def test_configuration_when_its_file_is_absent_then_it_is_named(site: Site) -> None:
    site.config_file.unlink()
    assert f"{site.config_file}: no such file" in site.refused(78, "--all")


def test_environment_when_it_is_wrong_then_the_variable_is_named(site: Site) -> None:
    assert "environment variable TRIGGERX_LOG__LEVL" in site.refused(78, "--all", TRIGGERX_LOG__LEVL="info")


def test_options_when_a_role_is_unknown_then_it_is_a_usage_error(site: Site) -> None:
    assert '--roles: unknown role "keepr"; did you mean "keeper"?' in site.refused(2, "--roles", "keepr")


def test_options_when_they_shape_a_development_network_beside_a_configured_one_then_it_is_a_usage_error(
    site: Site,
) -> None:
    assert 'the network "local" is configured' in site.refused(2, "--all", "--keepers", "2")


def test_network_when_none_is_configured_then_roles_alone_are_refused(site: Site) -> None:
    site.write('data_dir = "data"')
    assert "no network is configured" in site.refused(78, "--roles", "keeper")


def test_endpoint_when_nobody_listens_then_url_and_key_are_named(site: Site) -> None:
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
        sentence = site.refused(69, "--roles", "librarian", TRIGGERX_CHAINS__31337__RPC_URLS=url)
    assert url in sentence
    assert "change rpc_urls in the table [chains.31337]" in sentence
    assert not (site.data_dir / "triggerx.db").exists()


def test_endpoint_when_it_serves_another_chain_then_both_chains_are_named(site: Site) -> None:
    with chain_id_server(5) as url:
        sentence = site.refused(78, "--roles", "librarian", TRIGGERX_CHAINS__31337__RPC_URLS=url)
    assert f"{url} serves chain 5, not 31337" in sentence
    assert not (site.data_dir / "triggerx.db").exists()


def test_port_when_the_api_finds_it_in_use_then_it_is_named(site: Site) -> None:
    with taken_port() as port:
        sentence = site.refused(69, "--roles", "librarian", TRIGGERX_LIBRARIAN__PORT=str(port))
    assert f"port {port} on 127.0.0.1 is in use" in sentence


def test_port_when_the_peers_find_it_in_use_then_it_is_named(site: Site) -> None:
    with taken_port() as port:
        listen = f"/ip4/127.0.0.1/tcp/{port}"
        sentence = site.refused(69, "--roles", "librarian", TRIGGERX_PEERS__LISTEN=listen)
    assert str(port) in sentence


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


def test_data_directory_when_another_node_has_it_then_its_process_is_named(site: Site) -> None:
    with site.running("--roles", "librarian") as first:
        sentence = site.refused(69, "--roles", "librarian")
        assert first.poll() is None
    assert f"{site.data_dir} is in use by the process {first.pid}" in sentence


def test_data_directory_when_it_is_a_file_then_the_key_is_named(site: Site) -> None:
    site.data_dir.write_text("precious")
    assert "data_dir: " in site.refused(78, "--roles", "librarian")
    assert site.data_dir.read_text() == "precious"


def test_database_when_it_is_not_ours_then_it_is_left_as_it_is(site: Site) -> None:
    site.data_dir.mkdir()
    file = site.data_dir / "triggerx.db"
    with closing(sqlite3.connect(file)) as foreign:
        foreign.execute("CREATE TABLE recipes (name TEXT)")
    before = file.read_bytes()
    assert str(file) in site.refused(78, "--roles", "librarian")
    assert file.read_bytes() == before


def test_database_when_it_is_no_database_then_it_is_left_as_it_is(site: Site) -> None:
    site.data_dir.mkdir()
    file = site.data_dir / "triggerx.db"
    file.write_bytes(b"a letter to a friend" * 100)
    assert f"{file} is not a SQLite database" in site.refused(78, "--roles", "librarian")
    assert file.read_bytes() == b"a letter to a friend" * 100


def test_database_when_a_newer_triggerx_made_it_then_an_upgrade_is_asked_for(site: Site) -> None:
    with site.running("--roles", "librarian"):
        pass
    file = site.data_dir / "triggerx.db"
    with closing(sqlite3.connect(file, isolation_level=None)) as store:
        store.execute("UPDATE store_meta SET value = '9999' WHERE key = 'schema'")
    assert "was made by a newer triggerx (schema 9999" in site.refused(78, "--roles", "librarian")


def test_database_when_it_comes_from_another_machine_then_moved_has_to_say_so(site: Site) -> None:
    with site.running("--roles", "librarian"):
        pass
    with closing(sqlite3.connect(site.data_dir / "triggerx.db", isolation_level=None)) as store:
        store.execute("UPDATE store_meta SET value = 'elsewhere' WHERE key = 'machine'")
    assert "--moved" in site.refused(78, "--roles", "librarian")
    with site.running("--roles", "librarian", "--moved"):
        pass


def test_role_when_a_stranger_installs_one_then_it_is_configured_and_its_bug_is_reported_in_one_line(
    site: Site,
) -> None:
    plugins = site.directory / "plugins"
    (plugins / "stranger-1.0.dist-info").mkdir(parents=True)
    (plugins / "stranger-1.0.dist-info" / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: stranger\nVersion: 1.0\n"
    )
    (plugins / "stranger-1.0.dist-info" / "entry_points.txt").write_text(
        "[triggerx.roles]\nstranger = stranger:StrangerRole\n"
    )
    (plugins / "stranger.py").write_text(STRANGER)
    variables = {"PYTHONPATH": str(plugins), "TRIGGERX_STRANGER__NUMBER": "0"}
    done = subprocess.run(
        site.command("run", "--roles", "stranger"),
        env=site.environ(**variables),
        cwd=site.directory,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert done.returncode == 70
    assert "Traceback" not in done.stderr
    report = site.data_dir / "crash.log"
    sentence = done.stderr.splitlines()[-1]
    assert sentence.startswith("triggerx: an unexpected error stopped triggerx: ZeroDivisionError: ")
    assert f"the traceback is in {report}" in sentence
    assert "1 / self._config.number" in report.read_text()


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_node_when_a_signal_comes_then_it_stops_cleanly(site: Site, number: signal.Signals, status: int) -> None:
    with site.running("--roles", "librarian") as process:
        process.send_signal(number)
        _, said = process.communicate(timeout=TIMEOUT_S)
    assert process.returncode == status
    assert "role stopped" in said
    assert "Traceback" not in said
    assert "error" not in {line.split()[1] for line in said.splitlines()}
