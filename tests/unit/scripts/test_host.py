import hashlib

import pytest

from tests.fakes.pages import Pages
from triggerx.ports.fetch import Fetched
from triggerx.ports.scripts import ScriptFailed, ScriptLimits
from triggerx.scripts.host import Requests, ScriptRaised


class Generous(Pages):
    """Gives more than it was asked for, and notes how long it was given."""

    timeout_s = -1.0

    async def get(self, url: str, *, timeout_s: float, bytes_max: int) -> Fetched:
        self.timeout_s = timeout_s
        return Fetched(url=url, status=200, content_type="text/plain", body=b"x" * (bytes_max + 1))


async def test_request_when_it_is_answered_then_it_is_recorded_with_its_hash() -> None:
    requests = Requests(Pages({"https://a": b"1"}), ScriptLimits(), lambda: 1.0)
    assert await requests.fetch(["https://a"]) == "1"
    (made,) = requests.made
    assert (made.url, made.status, made.response_hash) == ("https://a", 200, hashlib.sha256(b"1").hexdigest())


async def test_request_when_more_comes_than_was_asked_for_then_the_script_has_nothing_of_it() -> None:
    fetch = Generous()
    requests = Requests(fetch, ScriptLimits(response_bytes=10), lambda: -3.0)
    with pytest.raises(ScriptRaised, match="too_large"):
        await requests.fetch(["https://a"])
    assert requests.made == []
    assert fetch.timeout_s == 0.0


async def test_request_when_none_is_allowed_then_the_run_ends() -> None:
    requests = Requests(Pages(), ScriptLimits(requests=0), lambda: 1.0)
    with pytest.raises(ScriptFailed, match="more than 0 URLs"):
        await requests.fetch(["https://a"])
