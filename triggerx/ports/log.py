"""Structured logs: an event's name and its fields, never prose with values inside."""

from typing import Protocol


class Log(Protocol):
    """Writes one record a call; no secrets, no whole scripts. Values are str, int, float, bool, bytes or None."""

    def bind(self, **fields: object) -> "Log":
        """Return a log that adds these fields to every record."""
        ...

    def debug(self, event: str, **fields: object) -> None:
        """For those who look for a fault."""
        ...

    def info(self, event: str, **fields: object) -> None:
        """Something happened as it should."""
        ...

    def warning(self, event: str, **fields: object) -> None:
        """Something is wrong, and the node goes on."""
        ...

    def error(self, event: str, **fields: object) -> None:
        """Something failed, and a person should look."""
        ...
