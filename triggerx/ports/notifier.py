"""Ways to tell a person something."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """What is said to whom. `recipient` is in the notifier's own terms (a chat id, an e-mail address), or empty."""

    notice_id: str
    recipient: str
    subject: str
    text: str


class Notifier(Protocol):
    """One channel. Raises `RecoverableError` when the notice could not be handed over."""

    name: str

    async def notify(self, notice: Notice) -> None:
        """Hand the notice over; the same `notice_id` again should not tell the person twice."""
        ...
