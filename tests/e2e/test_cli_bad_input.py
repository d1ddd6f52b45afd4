"""What an operator can do wrong, with real processes: one clear sentence, the right exit status, nothing lost."""

import signal
import socket
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tests.e2e.site import CHAIN_ID, TIMEOUT_S, Site
from tests.fakes.rpc_server import chain_id_server

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
