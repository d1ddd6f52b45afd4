"""Deposit logs: whose balance changed in one GasRegistry, read from it once an owner and range of blocks.

The events say that a balance changed, the registry what it is now. The deployed GasRegistry says nothing when an owner
withdraws: such a balance is noted at the owner's next event or the next POST of a job, and until then the hub, which
deducts before it calls, is what refuses the run.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, cast

from triggerx.core.errors import InvalidInput, RecoverableError
from triggerx.core.network import ActionChain
from triggerx.events import DepositChanged, Event
from triggerx.evm.contracts import GasRegistry
from triggerx.evm.types import Address, ChainId, Wei, checksum
from triggerx.ports.chain import CallReverted, Log, LogFilter
from triggerx.ports.store import Queries
from triggerx.role import Services
from triggerx_sentinel.follower import LogReader

_EVENTS: Final = (
    GasRegistry.ETHDeposited,
    GasRegistry.ETHBalanceDeducted,
    GasRegistry.ETHBalanceCredited,
    GasRegistry.ETHBalanceWithdrawn,
)
"""The deployed contract has the first two, ours all four."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DepositRead:
    """An owner's balance as it was at a block."""

    chain_id: ChainId
    owner: Address
    balance: Wei
    block_number: int
    now: int

    async def store(self, queries: Queries) -> Sequence[Event]:
        """Note it, unless a newer one is known; who waits for a deposit is told in any case.

        A newer one comes from a POST of a job, which tells nobody.
        """
        await queries.deposits.set(
            self.chain_id, self.owner, self.balance, block_number=self.block_number, now=self.now
        )
        return (DepositChanged(self.owner),)


class DepositLogs(LogReader):
    """Reads the GasRegistry of one action chain."""

    def __init__(self, services: Services, action_chain: ActionChain) -> None:
        self._services = services
        self._action_chain = action_chain
        self._chain = services.chain(action_chain.chain_id)

    @property
    def wanted(self) -> LogFilter:
        """Every event that changes a balance (CHAIN.md §4, and our own contract's)."""
        topics = tuple(event.topic for event in _EVENTS)
        return LogFilter(addresses=(self._action_chain.gas_registry,), topics=(topics,))

    def chosen(self, logs: Sequence[Log]) -> Sequence[Log]:
        """Choose each owner's newest log: the balance at its block is what the whole range left."""
        newest = {log.topics[1:]: log for log in logs}  # the owner is the one indexed parameter of all the events
        return tuple(newest.values())

    async def prepare(self, log: Log) -> DepositRead:
        """Read the balance of the log's owner at the log's block, at the newest confirmed one where that is gone."""
        event = next(event for event in _EVENTS if event.topic == log.topics[0])
        owner = cast("Address", event.decode(log.topics, log.data)["user"])
        block_number = log.block_number
        try:
            balance = await self._balance(owner, block_number)
        except CallReverted as error:
            raise InvalidInput("user", f"getBalance({checksum(owner)}) reverted: {error.reason}") from error
        except RecoverableError:  # nodes that are no archives forget old states, after a hundred blocks or so
            head = await self._chain.head()
            block_number = max(block_number, head.number - self._action_chain.confirmations)
            balance = await self._balance(owner, block_number)
        return DepositRead(
            chain_id=self._action_chain.chain_id,
            owner=owner,
            balance=balance,
            block_number=block_number,
            now=self._services.clock.now(),
        )

    async def _balance(self, owner: Address, block_number: int) -> Wei:
        answer = await self._chain.call(
            self._action_chain.gas_registry, GasRegistry.getBalance.encode(owner), block=block_number
        )
        return Wei(cast("int", GasRegistry.getBalance.decode_output(answer)[0]))
