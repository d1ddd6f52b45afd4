"""The JSON-RPC methods of the embedded chain: what our client, web3.py, ethers v6 and tests ask for.

Rule: a method's name is its key in `Methods.table`; answers are JSON values, refusals are `Fault`, and whatever
executes bytecode goes through the block maker's threads.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from typing import Any, Final, TypeVar

from eth.abc import StateAPI
from eth_utils.exceptions import ValidationError

from triggerx.chains.embedded import evm
from triggerx.chains.embedded.chain import EmbeddedChain, MinedBlock
from triggerx.chains.embedded.encoding import (
    block_json,
    mined_transaction,
    pending_block_json,
    receipt_json,
    transaction_json,
)
from triggerx.chains.embedded.fees import PRIORITY_FEE_WEI, fee_history
from triggerx.chains.embedded.logs import LogFilter, data, quantity
from triggerx.chains.embedded.maker import BlockMaker
from triggerx.chains.embedded.parameters import (
    EXECUTION_REVERTED,
    SERVER_ERROR,
    Fault,
    bytes_of,
    call_of,
    filter_of,
    invalid,
    number_of,
    tag_of,
)
from triggerx.chains.embedded.pool import PoolRefusal
from triggerx.evm.abi import decode_revert

CLIENT_VERSION: Final = "triggerx-embedded/py-evm"
LOGS_MAX: Final = 20_000  # in one answer, as providers limit it; the error tells to narrow the range
METHOD_NOT_FOUND: Final = -32601

Method = Callable[[list[Any]], Awaitable[Any]]
T = TypeVar("T")


class Methods:
    """Answers JSON-RPC calls on one chain."""

    def __init__(self, chain: EmbeddedChain, maker: BlockMaker) -> None:
        """Collect the methods: those written `eth_call` here, and those of tests."""
        self.chain = chain
        self.maker = maker
        self.table: dict[str, Method] = {
            name: getattr(self, name) for name in dir(self) if name.startswith(("eth_", "net_", "web3_"))
        }

    async def answer(self, method: str, params: list[Any]) -> Any:
        """Answer one call. Raises Fault."""
        found = self.table.get(method)
        if found is None:
            raise Fault(METHOD_NOT_FOUND, f"the method {method} does not exist/is not available")
        try:
            return await found(params)
        except IndexError as error:
            raise invalid(method, "more parameters") from error
        except PoolRefusal as error:
            raise Fault(SERVER_ERROR, str(error)) from error

    # What the chain is

    async def eth_chainId(self, _params: list[Any]) -> str:
        return quantity(self.chain.chain_id)

    async def net_version(self, _params: list[Any]) -> str:
        return str(self.chain.chain_id)

    async def web3_clientVersion(self, _params: list[Any]) -> str:
        return CLIENT_VERSION

    async def eth_syncing(self, _params: list[Any]) -> bool:
        return False

    async def eth_accounts(self, _params: list[Any]) -> list[str]:
        return []

    async def eth_blockNumber(self, _params: list[Any]) -> str:
        return quantity(self.chain.head.number)

    # Blocks, transactions, logs

    async def eth_getBlockByNumber(self, params: list[Any]) -> Any:
        full = len(params) > 1 and bool(params[1])
        if params[0] == "pending":
            header, _, executed = await self.maker.change(self.chain.pending_view)
            return pending_block_json(header, executed, full=full)
        block = self._block(params[0], missing_is_none=True)
        return None if block is None else block_json(block, full=full)

    async def eth_getBlockByHash(self, params: list[Any]) -> Any:
        block = self.chain.block_by_hash(bytes_of(params[0], "hash", 32))
        return None if block is None else block_json(block, full=len(params) > 1 and bool(params[1]))

    async def eth_getBlockReceipts(self, params: list[Any]) -> Any:
        asked = params[0]
        if isinstance(asked, str) and len(asked) == 66:
            asked = {"blockHash": asked}
        block = self._block(asked, missing_is_none=True)
        return None if block is None else [receipt_json(block, index) for index in range(len(block.executed))]

    async def eth_getTransactionByHash(self, params: list[Any]) -> Any:
        tx_hash = bytes_of(params[0], "hash", 32)
        waiting = self.chain.pool.get(tx_hash)
        place = self.chain.place_of(tx_hash)
        if place is not None:
            return mined_transaction(*place)
        return None if waiting is None else transaction_json(waiting.transaction, waiting.sender)

    async def eth_getTransactionReceipt(self, params: list[Any]) -> Any:
        place = self.chain.place_of(bytes_of(params[0], "hash", 32))
        return None if place is None else receipt_json(*place)

    async def eth_getLogs(self, params: list[Any]) -> Any:
        wanted = filter_of(params[0])
        found: list[Any] = []
        for raw in self._logs(params[0], wanted):
            if len(found) == LOGS_MAX:
                raise Fault(SERVER_ERROR, f"query returned more than {LOGS_MAX} results: narrow the block range")
            found.append(raw)
        return found

    def _logs(self, asked: dict[str, Any], wanted: LogFilter) -> Iterator[Any]:
        if asked.get("blockHash") is not None:
            block = self.chain.block_by_hash(bytes_of(asked["blockHash"], "blockHash", 32))
            if block is None:
                raise Fault(SERVER_ERROR, "unknown block")
            blocks = [block]
        else:
            first = self._number(asked.get("fromBlock"))
            last = self._number(asked.get("toBlock"))
            if first > last:
                raise Fault(-32602, "invalid block range params: fromBlock is after toBlock")
            blocks = self.chain.blocks[first : last + 1]
        for block in blocks:
            for log in block.logs:
                if wanted.matches(log):
                    yield log.raw

    # Accounts

    async def eth_getBalance(self, params: list[Any]) -> str:
        state = await self._state(params, 1)
        return quantity(state.get_balance(bytes_of(params[0], "address", 20)))  # type: ignore[arg-type]  # NewType

    async def eth_getCode(self, params: list[Any]) -> str:
        state = await self._state(params, 1)
        return data(state.get_code(bytes_of(params[0], "address", 20)))  # type: ignore[arg-type]  # NewType

    async def eth_getStorageAt(self, params: list[Any]) -> str:
        state = await self._state(params, 2)
        address = bytes_of(params[0], "address", 20)
        slot = number_of(params[1], "slot")
        return data(state.get_storage(address, slot).to_bytes(32, "big"))  # type: ignore[arg-type]  # NewType

    async def eth_getTransactionCount(self, params: list[Any]) -> str:
        sender = bytes_of(params[0], "address", 20)
        if len(params) > 1 and params[1] == "pending":
            return quantity(self.chain.nonce_of(sender, pending=True))
        return quantity((await self._state(params, 1)).get_nonce(sender))  # type: ignore[arg-type]  # NewType

    # Execution

    async def eth_call(self, params: list[Any]) -> str:
        message = call_of(params[0])
        fresh = await self._fresh_states(params)
        outcome = await self.maker.call(lambda: _guarded(lambda: evm.call(fresh(), message, self.chain.chain_id)))
        if outcome.error is not None:
            raise _failure(outcome)
        return data(outcome.output)

    async def eth_estimateGas(self, params: list[Any]) -> str:
        message = call_of(params[0])
        fresh = await self._fresh_states(params if len(params) > 1 else [params[0], "pending"])
        gas, outcome = await self.maker.call(
            lambda: _guarded(lambda: evm.estimate(fresh, message, self.chain.chain_id))
        )
        if outcome.error is not None:
            raise _failure(outcome)
        return quantity(gas)

    async def eth_sendRawTransaction(self, params: list[Any]) -> str:
        return data(await self.maker.send(bytes_of(params[0], "transaction")))

    # Fees

    async def eth_gasPrice(self, _params: list[Any]) -> str:
        return quantity(self.chain.head.header.base_fee_per_gas + PRIORITY_FEE_WEI)

    async def eth_maxPriorityFeePerGas(self, _params: list[Any]) -> str:
        return quantity(PRIORITY_FEE_WEI)

    async def eth_feeHistory(self, params: list[Any]) -> Any:
        count = number_of(params[0], "blockCount")
        percentiles = params[2] if len(params) > 2 and params[2] else []
        return fee_history(self.chain, count, self._number(params[1]), percentiles)

    # Finding blocks and states

    def _block(self, asked: Any, *, missing_is_none: bool = False) -> MinedBlock | None:
        tag = tag_of(asked)
        if isinstance(tag, bytes):
            block = self.chain.block_by_hash(tag)
        elif isinstance(tag, int):
            block = self.chain.blocks[tag] if 0 <= tag <= self.chain.head.number else None
        else:
            block = self.chain.blocks[0] if tag == "earliest" else self.chain.head
        if block is None and not missing_is_none:
            raise Fault(SERVER_ERROR, "header not found")
        return block

    def _number(self, asked: Any) -> int:
        tag = tag_of(asked)
        if isinstance(tag, bytes):
            raise invalid("block", "a number or a tag")
        if isinstance(tag, int):
            return tag
        return 0 if tag == "earliest" else self.chain.head.number

    async def _state(self, params: list[Any], position: int) -> StateAPI:
        return (await self._fresh_states(params, position))()

    async def _fresh_states(self, params: list[Any], position: int = 1) -> Callable[[], StateAPI]:
        asked = params[position] if len(params) > position else "latest"
        if asked == "pending":
            header, root, _ = await self.maker.change(self.chain.pending_view)
            return lambda: self.chain.pending_state(header, root)
        block = self._block(asked)
        if block is None:
            raise Fault(SERVER_ERROR, "header not found")
        return lambda: self.chain.state_at(block, base_fee=0)


def _guarded(work: Callable[[], T]) -> T:
    try:
        return work()
    except ValidationError as error:
        raise Fault(SERVER_ERROR, str(error)) from error


def _failure(outcome: evm.CallOutcome) -> Fault:
    if not outcome.reverted:
        return Fault(SERVER_ERROR, f"execution failed: {outcome.error}")
    reason = f": {decode_revert(outcome.output)}" if outcome.output else ""
    return Fault(EXECUTION_REVERTED, f"execution reverted{reason}", data(outcome.output))
