"""Passwords come from a file of their own or from a terminal, which does not show them."""

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from triggerx.core.errors import ConfigurationError
from triggerx.node.options import UsageError
from triggerx.node.passwords import ask_password, read_password

SETTING = "keys.keeper_password_file"


def written(folder: Path, content: bytes, mode: int = 0o600) -> Path:
    file = folder / "password"
    file.write_bytes(content)
    file.chmod(mode)
    return file


@pytest.mark.parametrize(
    ("content", "password"),
    [
        (b"word", b"word"),
        (b"word\n", b"word"),
        (b"two words \r\n", b"two words "),
        ("größer\n".encode(), "größer".encode()),
    ],
)
def test_password_when_its_file_is_right_then_it_is_read_without_its_lines_end(
    tmp_path: Path, content: bytes, password: bytes
) -> None:
    assert read_password(written(tmp_path, content), setting=SETTING) == password


@pytest.mark.parametrize(
    ("content", "mode", "message"),
    [
        (b"word", 0o644, "others may use the password in"),
        (b"\n", 0o600, "is empty: write the password there"),
        (b"a" * 2_000, 0o600, "has more than 1024 bytes"),
    ],
)
def test_password_when_its_file_is_unfit_then_it_is_refused(
    tmp_path: Path, content: bytes, mode: int, message: str
) -> None:
    with pytest.raises(ConfigurationError, match=rf"^keys\.keeper_password_file: .*{message}") as caught:
        read_password(written(tmp_path, content, mode), setting=SETTING)
    assert "word" not in str(caught.value).replace("password", "")


def test_password_when_no_file_is_named_then_the_setting_is(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=rf"set {SETTING} to a file of mode 600"):
        read_password(None, setting=SETTING)


def test_password_when_there_is_no_terminal_then_the_option_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with Path(os.devnull).open() as nothing:
        monkeypatch.setattr(sys, "stdin", nothing)
        with pytest.raises(UsageError, match=r"^password: there is no terminal .* --password-file FILE"):
            ask_password("Password", option="--password-file")


def typed(lines: bytes) -> tuple[str, str]:
    """What a program that asks for a new password says on a terminal and on its standard output."""
    terminal, end = pty.openpty()
    code = (
        "import sys\n"
        "from triggerx.node.options import UsageError\n"
        "from triggerx.node.passwords import ask_new_password\n"
        "try:\n"
        "    sys.stdout.write(ask_new_password('New password', option='--password-file').decode())\n"
        "except UsageError as error:\n"
        "    sys.stdout.write(f'refused: {error}')\n"
    )
    command = [sys.executable, "-c", code]
    with subprocess.Popen(
        command, stdin=end, stderr=end, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        os.close(end)
        shown = b""
        for line in lines.splitlines(keepends=True):
            before = shown.count(b": ")
            while shown.count(b": ") == before:  # each prompt ends so; what is typed before it is thrown away
                shown += os.read(terminal, 1024)
            os.write(terminal, line)
        said, _ = process.communicate(timeout=60)
        os.close(terminal)
    return shown.decode(), said


def test_new_password_when_it_is_typed_twice_alike_then_it_is_taken_and_not_shown() -> None:
    shown, said = typed(b"swordfish\nswordfish\n")
    assert said == "swordfish"
    assert "New password: " in shown
    assert "The same again: " in shown
    assert "swordfish" not in shown


def test_new_password_when_the_two_differ_then_both_are_asked_for_again() -> None:
    assert typed(b"one\ntwo\n\nswordfish\nswordfish\n")[1] == "swordfish"


def test_new_password_when_it_never_comes_twice_alike_then_it_is_refused() -> None:
    assert typed(b"a\nb\nc\nd\ne\nf\n")[1] == "refused: new password: it was not typed twice alike"
