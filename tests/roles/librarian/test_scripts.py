"""Scripts that owners publish: kept by their content, bounded, and only with a key that may write."""

import hashlib
from pathlib import Path

import pytest

from tests.roles.librarian.desk import open_desk
from triggerx.core.canonical import cid_of
from triggerx_librarian.scripts import SOURCE_BYTES_MAX

PATH = "/api/scripts"
SOURCE = "def main():\n    return ['é']\n"


async def test_publish_when_a_script_is_sent_twice_then_it_is_kept_by_its_content_once(tmp_path: Path) -> None:
    content = SOURCE.encode()
    cid = cid_of(content)
    async with open_desk(tmp_path) as desk:
        for _ in range(2):
            status, answer = await desk.send("POST", PATH, body={"source": SOURCE})
            assert (status, answer) == (
                201,
                {
                    "url": f"ipfs://{cid}",
                    "cid": cid,
                    "sha256": hashlib.sha256(content).hexdigest(),
                    "bytes": len(content),
                },
            )
        assert await desk.store.documents.get(cid) == content


@pytest.mark.parametrize(
    "source",
    ["", " \n", "x" * (SOURCE_BYTES_MAX + 1), 5, None],
    ids=["empty", "blank", "long", "5", "-"],
)
async def test_publish_when_it_is_no_script_then_the_field_is_named(tmp_path: Path, source: object) -> None:
    async with open_desk(tmp_path) as desk:
        status, problem = await desk.send("POST", PATH, body={"source": source})
        assert (status, problem["field"]) == (400, "source")
