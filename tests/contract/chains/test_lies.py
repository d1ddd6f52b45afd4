"""Endpoints that lie: whichever of two does, every log comes once and within 3 s, and the lie is said aloud."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest

from tests.contract.chains.stepping import SteppingClock
from tests.fakes.liar import Liar, Lie, lying_proxy
from tests.fakes.log import RecordingLog
from tests.fakes.node import ScriptedNode, scripted_node
from triggerx.chains.reads import Reads
from triggerx.chains.rpc import ATTEMPT_TIMEOUT_S, RpcClient
from triggerx.core.errors import RecoverableError
from triggerx.evm.types import Address
from triggerx.ports.chain import BlockRange, Log, LogFilter

FAILOVER_S_MAX = 3.0
QUICK_ATTEMPT_S = 0.5  # in the place of ATTEMPT_TIMEOUT_S, so that a hanging endpoint costs a test little
EMITTED = LogFilter(addresses=(Address(b"\x0e" * 20),))
HARMLESS = {Lie.LOGS_TWICE}
"""Lies that change nothing, because repetitions are dropped."""


@dataclass
class Scene:
    """A true node, a liar in front of it, and a follower that has both as its endpoints."""

    node: ScriptedNode
    liar: Liar
    chain: Reads
    clock: SteppingClock
    log: RecordingLog

    def cost_s(self) -> float:
        """What was waited: pauses, and each attempt that timed out for as long as it takes in earnest."""
        timed_out = [one for one in self.log.records if "no answer within" in str(one.fields.get("reason"))]
        return self.clock.slept_s + len(timed_out) * ATTEMPT_TIMEOUT_S


@asynccontextmanager
async def scene(order: Sequence[str]) -> AsyncIterator[Scene]:
    async with asyncio.timeout(30), scripted_node() as node, lying_proxy(node.url) as liar:
        urls = {"liar": liar.url, "honest": node.url}
        log, clock = RecordingLog(), SteppingClock()
        client = RpcClient(
            [urls[name] for name in order], chain_id=31337, log=log, attempt_timeout_s=QUICK_ATTEMPT_S, timeout_s=5.0
        )
        async with client:
            yield Scene(node, liar, Reads(client, clock, log=log), clock, log)


def topics(logs: Sequence[Log]) -> list[int]:
    return [int.from_bytes(log.topics[0], "big") for log in logs]


async def read_to(ranges: AsyncIterator[BlockRange], number: int) -> list[int]:
    found: list[int] = []
    async for step in ranges:
        assert step.dropped == ()
        found += topics(step.logs)
        if step.blocks[-1].number >= number:
            return found
    raise AssertionError("the follower ends")


@pytest.mark.parametrize("is_whole", [True, False], ids=["whole", "filtered"])
@pytest.mark.parametrize("order", [("liar", "honest"), ("honest", "liar")], ids=["first", "second"])
@pytest.mark.parametrize("lie", Lie)
async def test_logs_when_one_of_two_endpoints_lies_then_come_once_within_3_s(
    lie: Lie, order: tuple[str, str], is_whole: bool
) -> None:
    async with scene(order) as on:
        on.node.mine(1, 2, 3)
        ranges = on.chain.canonical_ranges(lambda: LogFilter() if is_whole else EMITTED, known=(), start_block=1)
        assert await read_to(ranges, 1) == [1, 2, 3]
        await on.liar.tell(lie)
        on.clock.slept_s = 0.0
        on.node.mine(4, 5, 6)
        assert await read_to(ranges, 2) == [4, 5, 6]
        assert on.cost_s() <= FAILOVER_S_MAX
        for number in range(3, 8):
            on.node.mine(number * 10, number * 10 + 1)
            assert await read_to(ranges, number) == [number * 10, number * 10 + 1]
        if lie is not Lie.WRONG_CHAIN:  # a chain id is asked for at the beginning, and after a failure
            assert bool(on.log.events("warning")) == (lie not in HARMLESS)


@pytest.mark.parametrize("order", [("liar", "honest"), ("honest", "liar")], ids=["first", "second"])
async def test_empty_block_when_its_bloom_is_in_doubt_and_an_endpoint_hangs_then_it_is_waited_for_once(
    order: tuple[str, str],
) -> None:
    async with scene(order) as on:
        ranges = on.chain.canonical_ranges(lambda: EMITTED, known=(), start_block=0)
        assert await read_to(ranges, 0) == []
        await on.liar.tell(Lie.HANG)
        on.clock.slept_s = 0.0
        on.node.mine()
        on.node.blocks[-1]["logsBloom"] = "0x" + "ff" * 256
        assert await read_to(ranges, 1) == []
        assert on.cost_s() <= FAILOVER_S_MAX


@pytest.mark.parametrize("order", [("liar", "honest"), ("honest", "liar")], ids=["first", "second"])
@pytest.mark.parametrize("lie", Lie)
async def test_confirmed_logs_when_one_of_two_endpoints_lies_from_the_start_then_come_once(
    lie: Lie, order: tuple[str, str]
) -> None:
    async with scene(order) as on:
        await on.liar.tell(lie)
        for number in range(1, 31):
            on.node.mine(number, 100 + number)
        batches = on.chain.confirmed_logs(EMITTED, after=None, start_block=1, confirmations=2)
        found: list[int] = []
        async for batch in batches:
            found += topics(batch.logs)
            if batch.cursor.number == 28:
                break
        assert found == [topic for number in range(1, 29) for topic in (number, 100 + number)]


async def test_logs_when_an_endpoint_leaves_some_out_then_the_warning_names_it_and_it_is_asked_last() -> None:
    async with scene(("liar", "honest")) as on:
        on.node.mine(1)
        ranges = on.chain.canonical_ranges(lambda: EMITTED, known=(), start_block=1)
        await read_to(ranges, 1)
        await on.liar.tell(Lie.SOME_LOGS_MISSING)
        on.node.mine(2, 3)
        assert await read_to(ranges, 2) == [2, 3]
        (told,) = [one for one in on.log.records if one.event == "rpc endpoint is distrusted"]
        assert told.fields["endpoint"] == on.liar.url.removeprefix("http://")
        assert told.fields["reason"] == "it leaves out log 1 of block 2, which is in its receipts"
        assert on.chain.client.endpoints.current.url == on.node.url


async def test_logs_when_two_endpoints_contradict_each_other_for_good_then_nothing_is_skipped_and_both_are_named() -> (
    None
):
    async with scene(("honest", "liar")) as on:
        on.node.mine(1)
        ranges = on.chain.canonical_ranges(lambda: EMITTED, known=(), start_block=1)
        await read_to(ranges, 1)
        await on.liar.tell(Lie.SOME_LOGS_MISSING)
        on.node.lies["eth_getTransactionReceipt"] = lambda _: None
        on.node.mine(2, 3)
        with pytest.raises(RecoverableError, match=r"shows log 1 of block 2, and 127\.0\.0\.1:\d+ denies it"):
            await read_to(ranges, 2)


async def test_logs_when_an_only_endpoint_leaves_a_gap_in_a_whole_block_then_it_is_asked_again() -> None:
    async with scene(("honest",)) as on:
        on.node.mine(1, 2, 3)
        asked = 0

        def forgetful(params: list[object]) -> object:
            nonlocal asked
            asked += 1
            truth = on.node.truth("eth_getLogs", params)
            return truth[:1] + truth[2:] if asked == 1 else truth

        on.node.lies["eth_getLogs"] = forgetful
        ranges = on.chain.canonical_ranges(LogFilter, known=(), start_block=1)
        assert await read_to(ranges, 1) == [1, 2, 3]
        assert asked == 3


async def test_head_when_an_endpoint_is_stale_then_is_not_returned_to_as_soon_as_it_answers() -> None:
    async with scene(("liar", "honest")) as on:
        await on.liar.tell(Lie.STALE_HEAD)
        on.node.mine(1)
        heads = on.chain.heads()
        assert [(await anext(heads)).number for _ in range(2)] == [0, 1]
        for number in range(2, 6):
            on.node.mine(number)
            assert (await anext(heads)).number == number


async def test_head_when_the_chain_itself_stands_still_then_both_endpoints_stay_witnesses() -> None:
    async with scene(("honest", "liar")) as on:
        on.node.mine(1)
        heads = on.chain.heads()
        assert (await anext(heads)).number == 1
        later = asyncio.ensure_future(anext(heads))
        while on.clock.slept_s < 40:  # noqa: ASYNC110 - the clock steps by itself, over real requests
            await asyncio.sleep(0)
        assert "chain head stands still" in on.log.events("warning")
        assert on.chain.client.witness() is not None
        on.node.mine(2)
        assert (await later).number == 2
