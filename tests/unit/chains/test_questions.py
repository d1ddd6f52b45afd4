"""Answers with logs, held against the blocks that they are said to lie in."""

from dataclasses import replace

import pytest

from triggerx.chains.answers import LogAnswer
from triggerx.chains.questions import Doubt, filter_json, sorted_logs
from triggerx.evm.types import Address, Hash32
from triggerx.ports.chain import Block, LogFilter

BLOCK = Block(number=7, hash=Hash32(b"\x07" * 32), parent_hash=Hash32(b"\x06" * 32), timestamp=0, logs_bloom=bytes(256))


def answer(index: int, *, block_hash: str = "07", removed: bool = False) -> LogAnswer:
    return LogAnswer(
        address="0x" + "11" * 20,
        topics=(),
        data="0x",
        block_number="0x7",
        block_hash="0x" + block_hash * 32,
        transaction_hash="0x" + "22" * 32,
        log_index=hex(index),
        removed=removed,
    )


def test_logs_when_repeated_and_in_disorder_then_come_once_in_order() -> None:
    found = sorted_logs([answer(2), answer(0), answer(2), answer(10)], [BLOCK])
    assert [log.log_index for log in found] == [0, 2, 10]


@pytest.mark.parametrize("bad", [answer(0, block_hash="08"), answer(0, removed=True)])
def test_logs_when_one_lies_in_no_block_of_the_range_then_are_in_doubt(bad: LogAnswer) -> None:
    with pytest.raises(Doubt, match="a log of block 7 lies in a block that is not canonical"):
        sorted_logs([answer(1), bad], [BLOCK])
    with pytest.raises(Doubt):
        sorted_logs([answer(1)], [replace(BLOCK, number=8)])


def test_logs_when_malformed_then_are_refused() -> None:
    with pytest.raises(ValueError, match="wrong length"):
        sorted_logs([answer(0, block_hash="0")], [BLOCK])


def test_filter_when_written_then_has_addresses_and_topics_by_position() -> None:
    address, topic = Address(b"\x11" * 20), b"\x01" * 32
    assert filter_json(LogFilter()) == {}
    assert filter_json(LogFilter(addresses=(address,), topics=(None, (topic,)))) == {
        "address": ["0x" + "11" * 20],
        "topics": [None, ["0x" + "01" * 32]],
    }
