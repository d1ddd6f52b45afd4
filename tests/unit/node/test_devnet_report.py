import shlex
import sys
from pathlib import Path

import pytest

from triggerx.node.devnet import report


def test_command_to_try_when_this_is_a_checkout_then_it_is_the_heartbeat_with_the_document(tmp_path: Path) -> None:
    document = tmp_path / "a folder" / "devnet.json"
    words = shlex.split(report.command_to_try("http://127.0.0.1:1", "tgx_key", document))
    assert words == [sys.executable, str(report.HEARTBEAT), str(document)]
    assert report.HEARTBEAT.is_file()


def test_command_to_try_when_there_are_no_examples_then_it_asks_the_api(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report, "HEARTBEAT", tmp_path / "heartbeat.py")
    words = shlex.split(report.command_to_try("http://127.0.0.1:1", "tgx_key", tmp_path / "devnet.json"))
    assert words[0] == "curl"
    assert words[-2:] == ["Authorization: Bearer tgx_key", "http://127.0.0.1:1/api/keepers/all"]
