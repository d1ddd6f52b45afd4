from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.fakes.clock import VirtualClock
from tests.fakes.log import RecordingLog
from tests.fakes.operators import FixedOperators
from tests.fakes.peers import FakePeers, PeersNetwork
from tests.fakes.store import temporary_store
from triggerx.content.documents import PeerContent
from triggerx.core.canonical import cid_of
from triggerx.core.document import DOCUMENT_BYTES_MAX
from triggerx.core.errors import InvalidInput
from triggerx.core.messages import Document, FetchDocument, Heard, Reply
from triggerx.evm.types import Address

WORDS = b'{"task": 1}'


ADDRESSES = {name: Address(name.encode() * 20) for name in ("a", "b", "c")}


class Holder:
    """One node's content with its peers and log."""

    def __init__(self, content: PeerContent, peers: FakePeers, log: RecordingLog) -> None:
        self.content = content
        self.peers = peers
        self.log = log


def new_network() -> PeersNetwork:
    return PeersNetwork(VirtualClock(), FixedOperators(list(ADDRESSES.values())))


@asynccontextmanager
async def holder(folder: Path, name: str, network: PeersNetwork) -> AsyncIterator[Holder]:
    """Open content over a store of its own for one peer of the network."""
    async with temporary_store(folder, name) as store:
        peers, log = await network.join(ADDRESSES[name], name), RecordingLog()
        yield Holder(PeerContent(store, peers, clock=network.clock, log=log), peers, log)


async def lie(_heard: Heard[FetchDocument]) -> Reply:
    return Document(content=b"something else")


async def test_document_when_put_then_is_here_under_its_cid(tmp_path: Path) -> None:
    async with holder(tmp_path, "a", new_network()) as here:
        cid = await here.content.put(WORDS)
        assert cid == cid_of(WORDS) == await here.content.put(WORDS)
        assert await here.content.get(cid) == WORDS


async def test_document_when_only_a_peer_has_it_then_is_fetched_and_kept(tmp_path: Path) -> None:
    network = new_network()
    async with holder(tmp_path, "a", network) as here, holder(tmp_path, "b", network) as there:
        cid = await there.content.put(WORDS)
        assert await here.content.get(cid, peer_ids=("b",)) == WORDS
        network.cut.add("b")
        assert await here.content.get(cid, peer_ids=("b",)) == WORDS


async def test_document_when_the_named_peer_is_gone_then_another_gives_it(tmp_path: Path) -> None:
    network = new_network()
    async with (
        holder(tmp_path, "a", network) as here,
        holder(tmp_path, "b", network) as gone,
        holder(tmp_path, "c", network) as there,
    ):
        cid = await there.content.put(WORDS)
        network.leave(gone.peers)
        assert await here.content.get(cid, peer_ids=("b",)) == WORDS
        assert "document is not fetched from this peer" in here.log.events("debug")


async def test_document_when_a_peer_gives_another_then_is_not_taken(tmp_path: Path) -> None:
    network = new_network()
    async with holder(tmp_path, "a", network) as here:
        (await network.join(ADDRESSES["b"], "b")).answer(FetchDocument, lie)
        assert await here.content.get(cid_of(WORDS), peer_ids=("b",)) is None
        assert here.log.events("warning") == ["peer gave another document than was asked for"]


async def test_document_when_nobody_has_it_then_is_none(tmp_path: Path) -> None:
    network = new_network()
    async with holder(tmp_path, "a", network) as here, holder(tmp_path, "b", network):
        assert await here.content.get(cid_of(WORDS)) is None


@pytest.mark.parametrize("size", [0, DOCUMENT_BYTES_MAX + 1])
async def test_document_when_empty_or_too_large_then_is_refused(size: int, tmp_path: Path) -> None:
    async with holder(tmp_path, "a", new_network()) as here:
        with pytest.raises(InvalidInput, match="content"):
            await here.content.put(bytes(size))
