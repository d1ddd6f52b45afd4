"""Which machine this is, as a word that survives a reboot and says nothing about the machine to others."""

import hashlib
import platform
import socket
from pathlib import Path
from typing import Final

MACHINE_ID_FILES: Final = (Path("/etc/machine-id"), Path("/var/lib/dbus/machine-id"))


def machine_identity(files: tuple[Path, ...] = MACHINE_ID_FILES) -> str:
    """A digest of the machine id (machine-id(5) asks for hashing), or else of host name and architecture."""
    for file in files:
        try:
            text = file.read_text(encoding="ascii").strip()
        except (OSError, ValueError):
            continue  # absent or not readable: the next source decides
        if text:
            return _digest("machine-id", text)
    return _digest("host", socket.gethostname(), platform.machine())


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(("triggerx store", *parts)).encode()).hexdigest()[:32]
