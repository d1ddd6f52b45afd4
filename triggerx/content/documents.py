"""Content over the store and the peers (`ports.content.Content`): what a peer gives must hash to the CID asked for."""

from typing import Final

from triggerx.core.canonical import cid_of
from triggerx.core.cid import parse_cid
from triggerx.core.document import DOCUMENT_BYTES_MAX
from triggerx.core.errors import InvalidInput, RecoverableError
from triggerx.core.messages import Document, FetchDocument, Heard, Reply
from triggerx.ports.clock import Clock
from triggerx.ports.log import Log
from triggerx.ports.peers import Peers
from triggerx.ports.store import Store

_FETCH_S: Final = 5.0  # one document from one peer; it takes milliseconds from a peer that is well
_PEERS_ASKED_MAX: Final = 12  # a document lies at every attester: who asked twelve in vain has the wrong CID


class PeerContent:
    """Implements `ports.content.Content`, and answers the peers' `FetchDocument` from the store."""

    def __init__(self, store: Store, peers: Peers, *, clock: Clock, log: Log) -> None:
        self._store = store
        self._peers = peers
        self._clock = clock
        self._log = log
        peers.answer(FetchDocument, self._give)

    async def put(self, content: bytes) -> str:
        """Keep the content durably and return its CID; raises `InvalidInput` above `DOCUMENT_BYTES_MAX`."""
        _check_size(content)
        cid = cid_of(content)
        await self._store.documents.put(cid, content, now=self._clock.now())
        return cid

    async def get(self, cid: str, *, peer_ids: tuple[str, ...] = ()) -> bytes | None:
        """Return the content, from here, else from the first of these peers (then any) that has it."""
        content = await self._store.documents.get(cid)
        if content is not None:
            return content
        own = self._peers.peer_id
        wanted = [peer_id for peer_id in dict.fromkeys((*peer_ids, *sorted(self._peers.connected()))) if peer_id != own]
        for peer_id in wanted[:_PEERS_ASKED_MAX]:
            content = await self._fetch(cid, peer_id)
            if content is not None:
                await self._store.documents.put(cid, content, now=self._clock.now())
                return content
        return None

    async def _fetch(self, cid: str, peer_id: str) -> bytes | None:
        try:
            reply = await self._peers.ask(peer_id, FetchDocument(cid=cid), timeout_s=_FETCH_S)
        except RecoverableError as error:
            self._log.debug("document is not fetched from this peer", cid=cid, peer_id=peer_id, reason=str(error))
            return None
        if not isinstance(reply, Document) or not reply.content:
            return None
        if not _is_named(reply.content, cid):
            self._log.warning("peer gave another document than was asked for", cid=cid, peer_id=peer_id)
            return None
        return reply.content

    async def _give(self, heard: Heard[FetchDocument]) -> Reply:
        content = await self._store.documents.get(heard.message.cid) or b""
        return Document(content=content if len(content) <= DOCUMENT_BYTES_MAX else b"")


def _is_named(content: bytes, cid: str) -> bool:
    """Whether the CID is the content's; a block of IPFS may be asked for, whose CID is not that of raw content."""
    if cid_of(content) == cid:
        return True
    try:
        return parse_cid(cid).names(content)
    except InvalidInput:
        return False


def _check_size(content: bytes) -> None:
    if not 0 < len(content) <= DOCUMENT_BYTES_MAX:
        raise InvalidInput("content", f"has {len(content)} bytes, a document has 1 to {DOCUMENT_BYTES_MAX}")
