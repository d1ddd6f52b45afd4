import re
from dataclasses import dataclass
from pathlib import Path

import tomli

from triggerx.node.config import ConfigSource, load_config
from triggerx.node.config.reading import read_table
from triggerx.node.discovery import load_roles, role_names
from triggerx.node.example import example, field_docs
from triggerx.role import RoleConfig

ROOT = Path(__file__).resolve().parents[3]


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentedConfig(RoleConfig):
    """Table `[documented]`."""

    first: int = 1
    """The first,
    over two lines."""
    second: int = 2
    third: int = 3
    """The third."""


def test_example_when_made_anew_then_it_is_the_committed_file() -> None:
    assert (ROOT / "triggerx.toml.example").read_text() == example(), "run python -m triggerx.node.example FILE"


def test_example_when_read_as_it_is_then_it_changes_nothing(tmp_path: Path) -> None:
    environ = {"XDG_DATA_HOME": "/data"}
    bare = load_config(ConfigSource(environ=environ, system_dir=tmp_path), role_names())
    read = load_config(ConfigSource(config_file=ROOT / "triggerx.toml.example", environ=environ), role_names())
    assert (read.log, read.store, read.keys, read.peers, read.chains) == (
        bare.log,
        bare.store,
        bare.keys,
        bare.peers,
        bare.chains,
    )
    for role in load_roles(role_names()):
        assert read_table(read.roles[role.name], role.config_type) == role.config_type()


def test_example_when_every_key_is_uncommented_then_it_is_valid(tmp_path: Path) -> None:
    file = tmp_path / "triggerx.toml"
    text = re.sub(r"^# ((?:\w+ = )|\[)", r"\1", example(), flags=re.MULTILINE)
    assert len(tomli.loads(text)) > 5
    file.write_text(text)
    config = load_config(ConfigSource(config_file=file, environ={}), role_names())
    assert config.network is not None
    for role in load_roles(role_names()):
        assert read_table(config.roles[role.name], role.config_type) == role.config_type()


def test_example_when_a_role_has_a_key_then_its_meaning_is_told() -> None:
    for role in load_roles(role_names()):
        documented = field_docs(role.config_type)
        assert set(documented) == set(role.config_type.__dataclass_fields__), role.name  # type: ignore[attr-defined]  # one


def test_docs_when_a_field_has_one_then_it_is_found_under_its_name() -> None:
    assert field_docs(DocumentedConfig) == {"first": "The first,\nover two lines.", "third": "The third."}
