"""The JSON-RPC client against nodes that lie, fail and hang."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from tests.fakes.node import Refuse, ScriptedNode, scripted_node
from triggerx.chains import answers
from triggerx.chains.rpc import BATCH_MAX, EndpointsFailed, NodeRefusal, Question, RpcClient
from triggerx.core.errors import ConfigurationError

HEAD = Question("eth_getBlockByNumber", ["latest", False], answers.block)


@asynccontextmanager
async def two_nodes(attempt_timeout_s: float = 2.5) -> AsyncIterator[tuple[ScriptedNode, ScriptedNode, RpcClient]]:
    async with (
        asyncio.timeout(30),
        scripted_node() as first,
        scripted_node() as second,
        RpcClient([first.url, second.url], chain_id=31337, attempt_timeout_s=attempt_timeout_s) as client,
    ):
        second.mine()
        yield first, second, client


async def head_number(client: RpcClient) -> int:
    found = await client.call("eth_getBlockByNumber", ["latest", False], answers.block)
    assert found is not None
    return int(found.number)


async def test_calls_when_made_in_one_tick_then_share_requests_up_to_the_limit() -> None:
    async with scripted_node() as node, RpcClient([node.url], chain_id=31337) as client:
        await head_number(client)
        before = node.http_requests
        async with asyncio.TaskGroup() as group:
            for number in range(BATCH_MAX + 1):
                group.create_task(client.call("eth_getBlockByNumber", [hex(number), False], answers.block))
        assert node.http_requests - before == 2
        assert node.calls["eth_chainId"] == 1
        assert client.calls_by_method["eth_getBlockByNumber"] == BATCH_MAX + 2


async def test_calls_when_equal_in_one_tick_then_are_asked_once_and_each_has_the_answer() -> None:
    async with scripted_node() as node, RpcClient([node.url], chain_id=31337) as client:
        await head_number(client)
        before = node.calls["eth_getBlockByNumber"]
        heads = [asyncio.create_task(head_number(client)) for _ in range(BATCH_MAX + 1)]
        first = asyncio.create_task(client.call("eth_getBlockByNumber", ["0x0", False], answers.block))
        await asyncio.sleep(0)
        heads[0].cancel()
        assert await asyncio.gather(*heads[1:]) == [0] * BATCH_MAX
        assert await first is not None
        assert node.calls["eth_getBlockByNumber"] - before == 2
        assert client.calls_by_method["eth_getBlockByNumber"] == 3


async def test_calls_when_equal_and_the_node_refuses_then_each_is_told() -> None:
    async with scripted_node() as node, RpcClient([node.url], chain_id=31337) as client:
        await head_number(client)
        found = await client.ask_all([Question("eth_unheardOf", [], answers.quantity)] * 3)
        assert all(isinstance(one, NodeRefusal) for one in found)
        assert node.calls["eth_unheardOf"] == 1


def limit_reached(_params: list[object]) -> object:
    raise Refuse(-32005, "limit exceeded")


FAULTS: dict[str, Callable[[ScriptedNode], None]] = {
    "status 500": lambda node: setattr(node, "fault", lambda: web.Response(status=500)),
    "status 429": lambda node: setattr(node, "fault", lambda: web.Response(status=429)),
    "half json": lambda node: setattr(node, "fault", lambda: web.Response(text='[{"jsonrpc": "2.0", "id": 1, "resu')),
    "html": lambda node: setattr(node, "fault", lambda: web.Response(text="<html>sorry</html>")),
    "no answers": lambda node: setattr(node, "fault", lambda: web.Response(text="[]")),
    "redirect": lambda node: setattr(node, "fault", lambda: web.Response(status=302, headers={"Location": "/else"})),
    "wrong chain": lambda node: setattr(node, "chain_id", 1),
    "limit": lambda node: node.lies.update({"eth_getBlockByNumber": limit_reached}),
    "not hexadecimal": lambda node: node.lies.update({"eth_getBlockByNumber": lambda _: {"number": 12.5}}),
    "number as float": lambda node: node.lies.update({"eth_getBlockByNumber": lambda _: 1e30}),
    "hang": lambda node: setattr(node, "hangs", True),
}


@pytest.mark.parametrize("fault", FAULTS)
async def test_endpoint_when_it_fails_then_the_next_one_answers(fault: str) -> None:
    async with two_nodes(attempt_timeout_s=0.3) as (first, second, client):
        FAULTS[fault](first)
        started = time.monotonic()
        assert await head_number(client) == 1
        assert time.monotonic() - started < 3
        asked = first.http_requests
        assert await head_number(client) == 1
        assert first.http_requests == asked, "a failed endpoint waits before it is asked again"
        assert second.calls["eth_getBlockByNumber"] == 2


async def test_endpoints_when_all_fail_then_the_error_names_method_hosts_and_reasons() -> None:
    async with two_nodes() as (first, second, client):
        first.chain_id = 1
        FAULTS["status 500"](second)
        with pytest.raises(EndpointsFailed) as failed:
            await head_number(client)
        told = str(failed.value)
        assert "eth_getBlockByNumber" in told
        assert "serves chain 1, not 31337" in told
        assert f"{second.url.removeprefix('http://')}: HTTP status 500" in told


async def test_only_endpoint_when_it_refuses_its_chain_id_then_says_why_and_is_asked_again_at_once() -> None:
    async with scripted_node() as node, RpcClient([node.url], chain_id=31337, timeout_s=2.0) as client:
        for _ in range(8):  # by then others would be asked before it for a minute
            client.distrust("its head stands still")
            node.lies["eth_chainId"] = limit_reached
            with pytest.raises(EndpointsFailed, match="chain id: refused with code -32005: limit exceeded"):
                await head_number(client)
            asked = node.http_requests
            node.lies.clear()
            assert await head_number(client) == 0
            assert node.http_requests == asked + 1


@pytest.mark.parametrize("fate", ["distrusted", "failed"])
async def test_call_when_its_endpoint_is_doubted_for_another_one_meanwhile_then_its_answer_counts(fate: str) -> None:
    async with scripted_node() as node, RpcClient([node.url], chain_id=31337) as client:
        (endpoint,) = client.endpoints.in_turn()
        doubt = endpoint.distrust if fate == "distrusted" else endpoint.penalise

        def answer(params: list[object]) -> object:
            doubt("another call was answered badly")
            return node.truth("eth_getBlockByNumber", params)

        assert await head_number(client) == 0
        node.lies["eth_getBlockByNumber"] = answer
        assert await head_number(client) == 0
        assert node.calls["eth_chainId"] == 1
        node.lies.clear()
        assert await head_number(client) == 0
        assert node.calls["eth_chainId"] == 2, "and now it is asked again which chain it serves"


async def test_call_when_nothing_answers_then_ends_at_its_deadline() -> None:
    async with scripted_node() as node, RpcClient([node.url], chain_id=31337, timeout_s=0.2) as client:
        node.hangs = True
        with pytest.raises(EndpointsFailed, match=r"no answer within 0\.2 s"):
            await head_number(client)


async def test_node_when_it_refuses_then_the_refusal_is_the_answer_and_others_keep_theirs() -> None:
    async with two_nodes() as (_, second, client):
        good, bad = await client.ask_all([HEAD, Question("eth_nothing", [], answers.data)])
        assert good.number == 0
        assert isinstance(bad, NodeRefusal)
        assert (bad.code, bad.method) == (-32601, "eth_nothing")
        assert second.http_requests == 0


async def test_second_opinion_when_asked_then_comes_from_the_other_endpoint() -> None:
    async with two_nodes() as (_, _, client):
        here, there = await asyncio.gather(client.ask_all([HEAD]), client.ask_all([HEAD], elsewhere=True))
        assert (here[0].number, there[0].number) == (0, 1)


async def test_endpoint_when_distrusted_then_the_other_is_preferred() -> None:
    async with two_nodes() as (_, _, client):
        assert await head_number(client) == 0
        client.distrust("its head stands still")
        assert await head_number(client) == 1


async def test_caller_when_cancelled_then_the_client_goes_on() -> None:
    async with scripted_node() as node, RpcClient([node.url], chain_id=31337) as client:
        task = asyncio.create_task(head_number(client))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await head_number(client) == 0


async def test_client_when_closed_then_waiting_calls_fail() -> None:
    async with scripted_node() as node:
        node.hangs = True
        async with RpcClient([node.url], chain_id=31337) as client:
            task = asyncio.create_task(head_number(client))
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        with pytest.raises(EndpointsFailed, match="closed"):
            await task
        with pytest.raises(EndpointsFailed, match="closed"):
            await head_number(client)


async def test_questions_when_asked_ahead_then_are_sent_at_once_and_answered_later() -> None:
    async with scripted_node() as node, RpcClient([node.url], chain_id=31337) as client:
        asked = client.ask_ahead([HEAD, HEAD])
        while node.calls["eth_getBlockByNumber"] < 1:  # noqa: ASYNC110  the node counts, and tells nobody
            await asyncio.sleep(0)
        node.hangs = True
        assert [int(found.number) for found in await asked.answers()] == [0, 0]
        assert await client.ask_ahead([]).answers() == []


async def test_questions_when_dropped_or_left_alone_then_nobody_waits_for_them() -> None:
    async with scripted_node() as node:
        node.hangs = True
        async with RpcClient([node.url], chain_id=31337) as client:
            client.ask_ahead([HEAD]).drop()
            await asyncio.sleep(0)
            left = client.ask_ahead([HEAD])  # not even sent when the client is closed
        (answer,) = await left.answers()
        assert isinstance(answer, EndpointsFailed)
        (answer,) = await client.ask_ahead([HEAD]).answers()
        assert isinstance(answer, EndpointsFailed)


@pytest.mark.parametrize("urls", [[], ["ftp://host"], ["http://"]])
def test_endpoints_when_they_are_no_urls_then_the_configuration_is_refused(urls: list[str]) -> None:
    with pytest.raises(ConfigurationError):
        RpcClient(urls, chain_id=1)


def test_endpoint_when_named_then_its_path_stays_secret() -> None:
    client = RpcClient(["https://user:pass@rpc.example.org/v2/secret-key"], chain_id=1)
    assert client.endpoints.current.name == "rpc.example.org"
