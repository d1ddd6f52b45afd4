"""Scripts by URL (`ports.scripts.ScriptSources`): what a CID names is verified block by block, whoever gave it.

Rule: a gateway is asked for raw blocks only (trustless gateway specification, `?format=raw`), and each must hash to its
CID; its rendering of a file is never taken. Verified blocks are kept in the store, under their own CIDs, so that a
script is fetched once and peers can have it from here.
"""

import asyncio
import hashlib
from typing import Final

from triggerx.content.script_urls import ContentPath, parse_script_url
from triggerx.core.canonical import cid_of
from triggerx.core.cid import RAW, Cid
from triggerx.core.errors import InvalidInput, RecoverableError
from triggerx.core.unixfs import InvalidBlock, Node, read_node
from triggerx.ports.clock import Clock
from triggerx.ports.content import Content
from triggerx.ports.fetch import Fetch
from triggerx.ports.log import Log
from triggerx.ports.scripts import ScriptSource, ScriptUnavailable
from triggerx.ports.store.peering import Documents

SCRIPT_BYTES_MAX: Final = 512 * 1024  # two of IPFS's usual chunks; a long script has 20 kB
BLOCK_BYTES_MAX: Final = SCRIPT_BYTES_MAX + 1024  # a whole script in one block, and what UnixFS puts around it
BLOCKS_MAX: Final = 256  # read for one script: chunks of 4 kB, and the folders above them
DEPTH_MAX: Final = 4  # blocks below blocks; a tree of 1,024 links a block holds any script in two
FETCH_S: Final = 10.0  # for one block or page: a gateway looks for providers first, which takes seconds
GET_S: Final = 30.0  # for a whole script


class VerifiedSources:
    """Implements `ports.scripts.ScriptSources` over the store, the peers, the gateways of the configuration, the web.

    `gateways` are URLs without a path, asked in order; then the one that the script's own URL names.
    """

    def __init__(
        self, fetch: Fetch, content: Content, documents: Documents, *, gateways: tuple[str, ...], clock: Clock, log: Log
    ) -> None:
        self._fetch = fetch
        self._content = content
        self._documents = documents
        self._gateways = tuple(gateway.rstrip("/") for gateway in gateways)
        self._clock = clock
        self._log = log

    async def get(self, url: str, *, sha256: str | None = None) -> ScriptSource:
        """Return the script behind the URL."""
        where = parse_script_url(url)
        try:
            async with asyncio.timeout(GET_S):
                content = await (self._page(url, sha256) if where is None else self._file(where, url))
        except TimeoutError as error:
            raise ScriptUnavailable(f"the script at {url} was not there within {GET_S:g} s") from error
        digest = hashlib.sha256(content).hexdigest()
        if sha256 is not None and digest != sha256:
            raise ScriptUnavailable(f"the script at {url} has the SHA-256 {digest}, expected {sha256}")
        return ScriptSource(content=content, sha256=digest)

    async def _page(self, url: str, sha256: str | None) -> bytes:
        if sha256 is not None:
            known = await self._content.get(str(Cid(codec=RAW, digest=_digest(sha256))))
            if known is not None:
                return known
        try:
            answer = await self._fetch.get(url, timeout_s=FETCH_S, bytes_max=SCRIPT_BYTES_MAX)
        except RecoverableError as error:
            raise ScriptUnavailable(f"the script at {url} cannot be fetched: {error}") from error
        if answer.status != 200 or not answer.body:
            raise ScriptUnavailable(
                f"the script at {url} cannot be fetched: status {answer.status}, {len(answer.body)} bytes; expected 200"
            )
        await self._documents.put(cid_of(answer.body), answer.body, now=self._clock.now())
        return answer.body

    async def _file(self, where: ContentPath, url: str) -> bytes:
        try:
            return await _Reading(self, where, url).file()
        except InvalidBlock as error:
            raise InvalidInput("url", f"{url} is no script: {error}") from error

    async def block(self, cid: Cid, where: ContentPath, url: str) -> bytes:
        """Return a verified block, from here, from peers, or from a gateway; raises `ScriptUnavailable`."""
        name = str(cid)
        known = await self._content.get(name)
        if known is not None:
            return known
        gateways = tuple(dict.fromkeys((*self._gateways, *filter(None, (where.gateway,)))))
        if not gateways:
            raise ScriptUnavailable(
                f"the block {name} of the script at {url} lies neither here nor at a peer, and no gateway is "
                "configured: set ipfs_gateways in [scripts]"
            )
        reasons = []
        for gateway in gateways:
            try:
                answer = await self._fetch.get(
                    f"{gateway}/ipfs/{name}?format=raw", timeout_s=FETCH_S, bytes_max=BLOCK_BYTES_MAX
                )
            except RecoverableError as error:
                reasons.append(f"{gateway}: {error}")
                continue
            if answer.status != 200:
                reasons.append(f"{gateway}: status {answer.status}")
            elif not cid.names(answer.body):
                self._log.warning("gateway gave another block than was asked for", gateway=gateway, cid=name)
                reasons.append(f"{gateway}: another block than was asked for")
            else:
                await self._documents.put(name, answer.body, now=self._clock.now())
                return answer.body
        raise ScriptUnavailable(f"the block {name} of the script at {url} cannot be had: {'; '.join(reasons)}")


class _Reading:
    """One file being read; what it may cost is counted over the whole of it."""

    def __init__(self, sources: VerifiedSources, where: ContentPath, url: str) -> None:
        self._sources = sources
        self._where = where
        self._url = url
        self._blocks = 0

    async def file(self) -> bytes:
        """Walk the path, then read the file at its end."""
        cid = self._where.cid
        for name in self._where.names:
            if cid.codec == RAW:
                raise InvalidBlock(f"{name!r} is looked for in a file")
            folder = read_node(await self._block(cid))
            found = [link.cid for link in folder.links if link.name == name] if folder.is_folder else []
            if len(found) != 1:
                raise InvalidBlock(f"there is no file {name!r}")
            cid = found[0]
        content = await self._read(cid, DEPTH_MAX)
        if not content:
            raise InvalidBlock("it is empty")
        return content

    async def _read(self, cid: Cid, depth: int) -> bytes:
        block = await self._block(cid)
        if cid.codec == RAW:
            return _bounded(block)
        node = read_node(block)
        _check_file(node, depth)
        parts = [node.data]
        for link, size in zip(node.links, node.sizes, strict=True):
            part = await self._read(link.cid, depth - 1)
            if len(part) != size:
                raise InvalidBlock(f"a part has {len(part)} bytes, and {size} were announced")
            parts.append(part)
        return _bounded(b"".join(parts))

    async def _block(self, cid: Cid) -> bytes:
        self._blocks += 1
        if self._blocks > BLOCKS_MAX:
            raise InvalidBlock(f"it has more than {BLOCKS_MAX} blocks")
        return await self._sources.block(cid, self._where, self._url)


def _check_file(node: Node, depth: int) -> None:
    if node.is_folder:
        raise InvalidBlock("it is a folder; name the file in it")
    if sum(node.sizes) > SCRIPT_BYTES_MAX:
        raise InvalidBlock(f"it has {sum(node.sizes)} bytes, more than {SCRIPT_BYTES_MAX}")
    if node.links and depth == 0:
        raise InvalidBlock(f"its blocks lie more than {DEPTH_MAX} deep")


def _bounded(content: bytes) -> bytes:
    if len(content) > SCRIPT_BYTES_MAX:
        raise InvalidBlock(f"it has {len(content)} bytes, more than {SCRIPT_BYTES_MAX}")
    return content


def _digest(sha256: str) -> bytes:
    try:
        digest = bytes.fromhex(sha256)
    except ValueError as error:
        raise InvalidInput("sha256", f"expected 64 hexadecimal digits, got {sha256[:80]!r}") from error
    if len(digest) != 32:
        raise InvalidInput("sha256", f"expected 64 hexadecimal digits, got {sha256[:80]!r}")
    return digest
