"""Reads of one chain over JSON-RPC: the `Chain` port.

Rule: heads are wake-ups; what was found is what a canonical range read from a cursor contains (`chains.logs`).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any, Final

from triggerx.chains import answers, logs
from triggerx.chains.canonical import CanonicalFollower
from triggerx.chains.heads import HEAD_LAG_MAX_S, HEAD_TIMEOUT_S, POLL_INTERVAL_S, HeadWatch
from triggerx.chains.multicall import Multicalls
from triggerx.chains.receipts import BlockReceipts, receipts_of
from triggerx.chains.refusals import as_revert
from triggerx.chains.rpc import NodeRefusal, RpcClient
from triggerx.core.errors import RecoverableError
from triggerx.evm.contracts import MULTICALL3
from triggerx.evm.types import Address, ChainId, Hash32, Wei, to_hex
from triggerx.ports.chain import (
    Block,
    BlockRange,
    CallReverted,
    Cursor,
    LogBatch,
    LogFilter,
    Receipt,
    Transaction,
    View,
)
from triggerx.ports.chain import Log as ChainLog
from triggerx.ports.clock import Clock
from triggerx.ports.log import Log

NO_VALUE: Final = Wei(0)


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
        multicall: Address = MULTICALL3,
    ) -> None:
        """Read through `client`; `poll_interval_s` bounds how late a new head is seen.

        `multicall` is where the chain has a contract with Multicall3's `aggregate3`; it may be missing.
        """
        self.chain_id = ChainId(client.chain_id)
        self.client = client
        self.clock = clock
        self._log = log
        self._multicalls = Multicalls(client, multicall, log=log)
        self._block_receipts = BlockReceipts(client)
        self._watch = HeadWatch(
            client, clock, self.head, poll_interval_s=poll_interval_s, head_lag_max_s=head_lag_max_s, log=log
        )

    @property
    def head_age_s(self) -> float:
        """Seconds since the head last moved, for health and metrics."""
        return self._watch.age_s

    async def head(self) -> Block:
        """Return the newest block; an endpoint that says there is none is left for another."""
        endpoint, asked = self.client.endpoints.current, ["latest", False]
        found = await self.client.call("eth_getBlockByNumber", asked, answers.block, timeout_s=HEAD_TIMEOUT_S)
        if found is not None:
            return found.to_block()
        self.client.distrust("it has no latest block", endpoint)
        if not self.client.endpoints.current.wait_s:
            return await self.head()
        raise RecoverableError(f"chain {self.chain_id}: the node has no latest block yet: wait until it has synced")

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
        self,
        to: Address,
        data: bytes,
        *,
        sender: Address | None = None,
        value: Wei = NO_VALUE,
        block: int | None = None,
    ) -> int:
        """Run `eth_estimateGas` on the newest state, or that after `block`; raises CallReverted."""
        at = [] if block is None else [hex(block)]
        params = [_message(to, data, sender, value), *at]
        return int(await self.execute("eth_estimateGas", params, answers.quantity))

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

    async def call_many(self, views: Sequence[View], *, block: int) -> tuple[bytes | CallReverted, ...]:
        """Run many reads at one block, one request for every 500; an answer or revert each.

        The sender that a view sees is the multicall contract's address, or zero where it is asked alone.
        """
        return await self._multicalls.read(views, block)

    async def receipt(self, tx_hash: Hash32) -> Receipt | None:
        """Return the receipt of a mined transaction."""
        return (await self.receipts_of([tx_hash]))[0]

    async def receipts_of(self, tx_hashes: Sequence[Hash32]) -> list[Receipt | None]:
        """Return the receipts of several transactions with one request."""
        return await receipts_of(self.client, tx_hashes)

    async def receipts(self, block: Block) -> tuple[Receipt, ...]:
        """Return every receipt of exactly this block, in order; RecoverableError when it is not known as such."""
        return await self._block_receipts.read(block)

    async def ordinals(self, block: Block) -> Mapping[tuple[Hash32, int], int]:
        """Return the ordinal of each log of exactly this block in its receipt, by transaction hash and log index."""
        return await self._block_receipts.ordinals(block)

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

    def heads(self) -> AsyncIterator[Block]:
        """Yield the newest block whenever it changes: a wake-up; blocks between may be left out."""
        return self._watch.heads()

    def wake(self) -> None:
        """Let those who wait for heads look now; a hint that may be wrong, late or missing."""
        self._watch.wake()

    def confirmed_logs(
        self, wanted: LogFilter, *, after: Cursor | None, start_block: int, confirmations: int
    ) -> AsyncIterator[LogBatch]:
        """Yield every log once, in order, range after range without a gap; see `chains.logs.follow`."""
        follower = logs.Follower(self.client, self.clock, wanted, log=self._log)
        return follower.follow(self.heads(), after=after, start_block=start_block, confirmations=confirmations)

    def canonical_ranges(
        self, wanted: Callable[[], LogFilter], *, known: Sequence[Block], start_block: int
    ) -> AsyncIterator[BlockRange]:
        """Follow the canonical chain at zero confirmations; see `chains.canonical`."""
        follower = CanonicalFollower(self.client, self.clock, known=known, start_block=start_block, log=self._log)
        return follower.follow(self.heads, wanted)


def _message(to: Address, data: bytes, sender: Address | None, value: Wei) -> dict[str, str]:
    message = {"to": to_hex(to), "data": to_hex(data)}
    if sender is not None:
        message["from"] = to_hex(sender)
    if value:
        message["value"] = hex(value)
    return message
