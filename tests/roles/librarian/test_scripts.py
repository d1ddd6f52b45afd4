"""POST /api/scripts: what is kept under which URL, and what is no script."""

import base64
import hashlib
from pathlib import Path

import pytest

from tests.fakes.content import FakeContent
from tests.roles.librarian.desk import open_desk
from triggerx.core.canonical import cid_of
from triggerx_librarian.scripts import SOURCE_BYTES_MAX

MODULE = b"\0asm\1\0\0\0\xff"


def encoded(content: bytes) -> str:
    return base64.b64encode(content).decode()


@pytest.mark.parametrize(
    ("body", "content"),
    [
        ({"source": "x = 'é'\n"}, "x = 'é'\n".encode()),
        ({"source_base64": encoded(b"x = 1\n")}, b"x = 1\n"),
        ({"source_base64": encoded(MODULE)}, MODULE),
        ({"source_base64": encoded(b"\xff" * SOURCE_BYTES_MAX)}, b"\xff" * SOURCE_BYTES_MAX),
    ],
    ids=["a text", "a text as bytes", "a module", "as much as there may be"],
)
async def test_script_when_it_is_published_then_its_bytes_are_kept_by_their_content(
    tmp_path: Path, body: dict[str, object], content: bytes
) -> None:
    async with open_desk(tmp_path) as desk:
        for _ in range(2):
            status, answer = await desk.send("POST", "/api/scripts", body=body)
            assert (status, answer) == (
                201,
                {
                    "url": f"ipfs://{cid_of(content)}",
                    "cid": cid_of(content),
                    "sha256": hashlib.sha256(content).hexdigest(),
                    "bytes": len(content),
                },
            )
        assert isinstance(desk.services.content, FakeContent)
        assert desk.services.content.kept == {cid_of(content): content}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "source"),
        ({"source": ""}, "source"),
        ({"source": " \n"}, "source"),
        ({"source": 5}, "source"),
        ({"source": "x\0"}, "source"),
        ({"source": "x" * (SOURCE_BYTES_MAX + 1)}, "source"),
        ({"source": "x", "source_base64": encoded(b"x")}, "source_base64"),
        ({"source_base64": ""}, "source"),
        ({"source_base64": 5}, "source_base64"),
        ({"source_base64": "AAA"}, "source_base64"),
        ({"source_base64": "A-_="}, "source_base64"),
        ({"source_base64": "é==="}, "source_base64"),
        ({"source_base64": encoded(b"x" * (SOURCE_BYTES_MAX + 1))}, "source_base64"),
    ],
)
async def test_script_when_there_is_none_in_the_body_then_the_field_is_named(
    tmp_path: Path, body: dict[str, object], field: str
) -> None:
    async with open_desk(tmp_path) as desk:
        status, answer = await desk.send("POST", "/api/scripts", body=body)
        assert (status, answer["field"]) == (400, field)


async def test_script_when_no_key_is_given_then_nothing_is_kept(tmp_path: Path) -> None:
    async with open_desk(tmp_path) as desk:
        assert (await desk.send("POST", "/api/scripts", key=None, body={"source": "x = 1"}))[0] == 401
        assert isinstance(desk.services.content, FakeContent)
        assert desk.services.content.kept == {}
