from pathlib import Path

import pytest

from triggerx.core.errors import ConfigurationError, RecoverableError, UnavailableError, UnrecoverableError
from triggerx.node.crash import crash_report


def test_crash_when_an_error_is_unexpected_then_its_traceback_is_in_the_data_directory(tmp_path: Path) -> None:
    directory = tmp_path / "data"
    with pytest.raises(UnrecoverableError) as caught, crash_report(directory):
        raise KeyError("something\nodd")
    message = str(caught.value)
    assert "\n" not in message
    assert f"the traceback is in {directory / 'crash.log'}" in message
    assert caught.value.exit_status == 70
    report = (directory / "crash.log").read_text()
    assert report.startswith("triggerx ")
    assert "test_crash.py" in report


def test_crash_when_the_data_directory_cannot_be_written_then_the_report_is_elsewhere(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(UnrecoverableError) as caught, crash_report(blocked):
        raise KeyError("x")
    file = Path(str(caught.value).partition("the traceback is in ")[2].partition(": please")[0])
    assert "test_crash.py" in file.read_text()
    file.unlink()
    file.parent.rmdir()


def test_crash_when_the_error_was_meant_then_it_passes_and_nothing_is_written(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"^wrong key$"), crash_report(tmp_path):
        raise ConfigurationError("wrong key")
    assert list(tmp_path.iterdir()) == []


def test_crash_when_the_outside_failed_then_it_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match=r"^rpc silent$"), crash_report(tmp_path):
        raise RecoverableError("rpc silent")
