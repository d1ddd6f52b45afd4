"""A chain in memory: blocks are mined by the test, and contract calls answer what the test registered."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from triggerx.core.errors import RecoverableError
from triggerx.evm.abi import Function
from triggerx.evm.abi.codec import encode_type
from triggerx.evm.keccak import Hash32, keccak256
from triggerx.evm.types import ZERO_HASH, Address, ChainId, Wei, to_hex
from triggerx.ports.chain import (
    Block,
    BlockRange,
    CallReverted,
    Cursor,
    Log,
    LogBatch,
    LogFilter,
    Receipt,
    ReorgBeyondConfirmations,
    Transaction,
    View,
)

FILTER_ADDRESSES_MAX = 256
"""More than these, and the logs come unfiltered, as from `triggerx.chains.canonical`."""
Answer = Callable[..., object]


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenCall:
    """One `eth_call` as it came."""

    to: Address
    data: bytes
    sender: Address | None
    value: Wei
    block: int | str


class FakeChain:
    """Implements `ports.chain.Chain`; `fault`, when set, is raised by every read, as by endpoints that are down."""

    def __init__(
        self, chain_id: int = 31337, *, now: int = 1_700_000_000, block_time_s: int = 1, gas_price: int = 10**9
    ) -> None:
        self.chain_id = ChainId(chain_id)
        self.fault: RecoverableError | None = None
        self.calls: list[SeenCall] = []
        self.balances: dict[Address, int] = {}
        self.gas_estimate: int | CallReverted = 50_000
        self.receipts_by_hash: dict[Hash32, Receipt] = {}
        self.transactions: dict[Hash32, Transaction] = {}
        self._gas_price = gas_price
        self._block_time_s = block_time_s
        self._answers: dict[tuple[Address, bytes], tuple[Function, Answer]] = {}
        self._blocks = [self._next(None, now, fork=0)]
        self._logs: list[Log] = []
        self._fork = 0
        self._mined = asyncio.Condition()

    def answer(self, to: Address, function: Function, answer: Answer) -> None:
        """Answer calls of `function` at `to`: `answer` gets its arguments and returns its one result, or a tuple.

        A function with several results needs a tuple of them; one that raises `CallReverted` reverts.
        """
        self.answer_at(to, function, lambda _, *arguments: answer(*arguments))

    def answer_at(self, to: Address, function: Function, answer: Answer) -> None:
        """The same, where the answer depends on the block: `answer` gets its number before the arguments."""
        self._answers[to, function.selector] = (function, answer)

    def set_gas_price(self, wei: int) -> None:
        """Ask this for one gas from now on."""
        self._gas_price = wei

    async def mine(self, count: int = 1, *, logs: Sequence[Log] = (), timestamp: int | None = None) -> Block:
        """Mine blocks; the logs go into the last, with its number and hash put in."""
        for _ in range(count):
            self._append(timestamp)
        self._put(logs)
        async with self._mined:
            self._mined.notify_all()
        return self._blocks[-1]

    def _append(self, timestamp: int | None) -> Block:
        head = self._blocks[-1]
        moment = head.timestamp + self._block_time_s if timestamp is None else timestamp
        self._blocks.append(self._next(head, moment, fork=self._fork))
        return self._blocks[-1]

    def _put(self, logs: Sequence[Log]) -> None:
        head = self._blocks[-1]
        self._logs += [
            log._replace(block_number=head.number, block_hash=head.hash, log_index=index)
            for index, log in enumerate(logs)
        ]

    async def reorganise(self, depth: int, blocks: Sequence[Sequence[Log]] | None = None) -> None:
        """Replace the newest `depth` blocks; their logs and receipts are gone.

        By `blocks`, the logs of one block after another; without them by as many empty ones and one more.
        """
        keep = len(self._blocks) - depth
        self._fork += 1
        gone = {block.hash for block in self._blocks[keep:]}
        del self._blocks[keep:]
        self._logs = [log for log in self._logs if log.block_hash not in gone]
        for tx_hash in [key for key, receipt in self.receipts_by_hash.items() if receipt.block_hash in gone]:
            del self.receipts_by_hash[tx_hash]
        new = [self._append(None) for _ in range(depth + 1)] if blocks is None else []
        for logs in blocks or ():
            new.append(self._append(None))
            self._put(logs)
        if not new:
            raise ValueError("expected at least one block: a chain that only gets shorter is not seen by anybody")
        async with self._mined:
            self._mined.notify_all()

    async def head(self) -> Block:
        self._check()
        return self._blocks[-1]

    async def block(self, number: int) -> Block | None:
        self._check()
        return self._blocks[number] if 0 <= number < len(self._blocks) else None

    async def block_at(self, timestamp: int) -> Block | None:
        self._check()
        return next((block for block in reversed(self._blocks) if block.timestamp <= timestamp), None)

    async def call(
        self,
        to: Address,
        data: bytes,
        *,
        sender: Address | None = None,
        value: Wei = Wei(0),
        block: int | str = "latest",
    ) -> bytes:
        self._check()
        self.calls.append(SeenCall(to=to, data=data, sender=sender, value=value, block=block))
        found = self._answers.get((to, data[:4]))
        if found is None:
            raise CallReverted(f"no answer is registered for {to_hex(data[:4])} at {to_hex(to)}")
        function, answer = found
        at = block if isinstance(block, int) else self._blocks[-1].number
        result = answer(at, *function.decode_input(data))
        values = (result,) if len(function.outputs.components) == 1 else result
        return encode_type(function.outputs, values)

    async def estimate_gas(
        self,
        to: Address,
        data: bytes,
        *,
        sender: Address | None = None,
        value: Wei = Wei(0),
        block: int | None = None,
    ) -> int:
        self._check()
        if isinstance(self.gas_estimate, CallReverted):
            raise self.gas_estimate
        return self.gas_estimate

    async def logs(self, wanted: LogFilter, *, from_block: int, to_block: int) -> tuple[Log, ...]:
        self._check()
        inside = (log for log in self._logs if from_block <= log.block_number <= to_block)
        return tuple(log for log in inside if _matches(log, wanted))

    async def receipt(self, tx_hash: Hash32) -> Receipt | None:
        self._check()
        return self.receipts_by_hash.get(tx_hash) or self._receipt_of_logs(tx_hash)

    async def receipts(self, block: Block) -> tuple[Receipt, ...]:
        self._check()
        if await self.block(block.number) != block:
            raise RecoverableError(f"block {block.number} was replaced")
        known = [one for one in self.receipts_by_hash.values() if one.block_hash == block.hash]
        others = dict.fromkeys(log.tx_hash for log in self._logs if log.block_hash == block.hash)
        made = [self._receipt_of_logs(one) for one in others if one not in self.receipts_by_hash]
        return tuple(known + [one for one in made if one is not None])

    async def ordinals(self, block: Block) -> Mapping[tuple[Hash32, int], int]:
        places = {}
        for receipt in await self.receipts(block):
            indexes = sorted(log.log_index for log in receipt.logs)
            places.update({(receipt.tx_hash, index): ordinal for ordinal, index in enumerate(indexes)})
        return places

    def _receipt_of_logs(self, tx_hash: Hash32) -> Receipt | None:
        """The receipt of a transaction of which the test mined nothing but logs."""
        logs = tuple(log for log in self._logs if log.tx_hash == tx_hash)
        if not logs:
            return None
        return Receipt(
            tx_hash=tx_hash,
            block_number=logs[0].block_number,
            block_hash=logs[0].block_hash,
            sender=logs[0].address,
            to=logs[0].address,
            is_success=True,
            gas_used=50_000,
            effective_gas_price=Wei(self._gas_price),
            logs=logs,
        )

    async def call_many(self, views: Sequence[View], *, block: int) -> tuple[bytes | CallReverted, ...]:
        self._check()
        found: list[bytes | CallReverted] = []
        for view in views:
            try:
                found.append(await self.call(view.to, view.data, block=block))
            except CallReverted as reverted:
                found.append(reverted)
        return tuple(found)

    async def transaction(self, tx_hash: Hash32) -> Transaction | None:
        self._check()
        return self.transactions.get(tx_hash)

    async def balance(self, address: Address) -> Wei:
        self._check()
        return Wei(self.balances.get(address, 0))

    async def gas_price(self) -> Wei:
        self._check()
        return Wei(self._gas_price)

    async def heads(self) -> AsyncGenerator[Block, None]:
        seen: Block | None = None
        while True:
            async with self._mined:
                while self._blocks[-1] == seen:
                    await self._mined.wait()
            seen = self._blocks[-1]
            yield seen

    async def confirmed_logs(
        self, wanted: LogFilter, *, after: Cursor | None, start_block: int, confirmations: int
    ) -> AsyncGenerator[LogBatch, None]:
        cursor = after
        async for head in self.heads():
            if cursor is not None and (known := await self.block(cursor.number)) and known.hash != cursor.hash:
                raise ReorgBeyondConfirmations(f"block {cursor.number} was replaced")
            first = start_block if cursor is None else cursor.number + 1
            last = head.number - confirmations
            if first <= last:
                cursor = Cursor(number=last, hash=self._blocks[last].hash)
                yield LogBatch(logs=await self.logs(wanted, from_block=first, to_block=last), cursor=cursor)

    async def canonical_ranges(
        self, wanted: Callable[[], LogFilter], *, known: Sequence[Block], start_block: int
    ) -> AsyncGenerator[BlockRange, None]:
        handed_out = list(known)
        async for head in self.heads():
            self._check()
            dropped = tuple(self._dropped(handed_out))
            if known and handed_out and len(dropped) == len(handed_out):
                raise ReorgBeyondConfirmations(f"block {handed_out[0].number} was replaced, and every known one after")
            del handed_out[len(handed_out) - len(dropped) :]
            first = handed_out[-1].number + 1 if handed_out else start_block
            blocks = tuple(self._blocks[first : head.number + 1])
            if not blocks:
                continue
            asked = wanted()
            is_whole = len(asked.addresses) > FILTER_ADDRESSES_MAX or not (asked.addresses or any(asked.topics))
            chosen = LogFilter() if is_whole else asked
            handed_out += blocks
            logs = await self.logs(chosen, from_block=first, to_block=head.number)
            yield BlockRange(dropped=dropped, blocks=blocks, logs=logs, is_whole=is_whole)

    def _dropped(self, handed_out: Sequence[Block]) -> Iterator[Block]:
        """Those that are no longer canonical, newest first; none while the chain is no longer than they are."""
        if (
            handed_out
            and self._blocks[-1].number < handed_out[-1].number
            and self._blocks[-1].hash in {each.hash for each in handed_out}
        ):
            return
        for block in reversed(handed_out):
            if block.number < len(self._blocks) and self._blocks[block.number].hash == block.hash:
                return
            yield block

    def _check(self) -> None:
        if self.fault is not None:
            raise self.fault

    def _next(self, parent: Block | None, timestamp: int, *, fork: int) -> Block:
        number = 0 if parent is None else parent.number + 1
        parent_hash = ZERO_HASH if parent is None else parent.hash
        name = f"{self.chain_id}:{number}:{fork}:{timestamp}".encode()
        return Block(
            number=number,
            hash=keccak256(parent_hash + name),
            parent_hash=parent_hash,
            timestamp=timestamp,
            logs_bloom=b"\xff" * 256,
        )


def _matches(log: Log, wanted: LogFilter) -> bool:
    if wanted.addresses and log.address not in wanted.addresses:
        return False
    for place, options in enumerate(wanted.topics):
        if options is not None and (place >= len(log.topics) or log.topics[place] not in options):
            return False
    return True
