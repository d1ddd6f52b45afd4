from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from triggerx.core.errors import ConfigurationError
from triggerx.evm.types import ChainId, parse_address
from triggerx.node.config import ConfigSource, Table, load_config
from triggerx.node.config.reading import read_table
from triggerx.role import RoleConfig

NETWORK = """
[network]
name = "local"
l1_chain_id = 1
l2_chain_id = 2
avs_governance = "0x875B5ff698B74B26f39C223c4996871F28AcDdea"
attestation_center = "0x6dfee10d13d5b43aaf97bda908c1d76d4313af5f"
engines = []
[network.timing]
epoch_s = 30
[network.action_chains.2]
job_registry = "0x0000000000000000000000000000000000000001"
gas_registry = "0x0000000000000000000000000000000000000002"
task_execution_hub = "0x0000000000000000000000000000000000000003"
is_guarded = true
confirmations = 1
block_time_s = 1
start_block = 77
"""
ROLES = ("keeper", "librarian")


@dataclass(frozen=True, slots=True, kw_only=True)
class ShopConfig(RoleConfig):
    port: int = 80
    rate: float = 1.0
    is_open: bool = True
    sign: str = "shop"
    goods: tuple[str, ...] = ("bread",)


def source(directory: Path, text: str | None = None, environ: Mapping[str, str] | None = None) -> ConfigSource:
    file = None
    if text is not None:
        file = directory / "triggerx.toml"
        file.write_text(text)
    return ConfigSource(config_file=file, environ=environ or {}, system_dir=directory / "etc")


def refusal(directory: Path, text: str | None, environ: Mapping[str, str] | None = None) -> str:
    with pytest.raises(ConfigurationError) as caught:
        load_config(source(directory, text, environ), ROLES)
    assert caught.value.exit_status == 78
    return str(caught.value).replace(str(directory), "DIR")


def shop(values: Mapping[str, object]) -> ShopConfig:
    return read_table(Table.of("shop", values), ShopConfig)


def test_config_when_nothing_is_given_then_it_is_the_defaults_and_no_network(tmp_path: Path) -> None:
    config = load_config(source(tmp_path, environ={"XDG_DATA_HOME": "/data"}), ROLES)
    assert config.network is None
    assert config.data_dir == Path("/data/triggerx/devnet")
    assert (config.log.level, config.log.format, config.roles) == ("info", "text", {})


def test_config_when_every_table_is_given_then_each_value_is_where_it_belongs(tmp_path: Path) -> None:
    text = f"""
data_dir = "data"
[log]
level = "debug"
format = "json"
[store]
url = "postgresql://me@127.0.0.1:5432/triggerx"
[keys]
keeper_file = "keys/keeper"
keeper_password_file = "credential:keeper-password"
[peers]
listen = ["/ip4/127.0.0.1/tcp/4001"]
bootstrap = ["/ip4/127.0.0.1/tcp/4002/p2p/QmPeer"]
[chains.2]
rpc_urls = ["http://127.0.0.1:8545", "https://rpc.example.org"]
multicall = "0xf9cda624fbc7e059355ce98a31693d299facd963"
ws_url = "wss://rpc.example.org/key"
[chains.3]
rpc_urls = ["http://127.0.0.1:8546"]
[scripts]
workers_max = 4
ipfs_gateways = ["https://ipfs.example.org"]
[librarian]
port = 9000
{NETWORK}"""
    config = load_config(source(tmp_path, text), ROLES)
    assert config.data_dir == tmp_path / "data"
    assert config.keys.keeper_file == tmp_path / "keys/keeper"
    assert config.keys.keeper_password_file == Path("credential:keeper-password")
    assert config.keys.engine_file is None
    assert config.chains[ChainId(2)].rpc_urls == ("http://127.0.0.1:8545", "https://rpc.example.org")
    assert config.chains[ChainId(2)].multicall == parse_address("0xf9cda624fbc7e059355ce98a31693d299facd963")
    assert config.chains[ChainId(3)].multicall == parse_address("0xcA11bde05977b3631167028862bE2a173976CA11")
    assert [config.chains[ChainId(number)].ws_url for number in (2, 3)] == ["wss://rpc.example.org/key", ""]
    assert (config.scripts.workers_max, config.scripts.ipfs_gateways) == (4, ("https://ipfs.example.org",))
    assert config.roles["librarian"].values == {"port": 9000}
    network = config.network
    assert network is not None
    assert (network.name, network.timing.epoch_s, network.timing.performer_window_s) == ("local", 30, 15)
    assert network.avs_governance == parse_address("0x875B5ff698B74B26f39C223c4996871F28AcDdea")
    assert network.action_chains[ChainId(2)].chain_id == 2
    assert (network.action_chains[ChainId(2)].block_time_s, network.action_chains[ChainId(2)].start_block) == (1.0, 77)


def test_config_when_the_environment_sets_keys_then_they_go_over_the_file(tmp_path: Path) -> None:
    environ = {
        "TRIGGERX_LOG__LEVEL": "error",
        "TRIGGERX_CHAINS__2__RPC_URLS": "http://a:1, http://b:2",
        "TRIGGERX_NETWORK__TIMING__EPOCH_S": "45",
        "TRIGGERX_NETWORK__ACTION_CHAINS__2__IS_GUARDED": "false",
        "TRIGGERX_DATA_DIR": "/srv/data",
        "TRIGGERX_KEYS__ENGINE_FILE": "credential:engine",
        "TRIGGERX_LIBRARIAN__PORT": "1234",
        "TRIGGERX_ANVIL": "/elsewhere/anvil",
    }
    config = load_config(source(tmp_path, '[log]\nlevel = "debug"\n' + NETWORK, environ), ROLES)
    assert config.log.level == "error"
    assert config.chains[ChainId(2)].rpc_urls == ("http://a:1", "http://b:2")
    assert config.data_dir == Path("/srv/data")
    assert config.keys.engine_file == Path("credential:engine")
    assert config.network is not None
    assert config.network.timing.epoch_s == 45
    assert config.network.action_chains[ChainId(2)].is_guarded is False
    assert config.roles["librarian"].values == {"port": "1234"}


def test_config_when_options_are_given_then_they_go_over_the_environment(tmp_path: Path) -> None:
    profile = tmp_path / "networks" / "other.toml"
    profile.parent.mkdir()
    profile.write_text(NETWORK.replace("[network.", "[").replace("[network]", "").replace('name = "local"', ""))
    given = ConfigSource(
        config_dir=tmp_path,
        network="other",
        data_dir=Path("/one"),
        environ={"TRIGGERX_NETWORK": "third", "TRIGGERX_DATA_DIR": "/two"},
        system_dir=tmp_path / "etc",
    )
    config = load_config(given, ROLES)
    assert config.network is not None
    assert (config.network.name, config.data_dir) == ("other", Path("/one"))


def test_file_when_the_working_directory_has_one_then_it_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "triggerx.toml").write_text("broken")
    monkeypatch.chdir(tmp_path)
    assert source(tmp_path).file() is None


def test_file_when_the_system_has_one_then_it_is_read_unless_another_is_named(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    system = tmp_path / "etc" / "triggerx.toml"
    system.write_text("")
    assert source(tmp_path).file() == system
    assert source(tmp_path, environ={"TRIGGERX_CONFIG": "/other"}).file() == Path("/other")
    assert source(tmp_path, "", {"TRIGGERX_CONFIG": "/other"}).file() == tmp_path / "triggerx.toml"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[log]\n\nlevl = "info"', 'DIR/triggerx.toml:3: log.levl: unknown key; did you mean "level"?'),
        ("[lgo]", 'DIR/triggerx.toml:1: lgo: unknown key; did you mean "log"?'),
        (
            "[log]\nlevel = 3",
            'DIR/triggerx.toml:2: log.level: expected one of "debug", "info", "warning", "error", got 3',
        ),
        ("log = 3", "DIR/triggerx.toml:1: log: expected a table [log], got 3 (a whole number)"),
        ("a = = 3", "DIR/triggerx.toml:1: not valid TOML: Invalid value (column 5)"),
        ("data_dir = true", "DIR/triggerx.toml:1: data_dir: expected a path (text), got true (a boolean)"),
        ('[chains.eth]\nrpc_urls=["http://a"]', "DIR/triggerx.toml:1: chains.eth: expected a chain id"),
        ("[chains.1]", "DIR/triggerx.toml:1: chains.1: the key rpc_urls is missing; expected a list"),
        ("[chains.1]\nrpc_urls = []", "DIR/triggerx.toml:1: chains.1: rpc_urls: expected at least one URL"),
        ('[chains.1]\nrpc_urls = ["a.b"]', "DIR/triggerx.toml:1: chains.1: rpc_urls: expected URLs of http://"),
        (
            '[chains.1]\nrpc_urls = "http://a"',
            "DIR/triggerx.toml:2: chains.1.rpc_urls: expected a list, each of it text",
        ),
        (
            '[chains.1]\nrpc_urls = ["http://a"]\nmulticall = "0x01"',
            "DIR/triggerx.toml:3: chains.1.multicall: expected an address",
        ),
        (
            '[chains.1]\nrpc_urls = ["http://a"]\nws_url = "http://a"',
            "DIR/triggerx.toml:1: chains.1: ws_url: expected nothing, or a URL of ws:// or wss://",
        ),
        (
            '[chains.1]\nrpc_urls = ["http://a"]\nws_url = "ws://[a"',
            "DIR/triggerx.toml:1: chains.1: ws_url: expected nothing, or a URL of ws:// or wss://",
        ),
        ('[store]\nurl = "mysql://"', "DIR/triggerx.toml:1: store: url: expected nothing, for SQLite, or"),
        ('[peers]\nlisten = ["localhost"]', "DIR/triggerx.toml:1: peers: listen: expected multiaddresses"),
        (
            '[peers]\nbootstrap = ["/ip4/1.1.1.1"]',
            "DIR/triggerx.toml:1: peers: bootstrap: expected an address that ends",
        ),
        (
            '[fetch]\nallow_private = ["localhost:80"]',
            "DIR/triggerx.toml:1: fetch: allow_private: expected ADDRESS:PORT such as 127.0.0.1:8080",
        ),
        ("[scripts]\nworkers_max = 0", "DIR/triggerx.toml:1: scripts: workers_max: expected 1 to 64, got 0"),
        (
            '[scripts]\nipfs_gateways = ["ipfs.io"]',
            "DIR/triggerx.toml:1: scripts: ipfs_gateways: expected URLs of http",
        ),
        ("network = 5", "DIR/triggerx.toml:1: network: expected the name of a profile or a table"),
        ('network = "../x"', "DIR/triggerx.toml:1: network: expected a name of a-z, 0-9 and -"),
        ('network = "triggerx-testnt"', 'network: no profile "triggerx-testnt"; did you mean "triggerx-testnet"?'),
        (
            NETWORK.replace("epoch_s = 30", "epoch_s = 0"),
            "DIR/triggerx.toml:10: network.timing.epoch_s: expected at least",
        ),
        (NETWORK.replace("engines = []", ""), "DIR/triggerx.toml:2: network: the key engines is missing"),
        (NETWORK.replace("c4996871F28AcDdea", "c4996871F28AcDdeb"), "avs_governance: expected an address"),
        (NETWORK.replace("0x875B5ff698B74B26f", "0x875b5ff698B74B26f"), "checksum (EIP-55) is wrong"),
        (NETWORK.replace("is_guarded = true", "is_guarded = 1"), "is_guarded: expected true or false, got 1"),
        (
            NETWORK.replace("confirmations = 1", "confirmations = -1"),
            "DIR/triggerx.toml:16: network.action_chains.2.conf",
        ),
        (
            NETWORK.replace("engines = []", "engines = []\nl1_block_time_s = 0"),
            "DIR/triggerx.toml:9: network.l1_block_time_s: expected more than 0 seconds",
        ),
        (
            NETWORK.replace("start_block = 77", "start_block = -5"),
            "DIR/triggerx.toml:18: network.action_chains.2.start_block: expected 0 or more blocks",
        ),
        (
            NETWORK.replace("block_time_s = 1", "block_time_s = 1\nchain_id = 2"),
            "network.action_chains.2.chain_id: unknown",
        ),
    ],
)
def test_file_when_it_is_wrong_then_the_refusal_names_place_and_expectation(
    tmp_path: Path, text: str, message: str
) -> None:
    assert message in refusal(tmp_path, text)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        (
            "TRIGGERX_LOG__LEVL",
            "info",
            'environment variable TRIGGERX_LOG__LEVL: log.levl: unknown key; did you mean "level"?',
        ),
        (
            "TRIGGERX_DATADIR",
            "/x",
            'environment variable TRIGGERX_DATADIR: datadir: unknown key; did you mean "data_dir"?',
        ),
        (
            "TRIGGERX_LOG__FORMAT",
            "xml",
            'environment variable TRIGGERX_LOG__FORMAT: log.format: expected one of "text"',
        ),
        ("TRIGGERX_LOG", "x", "environment variable TRIGGERX_LOG: log: expected a table [log]"),
        ("TRIGGERX_LOG____LEVEL", "x", "environment variable TRIGGERX_LOG____LEVEL: expected TRIGGERX_<TABLE>__<KEY>"),
        ("TRIGGERX_NETWORK", "nowhere", 'environment variable TRIGGERX_NETWORK: network: no profile "nowhere"'),
        ("TRIGGERX_NOTIFIERS__LOG", "yes", "notifiers.log: expected true or false, got 'yes' (text)"),
    ],
)
def test_environment_when_it_is_wrong_then_the_refusal_names_the_variable(
    tmp_path: Path, name: str, value: str, message: str
) -> None:
    assert message in refusal(tmp_path, None, {name: value})


def test_environment_when_it_goes_into_a_named_profile_then_it_is_refused(tmp_path: Path) -> None:
    message = refusal(tmp_path, 'network = "x"', {"TRIGGERX_NETWORK__TIMING__EPOCH_S": "1"})
    assert "because network is set to a value, not a table, at DIR/triggerx.toml:1" in message


def test_file_when_it_is_absent_then_the_refusal_names_it(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"nothing\.toml: no such file"):
        load_config(ConfigSource(config_file=tmp_path / "nothing.toml", environ={}), ROLES)


def test_file_when_it_is_not_text_then_the_refusal_names_the_line(tmp_path: Path) -> None:
    file = tmp_path / "triggerx.toml"
    file.write_bytes(b"[log]\nlevel = '\xff'\n")
    with pytest.raises(ConfigurationError, match=r"triggerx\.toml:2: not UTF-8 text"):
        load_config(ConfigSource(config_file=file, environ={}), ROLES)


def test_role_table_when_it_is_empty_then_the_defaults_stand() -> None:
    assert shop({}) == ShopConfig()


def test_role_table_when_it_has_every_type_then_each_is_read() -> None:
    values = {"port": 1, "rate": 2, "is_open": False, "sign": "x", "goods": ["a", "b"]}
    assert shop(values) == ShopConfig(port=1, rate=2.0, is_open=False, sign="x", goods=("a", "b"))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"prot": 1}, 'shop.prot: unknown key; did you mean "port"?'),
        ({"port": "1"}, "shop.port: expected a whole number, got '1' (text)"),
        ({"port": True}, "shop.port: expected a whole number, got true (a boolean)"),
        ({"port": 1.5}, "shop.port: expected a whole number, got 1.5 (a number)"),
        ({"rate": True}, "shop.rate: expected a number, got true"),
        ({"is_open": 1}, "shop.is_open: expected true or false, got 1"),
        ({"sign": 1}, "shop.sign: expected text, got 1"),
        ({"goods": "bread"}, "shop.goods: expected a list, each of it text, got 'bread' (text)"),
        ({"goods": [1]}, "shop.goods: expected a list, each of it text, got 1"),
    ],
)
def test_role_table_when_it_is_wrong_then_the_refusal_names_key_and_type(
    values: Mapping[str, object], message: str
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        shop(values)
    assert message in str(caught.value)


@pytest.mark.parametrize("name", ["triggerx-mainnet", "triggerx-testnet"])
def test_profile_when_it_is_shipped_then_it_can_be_read(tmp_path: Path, name: str) -> None:
    config = load_config(ConfigSource(network=name, environ={"XDG_DATA_HOME": "/data"}, system_dir=tmp_path), ROLES)
    assert config.network is not None
    assert config.network.name == name
    assert config.data_dir == Path("/data/triggerx") / name
