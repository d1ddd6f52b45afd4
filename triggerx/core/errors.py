"""The errors of the system, grouped by what the caller must do about them.

Every message says what happened, to which id, what was expected, and what to do.
"""


class TriggerxError(Exception):
    """Base of every error that is raised on purpose."""


class RecoverableError(TriggerxError):
    """The outside failed for now: retry with backoff, or let the supervisor restart the role."""


class UnrecoverableError(TriggerxError):
    """Going on would do harm: stop the node and tell the operator.

    `exit_status` is the process's exit status (sysexits: 69 unavailable, 70 software, 78 configuration).
    """

    exit_status: int = 70

    def __init__(self, message: str, *, exit_status: int | None = None) -> None:
        super().__init__(message)
        if exit_status is not None:
            self.exit_status = exit_status


class ConfigurationError(UnrecoverableError):
    """The configuration cannot be used as it is; the message names file, line and key where they are known."""

    exit_status = 78


class UnavailableError(UnrecoverableError):
    """Something the node cannot start without does not answer, or answers as something else."""

    exit_status = 69


class InvalidInput(TriggerxError):
    """The sender of this input must change it; `field` names the place, e.g. `arguments[1]`."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}")
        self.field = field
        self.message = message


class NotFound(TriggerxError):
    """No such thing under this id."""


class Conflict(TriggerxError):
    """The thing exists already, or changed since it was read, in a way that this input contradicts."""
