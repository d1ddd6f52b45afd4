"""Crash points: off without being asked for, and one process dies once."""

import subprocess
import sys
from pathlib import Path

import pytest

from triggerx.core.errors import ConfigurationError
from triggerx.node.faults import crash_point_from
from triggerx.ports.faults import no_crash

PROGRAM = """
import os
from triggerx.node.faults import crash_point_from
point = crash_point_from(os.environ)
point("another")
print("before", flush=True)
point("here")
print("after", flush=True)
"""


def test_crash_point_when_nothing_is_asked_for_then_does_nothing() -> None:
    assert crash_point_from({}) is no_crash


def test_crash_point_when_no_file_is_named_then_is_a_configuration_error() -> None:
    with pytest.raises(ConfigurationError, match="TRIGGERX_CRASH_ONCE"):
        crash_point_from({"TRIGGERX_CRASH_AT": "here"})


def test_crash_point_when_two_processes_pass_it_then_the_first_alone_is_killed(tmp_path: Path) -> None:
    environment = {"TRIGGERX_CRASH_AT": "here", "TRIGGERX_CRASH_ONCE": str(tmp_path / "once")}
    runs = [
        subprocess.run([sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True, check=False)
        for _ in range(2)
    ]
    assert [(run.returncode, run.stdout.split()) for run in runs] == [(-9, ["before"]), (0, ["before", "after"])]
