import shlex
import sys
from pathlib import Path

import pytest

from triggerx.node.devnet import report
from triggerx.node.devnet.demo import DemoResult


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


def test_table_when_printed_then_no_value_is_cut_and_the_chain_is_mentioned(capsys: pytest.CaptureFixture[str]) -> None:
    job_id = "8" * 77
    report.result_table(DemoResult(tasks=({"task_id": 1, "job_id": job_id},), faults=()))
    shown = capsys.readouterr().out
    assert "".join(character for character in shown if character == "8") == job_id
    assert "agrees with the chain" in shown
    report.result_table(DemoResult(tasks=(), faults=("is_accepted differs",)))
    assert "agrees" not in capsys.readouterr().out
