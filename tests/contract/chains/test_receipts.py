"""All receipts of exactly one block: whole or refused, from any node."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.contract.chains.stepping import SteppingClock
from tests.contract.chains.test_canonical import real_course
from tests.fakes.node import Refuse, ScriptedNode, scripted_node
from triggerx.chains.development import Kind
from triggerx.chains.reads import Reads
from triggerx.chains.rpc import NodeRefusal, RpcClient
from triggerx.core.errors import RecoverableError
from triggerx.evm.types import Hash32
from triggerx.ports.chain import LogFilter, Receipt


def places(receipts: Sequence[Receipt]) -> dict[tuple[Hash32, int], int]:
    return {(one.tx_hash, log.log_index): place for one in receipts for place, log in enumerate(one.logs)}


async def test_receipts_when_asked_for_a_block_then_come_in_order_with_all_its_logs(kind: Kind) -> None:
    async with real_course(kind) as course:
        await course.mine(5, 6, 7)
        block = await course.chain.head()
        receipts = await course.chain.receipts(block)
        logs = tuple(log for receipt in receipts for log in receipt.logs)
        assert logs == await course.chain.logs(LogFilter(), from_block=block.number, to_block=block.number)
        assert [log.topics[0][-1] for log in logs] == [5, 6, 7]
        assert await course.chain.ordinals(block) == places(receipts)
        assert [await course.chain.receipt(one.tx_hash) for one in receipts] == list(receipts)
        await course.reorganise(1)
        with pytest.raises(RecoverableError):
            await course.chain.receipts(block)
        with pytest.raises(RecoverableError):
            await course.chain.ordinals(block)
        assert await course.chain.receipts(await course.chain.head()) == ()
        assert await course.chain.ordinals(await course.chain.head()) == {}


@asynccontextmanager
async def node_and_chain() -> AsyncIterator[tuple[ScriptedNode, Reads]]:
    async with asyncio.timeout(30), scripted_node() as node, RpcClient([node.url], chain_id=31337) as client:
        node.mine(1, 2, 3)
        yield node, Reads(client, SteppingClock())


@pytest.mark.parametrize(
    ("code", "message"), [(-32601, "no such thing"), (-32000, "the method eth_getBlockReceipts is not supported")]
)
async def test_receipts_when_the_node_has_no_such_method_then_come_one_by_one(code: int, message: str) -> None:
    async with node_and_chain() as (node, chain):
        block = await chain.head()
        expected = await chain.receipts(block)
        assert await chain.ordinals(block) == places(expected)

        def refuse(_: list[Any]) -> Any:
            raise Refuse(code, message)

        node.lies["eth_getBlockReceipts"] = refuse
        for requests in (3, 2):
            before = node.http_requests
            assert await chain.receipts(block) == expected
            assert node.http_requests - before == requests
        assert await chain.ordinals(block) == places(expected)
        node.lies["eth_getTransactionReceipt"] = lambda _: None
        with pytest.raises(RecoverableError, match="the receipt of one of its transactions is missing"):
            await chain.receipts(block)
        node.roll_back(1)
        with pytest.raises(RecoverableError, match="no such block is known"):
            await chain.receipts(block)


LIES: dict[str, tuple[Callable[[list[dict[str, Any]]], Any], str]] = {
    "one is missing": (lambda truth: truth[:1] + truth[2:], "have gaps"),
    "none": (lambda _: [], "its bloom says that there are logs"),
    "unknown": (lambda _: None, "no such block is known"),
    "another block's": (lambda truth: [one | {"blockHash": "0x" + "77" * 32} for one in truth], "names another block"),
    "a log of another block": (
        lambda truth: [one | {"logs": [log | {"blockHash": "0x" + "77" * 32} for log in one["logs"]]} for one in truth],
        "names another block",
    ),
}


@pytest.mark.parametrize("lie", LIES)
async def test_receipts_when_they_do_not_fit_the_block_then_are_refused(lie: str) -> None:
    async with node_and_chain() as (node, chain):
        block = await chain.head()
        change, told = LIES[lie]
        node.lies["eth_getBlockReceipts"] = lambda params: change(node.truth("eth_getBlockReceipts", params))
        with pytest.raises(RecoverableError, match=told):
            await chain.receipts(block)
        with pytest.raises(RecoverableError, match=told):
            await chain.ordinals(block)


async def test_receipts_when_in_disorder_then_are_ordered() -> None:
    async with node_and_chain() as (node, chain):
        block = await chain.head()
        expected = await chain.receipts(block)
        node.lies["eth_getBlockReceipts"] = lambda params: node.truth("eth_getBlockReceipts", params)[::-1]
        assert await chain.receipts(block) == expected
        assert await chain.ordinals(block) == places(expected)


async def test_receipts_when_the_node_fails_then_its_refusal_is_raised() -> None:
    async with node_and_chain() as (node, chain):
        block = await chain.head()

        def refuse(_: list[Any]) -> Any:
            raise Refuse(-32000, "header not found")

        node.lies["eth_getBlockReceipts"] = refuse
        with pytest.raises(NodeRefusal, match="header not found"):
            await chain.receipts(block)
