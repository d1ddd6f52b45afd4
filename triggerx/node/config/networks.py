"""Network profiles: `networks/NAME.toml` in the places an operator controls, never in the working directory."""

import re
import sysconfig
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from triggerx.core.errors import ConfigurationError
from triggerx.core.network import Network
from triggerx.node.config.document import read_document
from triggerx.node.config.reading import Table, read_table, suggestion

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")


def shipped_config_dirs() -> tuple[Path, ...]:
    """Where our `config/` is: beside the package in a checkout, and in the environment's shared data."""
    package = Path(__file__).resolve().parents[3]
    checkout = (package / "config",) if (package / "pyproject.toml").is_file() else ()
    return (*checkout, Path(sysconfig.get_path("data")) / "share" / "triggerx")


def load_profile(name: str, config_dirs: Sequence[Path], place: str) -> Network:
    """Read the first profile of this name; `place` is where the name was written, for the refusal."""
    if not _NAME.fullmatch(name):
        raise ConfigurationError(f"{place}: network: expected a name of a-z, 0-9 and -, got {name[:80]!r}")
    for directory in config_dirs:
        file = directory / "networks" / f"{name}.toml"
        if file.is_file():
            document = read_document(file)
            return read_network(Table(document, (), {"name": name, **document.values}), expected_name=name)
    known = sorted({each for directory in config_dirs for each in _names(directory)})
    raise ConfigurationError(
        f'{place}: network: no profile "{name}"{suggestion(name, known)} '
        f"Looked in {', '.join(str(each / 'networks') for each in config_dirs)}."
    )


def read_network(table: Table, *, expected_name: str | None = None) -> Network:
    """Read a network's table and check what would make two nodes disagree or wait for ever."""
    network = read_table(table, Network)
    if expected_name is not None and network.name != expected_name:
        raise table.refuse("name", f'expected "{expected_name}" as the file is called, got "{network.name}"')
    if not _NAME.fullmatch(network.name):
        raise table.refuse("name", f"expected a name of a-z, 0-9 and -, got {network.name[:80]!r}")
    for key in ("l1_chain_id", "l2_chain_id"):
        if getattr(network, key) < 1:
            raise table.refuse(key, "expected a chain id from 1")
    for key in ("l1_start_block", "l2_start_block", "l1_confirmations", "l2_confirmations"):
        if getattr(network, key) < 0:
            raise table.refuse(key, "expected 0 or more blocks")
    _check_chains(table, network)
    timing = network.timing
    for key in ("performer_window_s", "announce_grace_s", "aggregator_window_s", "epoch_s"):
        if getattr(timing, key) < 1:
            raise table.inner("timing").refuse(key, "expected at least 1 second")
    if timing.seed_lag_s < 0:
        raise table.inner("timing").refuse("seed_lag_s", "expected 0 or more seconds")
    return network


def _check_chains(table: Table, network: Network) -> None:
    if network.l1_block_time_s <= 0:
        raise table.refuse("l1_block_time_s", "expected more than 0 seconds")
    for chain_id, chain in network.action_chains.items():
        inner = table.inner("action_chains").inner(str(chain_id))
        for key in ("confirmations", "start_block"):
            if getattr(chain, key) < 0:
                raise inner.refuse(key, "expected 0 or more blocks")
        if chain.block_time_s <= 0:
            raise inner.refuse("block_time_s", "expected more than 0 seconds")


def _names(directory: Path) -> Iterator[str]:
    return (file.stem for file in (directory / "networks").glob("*.toml"))
