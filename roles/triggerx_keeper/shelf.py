"""The documents this keeper works on, each fetched and decoded once: what a CID names never changes.

Rule: what is on the shelf was checked when it was put there; the shelf is bounded, and what fell off is read again.
"""

from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

from triggerx.core.document import TaskDocument, decode_document
from triggerx.core.errors import RecoverableError
from triggerx.core.job import JobBody
from triggerx.core.job_body import parse_body
from triggerx.role import Services

OPENED_MAX: Final = 256  # more than are open at once at ten tasks a second; a few kilobytes each


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A document, and the job's body inside it."""

    document: TaskDocument
    body: JobBody


class Shelf:
    """Opens documents by CID; shared by all who read them."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._opened: OrderedDict[str, Opened] = OrderedDict()

    async def open(self, cid: str, *, peer_ids: tuple[str, ...] = ()) -> Opened:
        """Return the document, from the first of these peers (then any) when it is not here.

        Raises `RecoverableError` when nobody has it, `InvalidInput` when it is no task document of a job.
        """
        opened = self._opened.get(cid)
        if opened is None:
            content = await self._services.content.get(cid, peer_ids=peer_ids)
            if content is None:
                raise RecoverableError(f"nobody has the document {cid}")
            document = decode_document(content)
            opened = self._opened[cid] = Opened(document=document, body=parse_body(document.body))
        self._opened.move_to_end(cid)
        while len(self._opened) > OPENED_MAX:
            self._opened.popitem(last=False)
        return opened
