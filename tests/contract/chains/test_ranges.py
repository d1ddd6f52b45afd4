"""Ranges of blocks on the way to a head that is far: how large they are, and that the next one is asked for ahead."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.contract.chains.test_follower import HastyClock
from tests.fakes.node import ScriptedNode, scripted_node
from triggerx.chains import ranges, rpc
from triggerx.chains.reads import Reads
from triggerx.chains.rpc import RpcClient
from triggerx.core.errors import RecoverableError
from triggerx.evm.types import Address, to_hex
from triggerx.ports.chain import Block, BlockRange, LogFilter

BLOCKS = 60
LOGS_A_BLOCK = 5


@asynccontextmanager
async def far_behind(*, nodes: int = 1) -> AsyncIterator[tuple[list[ScriptedNode], Reads]]:
    """A chain of `BLOCKS` blocks with `LOGS_A_BLOCK` logs each, that nobody has read yet."""
    async with asyncio.timeout(30), scripted_node() as first, scripted_node() as second:
        chosen = [first, second][:nodes]
        for node in chosen:
            for _ in range(BLOCKS):
                node.mine(*range(1, LOGS_A_BLOCK + 1))
        async with RpcClient([node.url for node in chosen], chain_id=31337) as client:
            yield chosen, Reads(client, HastyClock(), poll_interval_s=0.001)


async def read_on(steps: AsyncIterator[BlockRange], blocks: list[Block], *, until: int) -> list[BlockRange]:
    """Read to a block; `blocks` are those that stand in the end, one upon the other."""
    found: list[BlockRange] = []
    async for step in steps:
        found.append(step)
        for dropped in step.dropped:
            assert blocks.pop() == dropped
        for block in step.blocks:
            assert not blocks or block.parent_hash == blocks[-1].hash
            blocks.append(block)
        if blocks[-1].number >= until:
            return found
    raise AssertionError("the follower ends")


async def until_asked(asked: Sequence[object], count: int) -> None:
    """Let the node be asked so often; who follows does nothing meanwhile."""
    while len(asked) < count:  # noqa: ASYNC110  the node counts, and tells nobody
        await asyncio.sleep(0)


def spans_asked(node: ScriptedNode) -> list[tuple[int, int]]:
    """Note the ranges of logs that are asked for."""
    asked: list[tuple[int, int]] = []

    def noted(params: list[Any]) -> Any:
        if "fromBlock" in params[0]:
            asked.append((int(params[0]["fromBlock"], 16), int(params[0]["toBlock"], 16)))
        return node.truth("eth_getLogs", params)

    node.lies["eth_getLogs"] = noted
    return asked


async def test_ranges_when_all_in_one_answer_would_be_too_large_then_are_read_one_after_the_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(rpc, "RESPONSE_BYTES_MAX", 40_000)
    async with far_behind() as (_, reads):
        blocks: list[Block] = []
        for _ in range(20):  # whoever follows begins anew after an error, from what it has stored
            steps = reads.canonical_ranges(LogFilter, known=tuple(blocks), start_block=1)
            try:
                await read_on(steps, blocks, until=BLOCKS)
            except RecoverableError:
                continue
            break
        assert [block.number for block in blocks] == list(range(1, BLOCKS + 1))


async def test_ranges_when_logs_are_many_then_hold_about_as_many_as_are_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ranges, "LOGS_PER_RANGE", 3 * LOGS_A_BLOCK)
    async with far_behind() as ((node,), reads):
        asked = spans_asked(node)
        found = await read_on(reads.canonical_ranges(LogFilter, known=(), start_block=1), [], until=BLOCKS)
        sizes = [len(step.blocks) for step in found]
        assert sizes[0] == ranges.BLOCKS_FIRST
        assert set(sizes[1:-1]) == {3}
        assert [last - first + 1 for first, last in asked] == sizes


async def test_ranges_when_logs_are_few_then_grow() -> None:
    async with far_behind() as (_, reads):
        found = await read_on(reads.canonical_ranges(LogFilter, known=(), start_block=1), [], until=BLOCKS)
        assert [len(step.blocks) for step in found] == [4, 8, 16, 32]


@pytest.mark.parametrize("nodes", [1, 2])
async def test_ranges_when_one_is_handled_then_the_next_is_on_its_way_and_is_asked_for_once(nodes: int) -> None:
    async with far_behind(nodes=nodes) as (chosen, reads):
        asked = [spans_asked(node) for node in chosen]
        steps = reads.canonical_ranges(LogFilter, known=(), start_block=1)
        for count in (2, 3, 4):
            await anext(steps)
            for each in asked:
                await until_asked(each, count)
        assert [block.number for block in (await anext(steps)).blocks] == list(range(29, 61))
        assert asked == [[(1, 4), (5, 12), (13, 28), (29, 60)]] * nodes


async def test_ranges_when_what_is_wanted_changes_then_what_was_asked_ahead_is_asked_again() -> None:
    async with far_behind() as ((node,), reads):
        first, second = Address(node.emitter), Address(b"\x0f" * 20)
        wanted = LogFilter(addresses=(first,))
        asked: list[tuple[str, str]] = []

        def noted(params: list[Any]) -> Any:
            asked.append((params[0]["fromBlock"], params[0]["address"][-1]))
            return node.truth("eth_getLogs", params)

        node.lies["eth_getLogs"] = noted
        steps = reads.canonical_ranges(lambda: wanted, known=(), start_block=1)
        await anext(steps)
        await until_asked(asked, 2)
        wanted = LogFilter(addresses=(first, second))
        step = await anext(steps)
        assert step.blocks[0].number == 5
        assert asked[:3] == [("0x1", to_hex(first)), ("0x5", to_hex(first)), ("0x5", to_hex(second))]


async def test_ranges_when_blocks_are_replaced_under_what_was_asked_ahead_then_end_at_the_canonical_chain() -> None:
    async with far_behind() as ((node,), reads):
        asked = spans_asked(node)
        steps = reads.canonical_ranges(LogFilter, known=(), start_block=1)
        blocks = list((await anext(steps)).blocks)
        await until_asked(asked, 2)
        node.roll_back(BLOCKS - 3)
        for _ in range(BLOCKS):
            node.mine(9, salt=b"another")
        found = await read_on(steps, blocks, until=BLOCKS + 3)
        assert any(step.dropped for step in found)
        assert [to_hex(block.hash) for block in blocks] == [block["hash"] for block in node.blocks[1:]]


async def test_ranges_when_what_was_asked_ahead_fails_then_that_is_raised_and_nothing_is_skipped() -> None:
    async with far_behind() as ((node,), reads):

        def broken(params: list[Any]) -> Any:
            return "no list" if params[0].get("fromBlock") == "0x5" else node.truth("eth_getLogs", params)

        node.lies["eth_getLogs"] = broken
        blocks: list[Block] = []
        with pytest.raises(RecoverableError):
            await read_on(reads.canonical_ranges(LogFilter, known=(), start_block=1), blocks, until=BLOCKS)
        assert [block.number for block in blocks] == list(range(1, 5))
        del node.lies["eth_getLogs"]
        await read_on(reads.canonical_ranges(LogFilter, known=tuple(blocks), start_block=1), blocks, until=BLOCKS)
        assert [block.number for block in blocks] == list(range(1, BLOCKS + 1))
