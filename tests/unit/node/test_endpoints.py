import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from tests.fakes.log import RecordingLog
from triggerx.core.errors import ConfigurationError, UnavailableError
from triggerx.core.network import Network
from triggerx.evm.types import ZERO_ADDRESS, ChainId
from triggerx.node import endpoints
from triggerx.node.config import ChainConfig
from triggerx.node.endpoints import check_endpoints, shown_url

NETWORK = Network(
    name="local",
    l1_chain_id=ChainId(7),
    l2_chain_id=ChainId(7),
    avs_governance=ZERO_ADDRESS,
    attestation_center=ZERO_ADDRESS,
    engines=(),
)
NOBODY = "http://127.0.0.1:9"


@asynccontextmanager
async def answering(body: str, status: int = 200, silent: bool = False) -> AsyncIterator[str]:
    async def handle(_: web.Request) -> web.Response:
        if silent:
            await asyncio.Event().wait()
        return web.Response(text=body, status=status)

    app = web.Application()
    app.router.add_post("/{tail:.*}", handle)
    runner = web.AppRunner(app, shutdown_timeout=0.01)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def check(*urls: str, log: RecordingLog | None = None) -> None:
    await check_endpoints({ChainId(7): ChainConfig(rpc_urls=urls)}, NETWORK, log or RecordingLog())


async def test_endpoint_when_it_serves_the_chain_then_nothing_is_said() -> None:
    log = RecordingLog()
    async with answering('{"jsonrpc":"2.0","id":1,"result":"0x7"}') as url:
        await check(url, log=log)
    assert log.records == []


async def test_endpoint_when_it_serves_another_chain_then_both_are_named() -> None:
    async with answering('{"jsonrpc":"2.0","id":1,"result":"0x9"}') as url:
        with pytest.raises(ConfigurationError, match="serves chain 9, not 7: correct the URL") as caught:
            await check(NOBODY, url)
    assert url in str(caught.value)
    assert "chains.7.rpc_urls" in str(caught.value)


async def test_endpoints_when_none_answers_then_each_is_named_with_its_reason() -> None:
    async with answering("<html>") as page, answering("", status=503) as down, answering('{"error":1}') as other:
        with pytest.raises(UnavailableError) as caught:
            await check(NOBODY, page, down, other)
    message = str(caught.value)
    assert "no endpoint of chain 7 answers" in message
    assert f"{NOBODY}: cannot connect: " in message
    assert f"{page}: no JSON-RPC answer" in message
    assert f"{down}: HTTP status 503" in message
    assert f"{other}: it does not tell its chain id" in message
    assert "change rpc_urls in the table [chains.7]" in message


async def test_endpoint_when_it_stays_silent_then_it_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoints, "TIMEOUT_S", 0.05)
    async with answering("", silent=True) as url:
        with pytest.raises(UnavailableError, match=r"no answer within 0\.05 s"):
            await check(url)


async def test_endpoint_when_it_is_silent_beside_another_then_the_log_says_so() -> None:
    log = RecordingLog()
    async with answering('{"jsonrpc":"2.0","id":1,"result":"0x7"}') as url:
        await check(NOBODY, url, log=log)
    assert log.events("warning") == ["rpc endpoint is silent at start"]


async def test_chain_when_it_has_no_endpoint_then_the_table_to_write_is_named() -> None:
    with pytest.raises(ConfigurationError, match=r'the network "local" needs chain 7: .*\[chains\.7\]'):
        await check_endpoints({}, NETWORK, RecordingLog())


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("http://127.0.0.1:8545", "http://127.0.0.1:8545"),
        ("http://[::1]:8545/rpc", "http://[::1]:8545/rpc"),
        ("https://me:pw@rpc.example.org/v3/0123456789abcdef0123456789", "https://rpc.example.org/v3/0123…"),
        ("https://rpc.example.org/?key=abc", "https://rpc.example.org/?…"),
    ],
)
def test_url_when_shown_then_what_may_be_secret_is_left_out(url: str, shown: str) -> None:
    assert shown_url(url) == shown
