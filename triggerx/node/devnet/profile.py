"""A network as the profile that `--network NAME` reads, so that further nodes can join a development network."""

import json
from dataclasses import fields
from pathlib import Path

from triggerx.core.network import ActionChain, Network, Timing
from triggerx.evm.types import Address, checksum


def write_profile(config_dir: Path, network: Network) -> Path:
    """Write `networks/NAME.toml` into this folder, for `--config-dir`; returns the file."""
    file = config_dir / "networks" / f"{network.name}.toml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(profile_text(network), encoding="utf-8")
    return file


def profile_text(network: Network) -> str:
    """The network in TOML, every key; reading it gives an equal network."""
    lines = [
        f"{field.name} = {_value(getattr(network, field.name))}"
        for field in fields(Network)
        if field.name not in ("action_chains", "timing")
    ]
    lines += ["", "[timing]", *(f"{f.name} = {_value(getattr(network.timing, f.name))}" for f in fields(Timing))]
    for chain_id, chain in network.action_chains.items():
        lines += ["", f"[action_chains.{chain_id}]"]
        lines += [f"{f.name} = {_value(getattr(chain, f.name))}" for f in fields(ActionChain) if f.name != "chain_id"]
    return "\n".join(lines) + "\n"


def _value(value: object) -> str:
    if isinstance(value, bytes):
        return json.dumps(checksum(Address(value)))
    if isinstance(value, tuple):
        return "[" + ", ".join(_value(each) for each in value) + "]"
    return json.dumps(value)  # strings, numbers and booleans are the same in TOML
