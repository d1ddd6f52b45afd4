"""No URL, however it is written, makes a node dial what is not public; a canary listens, and dials are seen."""

import asyncio
import re
from typing import Any

import pytest

from tests.contract.http.hostile import TABLE
from tests.contract.http.outside import BYTES_MAX, TIMEOUT_S, ScriptedNames, answer, serving
from triggerx.http.fetch import HttpFetch
from triggerx.http.guard import Guard
from triggerx.ports.fetch import FetchRefused


async def leading_to_loopback(host: str) -> tuple[str, ...]:
    return ("127.0.0.1",)


def hostile_fetch(port: int) -> HttpFetch:
    """A way out that may reach the canary's neighbour on either side, and not the canary."""
    exempt = (f"127.0.0.1:{port - 1}", f"127.0.0.1:{port + 1}", f"[::1]:{port + 1}", "10.99.0.0/16")
    return HttpFetch(Guard(exempt), lookup=leading_to_loopback, names_kept_s=0)


@pytest.fixture
def dialled(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Every address that any socket of the loop was told to connect to."""
    addresses: list[Any] = []

    async def connect(loop: Any, sock: Any, address: Any) -> None:
        addresses.append(address)
        raise OSError("no connections in this test")

    monkeypatch.setattr("asyncio.selector_events.BaseSelectorEventLoop.sock_connect", connect)
    return addresses


def test_table_holds_what_it_promises() -> None:
    assert len({url for url, _ in TABLE}) == len(TABLE) >= 200


@pytest.mark.parametrize(("url", "code"), TABLE)
async def test_url_when_hostile_then_get_refuses_it_and_dials_nothing(url: str, code: str, dialled: list[Any]) -> None:
    async with serving(answer(b"secret")) as canary, hostile_fetch(canary.port) as out:
        with pytest.raises(FetchRefused) as raised:
            await out.get(url.format(port=canary.port), timeout_s=TIMEOUT_S, bytes_max=BYTES_MAX)
    assert (raised.value.code, canary.connections, dialled) == (code, 0, [])
    assert len(str(raised.value)) < 400
    assert str(canary.port) not in str(raised.value)


@pytest.mark.parametrize(("url", "code"), [row for row in TABLE if re.match(r"https?://", row[0])])
async def test_url_when_hostile_then_messages_refuses_it_and_dials_nothing(
    url: str, code: str, dialled: list[Any]
) -> None:
    async with serving(answer(b"secret")) as canary, hostile_fetch(canary.port) as out:
        with pytest.raises(FetchRefused) as raised:
            async with out.messages("ws" + url.removeprefix("http").format(port=canary.port), bytes_max=BYTES_MAX):
                pass
    assert (raised.value.code, canary.connections, dialled) == (code, 0, [])


@pytest.mark.parametrize("url", ["http://feed.example/", "http://feed.example:8080/a", "https://[2606:4700::1]/"])
async def test_url_when_public_then_its_address_is_dialled(url: str, dialled: list[Any]) -> None:
    names = ScriptedNames({"feed.example": [("93.184.216.34", "2606:4700::1")]})
    async with HttpFetch(Guard(), lookup=names.lookup) as out:
        with pytest.raises(Exception, match="cannot be connected to"):
            await out.get(url, timeout_s=TIMEOUT_S, bytes_max=BYTES_MAX)
    assert {address[0] for address in dialled} <= {"93.184.216.34", "2606:4700::1"}
    assert dialled


async def test_system_names_when_asked_for_localhost_then_it_is_refused() -> None:
    async with serving(answer(b"secret")) as canary, HttpFetch(Guard()) as out:
        with pytest.raises(FetchRefused) as raised:
            await out.get(f"http://localhost:{canary.port}/", timeout_s=TIMEOUT_S, bytes_max=BYTES_MAX)
    assert (raised.value.code, canary.connections) == ("private_address", 0)


async def test_system_names_when_loopback_is_exempt_then_localhost_is_reached() -> None:
    async with serving(answer(b"x")) as server, HttpFetch(Guard(["127.0.0.0/8", "::1/128"])) as out:
        fetched = await out.get(f"http://localhost:{server.port}/", timeout_s=TIMEOUT_S, bytes_max=BYTES_MAX)
    assert fetched.body == b"x"
    assert asyncio.all_tasks() == {asyncio.current_task()}
