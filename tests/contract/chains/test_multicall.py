"""Many views by few calls: every outcome is the one that the view has alone, and no view costs another its own."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest

from tests.contract.chains.stepping import SteppingClock
from tests.contract.chains.test_canonical import IDENTITY, RealCourse, real_course
from tests.fakes import emitter
from tests.fakes.log import RecordingLog
from tests.fakes.node import Refuse, scripted_node
from triggerx.chains.development import Kind
from triggerx.chains.multicall import ABSENT_BLOCKS_MAX, BATCH_BYTES_MAX, VIEW_BYTES_MAX, VIEWS_MAX, batches
from triggerx.chains.reads import Reads
from triggerx.chains.rpc import EndpointsFailed, NodeRefusal, RpcClient
from triggerx.evm.abi import encode
from triggerx.evm.contracts import MULTICALL3
from triggerx.evm.types import Address, from_hex, to_hex
from triggerx.ports.chain import CallReverted, View

ANY = msgspec.json.Decoder()
REFUSED = bytes.fromhex("08c379a0") + encode(["string"], ["not today"])
NOBODY = Address(b"\x99" * 20)
INIT = "60{:02x}8060093d393df3"  # creates a contract of the code that follows, of this length
BURNER = "fe"  # an invalid instruction: it takes all the gas it was given
LONG = "6108005ff3"  # answers 2,048 zero bytes


async def create(course: RealCourse, runtime: str, *, nonce: int) -> Address:
    init = INIT.format(len(runtime) // 2) + runtime
    await course.send(None, from_hex("0x" + init), nonce=nonce, gas=200_000)
    await course.ask("evm_mine")
    (receipt,) = await course.ask("eth_getBlockReceipts", "latest")
    return Address(from_hex(receipt["contractAddress"]))


def echo(number: int, length: int = 32) -> View:
    return View(to=IDENTITY, data=number.to_bytes(length, "big"))


async def alone(chain: Reads, view: View, block: int) -> bytes | CallReverted:
    try:
        return await chain.call(view.to, view.data, block=block)
    except CallReverted as reverted:
        return reverted


def shown(outcome: bytes | CallReverted) -> str:
    return to_hex(outcome) if isinstance(outcome, bytes) else f"reverted with {to_hex(outcome.data)}"


async def test_views_when_of_every_kind_then_have_the_outcome_they_have_alone(kind: Kind) -> None:
    async with real_course(kind) as course:
        long = await create(course, LONG, nonce=2)
        block = (await course.chain.head()).number
        views = [
            echo(1),
            View(to=course.emitter, data=emitter.revert(REFUSED)),
            View(to=course.emitter, data=emitter.revert()),
            View(to=NOBODY, data=b"\x01\x02\x03\x04"),
            echo(2, VIEW_BYTES_MAX),
            echo(3, VIEW_BYTES_MAX + 1),
            View(to=long, data=b""),
            echo(1),
        ]
        outcomes = await course.chain.call_many(views, block=block)
        assert [shown(one) for one in outcomes] == [shown(await alone(course.chain, view, block)) for view in views]
        assert outcomes[6] == bytes(2048)
        assert isinstance(outcomes[1], CallReverted) and outcomes[1].reason == "not today"
        assert await course.chain.call_many([], block=block) == ()


async def test_view_when_it_eats_all_gas_then_costs_the_others_nothing_and_is_asked_alone_later(kind: Kind) -> None:
    async with real_course(kind) as course:
        burner = View(to=await create(course, BURNER, nonce=2), data=b"")
        views = [burner, *(echo(number) for number in range(20)), View(to=burner.to, data=b"\x01")]
        block = (await course.chain.head()).number
        calls = course.chain.client.calls_by_method
        for is_known in (False, True):
            before = calls["eth_call"]
            first, *good, last = await course.chain.call_many(views, block=block)
            assert isinstance(first, CallReverted) and isinstance(last, CallReverted)
            assert good == [view.data for view in views[1:-1]]
            assert not is_known or calls["eth_call"] - before == 3


async def test_views_when_more_than_fit_then_are_split_by_count_and_size(kind: Kind) -> None:
    async with real_course(kind) as course:
        block = (await course.chain.head()).number
        calls = course.chain.client.calls_by_method
        for count, length, requests in ((VIEWS_MAX, 100, 1), (VIEWS_MAX + 2, 100, 2), (300, VIEW_BYTES_MAX, 3)):
            before = calls["eth_call"]
            views = [echo(number, length) for number in range(count)]
            assert await course.chain.call_many(views, block=block) == tuple(view.data for view in views)
            assert calls["eth_call"] - before == requests


async def test_views_when_the_block_is_older_then_are_read_there(kind: Kind) -> None:
    async with real_course(kind) as course:
        before = (await course.chain.head()).number
        late = await create(course, LONG, nonce=2)
        views = [View(to=late, data=b""), echo(1)]
        assert await course.chain.call_many(views, block=before) == (b"", echo(1).data)
        assert await course.chain.call_many(views, block=before + 1) == (bytes(2048), echo(1).data)


@asynccontextmanager
async def without_multicall(kind: Kind) -> AsyncIterator[tuple[RealCourse, Reads, RecordingLog]]:
    async with real_course(kind) as course:
        log = RecordingLog()
        yield course, Reads(course.chain.client, SteppingClock(), log=log, multicall=MULTICALL3), log


async def test_views_when_there_is_no_multicall_then_come_by_one_request_of_single_calls(kind: Kind) -> None:
    async with without_multicall(kind) as (course, chain, log):
        block = (await chain.head()).number
        views = [*(echo(number) for number in range(99)), View(to=course.emitter, data=emitter.revert(REFUSED))]
        for is_known in (False, True):
            before = chain.client.http_requests
            *good, bad = await chain.call_many(views, block=block)
            assert good == [view.data for view in views[:-1]]
            assert isinstance(bad, CallReverted) and bad.reason == "not today"
            assert chain.client.http_requests - before == (1 if is_known else 2)
        assert log.events("warning") == ["multicall is missing"]


class Oracle:
    """A node whose eth_call is what a test says."""

    def __init__(self) -> None:
        self.aggregates = 0
        self.singles = 0
        self.aggregated: Any = "0x"
        self.single: Any = "0x01"

    def __call__(self, params: list[Any]) -> Any:
        is_single = params[0]["to"] != to_hex(MULTICALL3)
        self.singles += is_single
        self.aggregates += not is_single
        answer = self.single if is_single else self.aggregated
        if isinstance(answer, Refuse):
            raise answer
        return answer


@asynccontextmanager
async def oracle() -> AsyncIterator[tuple[Oracle, Reads]]:
    async with asyncio.timeout(30), scripted_node() as node, RpcClient([node.url], chain_id=31337) as client:
        node.lies["eth_call"] = answers = Oracle()
        yield answers, Reads(client, SteppingClock())


async def test_multicall_when_missing_then_is_looked_for_more_and_more_seldom() -> None:
    async with oracle() as (node, chain):
        views = [echo(1), echo(2)]
        apart = ABSENT_BLOCKS_MAX + 1
        looked = []
        for block in [*range(20), *range(apart, 20 * apart, apart), 20 * apart - 1, 20 * apart]:
            before = node.aggregates
            assert await chain.call_many(views, block=block) == (b"\x01", b"\x01")
            looked += [block] * (node.aggregates - before)
        assert looked[:5] == [0, 2, 5, 10, 19]
        assert looked[-2:] == [19 * apart, 20 * apart]


async def test_multicall_when_missing_once_then_serves_again_two_blocks_later() -> None:
    async with oracle() as (node, chain):
        views = [echo(1), echo(2)]
        await chain.call_many(views, block=100)
        node.aggregated = to_hex(encode(["(bool,bytes)[]"], [[(True, b"\x05"), (True, b"\x06")]]))
        for block in (50, 101):
            assert await chain.call_many(views, block=block) == (b"\x01", b"\x01")
        assert await chain.call_many(views, block=102) == (b"\x05", b"\x06")
        assert (node.aggregates, node.singles) == (2, 6)


@pytest.mark.parametrize("answer", ["0x1234", Refuse(-32000, "execution timeout"), Refuse(3, "execution reverted")])
async def test_multicall_when_it_fails_or_answers_otherwise_then_views_are_asked_alone(answer: Any) -> None:
    async with oracle() as (node, chain):
        node.aggregated = answer
        assert await chain.call_many([echo(1), echo(2)], block=1) == (b"\x01", b"\x01")
        assert (node.aggregates, node.singles) == (1, 2)


async def test_views_when_the_node_fails_then_raise_and_are_no_reverts() -> None:
    async with oracle() as (node, chain):
        node.single = Refuse(-32000, "missing trie node")
        with pytest.raises(NodeRefusal, match="missing trie node"):
            await chain.call_many([echo(1), echo(2)], block=1)
    async with RpcClient(["http://127.0.0.1:1"], chain_id=31337) as client:
        with pytest.raises(EndpointsFailed):
            await Reads(client, SteppingClock()).call_many([echo(1), echo(2)], block=1)


def test_batches_when_made_then_keep_order_and_both_limits() -> None:
    views = [View(to=IDENTITY, data=bytes(number % VIEW_BYTES_MAX)) for number in range(3000)]
    made = batches(views)
    assert [view for batch in made for view in batch] == views
    assert all(len(batch) <= VIEWS_MAX and sum(len(view.data) for view in batch) <= BATCH_BYTES_MAX for batch in made)
    assert batches([]) == []
