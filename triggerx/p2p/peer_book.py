"""Who the operators' peers are and where they were last seen, kept over restarts in one small file.

The newest check-in of an operator wins. Losing the file costs only the way back without a bootstrap peer.
"""

import asyncio
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from triggerx.core.errors import InvalidInput
from triggerx.evm.nesting import shallow_json
from triggerx.evm.types import Address, parse_address, to_hex
from triggerx.p2p.settings import KNOWN_PEERS_MAX
from triggerx.ports.log import Log
from triggerx.wire import limits
from triggerx.wire.peer_id import peer_id_bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """An operator's (or engine's) peer by its last valid check-in, issued at this unix second."""

    operator: Address
    peer_id: str
    addresses: tuple[str, ...]
    issued_at: int


class PeerBook:
    """The contacts by operator; `save` writes them when something changed.

    `news` is set when somebody is new or has moved: then it is to be saved soon, for whoever is killed before knows
    nobody. That somebody is still there can wait.
    """

    def __init__(self, path: Path | None, log: Log) -> None:
        self._path = path
        self._log = log
        self._contacts: dict[Address, Contact] = {}
        self._is_changed = False
        self.news = asyncio.Event()

    def __iter__(self) -> Iterator[Contact]:
        return iter(tuple(self._contacts.values()))

    def find(self, operator: Address) -> Contact | None:
        """Return the operator's contact."""
        return self._contacts.get(operator)

    def note(self, contact: Contact) -> bool:
        """Keep a contact; False when a newer one of this operator is known."""
        known = self._contacts.get(contact.operator)
        if known is not None and known.issued_at >= contact.issued_at:
            return False
        self._contacts.pop(contact.operator, None)
        self._contacts[contact.operator] = contact
        while len(self._contacts) > KNOWN_PEERS_MAX:
            oldest = min(self._contacts.values(), key=lambda c: c.issued_at)
            del self._contacts[oldest.operator]
        self._is_changed = True
        if known is None or (known.peer_id, known.addresses) != (contact.peer_id, contact.addresses):
            self.news.set()
        return True

    def load(self) -> None:
        """Read the file; one that cannot be read is reported and begun anew."""
        if self._path is None or not self._path.exists():
            return
        try:
            for row in json.loads(shallow_json(self._path.read_text())):
                self.note(_parse(row))
        except (OSError, ValueError, KeyError, TypeError, RecursionError, InvalidInput) as error:
            self._log.warning("peer book is unreadable and begun anew", path=str(self._path), error=repr(error))
        self._is_changed = False
        self.news.clear()

    def save(self) -> None:
        """Write the file in one piece, if anything changed; a failure is reported, the next save tries again."""
        if self._path is None or not self._is_changed:
            return
        self._is_changed = False  # before they are read: what is noted meanwhile is for the next save
        rows = [
            {
                "operator": to_hex(contact.operator),
                "peer_id": contact.peer_id,
                "addresses": list(contact.addresses),
                "issued_at": contact.issued_at,
            }
            for contact in self
        ]
        draft = self._path.with_name(self._path.name + ".new")
        try:
            draft.write_text(json.dumps(rows, indent=1))
            draft.replace(self._path)
        except OSError as error:
            self._is_changed = True
            self._log.warning("peer book could not be written", path=str(self._path), error=str(error))


def _parse(row: dict[str, object]) -> Contact:
    addresses = row["addresses"]
    issued_at = row["issued_at"]
    if not isinstance(addresses, list) or not isinstance(issued_at, int):
        raise TypeError("expected a list of addresses and a time")
    peer_id_bytes(str(row["peer_id"]))
    return Contact(
        operator=parse_address(str(row["operator"])),
        peer_id=str(row["peer_id"]),
        addresses=tuple(str(address)[: limits.ADDRESS_CHARACTERS_MAX] for address in addresses)[: limits.ADDRESSES_MAX],
        issued_at=issued_at,
    )
