"""The canonical chain at zero confirmations: on real chains through every reorganisation, and block by block."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest

from tests.contract.chains.canonical import (
    ALL_DEPTHS,
    SOME_DEPTHS,
    follow_reorganisations,
    follow_what_changes_between_looks,
)
from tests.contract.chains.stepping import SteppingClock
from tests.fakes import emitter
from tests.fakes.clock import VirtualClock
from tests.fakes.node import scripted_node
from triggerx.chains.canonical import FILTER_ADDRESSES_MAX
from triggerx.chains.contracts import load
from triggerx.chains.deploy import created_address
from triggerx.chains.development import DevelopmentChain, Kind, development_chain
from triggerx.chains.envelope import Fees, Unsigned, sign
from triggerx.chains.reads import Reads
from triggerx.chains.rpc import RpcClient
from triggerx.evm.types import Address, ChainId, Wei, to_hex
from triggerx.ports.chain import BlockRange, LogFilter, ReorgBeyondConfirmations, View
from triggerx.ports.clock import Clock

ANY = msgspec.json.Decoder()
GWEI = 10**9
IDENTITY = Address((4).to_bytes(20, "big"))  # the precompile that answers what it is given


class RealCourse:
    """A development chain that mines when told to, with an emitter of logs on it."""

    def __init__(self, chain: DevelopmentChain, client: RpcClient, clock: Clock) -> None:
        self.account = chain.accounts[0]
        self._client = client
        self.emitter = created_address(self.account.address, 0)
        self.multicall = created_address(self.account.address, 1)
        self.wanted = LogFilter(addresses=(self.emitter,))
        self.chain = Reads(client, clock, poll_interval_s=0.25, multicall=self.multicall)

    async def ask(self, method: str, *params: Any) -> Any:
        return await self._client.call(method, params, ANY)

    async def send(self, to: Address | None, data: bytes, *, nonce: int, gas: int = 200_000) -> None:
        unsigned = Unsigned(
            chain_id=ChainId(self._client.chain_id),
            nonce=nonce,
            to=to,
            data=data,
            value=Wei(0),
            gas=gas,
            fees=Fees(max_wei=50 * GWEI, priority_wei=GWEI),
        )
        await self.ask("eth_sendRawTransaction", to_hex(sign(self.account, unsigned)[1]))

    async def deploy(self) -> None:
        await self.send(None, emitter.INIT_CODE, nonce=0)
        await self.send(None, load("Multicall").bytecode, nonce=1, gas=2_000_000)
        await self.ask("evm_mine")
        assert await self.ask("eth_getCode", to_hex(self.multicall), "latest") != "0x"

    async def mine(self, *topics: int) -> None:
        nonce = await self.chain.transaction_count(self.account.address)
        for offset, topic in enumerate(topics):
            await self.send(self.emitter, emitter.emit(topic), nonce=nonce + offset)
        await self.ask("evm_mine")

    async def reorganise(self, depth: int) -> None:
        await self.ask("anvil_reorg", depth, [])


@asynccontextmanager
async def real_course(
    kind: Kind, clock: Clock | None = None, *, endpoints: int = 1, within_s: float = 120
) -> AsyncIterator[RealCourse]:
    async with (
        asyncio.timeout(within_s),
        development_chain(kind, accounts=1, block_time_s=6000) as chain,
        RpcClient([chain.rpc_url] * endpoints, chain_id=chain.chain_id) as client,
    ):
        course = RealCourse(chain, client, clock or SteppingClock())
        await course.deploy()
        yield course


FILTERS: dict[str, Callable[[RealCourse], LogFilter]] = {
    "address": lambda course: course.wanted,
    "whole": lambda _: LogFilter(),
    "many addresses": lambda course: LogFilter(addresses=(course.emitter, *strangers(FILTER_ADDRESSES_MAX))),
}


def strangers(count: int) -> tuple[Address, ...]:
    return tuple(Address(number.to_bytes(20, "big")) for number in range(1000, 1000 + count))


@pytest.mark.parametrize("wanted", FILTERS)
async def test_ranges_when_1_to_64_blocks_are_replaced_then_hold_the_canonical_logs_once(
    kind: Kind, wanted: str
) -> None:
    async with real_course(kind) as course:
        for _ in range(2):
            await course.mine()
        depths = SOME_DEPTHS if kind == "embedded" else ALL_DEPTHS  # the embedded chain is slow
        if kind == "embedded" and wanted == "address":
            depths = (*SOME_DEPTHS, 64)
        await follow_reorganisations(course, lambda: FILTERS[wanted](course), depths)


@pytest.mark.parametrize("endpoints", [1, 2])
async def test_ranges_when_much_changes_between_two_looks_then_end_canonical(kind: Kind, endpoints: int) -> None:
    async with real_course(kind, endpoints=endpoints) as course:
        await follow_what_changes_between_looks(course, seed=endpoints)


@pytest.mark.parametrize("endpoints", [1, 2])
async def test_block_when_filters_and_views_are_many_then_takes_few_methods(kind: Kind, endpoints: int) -> None:
    clock = VirtualClock()
    async with real_course(kind, clock, endpoints=endpoints) as course:
        wanted = LogFilter(addresses=(course.emitter, *strangers(FILTER_ADDRESSES_MAX)))
        views = [View(to=IDENTITY, data=number.to_bytes(32, "big")) for number in range(1000)]
        ranges = course.chain.canonical_ranges(lambda: wanted, known=(), start_block=1)
        await anext(ranges)
        for topic in range(1, 4 if kind == "anvil" else 2):  # 1,000 views take the embedded chain seconds
            later = asyncio.ensure_future(anext(ranges))
            await asyncio.sleep(0)
            await course.mine(topic, topic)
            before = course.chain.client.calls_by_method.copy()
            await clock.advance(0.25)
            step: BlockRange = await later
            receipts = await course.chain.receipts(step.blocks[-1])
            answers = await course.chain.call_many(views, block=step.blocks[-1].number)
            counted = course.chain.client.calls_by_method - before
            assert step.is_whole and [len(receipt.logs) for receipt in receipts] == [1, 1]
            assert tuple(log for receipt in receipts for log in receipt.logs) == step.logs
            assert answers == tuple(view.data for view in views)
            assert counted == Counter(
                {"eth_getBlockByNumber": 1, "eth_getLogs": endpoints, "eth_getBlockReceipts": 1, "eth_call": 2}
            )


async def test_ranges_when_nothing_known_is_canonical_then_stop_unless_another_endpoint_knows_better() -> None:
    async with asyncio.timeout(30), scripted_node() as replaced, scripted_node() as honest:
        for node in (replaced, honest):
            for number in range(1, 6):
                node.mine(number, salt=b"other" if node is replaced else b"")
        for urls, is_lost in (([replaced.url], True), ([replaced.url, honest.url], False)):
            async with RpcClient([honest.url], chain_id=31337) as client:
                known = [await Reads(client, SteppingClock()).block(number) for number in (3, 4)]
            async with RpcClient(urls, chain_id=31337) as client:
                chain = Reads(client, SteppingClock())
                blocks = [block for block in known if block is not None]
                ranges = chain.canonical_ranges(LogFilter, known=blocks, start_block=1)
                if is_lost:
                    with pytest.raises(ReorgBeyondConfirmations, match="keep more blocks"):
                        await anext(ranges)
                else:
                    step = await anext(ranges)
                    assert ([block.number for block in step.blocks], step.dropped) == ([5], ())


async def test_ranges_when_all_since_the_start_is_replaced_then_begin_anew() -> None:
    async with asyncio.timeout(30), scripted_node() as node, RpcClient([node.url], chain_id=31337) as client:
        node.mine(1)
        node.mine(2)
        ranges = Reads(client, SteppingClock()).canonical_ranges(LogFilter, known=(), start_block=1)
        first = await anext(ranges)
        node.roll_back(2)
        node.mine(11)
        second = await anext(ranges)
        assert second.dropped == tuple(reversed(first.blocks))
        assert [int.from_bytes(log.topics[0], "big") for log in second.logs] == [11]


async def test_ranges_when_the_filter_grows_then_the_next_range_has_it() -> None:
    async with asyncio.timeout(30), scripted_node() as node, RpcClient([node.url], chain_id=31337) as client:
        asked: list[LogFilter] = []

        def wanted() -> LogFilter:
            asked.append(LogFilter(addresses=strangers(len(asked) * FILTER_ADDRESSES_MAX)))
            return asked[-1]

        ranges = Reads(client, SteppingClock()).canonical_ranges(wanted, known=(), start_block=0)
        seen = []
        for number in range(3):
            node.mine(number)
            seen.append((await anext(ranges)).is_whole)
        assert seen == [True, False, True]


async def test_ranges_when_a_head_is_gone_as_it_is_read_and_comes_back_then_hold_it() -> None:
    async with asyncio.timeout(10), scripted_node() as node, RpcClient([node.url], chain_id=31337) as client:
        node.mine(1)
        node.mine(2)
        ranges = Reads(client, SteppingClock()).canonical_ranges(LogFilter, known=(), start_block=1)
        first = await anext(ranges)
        looks: Counter[str] = Counter()

        def answer(params: list[Any]) -> Any:
            looks[params[0]] += 1
            if (params[0], looks["latest"]) in (("latest", 1), ("latest", 3)):  # its node stands on the other fork
                node.roll_back(1)
                node.mine(22)
                other = node.truth("eth_getBlockByNumber", params)
                if looks["latest"] == 1:
                    node.roll_back(1)
                    node.mine(2)
                return other
            return node.truth("eth_getBlockByNumber", params)

        node.lies["eth_getBlockByNumber"] = answer
        second = await anext(ranges)
        assert second.dropped == first.blocks[-1:]
        assert [int.from_bytes(log.topics[0], "big") for log in second.logs] == [22]
