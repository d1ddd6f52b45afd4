"""What `triggerx config check` says is in force."""

from pathlib import Path

import pytest

from triggerx.node.config import ConfigSource
from triggerx.node.run import check_config


@pytest.mark.parametrize(
    ("url", "line"),
    [
        ("", "store: SQLite in the data directory"),
        (
            "postgresql://me:secret@db.example.org:5432/keepers",
            "store: the Postgres database keepers at db.example.org",
        ),
        ("postgresql:///keepers?host=/run/postgresql", "store: the Postgres database keepers at the local socket"),
    ],
)
def test_check_when_a_store_is_configured_then_it_is_named_without_its_password(
    tmp_path: Path, url: str, line: str
) -> None:
    (tmp_path / "triggerx.toml").write_text(f'data_dir = "data"\n[store]\nurl = "{url}"\n')
    said = list(check_config(ConfigSource(config_file=tmp_path / "triggerx.toml", environ={})))
    assert line in said
    assert not any("secret" in each for each in said)
