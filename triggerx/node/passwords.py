"""Passwords of keystores: from a file that only its owner may use, or typed on the terminal without an echo.

They come from nowhere else: arguments stand in the list of processes, and the environment is inherited.
"""

import getpass
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

from triggerx.core.errors import ConfigurationError
from triggerx.node.memory import keep_memory_private
from triggerx.node.options import UsageError
from triggerx.node.secret_files import read_secret

PASSWORD_BYTES_MAX: Final = 1024
TRIES: Final = 3  # of typing a new password twice alike


def read_password(file: Path | None, *, setting: str) -> bytes:
    """Read a password, without its line's end; raises `ConfigurationError` where no file is named or it is unfit."""
    if file is None:
        raise ConfigurationError(
            f"{setting}: the key is in a keystore, and nothing says its password: set {setting} to a file of mode 600 "
            "that has it"
        )
    password = read_secret(file, setting=setting, what="password", bytes_max=PASSWORD_BYTES_MAX).rstrip(b"\r\n")
    if not password:
        raise ConfigurationError(f"{setting}: the file {file} is empty: write the password there")
    if len(password) > PASSWORD_BYTES_MAX:
        raise ConfigurationError(f"{setting}: the file {file} has more than {PASSWORD_BYTES_MAX} bytes")
    return password


def ask_password(prompt: str, *, option: str) -> bytes:
    """Have a person type a password; raises `UsageError`, which names the option, where nobody could."""
    if not sys.stdin.isatty():
        raise UsageError(f"{prompt.lower()}: there is no terminal to ask for it: give {option} FILE, of mode 600")
    keep_memory_private()
    try:
        return getpass.getpass(f"{prompt}: ").encode("utf-8", "surrogateescape")
    except EOFError as error:
        raise UsageError(f"{prompt.lower()}: none was typed") from error


def password_source(file: Path | None, *, prompt: str, option: str) -> Callable[[], bytes]:
    """How a command gets a password when it is needed: from the option's file, else from the terminal."""
    if file is None:
        return lambda: ask_password(prompt, option=option)
    return lambda: read_password(file, setting=option)


def ask_new_password(prompt: str, *, option: str) -> bytes:
    """Have a person type a new password twice; raises `UsageError` when the two stay different."""
    for _ in range(TRIES):
        first = ask_password(prompt, option=option)
        if not first:
            sys.stderr.write("An empty password protects nothing.\n")
        elif first == ask_password("The same again", option=option):
            return first
        else:
            sys.stderr.write("The two were different.\n")
    raise UsageError(f"{prompt.lower()}: it was not typed twice alike")
