"""The newest block: shared by all who wait, held against another endpoint's, and missed aloud."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

import msgspec
from aiohttp import web

from tests.contract.chains.stepping import SteppingClock
from tests.contract.chains.test_head_bell import Rung, speaking
from tests.fakes.clock import VirtualClock
from tests.fakes.log import RecordingLog
from tests.fakes.node import ScriptedNode, scripted_node
from triggerx.chains.development import development_chain
from triggerx.chains.head_bell import HeadBell
from triggerx.chains.heads import HEAD_LAG_MAX_S, VAIN_MAX, HeadWatch
from triggerx.chains.reads import Reads
from triggerx.chains.rpc import RpcClient
from triggerx.core.errors import RecoverableError
from triggerx.evm.types import ZERO_HASH, Hash32, to_hex
from triggerx.node.clock import SystemClock
from triggerx.ports.chain import Block

HOUR_S = 3600.0
_ANY = msgspec.json.Decoder()


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


class Hourly:
    """A watch that looks once a virtual hour at a head in memory."""

    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.head = Block(number=0, hash=ZERO_HASH, parent_hash=ZERO_HASH, timestamp=1, logs_bloom=bytes(256))
        self.looks = 0
        self.while_looking: list[Callable[[], None]] = []
        client = RpcClient(["http://127.0.0.1:1"], chain_id=31337)
        self.watch = HeadWatch(
            client, self.clock, self._read, poll_interval_s=HOUR_S, head_lag_max_s=HEAD_LAG_MAX_S, log=None
        )

    async def _read(self) -> Block:
        self.looks += 1
        head = self.head
        if self.while_looking:
            self.while_looking.pop()()
        return head

    def mine(self) -> None:
        number = self.head.number + 1
        self.head = replace(self.head, number=number, hash=Hash32(number.to_bytes(32, "big")))

    async def wake(self) -> None:
        """Wake, and let everything happen that does without the interval."""
        self.watch.wake()
        await self.clock.advance(0)


def mined_and_woken(on: Hourly) -> None:
    on.mine()
    on.watch.wake()


async def test_heads_when_woken_then_many_share_one_look_without_the_interval() -> None:
    on = Hourly()
    waiters = [on.watch.heads() for _ in range(20)]
    await asyncio.gather(*(anext(waiter) for waiter in waiters))
    coming = [asyncio.ensure_future(anext(waiter)) for waiter in waiters]
    await on.wake()
    assert (on.looks, any(one.done() for one in coming)) == (2, False)
    on.mine()
    await on.wake()
    assert ({one.result().number for one in coming}, on.looks) == ({1}, 3)


async def test_heads_when_woken_while_they_look_then_look_again() -> None:
    on = Hourly()
    on.while_looking.append(lambda: mined_and_woken(on))
    heads = on.watch.heads()
    assert [(await anext(heads)).number for _ in range(2)] == [0, 1]


async def test_heads_when_woken_in_vain_then_that_is_heeded_so_often_and_the_interval_goes_on() -> None:
    on = Hourly()
    heads = on.watch.heads()
    assert (await anext(heads)).number == 0
    for number in (1, 2):
        coming, looks = asyncio.ensure_future(anext(heads)), on.looks
        await on.clock.advance(0)
        for _ in range(3 * VAIN_MAX):
            await on.wake()
        assert on.looks - looks <= VAIN_MAX + 1
        on.mine()
        await on.wake()
        assert not coming.done()
        await on.clock.advance(HOUR_S)
        assert coming.done()
        assert coming.result().number == number


async def test_heads_when_the_websocket_floods_garbage_then_the_interval_goes_on_and_looks_are_few() -> None:
    async def flood(socket: web.WebSocketResponse) -> None:
        with contextlib.suppress(ConnectionError):
            while True:
                await socket.send_str("garbage")

    on, rung = Hourly(), Rung()

    def ring() -> None:
        rung()
        on.watch.wake()

    heads, hours = on.watch.heads(), 0
    assert (await anext(heads)).number == 0
    async with speaking(flood) as url, HeadBell(url, ring, SteppingClock()):
        for number in range(1, 6):
            coming = asyncio.ensure_future(anext(heads))
            await rung.times(500)
            on.mine()
            while not coming.done():
                hours += 1
                await on.clock.advance(HOUR_S)
            assert coming.result().number == number
    assert rung.count >= 2_500
    assert on.looks <= 1 + hours + 6 * (VAIN_MAX + 1)


class Slow(Hourly):
    """A watch whose every look takes five virtual seconds; with `fault` it ends in that."""

    fault: RecoverableError | None = None

    async def _read(self) -> Block:
        head = await super()._read()
        await self.clock.sleep(5.0)
        if self.fault is not None:
            raise self.fault
        return head


async def test_look_when_the_node_hangs_then_all_who_wait_are_told_with_the_first() -> None:
    on = Slow()
    on.fault = RecoverableError("no answer within 5 s")
    waiting = [asyncio.ensure_future(on.watch.look()) for _ in range(20)]
    await on.clock.advance(5.0)
    assert [str(one.exception()) for one in waiting] == ["no answer within 5 s"] * 20
    assert on.looks == 1
    late = asyncio.ensure_future(on.watch.look())
    await on.clock.advance(4.0)
    on.fault = None
    later = asyncio.ensure_future(on.watch.look())
    await on.clock.advance(1.0)
    assert (await late, await later, on.looks) == (on.head, on.head, 2)


async def test_look_when_the_node_is_slow_and_every_look_is_woken_then_nobody_waits_for_more_than_two() -> None:
    on = Slow()
    first = asyncio.ensure_future(on.watch.look())
    await on.clock.advance(1.0)
    waiting = [asyncio.ensure_future(on.watch.look()) for _ in range(20)]
    for _ in range(3):
        on.mine()
        await on.wake()
        await on.clock.advance(3.0)
    assert first.done()
    assert {one.result().number for one in waiting if one.done()} == {2}
    assert all(one.done() for one in waiting)
    assert on.looks == 2


async def test_look_when_one_who_waits_gives_up_then_the_others_look() -> None:
    on = Slow()
    first, second = (asyncio.ensure_future(on.watch.look()) for _ in range(2))
    await on.clock.advance(1.0)
    first.cancel()
    await on.clock.advance(5.0)
    assert (second.result(), on.looks) == (on.head, 2)


async def test_heads_when_anvil_tells_of_a_block_then_it_is_handed_out_long_before_the_interval() -> None:
    clock = SystemClock()
    async with (
        asyncio.timeout(60),
        development_chain("anvil", accounts=1, block_time_s=6000) as chain,
        RpcClient([chain.rpc_url], chain_id=chain.chain_id) as client,
    ):
        reads = Reads(client, clock, poll_interval_s=HOUR_S)
        subscribed = asyncio.Event()

        def ring() -> None:
            subscribed.set()
            reads.wake()

        async with HeadBell(chain.ws_url, ring, clock):
            heads = reads.heads()
            assert (await anext(heads)).number == 0
            await subscribed.wait()  # the answer to the subscription
            for number in range(1, 20):
                await client.call("evm_mine", [], _ANY)
                assert (await anext(heads)).number == number
