"""The newest block: shared by all who wait, held against another endpoint's, and missed aloud."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.contract.chains.stepping import SteppingClock
from tests.fakes.clock import VirtualClock
from tests.fakes.log import RecordingLog
from tests.fakes.node import ScriptedNode, scripted_node
from triggerx.chains.heads import HEAD_LAG_MAX_S, HeadWatch
from triggerx.chains.reads import Reads
from triggerx.chains.rpc import RpcClient
from triggerx.evm.types import to_hex


class Watched:
    """A watch that looks once a virtual second."""

    def __init__(self, client: RpcClient) -> None:
        self.clock = VirtualClock()
        self.log = RecordingLog()
        read = Reads(client, self.clock).head
        self.watch = HeadWatch(
            client, self.clock, read, poll_interval_s=1.0, head_lag_max_s=HEAD_LAG_MAX_S, log=self.log
        )

    async def second(self) -> int:
        await self.clock.advance(1.0)
        return (await self.watch.look()).number


@asynccontextmanager
async def watched(*, nodes: int) -> AsyncIterator[tuple[list[ScriptedNode], Watched]]:
    async with asyncio.timeout(30), scripted_node() as first, scripted_node() as second:
        chosen = [first, second][:nodes]
        async with RpcClient([node.url for node in chosen], chain_id=31337) as client:
            yield chosen, Watched(client)


async def test_head_when_one_endpoint_stands_still_then_the_other_is_followed_within_3_s() -> None:
    async with watched(nodes=2) as ((stuck, alive), on):
        assert await on.second() == 0
        alive.mine()
        assert [await on.second() for _ in range(3)][-1] == 1
        for number in range(2, 30):
            alive.mine()
            assert await on.second() == number
        assert stuck.calls["eth_getBlockByNumber"] < 5
        assert "chain head stands still" not in on.log.events("warning")


async def test_head_when_it_goes_back_then_another_endpoint_is_asked_at_once() -> None:
    async with watched(nodes=2) as ((first, second), on):
        for node in (first, second):
            node.mine()
            node.mine()
        assert await on.second() == 2
        first.roll_back(1)
        second.mine()
        assert await on.second() == 3


async def test_head_when_the_chain_stands_still_then_an_alarm_is_raised_within_15_s_and_at_each_15_s() -> None:
    for nodes in (1, 2):
        async with watched(nodes=nodes) as (_, on):
            assert await on.second() == 0
            for seconds in range(1, 31):
                assert await on.second() == 0
                assert on.log.events("warning").count("chain head stands still") == seconds // 15
            assert on.watch.age_s == 30.0


async def test_head_when_it_moves_then_there_is_no_alarm_and_the_other_endpoint_is_not_asked() -> None:
    async with watched(nodes=2) as ((first, second), on):
        for number in range(40):
            assert await on.second() == number
            first.mine()
        assert on.log.events("warning") == []
        assert second.calls["eth_getBlockByNumber"] == 0


async def test_heads_when_many_wait_then_share_one_request_a_poll() -> None:
    async with scripted_node() as node, RpcClient([node.url], chain_id=31337) as client:
        reads = Reads(client, VirtualClock(), poll_interval_s=1.0)
        seen = await asyncio.gather(*(anext(aiter(reads.heads())) for _ in range(20)))
        assert {head.number for head in seen} == {0}
        assert node.calls["eth_getBlockByNumber"] == 1


async def test_heads_when_the_only_endpoint_goes_back_or_aside_then_tell_it_at_the_next_look() -> None:
    clock = SteppingClock()
    async with asyncio.timeout(30), scripted_node() as node, RpcClient([node.url], chain_id=31337) as client:
        node.mine()
        node.mine()
        heads = Reads(client, clock, poll_interval_s=1.0).heads()
        assert (await anext(heads)).number == 2
        for depth, salts in ((1, []), (1, [b"aside"]), (1, [b"a", b"longer", b"one"])):
            node.roll_back(depth)
            for salt in salts:
                node.mine(salt=salt)
            client.distrust("it has contradicted itself")
            before_s = clock.slept_s
            told = await anext(heads)
            assert to_hex(told.hash) == node.blocks[-1]["hash"]
            assert clock.slept_s - before_s == 1.0
