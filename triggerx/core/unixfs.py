"""Files and folders as IPFS stores them: UnixFS in dag-pb blocks (IPLD dag-pb and UnixFS specifications).

Rule: strict and bounded. A block is read as a file's piece, or as a plain folder; symbolic links, sharded folders and
anything that contradicts itself are `InvalidBlock`. Protobuf is read by hand: two messages of a few fields.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from triggerx.core.cid import Cid, read_cid

LINKS_MAX: Final = 1024  # 174 is what IPFS itself puts into a block; a folder may have some more names
VARINT_BYTES_MAX: Final = 10  # 64 bits

_RAW, _DIRECTORY, _FILE = 0, 1, 2


class InvalidBlock(ValueError):
    """The block is no file and no folder that is read here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A block below: its name in a folder, empty in a file."""

    name: str
    cid: Cid


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A block's content: a folder has links with names; a file has bytes of its own, and then those of its links.

    `sizes` are the bytes of the file below each link, in order, as the block claims.
    """

    is_folder: bool
    data: bytes
    links: tuple[Link, ...]
    sizes: tuple[int, ...]


def read_node(block: bytes) -> Node:
    """Read a dag-pb block; raises `InvalidBlock`."""
    links: list[Link] = []
    data: bytes | None = None
    for number, value in _fields(block):
        if not isinstance(value, bytes):
            raise InvalidBlock(f"field {number} of a dag-pb block is no bytes")
        if number == 2:
            links.append(_link(value))
            if len(links) > LINKS_MAX:
                raise InvalidBlock(f"a block has more than {LINKS_MAX} links")
        elif number == 1 and data is None:
            data = value
        else:
            raise InvalidBlock(f"a dag-pb block has the field {number} where none is expected")
    if data is None:
        raise InvalidBlock("a dag-pb block without data is neither file nor folder")
    return _unixfs(data, tuple(links))


def _link(message: bytes) -> Link:
    cid: Cid | None = None
    name = ""
    for number, value in _fields(message):
        match number, value:
            case 1, bytes():
                try:
                    cid = read_cid(value)
                except ValueError as error:
                    raise InvalidBlock(f"a link is no CID: {error}") from error
            case 2, bytes():
                name = _text(value)
            case 3, int():
                pass  # the size of everything below it, which says nothing about this file
            case _:
                raise InvalidBlock(f"a link has the field {number} where none is expected")
    if cid is None:
        raise InvalidBlock("a link has no CID")
    return Link(name=name, cid=cid)


def _unixfs(message: bytes, links: tuple[Link, ...]) -> Node:
    kind: int | None = None
    data, size, sizes = b"", None, []
    for number, value in _fields(message):
        match number, value:
            case 1, int():
                kind = value
            case 2, bytes():
                data = value
            case 3, int():
                size = value
            case 4, int():
                sizes.append(value)
            case _:
                pass  # mode and time of change, which a file need not have
    if kind == _DIRECTORY:
        return Node(is_folder=True, data=b"", links=links, sizes=())
    if kind not in (_RAW, _FILE):
        raise InvalidBlock(f"expected a file or a plain folder, got the UnixFS type {kind}")
    if len(sizes) != len(links):
        raise InvalidBlock(f"a file has {len(links)} links and sizes of {len(sizes)}")
    if size is not None and size != len(data) + sum(sizes):
        raise InvalidBlock(f"a file claims {size} bytes, and its parts have {len(data) + sum(sizes)}")
    return Node(is_folder=False, data=data, links=links, sizes=tuple(sizes))


def _fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """The fields of a protobuf message: their numbers, with an integer or with bytes."""
    place = 0
    while place < len(message):
        tag, place = _varint(message, place)
        match tag & 7:
            case 0:
                value, place = _varint(message, place)
                yield tag >> 3, value
            case 2:
                length, place = _varint(message, place)
                if length > len(message) - place:
                    raise InvalidBlock(f"a field of {length} bytes is cut off")
                yield tag >> 3, message[place : place + length]
                place += length
            case kind:
                raise InvalidBlock(f"protobuf's wire type {kind} is not used here")


def _varint(message: bytes, place: int) -> tuple[int, int]:
    value = 0
    for count in range(VARINT_BYTES_MAX):
        if place + count >= len(message):
            raise InvalidBlock("a number is cut off")
        byte = message[place + count]
        value |= (byte & 0x7F) << (7 * count)
        if byte < 0x80:
            return value, place + count + 1
    raise InvalidBlock(f"a number has more than {VARINT_BYTES_MAX} bytes")


def _text(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError as error:
        raise InvalidBlock("a link's name is no UTF-8") from error
