import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes.ipfs import Blocks, file_data, link, node, number, part
from triggerx.core.cid import DAG_PB, Cid, parse_cid
from triggerx.core.unixfs import LINKS_MAX, InvalidBlock, read_node

SOME = Cid(codec=DAG_PB, digest=bytes(32))


def content_of(size: int) -> bytes:
    return bytes(place * 7 % 251 for place in range(size))


@pytest.mark.parametrize(
    ("content", "version_0", "version_1"),
    [
        (
            b"hello world",
            "Qmf412jQZiuVUtdgnB36FXFX7xg5V6KEbSJ4dpQuhkLyfD",
            "bafkreifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e",
        ),
        (
            content_of(300_000),
            "QmXBuswjxLn1pkp3B3nSPJkUTcvw2cRkJ2tVzieuecKTCG",
            "bafybeihyyabtpcz56rofowvdag7mkapuwyfrzzoqnwivf3nf2l2istuwcu",
        ),
        (
            content_of(512 * 1024),
            "QmWutJLPFCiVxeTG2VkQYjP3ouoZytwDK2SqxvbS8zrmfc",
            "bafybeic4i6iimh76o3a6vom3gawezgc2c5agbfx4c5pnq7rqc3mwualg6u",
        ),
    ],
)
def test_file_when_it_is_added_then_its_cid_is_that_of_kubo(content: bytes, version_0: str, version_1: str) -> None:
    assert Blocks().add_file(content, raw_leaves=False)[0] == parse_cid(version_0)
    assert Blocks().add_file(content)[0] == parse_cid(version_1)


def test_folder_when_it_is_added_then_its_cid_is_that_of_kubo() -> None:
    for raw, version, root in (
        (True, 1, "bafybeiavabymvorfnpjnsx2rh4whhfwqc5gxzky2xwd2tgsh5ik5q5qjk4"),
        (False, 0, "QmYDL8zsxL8kQ3xPCHgs325GRRsKdSeen6511ufauY613w"),
    ):
        blocks = Blocks()
        one = blocks.add_file(b"def f():\n    return 1\n", raw_leaves=raw)
        two = blocks.add_file(b"def f():\n    return 2\n", raw_leaves=raw)
        below = blocks.add_folder({"b.py": two}, version=version)
        cid, _ = blocks.add_folder({"a.py": one, "sub": below}, version=version)
        assert cid == parse_cid(root)
        folder = read_node(blocks.by_cid[str(cid)])
        assert folder.is_folder
        assert [(each.name, each.cid) for each in folder.links] == [("a.py", one[0]), ("sub", below[0])]


def test_file_when_it_has_one_block_then_its_bytes_are_in_it() -> None:
    read = read_node(node(file_data(b"abc")))
    assert (read.is_folder, read.data, read.links, read.sizes) == (False, b"abc", (), ())
    assert read_node(node(file_data(b"abc", kind=0))).data == b"abc"


def test_file_when_it_has_a_mode_and_a_time_then_they_are_passed_over() -> None:
    assert read_node(node(file_data(b"abc") + number(7, 0o644) + part(8, number(1, 5)))).data == b"abc"


@pytest.mark.parametrize(
    "block",
    [
        b"",
        b"\x0a",
        b"\x0a\x05abc",
        b"\x0a" + b"\xff" * 11,
        b"\xff" * 5,
        b"\x0d\x00\x00\x00\x00",  # four bytes, protobuf's wire type 5
        number(1, 5),
        part(3, b""),
        node(None),
        node(file_data(b"abc")) * 2,
        node(b""),
        node(file_data(b"abc", kind=4)),  # a symbolic link
        node(number(1, 5)),  # a sharded folder
        node(file_data(b"abc", total=4)),
        node(file_data(None, total=3, sizes=[3])),
        node(file_data(b""), [link("", SOME, 1)]),
        node(file_data(None, total=3, sizes=[3]), [part(2, b"name")]),
        node(file_data(None, total=3, sizes=[3]), [part(1, b"no cid")]),
        node(number(1, 1), [part(1, b"\x12\x20" + bytes(32)) + part(2, b"\xff")]),
        node(number(1, 1), [link("", SOME, 1) + part(9, b"")]),
        node(number(1, 1), [link("a", SOME, 1)] * (LINKS_MAX + 1)),
    ],
)
def test_block_when_it_is_neither_file_nor_folder_then_it_is_refused(block: bytes) -> None:
    with pytest.raises(InvalidBlock):
        read_node(block)


@given(st.binary(max_size=200))
def test_block_when_it_is_any_bytes_then_it_is_read_or_refused(block: bytes) -> None:
    try:
        read_node(block)
    except InvalidBlock:
        return


@given(st.data())
def test_block_when_a_byte_of_it_is_changed_then_it_is_read_or_refused(data: st.DataObject) -> None:
    block = bytearray(node(file_data(None, total=6, sizes=[3, 3]), [link("", SOME, 3), link("", SOME, 3)]))
    block[data.draw(st.integers(0, len(block) - 1))] = data.draw(st.integers(0, 255))
    try:
        read_node(bytes(block))
    except InvalidBlock:
        return
