from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.fakes.clock import VirtualClock
from tests.fakes.log import RecordingLog
from tests.fakes.peers import AskingPeers
from tests.fakes.store import temporary_store
from triggerx.content.documents import PeerContent
from triggerx.core.canonical import cid_of
from triggerx.core.document import DOCUMENT_BYTES_MAX
from triggerx.core.errors import InvalidInput
from triggerx.core.messages import Document, FetchDocument, Heard, Reply

WORDS = b'{"task": 1}'


class Holder:
    """One node's content with its peers and log."""

    def __init__(self, content: PeerContent, peers: AskingPeers, log: RecordingLog) -> None:
        self.content = content
        self.peers = peers
        self.log = log


@asynccontextmanager
async def holder(folder: Path, peer_id: str, network: dict[str, AskingPeers]) -> AsyncIterator[Holder]:
    """Open content over a store of its own for one peer of the network."""
    async with temporary_store(folder, peer_id) as store:
        peers, log = AskingPeers(peer_id, network), RecordingLog()
        yield Holder(PeerContent(store, peers, clock=VirtualClock(), log=log), peers, log)


async def lie(_heard: Heard[FetchDocument]) -> Reply:
    return Document(content=b"something else")


async def test_document_when_put_then_is_here_under_its_cid(tmp_path: Path) -> None:
    async with holder(tmp_path, "a", {}) as here:
        cid = await here.content.put(WORDS)
        assert cid == cid_of(WORDS) == await here.content.put(WORDS)
        assert await here.content.get(cid) == WORDS
        assert here.peers.asked == []


async def test_document_when_only_a_peer_has_it_then_is_fetched_once_and_kept(tmp_path: Path) -> None:
    network: dict[str, AskingPeers] = {}
    async with holder(tmp_path, "a", network) as here, holder(tmp_path, "b", network) as there:
        cid = await there.content.put(WORDS)
        assert await here.content.get(cid, peer_ids=("b",)) == WORDS
        assert await here.content.get(cid, peer_ids=("b",)) == WORDS
        assert here.peers.asked == ["b"]


async def test_document_when_the_named_peer_is_gone_then_another_gives_it(tmp_path: Path) -> None:
    network: dict[str, AskingPeers] = {}
    async with (
        holder(tmp_path, "a", network) as here,
        holder(tmp_path, "b", network),
        holder(tmp_path, "c", network) as there,
    ):
        cid = await there.content.put(WORDS)
        here.peers.silent = {"b"}
        assert await here.content.get(cid, peer_ids=("b",)) == WORDS
        assert here.peers.asked == ["b", "c"]


async def test_document_when_a_peer_gives_another_then_is_not_taken(tmp_path: Path) -> None:
    network: dict[str, AskingPeers] = {}
    async with holder(tmp_path, "a", network) as here:
        AskingPeers("b", network).answer(FetchDocument, lie)
        assert await here.content.get(cid_of(WORDS), peer_ids=("b",)) is None
        assert here.log.events("warning") == ["peer gave another document than was asked for"]


async def test_document_when_nobody_has_it_then_is_none(tmp_path: Path) -> None:
    network: dict[str, AskingPeers] = {}
    async with holder(tmp_path, "a", network) as here, holder(tmp_path, "b", network):
        assert await here.content.get(cid_of(WORDS)) is None


@pytest.mark.parametrize("size", [0, DOCUMENT_BYTES_MAX + 1])
async def test_document_when_empty_or_too_large_then_is_refused(size: int, tmp_path: Path) -> None:
    async with holder(tmp_path, "a", {}) as here:
        with pytest.raises(InvalidInput, match="content"):
            await here.content.put(bytes(size))
