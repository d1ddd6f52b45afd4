import os
from pathlib import Path

import pytest

from triggerx.core.errors import UnavailableError
from triggerx.storage.lock import LOCK_FILE, locked


def test_a_directory_when_locked_names_its_holder_to_the_next(tmp_path: Path) -> None:
    with locked(tmp_path), pytest.raises(UnavailableError, match=f"process {os.getpid()}:"), locked(tmp_path):
        raise AssertionError("the second lock must not be given")


def test_a_directory_when_given_back_can_be_locked_again(tmp_path: Path) -> None:
    for _ in range(2):
        with locked(tmp_path):
            assert (tmp_path / LOCK_FILE).read_text() == f"{os.getpid()}\n"


def test_a_stale_lock_file_when_nobody_holds_it_is_no_obstacle(tmp_path: Path) -> None:
    (tmp_path / LOCK_FILE).write_text("999999999999\n")
    with locked(tmp_path):
        assert (tmp_path / LOCK_FILE).read_text() == f"{os.getpid()}\n"
