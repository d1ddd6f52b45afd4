"""A notifier that keeps what it was told to tell."""

from triggerx.core.errors import RecoverableError
from triggerx.ports.notifier import Notice


class RecordingNotifier:
    """Implements `ports.notifier.Notifier`; `fault`, when set, is raised instead."""

    def __init__(self, name: str = "recording") -> None:
        self.name = name
        self.notices: list[Notice] = []
        self.fault: RecoverableError | None = None

    async def notify(self, notice: Notice) -> None:
        if self.fault is not None:
            raise self.fault
        self.notices.append(notice)
