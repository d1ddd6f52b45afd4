"""The search for the configuration, and its reading: options over environment over file over defaults."""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from triggerx.core.network import Network
from triggerx.node.config.document import Document, overlay_environment, read_document
from triggerx.node.config.networks import load_profile, read_network, shipped_config_dirs
from triggerx.node.config.reading import Table, read_table
from triggerx.node.config.tables import RESERVED_TABLES, Config

SYSTEM_DIR: Final = Path("/etc/triggerx")


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigSource:
    """Where to look: the options of the command line, the environment, and the system's directory."""

    config_file: Path | None = None
    config_dir: Path | None = None
    network: str | None = None
    data_dir: Path | None = None
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)
    system_dir: Path = SYSTEM_DIR

    def file(self) -> Path | None:
        """The configuration file: `--config`, `TRIGGERX_CONFIG`, or the system's where there is one.

        Never the working directory's: who can write there must not decide which keys are read.
        """
        if self.config_file is not None:
            return self.config_file
        if named := self.environ.get("TRIGGERX_CONFIG"):
            return Path(named)
        system = self.system_dir / "triggerx.toml"
        return system if system.is_file() else None

    def directories(self) -> tuple[Path, ...]:
        """Where profiles are looked up, the first place first."""
        named = self.config_dir or (Path(text) if (text := self.environ.get("TRIGGERX_CONFIG_DIR")) else None)
        own = () if named is None else (named,)
        return (*own, self.system_dir, *shipped_config_dirs())


def load_config(source: ConfigSource, role_names: Iterable[str]) -> Config:
    """Read and check everything but the roles' tables; `ConfigurationError` names the first fault."""
    file = source.file()
    document = Document("the environment", {}) if file is None else read_document(file)
    overlay_environment(document, source.environ)
    if source.network is not None:
        document.values.pop("network", None)
        document.overlay(("network",), source.network, "option --network")
    if source.data_dir is not None:
        document.overlay(("data_dir",), str(source.data_dir.absolute()), "option --data-dir")
    roles = tuple(role_names)
    root = Table(document, (), document.values)
    root.check_keys((*RESERVED_TABLES, *roles))
    network = _network(root, source)
    own = {key: value for key, value in document.values.items() if key in RESERVED_TABLES and key != "network"}
    if "data_dir" not in own:
        own["data_dir"] = str(default_data_dir(source.environ, network))
    return replace(
        read_table(Table(document, (), own), Config),
        network=network,
        roles={name: root.inner(name) for name in roles if name in root.values},
        source=document.name,
    )


def default_data_dir(environ: Mapping[str, str], network: Network | None) -> Path:
    """Where a network's node keeps its data when nothing says otherwise (XDG base directories)."""
    base = Path(environ.get("XDG_DATA_HOME") or "~/.local/share").expanduser()
    return base / "triggerx" / ("devnet" if network is None else network.name)


def _network(root: Table, source: ConfigSource) -> Network | None:
    value = root.values.get("network")
    if value is None:
        return None
    if isinstance(value, dict):
        return read_network(root.inner("network"))
    if not isinstance(value, str):
        raise root.refuse("network", f"expected the name of a profile or a table [network], got {value!r}")
    return load_profile(str(value), source.directories(), root.document.place(("network",)))
