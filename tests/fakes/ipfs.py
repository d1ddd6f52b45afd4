"""What `ipfs add` makes of files and folders, as blocks by CID, so that a gateway of a test can serve them.

Held honest by CIDs that kubo gives the same content (tests/unit/core/test_unixfs.py).
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

from triggerx.core.cid import DAG_PB, RAW, Cid

CHUNK = 256 * 1024


@dataclass
class Blocks:
    """Blocks by the text of their CID; `add` methods return the root's CID and its cumulative size."""

    by_cid: dict[str, bytes] = field(default_factory=dict)

    def put(self, codec: int, block: bytes) -> Cid:
        cid = Cid(codec=codec, digest=hashlib.sha256(block).digest())
        self.by_cid[str(cid)] = block
        return cid

    def add_file(self, content: bytes, *, raw_leaves: bool = True, chunk: int = CHUNK) -> tuple[Cid, int]:
        """With raw leaves as version 1 of `ipfs add`, without as version 0."""
        chunks = [content[start : start + chunk] for start in range(0, len(content), chunk)] or [b""]
        leaves = []
        for part in chunks:
            block = part if raw_leaves else node(file_data(part))
            leaves.append((self.put(RAW if raw_leaves else DAG_PB, block), len(block)))
        if len(leaves) == 1:
            return leaves[0]
        root = node(
            file_data(None, total=len(content), sizes=[len(part) for part in chunks]),
            [link("", cid, size) for cid, size in leaves],
        )
        return self.put(DAG_PB, root), len(root) + sum(size for _, size in leaves)

    def add_folder(self, entries: Mapping[str, tuple[Cid, int]], *, version: int = 1) -> tuple[Cid, int]:
        links = [link(name, cid, size, version=version) for name, (cid, size) in sorted(entries.items())]
        block = node(number(1, 1), links)
        return self.put(DAG_PB, block), len(block) + sum(size for _, size in entries.values())


def node(data: bytes | None, links: list[bytes] | None = None) -> bytes:
    """A dag-pb block."""
    return b"".join(part(2, each) for each in links or []) + (b"" if data is None else part(1, data))


def link(name: str, cid: Cid, size: int, *, version: int | None = None) -> bytes:
    """A link; a dag-pb block is named in version 0 unless the names of its folder are in version 1."""
    binary = b"\x12\x20" + cid.digest
    if cid.codec == RAW or version == 1:
        binary = bytes([1, cid.codec]) + binary
    return part(1, binary) + part(2, name.encode()) + number(3, size)


def file_data(
    content: bytes | None, *, total: int | None = None, sizes: list[int] | None = None, kind: int = 2
) -> bytes:
    """UnixFS data of a file."""
    total = len(content or b"") if total is None else total
    own = b"" if content is None else part(2, content)
    return number(1, kind) + own + number(3, total) + b"".join(number(4, size) for size in sizes or [])


def part(field_number: int, content: bytes) -> bytes:
    return varint(field_number << 3 | 2) + varint(len(content)) + content


def number(field_number: int, value: int) -> bytes:
    return varint(field_number << 3) + varint(value)


def varint(value: int) -> bytes:
    made = b""
    while value > 0x7F:
        made += bytes([value & 0x7F | 0x80])
        value >>= 7
    return made + bytes([value])
