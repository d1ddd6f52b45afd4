"""Notices as records of the log, for whoever reads it."""

from collections import OrderedDict
from typing import Final

from triggerx.ports.log import Log
from triggerx.ports.notifier import Notice

NOTICES_REMEMBERED: Final = 1024
"""How many ids are kept so that a repeated notice is written once; alerts repeat within minutes, not within these."""


class LogNotifier:
    """Implements `ports.notifier.Notifier`; a restart may write a notice again."""

    def __init__(self, log: Log) -> None:
        self.name = "log"
        self._log = log
        self._told: OrderedDict[str, None] = OrderedDict()

    async def notify(self, notice: Notice) -> None:
        """Write the notice, once an id."""
        if notice.notice_id in self._told:
            return
        self._told[notice.notice_id] = None
        if len(self._told) > NOTICES_REMEMBERED:
            self._told.popitem(last=False)
        self._log.warning(
            "notice",
            notice_id=notice.notice_id,
            recipient=notice.recipient,
            subject=notice.subject,
            text=notice.text,
        )
