"""Files that hold a secret: only their owner may use them, and what they hold is never repeated.

A file is a path, or `credential:NAME`: what systemd's `LoadCredential=` has put into `$CREDENTIALS_DIRECTORY`.
"""

import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NewType

from triggerx.core.errors import ConfigurationError
from triggerx.node.memory import keep_memory_private

SecretFile = NewType("SecretFile", Path)
"""A setting's file that holds a secret: a path, or a credential by its name."""
CREDENTIAL: Final = "credential:"
"""What a credential's name is written after."""
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO
_OTHERS_OF_CREDENTIAL: Final = _OTHERS & ~stat.S_IRGRP
"""systemd may give the service's user its right by an access list, whose mask shows as the group's right."""


def is_credential(file: str | Path) -> bool:
    """Whether this names a credential, and no path."""
    return str(file).startswith(CREDENTIAL)


def read_secret(
    file: Path, *, setting: str, what: str, bytes_max: int, environ: Mapping[str, str] = os.environ
) -> bytes:
    """Return the file's content, of which no more than one byte above the bound is read.

    `setting` is the configuration's key or the option, and `what` the secret, for messages. Raises `ConfigurationError`
    for a file that is absent, no regular one, or that others may use. From here on this process's memory is its own.
    """
    keep_memory_private()
    path = _path(file, setting=setting, environ=environ)
    try:
        with path.open("rb") as opened:
            status = os.fstat(opened.fileno())
            content = opened.read(bytes_max + 1)
    except OSError as error:
        raise ConfigurationError(
            f"{setting}: the file {path} cannot be read: {error.strerror}; write the {what} there, or set "
            f"{setting} to the file that has it"
        ) from error
    mode = stat.S_IMODE(status.st_mode)
    if not stat.S_ISREG(status.st_mode):
        raise ConfigurationError(f"{setting}: {path} is no regular file")
    if mode & (_OTHERS_OF_CREDENTIAL if is_credential(file) else _OTHERS):
        raise ConfigurationError(f"{setting}: others may use the {what} in {path} (mode {mode:o}): chmod 600 {path}")
    return content


def _path(file: Path, *, setting: str, environ: Mapping[str, str]) -> Path:
    if not is_credential(file):
        return file
    name = str(file).removeprefix(CREDENTIAL)
    if name in ("", ".", "..") or "/" in name or not name.isprintable():
        raise ConfigurationError(f"{setting}: expected credential:NAME with a file's name, got {str(file)[:80]!r}")
    directory = environ.get("CREDENTIALS_DIRECTORY")
    if not directory:
        raise ConfigurationError(
            f"{setting}: {file} is a credential of systemd, and none were given to this process: put "
            f"LoadCredential={name}:FILE into its unit, or set {setting} to the file"
        )
    return Path(directory) / name
