"""Where an unexpected error goes: its traceback to `crash.log`, one line to the person."""

import contextlib
import platform
import tempfile
import traceback
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from triggerx import __version__
from triggerx.core.errors import RecoverableError, UnavailableError, UnrecoverableError

FILE_NAME: Final = "crash.log"


@contextlib.contextmanager
def crash_report(directory: Path) -> Iterator[None]:
    """Turn whatever is raised inside into an `UnrecoverableError` that a person can act on.

    What was raised on purpose to stop passes as it is; what the outside caused becomes `UnavailableError`; for the rest
    the traceback is written to `directory`, or to the system's temporary one where that cannot be written.
    """
    try:
        yield
    except UnrecoverableError:
        raise
    except RecoverableError as error:
        raise UnavailableError(str(error)) from error
    except Exception as error:
        raise as_crash(error, directory) from error


def as_crash(error: Exception, directory: Path | None = None) -> UnrecoverableError:
    """Write the traceback and return the error that says where it is."""
    return UnrecoverableError(
        f"an unexpected error stopped triggerx: {type(error).__name__}: {_one_line(error)}; the traceback is in "
        f"{write_crash(error, directory)}: please report it with that file"
    )


def write_crash(error: BaseException, directory: Path | None) -> Path:
    """Write the traceback, and what it ran on, over the last crash's; returns the file.

    No directory, or one that cannot be written, means a new one among the system's temporary files.
    """
    report = (
        f"triggerx {__version__}, Python {platform.python_version()}, {platform.platform()}, "
        f"{datetime.now(UTC).isoformat(timespec='seconds')}\n{''.join(traceback.format_exception(error))}"
    )
    if directory is not None:
        with contextlib.suppress(OSError):
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            (directory / FILE_NAME).write_text(report)
            return directory / FILE_NAME
    file = Path(tempfile.mkdtemp(prefix="triggerx-")) / FILE_NAME
    file.write_text(report)
    return file


def _one_line(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return text if len(text) <= 200 else text[:197] + "…"
