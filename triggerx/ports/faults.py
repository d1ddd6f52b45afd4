"""Named crash points: places where a node can be made to die, so that tests kill it exactly there.

Passing one does nothing unless the composition was told otherwise by the environment; no role can turn it on.
"""

from typing import Protocol


class CrashPoint(Protocol):
    """Called with the point's name, e.g. `keeper.before-action`; dies at once, as by `kill -9`, or returns."""

    def __call__(self, name: str) -> None:
        """Pass this point."""
        ...


def no_crash(name: str) -> None:
    """Pass every point."""
