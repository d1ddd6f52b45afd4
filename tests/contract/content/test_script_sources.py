"""The contract of `ports.scripts.ScriptSources`: what a CID names is verified, whoever gave it, and fetched once."""

import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from aiohttp import web

from tests.contract.p2p.swarm import OPERATORS, identity_of, key_of
from tests.fakes.clock import VirtualClock
from tests.fakes.ipfs import Blocks, file_data, link, node, number
from tests.fakes.log import RecordingLog
from tests.fakes.pages import Pages
from tests.fakes.peers import FakePeers, PeersNetwork
from tests.fakes.store import temporary_store
from triggerx.content.documents import PeerContent
from triggerx.content.script_sources import BLOCKS_MAX, SCRIPT_BYTES_MAX, VerifiedSources
from triggerx.core.canonical import cid_of
from triggerx.core.cid import DAG_PB, Cid
from triggerx.core.errors import InvalidInput
from triggerx.http.fetch import HttpFetch
from triggerx.http.guard import Guard
from triggerx.p2p.identity import peer_id_of
from triggerx.ports.fetch import Fetch, FetchRefused
from triggerx.ports.scripts import ScriptUnavailable
from triggerx.ports.store import Store

SCRIPT = b"def f():\n    return 1\n"
GATEWAY = "https://gateway.example"
PAGE = "https://example.org/script.py"


@dataclass
class Reader:
    sources: VerifiedSources
    pages: Pages
    store: Store
    log: RecordingLog
    peers: FakePeers


@asynccontextmanager
async def reader(
    path: Path,
    *,
    gateways: tuple[str, ...] = (GATEWAY,),
    network: PeersNetwork | None = None,
    number: int = 1,
    fetch: Fetch | None = None,
) -> AsyncIterator[Reader]:
    clock, log, pages = VirtualClock(), RecordingLog(), Pages()
    network = network or PeersNetwork(clock, OPERATORS)
    peers = await network.join(key_of(number).address, peer_id_of(identity_of(number)))
    async with temporary_store(path, f"node{number}") as store:
        content = PeerContent(store, peers, clock=clock, log=log)
        sources = VerifiedSources(fetch or pages, content, store.documents, gateways=gateways, clock=clock, log=log)
        yield Reader(sources, pages, store, log, peers)


def serve(pages: Pages, blocks: Blocks, gateway: str = GATEWAY) -> None:
    pages.pages |= {f"{gateway}/ipfs/{cid}?format=raw": block for cid, block in blocks.by_cid.items()}


@pytest.mark.parametrize("raw_leaves", [True, False])
@pytest.mark.parametrize(
    ("size", "chunk"), [(22, 1000), (3000, 1000), (300_000, 256 * 1024), (SCRIPT_BYTES_MAX, 256 * 1024)]
)
async def test_cid_when_a_gateway_gives_its_blocks_then_the_file_is_whole_and_fetched_once(
    tmp_path: Path, size: int, chunk: int, raw_leaves: bool
) -> None:
    content = bytes(place % 251 for place in range(size))
    blocks = Blocks()
    cid, _ = blocks.add_file(content, raw_leaves=raw_leaves, chunk=chunk)
    async with reader(tmp_path) as one:
        serve(one.pages, blocks)
        for _ in range(2):
            source = await one.sources.get(f"ipfs://{cid}")
            assert source.content == content
            assert source.sha256 == hashlib.sha256(content).hexdigest()
        assert len(one.pages.asked) == len(blocks.by_cid)


async def test_path_when_it_leads_through_folders_then_the_file_at_its_end_is_read(tmp_path: Path) -> None:
    blocks = Blocks()
    below, _ = blocks.add_folder({"sub dir": blocks.add_folder({"a.py": blocks.add_file(SCRIPT)})})
    async with reader(tmp_path) as one:
        serve(one.pages, blocks)
        assert (await one.sources.get(f"ipfs://{below}/sub%20dir/a.py")).content == SCRIPT
        for path in ("", "/none", "/sub%20dir", "/sub%20dir/a.py/deeper"):
            with pytest.raises(InvalidInput, match=r"is no script"):
                await one.sources.get(f"ipfs://{below}{path}")


async def test_url_when_it_names_a_gateway_then_that_one_is_asked_after_those_of_the_configuration(
    tmp_path: Path,
) -> None:
    blocks = Blocks()
    cid, _ = blocks.add_file(SCRIPT)
    async with reader(tmp_path) as one:
        serve(one.pages, blocks, "https://other.example")
        assert (await one.sources.get(f"https://other.example/ipfs/{cid}")).content == SCRIPT
        assert [url.partition("/ipfs/")[0] for url in one.pages.asked] == [GATEWAY, "https://other.example"]


async def test_gateway_when_it_lies_then_the_next_is_asked_and_nothing_false_is_kept(tmp_path: Path) -> None:
    blocks = Blocks()
    cid, _ = blocks.add_file(SCRIPT)
    async with reader(tmp_path, gateways=(GATEWAY, "https://honest.example/")) as one:
        one.pages.pages[f"{GATEWAY}/ipfs/{cid}?format=raw"] = SCRIPT + b"# and more"
        with pytest.raises(ScriptUnavailable, match="another block than was asked for"):
            await one.sources.get(f"ipfs://{cid}")
        assert await one.store.documents.get(str(cid)) is None
        serve(one.pages, blocks, "https://honest.example")
        assert (await one.sources.get(f"ipfs://{cid}")).content == SCRIPT
        assert "gateway gave another block than was asked for" in one.log.events("warning")


async def test_gateway_when_it_gives_the_file_and_not_the_block_then_it_is_not_taken(tmp_path: Path) -> None:
    cid, _ = Blocks().add_file(SCRIPT, raw_leaves=False)
    async with reader(tmp_path) as one:
        one.pages.pages[f"{GATEWAY}/ipfs/{cid}?format=raw"] = SCRIPT
        with pytest.raises(ScriptUnavailable, match="another block than was asked for"):
            await one.sources.get(f"ipfs://{cid}")


@pytest.mark.parametrize("page", [404, 500, FetchRefused("too_large", "more than allowed"), None])
async def test_gateway_when_it_does_not_give_the_block_then_the_error_says_why(
    tmp_path: Path, page: int | Exception | None
) -> None:
    cid, _ = Blocks().add_file(SCRIPT)
    async with reader(tmp_path) as one:
        if page is not None:
            one.pages.pages[f"{GATEWAY}/ipfs/{cid}?format=raw"] = page
        with pytest.raises(ScriptUnavailable, match=rf"cannot be had: {GATEWAY}: "):
            await one.sources.get(f"ipfs://{cid}")


async def test_cid_when_no_gateway_is_configured_then_peers_are_asked_and_else_it_is_said_what_to_set(
    tmp_path: Path,
) -> None:
    network = PeersNetwork(VirtualClock(), OPERATORS)
    blocks = Blocks()
    cid, _ = blocks.add_file(SCRIPT * 100, raw_leaves=False, chunk=1000)
    async with (
        reader(tmp_path, network=network, number=1) as one,
        reader(tmp_path, gateways=(), network=network, number=2) as two,
    ):
        with pytest.raises(ScriptUnavailable, match=r"set ipfs_gateways in \[scripts\]"):
            await two.sources.get(f"ipfs://{cid}")
        serve(one.pages, blocks)
        await one.sources.get(f"ipfs://{cid}")
        assert (await two.sources.get(f"ipfs://{cid}")).content == SCRIPT * 100
        assert two.pages.asked == []


def crafted(*parts: tuple[Cid, int], size: int | None = None) -> bytes:
    sizes = [each for _, each in parts]
    data = file_data(None, total=sum(sizes) if size is None else size, sizes=sizes)
    return node(data, [link("", cid, each) for cid, each in parts])


async def test_file_when_its_blocks_mean_harm_then_it_is_refused_with_few_requests(tmp_path: Path) -> None:
    blocks = Blocks()
    leaf, _ = blocks.add_file(SCRIPT)
    nothing, _ = blocks.add_file(b"", raw_leaves=False)
    deep = leaf
    for _ in range(6):
        deep = blocks.put(DAG_PB, crafted((deep, len(SCRIPT))))
    harmful = {
        "bytes, and 5 were announced": crafted((leaf, 5)),
        f"more than {SCRIPT_BYTES_MAX}": crafted((leaf, SCRIPT_BYTES_MAX + 1)),
        "blocks": crafted(*[(nothing, 0)] * (BLOCKS_MAX + 1)),
        "deep": crafted((deep, len(SCRIPT))),
        "is empty": node(file_data(b"")),
        "a folder": node(number(1, 1)),
        "symbolic|expected a file": node(file_data(b"/etc/passwd", kind=4)),
        "neither file nor folder": node(None),
    }
    async with reader(tmp_path) as one:
        for says, block in harmful.items():
            cid = blocks.put(DAG_PB, block)
            serve(one.pages, blocks)
            with pytest.raises(InvalidInput, match=says):
                await one.sources.get(f"ipfs://{cid}")
        assert len(one.pages.asked) < 30


async def test_block_when_it_is_raw_and_too_long_then_it_is_refused(tmp_path: Path) -> None:
    blocks = Blocks()
    cid, _ = blocks.add_file(bytes(SCRIPT_BYTES_MAX + 1), chunk=2**30)
    async with reader(tmp_path) as one:
        serve(one.pages, blocks)
        with pytest.raises(InvalidInput, match="more than"):
            await one.sources.get(f"ipfs://{cid}")


async def test_page_when_it_is_fetched_then_its_hash_comes_with_it_and_is_asked_for_anew_each_time(
    tmp_path: Path,
) -> None:
    async with reader(tmp_path) as one:
        one.pages.pages[PAGE] = SCRIPT
        source = await one.sources.get(PAGE)
        assert (source.content, source.sha256) == (SCRIPT, hashlib.sha256(SCRIPT).hexdigest())
        one.pages.pages[PAGE] = b"changed"
        assert (await one.sources.get(PAGE)).content == b"changed"


async def test_page_when_its_hash_is_known_then_the_bytes_of_that_hash_are_taken_from_here_or_from_peers(
    tmp_path: Path,
) -> None:
    network = PeersNetwork(VirtualClock(), OPERATORS)
    sha256 = hashlib.sha256(SCRIPT).hexdigest()
    async with reader(tmp_path, network=network, number=1) as one, reader(tmp_path, network=network, number=2) as two:
        with pytest.raises(ScriptUnavailable, match="cannot be fetched"):
            await two.sources.get(PAGE, sha256=sha256)
        two.pages.pages[PAGE] = b"changed"
        with pytest.raises(ScriptUnavailable, match="expected " + sha256):
            await two.sources.get(PAGE, sha256=sha256)
        one.pages.pages[PAGE] = SCRIPT
        await one.sources.get(PAGE)
        assert (await two.sources.get(PAGE, sha256=sha256)).content == SCRIPT
        assert await two.store.documents.get(cid_of(SCRIPT)) == SCRIPT


@pytest.mark.parametrize("page", [404, b"", FetchRefused("private_address", "no"), bytes(SCRIPT_BYTES_MAX + 1)])
async def test_page_when_it_is_no_script_then_it_is_unavailable(tmp_path: Path, page: bytes | int | Exception) -> None:
    async with reader(tmp_path) as one:
        one.pages.pages[PAGE] = page
        with pytest.raises(ScriptUnavailable, match="cannot be fetched"):
            await one.sources.get(PAGE)


@pytest.mark.parametrize("sha256", ["", "00", "x" * 64, "0" * 66])
async def test_hash_when_it_is_none_then_it_is_refused(tmp_path: Path, sha256: str) -> None:
    async with reader(tmp_path) as one:
        with pytest.raises(InvalidInput, match="sha256"):
            await one.sources.get(PAGE, sha256=sha256)


async def test_peer_when_a_block_is_longer_than_a_document_then_it_gives_nothing_and_goes_on(tmp_path: Path) -> None:
    network = PeersNetwork(VirtualClock(), OPERATORS)
    blocks = Blocks()
    large, _ = blocks.add_file(bytes(300_000), chunk=2**30)
    small, _ = blocks.add_file(SCRIPT)
    async with (
        reader(tmp_path, network=network, number=1) as one,
        reader(tmp_path, gateways=(), network=network, number=2) as two,
    ):
        serve(one.pages, blocks)
        for cid in (large, small):
            await one.sources.get(f"ipfs://{cid}")
        with pytest.raises(ScriptUnavailable):
            await two.sources.get(f"ipfs://{large}")
        assert (await two.sources.get(f"ipfs://{small}")).content == SCRIPT


async def test_gateway_when_it_is_a_real_one_on_loopback_then_the_guarded_way_out_reaches_it_where_allowed(
    tmp_path: Path,
) -> None:
    blocks = Blocks()
    cid, _ = blocks.add_file(SCRIPT * 200, raw_leaves=False, chunk=1000)

    async def give(request: web.Request) -> web.Response:
        assert request.query["format"] == "raw"
        block = blocks.by_cid.get(request.match_info["cid"])
        if block is None:
            raise web.HTTPNotFound
        return web.Response(body=block, content_type="application/vnd.ipld.raw")

    app = web.Application()
    app.router.add_get("/ipfs/{cid}", give)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    gateways = (f"http://127.0.0.1:{port}",)
    try:
        async with HttpFetch(Guard()) as closed, reader(tmp_path, gateways=gateways, fetch=closed) as one:
            with pytest.raises(ScriptUnavailable, match="cannot be had"):
                await one.sources.get(f"ipfs://{cid}")
        async with (
            HttpFetch(Guard((f"127.0.0.1:{port}",))) as fetch,
            reader(tmp_path, gateways=gateways, fetch=fetch) as one,
        ):
            assert (await one.sources.get(f"ipfs://{cid}")).content == SCRIPT * 200
    finally:
        await runner.cleanup()
