"""Every table of triggerx.toml as a frozen dataclass; a field's docstring is its line in the example file."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from triggerx.core.network import Network
from triggerx.evm.contracts import MULTICALL3
from triggerx.evm.types import Address, ChainId
from triggerx.http.guard import Exemption
from triggerx.node.config.reading import Table
from triggerx.node.log import LogFormat, LogLevel
from triggerx.node.secret_files import SecretFile

URL_SCHEMES: Final = ("http://", "https://")
WS_SCHEMES: Final = ("ws://", "wss://")
WORKERS_MAX: Final = 64  # of scripts; each is two processes


@dataclass(frozen=True, slots=True, kw_only=True)
class LogConfig:
    """What the node writes to standard error."""

    level: LogLevel = "info"
    """The least that is written: "debug", "info", "warning" or "error"."""
    format: LogFormat = "text"
    """"text" for people, "json" for machines (one document a line)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreConfig:
    """Where the node keeps its facts."""

    url: str = ""
    """Empty: SQLite in the data directory, for one process. Or postgresql://USER@HOST:PORT/DATABASE: roles may then run
    as several processes on one database, each with a data directory of its own, and wake each other through it."""

    def __post_init__(self) -> None:
        if self.url and not self.url.startswith(("postgresql://", "postgres://")):
            raise ValueError("url: expected nothing, for SQLite, or postgresql://USER@HOST:PORT/DATABASE")


@dataclass(frozen=True, slots=True, kw_only=True)
class KeysConfig:
    """Private keys: keystores (Web3 secret storage, version 3) with a file for the password, or files with 64
    hexadecimal digits. Only their owner may read them (chmod 600). `credential:NAME` is what systemd gave the service
    by LoadCredential=NAME:FILE."""

    engine_file: SecretFile | None = None
    """The engine's key; the network's profile or its hub must know the address."""
    engine_password_file: SecretFile | None = None
    """The password of the engine's keystore."""
    keeper_file: SecretFile | None = None
    """The operator's consensus key: signs votes and messages, and pays for transactions."""
    keeper_password_file: SecretFile | None = None
    """The password of the operator's keystore."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PeersConfig:
    """How the node takes part in the peer network."""

    listen: tuple[str, ...] = ("/ip4/127.0.0.1/tcp/0",)
    """Multiaddresses to listen on; port 0 takes a free one."""
    announce: tuple[str, ...] = ()
    """Multiaddresses others shall dial, where they differ from `listen` (behind a router)."""
    bootstrap: tuple[str, ...] = ()
    """Peers to start from, each ending in /p2p/PEER_ID, beside those of the network's profile."""

    def __post_init__(self) -> None:
        for name in ("listen", "announce", "bootstrap"):
            for address in getattr(self, name):
                if not address.startswith("/"):
                    raise ValueError(
                        f"{name}: expected multiaddresses such as /ip4/127.0.0.1/tcp/4001, got {address!r}"
                    )
        for address in self.bootstrap:
            if "/p2p/" not in address:
                raise ValueError(f"bootstrap: expected an address that ends in /p2p/PEER_ID, got {address!r}")


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainConfig:
    """How the node reaches one chain."""

    rpc_urls: tuple[str, ...]
    """JSON-RPC endpoints, the preferred one first; the others are asked when it does not answer, and the second one
    what logs it knows, so that none is left out unnoticed."""
    multicall: Address = MULTICALL3
    """The contract that reads many views in one call, by the interface of Multicall3, whose usual address is the
    default; where there is none, views are read one by one."""
    ws_url: str = ""
    """A WebSocket, ws:// or wss://, that tells of new blocks (eth_subscribe newHeads): they are then read at once and
    not up to 0.25 s late. It only wakes up: what is read comes from `rpc_urls`, and nothing is missed without it."""

    def __post_init__(self) -> None:
        if not self.rpc_urls:
            raise ValueError("rpc_urls: expected at least one URL")
        for number, url in enumerate(self.rpc_urls, start=1):
            if not url.startswith(URL_SCHEMES):
                raise ValueError(f"rpc_urls: expected URLs of {' or '.join(URL_SCHEMES)}; number {number} is none")
        if self.ws_url and not (self.ws_url.startswith(WS_SCHEMES) and has_host(self.ws_url)):
            raise ValueError(f"ws_url: expected nothing, or a URL of {' or '.join(WS_SCHEMES)}")


def has_host(url: str) -> bool:
    """Whether a URL names a host, and a port that can be one where it names one."""
    try:
        parts = urlsplit(url)
        return bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchConfig:
    """Which requests to the outside a node makes for jobs: to public addresses, and to those named here."""

    allow_private: tuple[str, ...] = ()
    """Private addresses that jobs may reach too: ADDRESS:PORT such as "127.0.0.1:8080" or "[::1]:8080", or networks
    such as "10.1.0.0/16". Whoever may create a job can ask them for anything a GET gives."""

    def __post_init__(self) -> None:
        for text in self.allow_private:
            try:
                Exemption.parse(text)
            except ValueError as error:
                raise ValueError(f"allow_private: {error}") from error


@dataclass(frozen=True, slots=True, kw_only=True)
class ScriptsConfig:
    """How the node runs users' scripts, and where it gets them."""

    workers_max: int = 2
    """Scripts that run at once; each may take a processor for seconds, and 50 MB at rest for each language."""
    ipfs_gateways: tuple[str, ...] = ()
    """IPFS gateways to ask for scripts that a CID names, in order, such as "https://ipfs.example.org": they give raw
    blocks (trustless gateways), which are verified. One on a private address must be named in [fetch] too."""

    def __post_init__(self) -> None:
        if not 1 <= self.workers_max <= WORKERS_MAX:
            raise ValueError(f"workers_max: expected 1 to {WORKERS_MAX}, got {self.workers_max}")
        for number, url in enumerate(self.ipfs_gateways, start=1):
            if not url.startswith(URL_SCHEMES):
                raise ValueError(f"ipfs_gateways: expected URLs of {' or '.join(URL_SCHEMES)}; number {number} is none")


@dataclass(frozen=True, slots=True, kw_only=True)
class NotifiersConfig:
    """How operators are told what concerns them."""

    log: bool = True
    """Write notices to the log."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """A whole configuration. `network` is None when none was named; `roles` holds each role's table, not yet read.

    A role's table is read when its role is loaded, because only the roles asked for are imported.
    """

    data_dir: Path
    network: Network | None = None
    log: LogConfig = field(default_factory=LogConfig)
    store: StoreConfig = field(default_factory=StoreConfig)
    keys: KeysConfig = field(default_factory=KeysConfig)
    peers: PeersConfig = field(default_factory=PeersConfig)
    chains: Mapping[ChainId, ChainConfig] = field(default_factory=dict)
    fetch: FetchConfig = field(default_factory=FetchConfig)
    scripts: ScriptsConfig = field(default_factory=ScriptsConfig)
    notifiers: NotifiersConfig = field(default_factory=NotifiersConfig)
    roles: Mapping[str, Table] = field(default_factory=dict)
    source: str = "the program"
    """The file it was read from, for messages."""


RESERVED_TABLES: Final = frozenset(each.name for each in fields(Config)) - {"roles", "source"}
"""Keys of the root that no role may have as its name."""
