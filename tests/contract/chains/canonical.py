"""What `canonical_ranges` promises, as courses of one chain that any implementation is taken through."""

import random
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Protocol

from triggerx.evm.types import Hash32
from triggerx.ports.chain import Block, BlockRange, Chain, Log, LogFilter

ALL_DEPTHS = tuple(range(1, 65))
SOME_DEPTHS = (1, 3, 8)
RESTARTS = {3, 8, 21, 64}
"""After reorganisations of these depths the follower is begun anew from what was stored."""


class Course(Protocol):
    """A chain and what a test does to it; `wanted` asks for the logs that `mine` makes."""

    @property
    def chain(self) -> Chain:
        """The implementation under test."""

    @property
    def wanted(self) -> LogFilter:
        """What finds the logs."""

    async def mine(self, *topics: int) -> None:
        """Mine one block with a log for each topic."""

    async def reorganise(self, depth: int) -> None:
        """Replace the newest blocks by ones without logs."""


class Replay:
    """What a caller has who applies every range: it demands at each one what the port promises."""

    def __init__(self, course: Course, wanted: Callable[[], LogFilter], *, start_block: int = 0) -> None:
        self.blocks: list[Block] = []
        self.logs: dict[tuple[Hash32, int], Log] = {}
        self.dropped = 0
        self._course = course
        self._wanted = wanted
        self._start_block = start_block
        self._ranges = self._begun()

    def _begun(self) -> AsyncIterator[BlockRange]:
        known = self.blocks[-256:]
        return self._course.chain.canonical_ranges(self._wanted, known=known, start_block=self._start_block)

    def restart(self) -> None:
        """Forget the follower, as a killed process does, and go on from what is stored."""
        self._ranges = self._begun()

    def apply(self, step: BlockRange) -> None:
        for block in step.dropped:
            assert self.blocks.pop() == block, "dropped blocks come newest first, and were handed out before"
            self.logs = {place: log for place, log in self.logs.items() if place[0] != block.hash}
        assert step.blocks
        for block in step.blocks:
            if self.blocks:
                assert (block.number, block.parent_hash) == (self.blocks[-1].number + 1, self.blocks[-1].hash)
            else:
                assert block.number == self._start_block
            self.blocks.append(block)
        numbers = {block.hash: block.number for block in step.blocks}
        places = [(log.block_number, log.log_index) for log in step.logs]
        assert places == sorted(set(places)), "logs come in order, each once"
        for log in step.logs:
            assert numbers[log.block_hash] == log.block_number
            assert (log.block_hash, log.log_index) not in self.logs
            self.logs[log.block_hash, log.log_index] = log
        self.dropped += len(step.dropped)

    async def catch_up(self) -> None:
        """Apply ranges up to the head as it is now."""
        head = await self._course.chain.head()
        while not self.blocks or self.blocks[-1] != head:
            self.apply(await anext(self._ranges))

    async def demand_canonical(self) -> None:
        """Demand that what was applied is exactly what the canonical chain holds, once and in order."""
        head = self.blocks[-1]
        asked = {"from_block": self._start_block, "to_block": head.number}
        canonical = await self._course.chain.logs(self._course.wanted, **asked)
        chosen = set(canonical)
        assert [log for log in self.logs.values() if log in chosen] == list(canonical)
        if self._wanted() == self._course.wanted:
            assert list(self.logs.values()) == list(canonical)
        for block in self.blocks[:: max(1, len(self.blocks) // 8)]:
            assert await self._course.chain.block(block.number) == block


async def follow_reorganisations(course: Course, wanted: Callable[[], LogFilter], depths: Sequence[int]) -> None:
    """Reorganise by so many blocks each time, whose logs are replaced, with restarts in between."""
    topic = 0
    for _ in range(max(depths) + 6):
        topic += 1
        await course.mine(*[topic] * (topic % 3))
    replay = Replay(course, wanted)
    await replay.catch_up()
    await replay.demand_canonical()
    for depth in depths:
        topic += 1
        await course.mine(topic, topic)
        await replay.catch_up()
        dropped, at_risk = replay.dropped, replay.blocks[-depth:]
        await course.reorganise(depth)
        await course.mine(topic)
        if depth in RESTARTS:
            replay.restart()
        await replay.catch_up()
        # An empty block may have been made again just as it was, and is then the same one.
        replaced = [block for block in at_risk if await course.chain.block(block.number) != block]
        assert replaced
        assert replay.dropped == dropped + len(replaced)
        await replay.demand_canonical()


async def follow_what_changes_between_looks(course: Course, *, seed: int) -> None:
    """Mine and reorganise by chance, several times between two looks; what is applied in the end is canonical."""
    chance = random.Random(seed)  # noqa: S311 - repeatable on purpose
    for topic in range(1, 11):
        await course.mine(topic)
    replay = Replay(course, lambda: course.wanted, start_block=1)
    for topic in range(11, 40):
        if chance.random() < 0.4:
            await course.reorganise(chance.randint(1, 5))
        if chance.random() < 0.8:
            await course.mine(*[topic] * chance.randint(0, 3))
        if chance.random() < 0.5:
            await replay.catch_up()
            await replay.demand_canonical()
        if chance.random() < 0.2:
            replay.restart()
    await replay.catch_up()
    await replay.demand_canonical()
