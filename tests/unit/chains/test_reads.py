"""The block of a moment: the right one, by few questions however long the chain is."""

import pytest

from tests.fakes.clock import VirtualClock
from triggerx.chains.reads import Reads
from triggerx.chains.rpc import RpcClient
from triggerx.evm.types import Hash32
from triggerx.ports.chain import Block

START = 1_000_000


class EvenChain(Reads):
    """A chain of made-up blocks, `per_minute` each minute, that counts the questions."""

    def __init__(self, length: int, per_minute: int) -> None:
        super().__init__(RpcClient(["http://127.0.0.1:1"], chain_id=1), VirtualClock())
        self.questions = 0
        self._length = length
        self._per_minute = per_minute

    def made(self, number: int) -> Block:
        digest = Hash32(number.to_bytes(32, "big"))
        timestamp = START + number * 60 // self._per_minute
        return Block(number=number, hash=digest, parent_hash=digest, timestamp=timestamp, logs_bloom=bytes(256))

    async def head(self) -> Block:
        self.questions += 1
        return self.made(self._length - 1)

    async def block(self, number: int) -> Block | None:
        self.questions += 1
        return self.made(number) if 0 <= number < self._length else None


@pytest.mark.parametrize("per_minute", [5, 60, 240])
@pytest.mark.parametrize("length", [1, 2, 3, 50])
async def test_block_at_when_any_moment_is_asked_for_then_the_newest_not_later_is_given(
    length: int, per_minute: int
) -> None:
    chain = EvenChain(length, per_minute)
    blocks = [chain.made(number) for number in range(length)]
    for moment in range(START - 2, blocks[-1].timestamp + 3):
        wanted = [block for block in blocks if block.timestamp <= moment]
        assert await chain.block_at(moment) == (wanted[-1] if wanted else None)


@pytest.mark.parametrize("per_minute", [5, 60, 240])
async def test_block_at_when_the_moment_is_recent_then_the_length_of_the_chain_does_not_count(per_minute: int) -> None:
    chain = EvenChain(40_000_000, per_minute)
    head = await chain.head()
    for age_s in range(1, 9):
        chain.questions = 0
        await chain.block_at(head.timestamp - age_s)
        assert chain.questions <= 9
