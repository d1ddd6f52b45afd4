"""Reads of one chain over JSON-RPC: the `Chain` port.

Rule: heads are wake-ups; what was found is what a canonical range read from a cursor contains (`chains.logs`).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any, Final

from triggerx.chains import answers, logs
from triggerx.chains.rpc import NodeRefusal, Question, RpcClient
from triggerx.core.errors import RecoverableError
from triggerx.evm.abi import decode_revert
from triggerx.evm.types import Address, ChainId, Hash32, Wei, to_hex
from triggerx.ports.chain import Block, CallReverted, Cursor, LogBatch, LogFilter, Receipt, Transaction
from triggerx.ports.chain import Log as ChainLog
from triggerx.ports.clock import Clock
from triggerx.ports.log import Log

POLL_INTERVAL_S: Final = 0.25  # between two looks at the head, for all who wait for heads together
HEAD_LAG_MAX_S: Final = 15.0  # a head that stands still longer is taken for a dead endpoint
NO_VALUE: Final = Wei(0)
EXECUTION_REVERTED: Final = 3  # geth's code of a revert with data
FAILED_EXECUTION: Final = (  # how nodes word an execution that failed without revert data
    "revert",
    "out of gas",
    "outofgas",
    "invalid opcode",
    "invalidinstruction",
    "invalid jump",
    "execution failed",
    "evm error",
    "insufficient funds",
    "insufficient balance",
    "gas required exceeds",
    "stack underflow",
)


def as_revert(refusal: NodeRefusal) -> CallReverted | None:
    """Read a refused eth_call or eth_estimateGas as an execution that failed; None when the node failed instead."""
    data = refusal.data_bytes
    if refusal.code == EXECUTION_REVERTED or data:
        return CallReverted(decode_revert(data) if data else refusal.message, data)
    lowered = refusal.message.lower()
    if any(word in lowered for word in FAILED_EXECUTION):
        return CallReverted(refusal.message)
    return None


class Reads:
    """One chain's reads over an `RpcClient` that the caller opens and closes."""

    def __init__(
        self,
        client: RpcClient,
        clock: Clock,
        *,
        log: Log | None = None,
        poll_interval_s: float = POLL_INTERVAL_S,
        head_lag_max_s: float = HEAD_LAG_MAX_S,
    ) -> None:
        """Read through `client`; `poll_interval_s` bounds how late a new head is seen."""
        self.chain_id = ChainId(client.chain_id)
        self.client = client
        self.clock = clock
        self._log = log
        self._poll_interval_s = poll_interval_s
        self._head_lag_max_s = head_lag_max_s
        self._head: Block | None = None
        self._head_read_at = float("-inf")
        self._head_moved_at = clock.monotonic()
        self._head_lock = asyncio.Lock()

    @property
    def head_age_s(self) -> float:
        """Seconds since the head last moved, for health and metrics."""
        return self.clock.monotonic() - self._head_moved_at

    async def head(self) -> Block:
        """Return the newest block."""
        found = await self.client.call("eth_getBlockByNumber", ["latest", False], answers.block)
        if found is None:
            raise RecoverableError(f"chain {self.chain_id}: the node has no latest block yet: wait until it has synced")
        return found.to_block()

    async def block(self, number: int) -> Block | None:
        """Return the canonical block of this number, or None when there is none yet."""
        found = await self.client.call("eth_getBlockByNumber", [hex(number), False], answers.block)
        return None if found is None else found.to_block()

    async def block_by_hash(self, block_hash: Hash32) -> Block | None:
        """Return a block by its hash, canonical or not, or None when the node does not know it."""
        found = await self.client.call("eth_getBlockByHash", [to_hex(block_hash), False], answers.block)
        return None if found is None else found.to_block()

    async def block_at(self, timestamp: int) -> Block | None:
        """Return the highest canonical block whose timestamp is ≤ `timestamp`; None when even block 0 is later.

        Looks back from the head, by as many blocks as there are seconds between and then twice as many each time, and
        then between: a recent moment takes a few questions, however long the chain is.
        """
        head = await self.head()
        if head.timestamp <= timestamp:
            return head
        above, step = head.number, head.timestamp - timestamp
        while above > 0:
            best = await self._below(head, max(0, above - step))
            if best.timestamp <= timestamp:
                break
            above, step = best.number, 2 * step
        else:
            return None
        while above - best.number > 1:
            middle = await self._below(head, (best.number + above) // 2)
            if middle.timestamp <= timestamp:
                best = middle
            else:
                above = middle.number
        return best

    async def _below(self, head: Block, number: int) -> Block:
        found = await self.block(number)
        if found is None:
            raise RecoverableError(f"chain {self.chain_id}: block {number} is missing below {head.number}: ask again")
        return found

    async def call(
        self,
        to: Address,
        data: bytes,
        *,
        sender: Address | None = None,
        value: Wei = NO_VALUE,
        block: int | str = "latest",
    ) -> bytes:
        """Run `eth_call`; raises CallReverted. `block` is a number, `latest` or `pending`."""
        at = hex(block) if isinstance(block, int) else block
        return bytes(await self.execute("eth_call", [_message(to, data, sender, value), at], answers.data))

    async def estimate_gas(
        self, to: Address, data: bytes, *, sender: Address | None = None, value: Wei = NO_VALUE
    ) -> int:
        """Run `eth_estimateGas` on the latest block; raises CallReverted."""
        return int(await self.execute("eth_estimateGas", [_message(to, data, sender, value)], answers.quantity))

    async def execute(self, method: str, params: Sequence[Any], decoder: Any) -> Any:
        """Ask for an execution without effect. Raises CallReverted where it failed."""
        try:
            return await self.client.call(method, params, decoder)
        except NodeRefusal as refusal:
            failed = as_revert(refusal)
            if failed is None:
                raise
            raise failed from refusal

    async def logs(self, wanted: LogFilter, *, from_block: int, to_block: int) -> tuple[ChainLog, ...]:
        """Return the logs of an inclusive range as they stand now (they may still be reorganised away)."""
        return tuple(await logs.read_all(self.client, wanted, from_block, to_block))

    async def receipt(self, tx_hash: Hash32) -> Receipt | None:
        """Return the receipt of a mined transaction."""
        return (await self.receipts([tx_hash]))[0]

    async def receipts(self, tx_hashes: Sequence[Hash32]) -> list[Receipt | None]:
        """Return several receipts with one request."""
        asked = [Question("eth_getTransactionReceipt", [to_hex(one)], answers.receipt) for one in tx_hashes]
        found = await self.client.ask_all(asked)
        receipts: list[Receipt | None] = []
        for answer in found:
            if isinstance(answer, RecoverableError):
                raise answer
            receipts.append(None if answer is None else logs.converted(self.client, answer.to_receipt))
        return receipts

    async def transaction(self, tx_hash: Hash32) -> Transaction | None:
        """Return a mined or pending transaction."""
        found = await self.client.call("eth_getTransactionByHash", [to_hex(tx_hash)], answers.transaction)
        return None if found is None else found.to_transaction()

    async def gas_price(self) -> Wei:
        """Return what the node asks for one gas now, in wei."""
        found = await self.client.call("eth_gasPrice", [], answers.quantity)
        return Wei(int(found))

    async def transaction_count(self, address: Address) -> int:
        """Return how many transactions of an account are mined: its next nonce, if none waits."""
        found = await self.client.call("eth_getTransactionCount", [to_hex(address), "latest"], answers.quantity)
        return int(found)

    async def balance(self, address: Address) -> Wei:
        """Return the balance at the newest block."""
        found = await self.client.call("eth_getBalance", [to_hex(address), "latest"], answers.quantity)
        return Wei(int(found))

    async def heads(self) -> AsyncIterator[Block]:
        """Yield the newest block whenever it changes: a wake-up; blocks between may be left out."""
        last: Hash32 | None = None
        while True:
            head = await self._shared_head()
            if head.hash != last:
                last = head.hash
                yield head
            await self.clock.sleep(self._poll_interval_s)

    async def _shared_head(self) -> Block:
        """Look at the head unless another waiter did within the poll interval."""
        async with self._head_lock:
            now = self.clock.monotonic()
            if self._head is not None and now - self._head_read_at < self._poll_interval_s * 0.9:
                return self._head
            head = await self.head()
            self._head_read_at = self.clock.monotonic()
            if self._head is None or head.hash != self._head.hash:
                self._head_moved_at = self._head_read_at
            elif self.head_age_s > self._head_lag_max_s:
                self._suspect_endpoint(head)
            self._head = head
            return head

    def _suspect_endpoint(self, head: Block) -> None:
        if self._log is not None:
            self._log.warning(
                "chain head stands still", chain_id=self.chain_id, block=head.number, for_s=self.head_age_s
            )
        self.client.distrust(f"its head {head.number} stands still for {self.head_age_s:.0f} s")
        self._head_moved_at = self.clock.monotonic()

    def confirmed_logs(
        self, wanted: LogFilter, *, after: Cursor | None, start_block: int, confirmations: int
    ) -> AsyncIterator[LogBatch]:
        """Yield every log once, in order, range after range without a gap; see `chains.logs.follow`."""
        follower = logs.Follower(self.client, self.clock, wanted, log=self._log)
        return follower.follow(self.heads(), after=after, start_block=start_block, confirmations=confirmations)


def _message(to: Address, data: bytes, sender: Address | None, value: Wei) -> dict[str, str]:
    message = {"to": to_hex(to), "data": to_hex(data)}
    if sender is not None:
        message["from"] = to_hex(sender)
    if value:
        message["value"] = hex(value)
    return message
