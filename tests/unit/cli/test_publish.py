"""`triggerx script publish` as a job's owner types it, against an API of recorded answers."""

import json
from pathlib import Path

import pytest

from tests.unit.cli.api_owner import Owner

URL = "ipfs://bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy"
SOURCE = "def main(now):\n    return [now, 'é']\n"


def test_publish_when_the_api_keeps_it_then_the_line_of_a_jobs_file_is_printed(owner: Owner) -> None:
    owner.api.on("POST", "/api/scripts", {"url": URL})
    file = owner.write("script.py", SOURCE)
    status, out, _ = owner.types("script", "publish", str(file))
    assert (status, out) == (0, f'dynamic_arguments_script_url = "{URL}"\n')
    assert owner.api.asked[0].body == {"source": SOURCE}
    status, out, err = owner.types("script", "publish", str(file), "--json")
    assert (status, json.loads(out), err) == (0, {"url": URL}, "")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "cannot be read: No such file or directory"),
        (b"\xff\xfe", "is no UTF-8 at byte 0"),
        (b"x" * (1024 * 1024 + 1), "has more than 1048576 bytes"),
    ],
)
def test_publish_when_the_file_is_no_script_then_nothing_is_sent(
    owner: Owner, tmp_path: Path, content: bytes | None, says: str
) -> None:
    file = tmp_path / "script.py"
    if content is not None:
        file.write_bytes(content)
    status, out, err = owner.types("script", "publish", str(file))
    assert (status, out) == (2, "")
    assert says in err
    assert owner.api.asked == []
