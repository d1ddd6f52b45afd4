"""Confirmed logs without loss: reorganisations on real chains, lies of scripted nodes."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest

from tests.fakes import emitter
from tests.fakes.node import Refuse, ScriptedNode, scripted_node
from triggerx.chains.development import Kind, development_chain, find_anvil
from triggerx.chains.envelope import Fees, Unsigned, sign
from triggerx.chains.reads import Reads
from triggerx.chains.rpc import RpcClient
from triggerx.core.errors import RecoverableError
from triggerx.evm.types import Address, Wei, to_hex
from triggerx.node.clock import SystemClock
from triggerx.ports.chain import Cursor, Log, LogBatch, LogFilter, ReorgBeyondConfirmations

ANY = msgspec.json.Decoder()
GWEI = 10**9
KINDS: list[Kind] = ["embedded", "anvil"] if find_anvil() else ["embedded"]
EMITTED = LogFilter(addresses=(Address(b"\x0e" * 20),))


class HastyClock(SystemClock):
    """The machine's clock whose sleepers wake at once, so that backing off costs a test nothing."""

    async def sleep(self, duration_s: float) -> None:
        await asyncio.sleep(min(duration_s, 0.001))


def numbers(logs: Sequence[Log]) -> list[int]:
    return [int.from_bytes(log.topics[0], "big") for log in logs]


async def collect(batches: AsyncIterator[LogBatch], *, until_block: int) -> tuple[list[int], Cursor]:
    """Read on to a block, demanding that ranges are contiguous and ascending."""
    found: list[Log] = []
    async for batch in batches:
        found += batch.logs
        if batch.cursor.number >= until_block:
            assert [(log.block_number, log.log_index) for log in found] == sorted(
                (log.block_number, log.log_index) for log in found
            )
            return numbers(found), batch.cursor
    raise AssertionError("the follower ends")


@asynccontextmanager
async def followed(*, nodes: int = 1) -> AsyncIterator[tuple[list[ScriptedNode], Reads]]:
    async with asyncio.timeout(30), scripted_node() as first, scripted_node() as second:
        chosen = [first, second][:nodes]
        async with RpcClient([node.url for node in chosen], chain_id=31337) as client:
            yield chosen, Reads(client, HastyClock(), poll_interval_s=0.001)


async def test_follower_when_blocks_are_many_then_yields_every_log_once_in_order() -> None:
    async with followed() as ((node,), reads):
        for number in range(1, 1201):
            node.mine(*([number] if number % 7 == 0 else []))
        batches = reads.confirmed_logs(EMITTED, after=None, start_block=1, confirmations=10)
        found, cursor = await collect(batches, until_block=1190)
        assert found == [number for number in range(1, 1191) if number % 7 == 0]
        assert cursor.number == 1190
        assert node.calls["eth_getLogs"] < 10 + len(found)


async def test_follower_when_resumed_from_its_cursor_then_goes_on_without_gap_or_repetition() -> None:
    async with followed() as ((node,), reads):
        for number in range(1, 31):
            node.mine(number)
        first, cursor = await collect(
            reads.confirmed_logs(EMITTED, after=None, start_block=0, confirmations=20), until_block=10
        )
        second, _ = await collect(
            reads.confirmed_logs(EMITTED, after=cursor, start_block=0, confirmations=0), until_block=30
        )
        assert first + second == list(range(1, 31))


async def test_follower_when_the_node_refuses_ranges_then_asks_for_smaller_ones() -> None:
    async with followed() as ((node,), reads):
        for number in range(1, 101):
            node.mine(number)

        def narrow(params: list[Any]) -> Any:
            asked = params[0]
            if "fromBlock" in asked and int(asked["toBlock"], 16) - int(asked["fromBlock"], 16) >= 10:
                raise Refuse(-32602, "block range too large")
            return node.truth("eth_getLogs", params)

        node.lies["eth_getLogs"] = narrow
        batches = reads.confirmed_logs(EMITTED, after=None, start_block=1, confirmations=0)
        assert (await collect(batches, until_block=100))[0] == list(range(1, 101))
        everything = await reads.logs(EMITTED, from_block=0, to_block=100)
        assert numbers(everything) == list(range(1, 101))


async def test_follower_when_a_node_hides_logs_then_asks_until_they_are_shown() -> None:
    async with followed() as ((node,), reads):
        node.mine(1)
        node.mine(2)
        asked = 0

        def forgetful(params: list[Any]) -> Any:
            nonlocal asked
            asked += "fromBlock" in params[0]
            return [] if "fromBlock" in params[0] and asked < 3 else node.truth("eth_getLogs", params)

        node.lies["eth_getLogs"] = forgetful
        batches = reads.confirmed_logs(EMITTED, after=None, start_block=1, confirmations=0)
        assert (await collect(batches, until_block=2))[0] == [1, 2]
        assert asked == 3


async def test_follower_when_one_endpoint_never_shows_logs_then_the_other_is_believed() -> None:
    async with followed(nodes=2) as ((liar, honest), reads):
        for node in (liar, honest):
            node.mine(5)
        liar.lies["eth_getLogs"] = lambda _: []
        batches = reads.confirmed_logs(EMITTED, after=None, start_block=1, confirmations=0)
        assert (await collect(batches, until_block=1))[0] == [5]


async def test_follower_when_lies_do_not_end_then_says_which_blocks_and_skips_none() -> None:
    async with followed() as ((node,), reads):
        node.mine(5)
        node.lies["eth_getLogs"] = lambda params: [] if "fromBlock" in params[0] else node.truth("eth_getLogs", params)
        batches = reads.confirmed_logs(EMITTED, after=None, start_block=1, confirmations=0)
        with pytest.raises(RecoverableError, match="blocks 1 to 1: block 1 holds 1 logs that the range did not show"):
            await collect(batches, until_block=1)


async def test_follower_when_logs_repeat_or_come_in_disorder_then_each_is_yielded_once() -> None:
    async with followed() as ((node,), reads):
        node.mine(1, 2, 3)
        node.lies["eth_getLogs"] = lambda params: list(reversed(node.truth("eth_getLogs", params))) * 2
        batches = reads.confirmed_logs(EMITTED, after=None, start_block=1, confirmations=0)
        assert (await collect(batches, until_block=1))[0] == [1, 2, 3]


async def test_follower_when_the_cursor_was_replaced_then_stops_and_says_what_to_do() -> None:
    async with followed() as ((node,), reads):
        for number in range(1, 6):
            node.mine(number)
        batches = reads.confirmed_logs(EMITTED, after=None, start_block=1, confirmations=0)
        _, cursor = await collect(batches, until_block=5)
        node.roll_back(2)
        for number in (14, 15, 16):
            node.mine(number)
        batches = reads.confirmed_logs(EMITTED, after=cursor, start_block=1, confirmations=0)
        with pytest.raises(ReorgBeyondConfirmations, match="raise the confirmations"):
            await collect(batches, until_block=6)


async def test_follower_when_one_endpoint_is_on_a_fork_then_the_other_saves_the_cursor() -> None:
    async with followed(nodes=2) as ((forked, honest), reads):
        for node in (forked, honest):
            node.mine(1)
            node.mine(2, salt=b"fork" if node is forked else b"")
            node.mine(3)
        cursor = Cursor(number=2, hash=bytes.fromhex(honest.blocks[2]["hash"][2:]))  # type: ignore[arg-type]  # Hash32
        batches = reads.confirmed_logs(EMITTED, after=cursor, start_block=1, confirmations=0)
        assert (await collect(batches, until_block=3))[0] == [3]


@pytest.mark.parametrize("kind", KINDS)
async def test_follower_when_the_chain_is_reorganised_then_equals_the_canonical_logs(kind: Kind) -> None:
    async with (
        asyncio.timeout(60),
        development_chain(kind, accounts=1, block_time_s=600) as chain,
        RpcClient([chain.rpc_url], chain_id=chain.chain_id) as client,
    ):
        reads = Reads(client, SystemClock(), poll_interval_s=0.005)

        async def send(nonce: int, to: Address | None, data: bytes) -> None:
            unsigned = Unsigned(
                chain_id=reads.chain_id,
                nonce=nonce,
                to=to,
                data=data,
                value=Wei(0),
                gas=200_000,
                fees=Fees(max_wei=5 * GWEI, priority_wei=GWEI),
            )
            await client.call("eth_sendRawTransaction", [to_hex(sign(chain.accounts[0], unsigned)[1])], ANY)
            await client.call("evm_mine", [], ANY)

        async def do(method: str, *params: Any) -> Any:
            return await client.call(method, params, ANY)

        await send(0, None, emitter.INIT_CODE)
        receipts = await do("eth_getBlockReceipts", "latest")
        contract = Address(bytes.fromhex(receipts[0]["contractAddress"][2:]))
        wanted = LogFilter(addresses=(contract,))
        found: list[int] = []
        cursor: Cursor | None = None
        for round_number in range(1, 5):
            nonce = await reads.transaction_count(chain.accounts[0].address)
            for step in range(3):
                await send(nonce + step, contract, emitter.emit(round_number * 10 + step))
            await do("anvil_reorg", 2, [])
            nonce = await reads.transaction_count(chain.accounts[0].address)
            await send(nonce, contract, emitter.emit(round_number * 10 + 9))
            await do("anvil_mine", "0x3")
            head = await reads.head()
            batches = reads.confirmed_logs(wanted, after=cursor, start_block=0, confirmations=3)
            more, cursor = await collect(batches, until_block=head.number - 3)
            found += more
        canonical = await reads.logs(wanted, from_block=0, to_block=cursor.number if cursor else 0)
        assert found == numbers(canonical) == [10, 19, 20, 29, 30, 39, 40, 49]
        await do("anvil_reorg", 5, [])
        await do("anvil_mine", "0x5")
        with pytest.raises(ReorgBeyondConfirmations):
            await collect(
                reads.confirmed_logs(wanted, after=cursor, start_block=0, confirmations=3),
                until_block=10_000,
            )
