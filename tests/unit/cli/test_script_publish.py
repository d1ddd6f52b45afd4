"""`triggerx script publish` as a job's owner types it."""

import base64
import json

import pytest

from tests.unit.cli.api_owner import Owner
from triggerx.core.document import DOCUMENT_BYTES_MAX

ANSWER = {"url": "ipfs://bafk", "cid": "bafk", "sha256": "ab" * 32, "bytes": 3}


@pytest.mark.parametrize("content", [b"x = 1\n", b"\0asm\1\0\0\0\xff", b"\xff" * DOCUMENT_BYTES_MAX])
def test_publish_when_there_is_a_script_then_its_bytes_are_sent_and_its_url_is_printed(
    owner: Owner, content: bytes
) -> None:
    owner.api.on("POST", "/api/scripts", ANSWER)
    file = owner.folder / "script"
    file.write_bytes(content)
    status, out, _ = owner.types("script", "publish", str(file))
    assert (status, out) == (0, 'dynamic_arguments_script_url = "ipfs://bafk"\n')
    (asked,) = owner.api.asked
    assert base64.b64decode(asked.body["source_base64"]) == content
    assert json.loads(owner.types("script", "publish", str(file), "--json")[1]) == ANSWER


def test_publish_when_the_script_is_too_long_then_it_is_said_and_nothing_is_sent(owner: Owner) -> None:
    file = owner.folder / "script"
    file.write_bytes(b"x" * (DOCUMENT_BYTES_MAX + 1))
    status, _, err = owner.types("script", "publish", str(file))
    assert (status, owner.api.asked) == (2, [])
    assert f"{file} has more than {DOCUMENT_BYTES_MAX} bytes" in err


def test_publish_when_the_file_is_not_there_then_it_is_named(owner: Owner) -> None:
    status, _, err = owner.types("script", "publish", str(owner.folder / "missing"))
    assert status == 2
    assert "missing cannot be read: No such file or directory" in err
