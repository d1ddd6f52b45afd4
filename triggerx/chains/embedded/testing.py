"""Methods that exist for tests: blocks on demand, the clock, dropped transactions, snapshots and reorganisations.

Rule: a method has the name and meaning that anvil gives it, so that a test runs against either.
"""

from __future__ import annotations

from typing import Any

from triggerx.chains.embedded.chain import EmbeddedChain
from triggerx.chains.embedded.logs import data, quantity
from triggerx.chains.embedded.maker import BlockMaker
from triggerx.chains.embedded.methods import Method
from triggerx.chains.embedded.parameters import Fault, bytes_of, invalid, number_of

BLOCKS_AT_ONCE_MAX = 10_000  # a call that mines more would hold the block maker for seconds


class TestingMethods:
    """Answers anvil's development methods on one chain."""

    __test__ = False

    def __init__(self, chain: EmbeddedChain, maker: BlockMaker) -> None:
        """Collect the methods."""
        self._chain = chain
        self._maker = maker
        self.table: dict[str, Method] = {
            "evm_mine": self._mine_one,
            "anvil_mine": self._mine_many,
            "evm_increaseTime": self._increase_time,
            "evm_setNextBlockTimestamp": self._set_next_timestamp,
            "anvil_dropTransaction": self._drop_transaction,
            "anvil_dropAllTransactions": self._drop_all,
            "anvil_reorg": self._reorganise,
            "evm_snapshot": self._snapshot,
            "evm_revert": self._revert,
        }

    async def _mine_one(self, params: list[Any]) -> str:
        asked = params[0] if params else None
        if isinstance(asked, dict):
            asked = asked.get("timestamp")
        await self._maker.mine(1, None if asked is None else number_of(asked, "timestamp"))
        return "0x0"

    async def _mine_many(self, params: list[Any]) -> None:
        count = number_of(params[0], "blocks") if params else 1
        if not 1 <= count <= BLOCKS_AT_ONCE_MAX:
            raise invalid("blocks", f"1 to {BLOCKS_AT_ONCE_MAX}")
        await self._maker.mine(count, None)

    async def _increase_time(self, params: list[Any]) -> int:
        seconds = number_of(params[0], "seconds")
        return await self._maker.change(lambda: self._chain.add_time(seconds))

    async def _set_next_timestamp(self, params: list[Any]) -> None:
        timestamp = number_of(params[0], "timestamp")
        await self._maker.change(lambda: self._chain.set_next_timestamp(timestamp))

    async def _drop_transaction(self, params: list[Any]) -> str | None:
        tx_hash = bytes_of(params[0], "hash", 32)
        return data(tx_hash) if await self._maker.drop(tx_hash) else None

    async def _drop_all(self, _params: list[Any]) -> None:
        self._chain.pool.clear()
        await self._maker.change(self._chain.forget_pending)

    async def _reorganise(self, params: list[Any]) -> None:
        if len(params) > 1 and params[1]:
            raise Fault(-32602, "invalid params: the embedded chain reorganises to empty blocks only: send none")
        depth = number_of(params[0], "depth")
        await self._maker.change(lambda: self._chain.reorganise(depth))

    async def _snapshot(self, _params: list[Any]) -> str:
        return quantity(self._chain.head.number)

    async def _revert(self, params: list[Any]) -> bool:
        number = number_of(params[0], "snapshot")
        if not 0 <= number <= self._chain.head.number:
            return False
        self._chain.pool.clear()
        await self._maker.change(lambda: self._chain.roll_back(number))
        return True
