"""What an operator decides: files, environment and options become one frozen `Config`, or one clear refusal."""

from triggerx.node.config.load import ConfigSource, load_config
from triggerx.node.config.reading import Table
from triggerx.node.config.tables import (
    ChainConfig,
    Config,
    FetchConfig,
    KeysConfig,
    LogConfig,
    NotifiersConfig,
    PeersConfig,
    ScriptsConfig,
    StoreConfig,
)

__all__ = [
    "ChainConfig",
    "Config",
    "ConfigSource",
    "FetchConfig",
    "KeysConfig",
    "LogConfig",
    "NotifiersConfig",
    "PeersConfig",
    "ScriptsConfig",
    "StoreConfig",
    "Table",
    "load_config",
]
