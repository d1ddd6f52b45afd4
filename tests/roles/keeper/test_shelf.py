"""The shelf: a document is decoded once, and what nobody has or is none is refused each time."""

from pathlib import Path

import pytest

from tests.roles.keeper.acts import document_of
from tests.roles.scene import open_scene
from tests.unit.core.sample import DUE
from triggerx.core.canonical import cid_of
from triggerx.core.document import encode_document
from triggerx.core.errors import InvalidInput, RecoverableError
from triggerx.evm.keccak import keccak256
from triggerx_keeper.shelf import OPENED_MAX, Shelf


async def test_shelf_when_a_document_is_opened_again_then_is_the_same_and_the_store_is_not_asked(
    tmp_path: Path,
) -> None:
    async with open_scene(tmp_path, now=DUE) as scene:
        node = await scene.keeper(0)
        document = document_of(await scene.order(), keccak256(b"action"))
        cid = await node.services.content.put(encode_document(document))
        shelf = Shelf(node.services)
        opened = await shelf.open(cid)
        assert (opened.document, opened.body.job_id) == (document, document.assignment.job_id)
        assert await shelf.open(cid) is opened


async def test_shelf_when_it_is_full_then_what_was_used_longest_ago_is_read_again(tmp_path: Path) -> None:
    async with open_scene(tmp_path, now=DUE) as scene:
        node = await scene.keeper(0)
        order, shelf = await scene.order(), Shelf(node.services)
        contents = [encode_document(document_of(order, keccak256(n.to_bytes(2, "big")))) for n in range(OPENED_MAX + 1)]
        cids = [await node.services.content.put(content) for content in contents]
        first, second = await shelf.open(cids[0]), await shelf.open(cids[1])
        for cid in cids[2:-1]:
            await shelf.open(cid)
        assert await shelf.open(cids[0]) is first
        await shelf.open(cids[-1])
        assert await shelf.open(cids[0]) is first
        again = await shelf.open(cids[1])
        assert again is not second
        assert again == second


async def test_shelf_when_nobody_has_it_or_it_is_no_document_then_is_refused(tmp_path: Path) -> None:
    async with open_scene(tmp_path, now=DUE) as scene:
        node = await scene.keeper(0)
        shelf = Shelf(node.services)
        with pytest.raises(RecoverableError, match="nobody has"):
            await shelf.open(cid_of(b"{}"))
        cid = await node.services.content.put(b"{}")
        for _ in range(2):
            with pytest.raises(InvalidInput):
                await shelf.open(cid)
