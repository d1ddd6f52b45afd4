"""The contract of `ports.content.Content`, over a store and peers."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.contract.p2p.swarm import OPERATORS, identity_of, key_of, libp2p_swarm
from tests.fakes.clock import VirtualClock
from tests.fakes.log import RecordingLog
from tests.fakes.peers import FakePeers, PeersNetwork
from tests.fakes.store import temporary_store
from triggerx.content.documents import PeerContent
from triggerx.core.canonical import cid_of
from triggerx.core.document import DOCUMENT_BYTES_MAX
from triggerx.core.errors import InvalidInput
from triggerx.core.messages import Document, FetchDocument, Heard, Reply
from triggerx.p2p.identity import peer_id_of

CONTENT = b"a task document"


@asynccontextmanager
async def node(network: PeersNetwork, number: int, path: Path) -> AsyncIterator[tuple[PeerContent, FakePeers]]:
    peers = await network.join(key_of(number).address, peer_id_of(identity_of(number)))
    async with temporary_store(path, f"node{number}") as store:
        yield PeerContent(store, peers, clock=network.clock, log=RecordingLog()), peers


def new_network() -> PeersNetwork:
    return PeersNetwork(VirtualClock(), OPERATORS)


async def test_put_when_repeated_then_gives_the_same_cid_and_the_content_stays(tmp_path: Path) -> None:
    async with node(new_network(), 1, tmp_path) as (content, _):
        assert await content.put(CONTENT) == cid_of(CONTENT) == await content.put(CONTENT)
        assert await content.get(cid_of(CONTENT)) == CONTENT


@pytest.mark.parametrize("size", [0, DOCUMENT_BYTES_MAX + 1])
async def test_put_when_the_size_is_not_allowed_then_is_refused(tmp_path: Path, size: int) -> None:
    async with node(new_network(), 1, tmp_path) as (content, _):
        with pytest.raises(InvalidInput, match=r"^content"):
            await content.put(bytes(size))


async def test_get_when_only_a_peer_has_it_then_is_fetched_and_kept(tmp_path: Path) -> None:
    network = new_network()
    async with node(network, 1, tmp_path) as (one, peers), node(network, 2, tmp_path) as (two, _):
        cid = await one.put(CONTENT)
        assert await two.get(cid, peer_ids=(peers.peer_id,)) == CONTENT
        network.leave(peers)
        assert await two.get(cid) == CONTENT


async def test_get_when_no_peer_is_named_then_the_connected_ones_are_asked(tmp_path: Path) -> None:
    network = new_network()
    async with (
        node(network, 1, tmp_path),
        node(network, 2, tmp_path) as (two, _),
        node(network, 3, tmp_path) as (three, _),
    ):
        cid = await two.put(CONTENT)
        assert await three.get(cid) == CONTENT


async def test_get_when_a_peer_lies_then_the_next_is_asked_and_nothing_false_is_kept(tmp_path: Path) -> None:
    network = new_network()
    async with node(network, 1, tmp_path) as (_, liar), node(network, 2, tmp_path) as (two, honest):

        async def lie(heard: Heard[FetchDocument]) -> Reply:
            return Document(content=b"another document")

        cid = await two.put(CONTENT)
        async with node(network, 3, tmp_path) as (three, _):
            liar.answer(FetchDocument, lie)
            assert await three.get(cid, peer_ids=(liar.peer_id, honest.peer_id)) == CONTENT
            assert await three.get(cid_of(b"another document")) is not None  # this one it does give, and rightly


async def test_get_when_nobody_has_it_then_is_none(tmp_path: Path) -> None:
    network = new_network()
    async with node(network, 1, tmp_path) as (one, _), node(network, 2, tmp_path):
        assert await one.get(cid_of(b"unknown"), peer_ids=("gone",)) is None


async def test_get_when_over_libp2p_then_the_largest_document_comes_whole(tmp_path: Path) -> None:
    async with libp2p_swarm(tmp_path) as swarm:
        contents = []
        for number in (1, 2):
            peers = await swarm.join(number)
            store = swarm.nodes[number].store
            contents.append(PeerContent(store, peers, clock=VirtualClock(), log=RecordingLog()))
        largest = bytes(range(256)) * (DOCUMENT_BYTES_MAX // 256)
        assert await contents[1].get(await contents[0].put(largest)) == largest
