"""The person whose commands the tests type."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes.api import running_api
from tests.unit.cli.api_owner import Owner


@pytest.fixture
def owner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Owner]:
    for name in list(os.environ):
        if name.startswith("TRIGGERX_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("TRIGGERX_DATA_DIR", str(tmp_path))
    monkeypatch.setattr("triggerx.node.config.load.SYSTEM_DIR", tmp_path)
    with running_api() as api:
        made = Owner(tmp_path, api, monkeypatch, capsys)
        made.has_devnet(api.url)
        yield made
