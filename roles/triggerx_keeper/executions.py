"""What the execution hub did, read from its logs and the transaction's calldata; nobody's word is taken for it."""

import asyncio
from typing import cast

from triggerx.core.network import ActionChain
from triggerx.core.validation import Execution
from triggerx.evm.abi import DecodeError
from triggerx.evm.contracts import TaskExecutionHub
from triggerx.evm.hub import Assignment
from triggerx.evm.types import ZERO_ADDRESS, Address, Hash32
from triggerx.ports.chain import Chain, Log, LogFilter, Receipt, Transaction

SEARCH_BLOCKS_MAX = 5_000  # how far back a found action may lie: far more than one assignment's time


async def read_execution(chain: Chain, action_chain: ActionChain, tx_hash: Hash32) -> Execution | None:
    """Return what this transaction made the hub do; None while it is not mined.

    A mined transaction that holds no call of the hub, or none that the hub logged, comes back with no success and an
    empty hub, so that it matches nothing.
    """
    receipt, transaction, head = await asyncio.gather(
        chain.receipt(tx_hash), chain.transaction(tx_hash), chain.head()
    )  # asked together, they are one request
    if receipt is None:
        return None
    block = await chain.block(receipt.block_number)
    if transaction is None or block is None or block.hash != receipt.block_hash:
        return None
    hub = action_chain.task_execution_hub
    logs = [log for log in receipt.logs if log.address == hub]
    order, fee = _order_and_fee(transaction)
    done = _function_log(logs)
    task = next((log for log in logs if log.topics[0] == TaskExecutionHub.TaskExecuted.topic), None)
    values = {} if task is None else TaskExecutionHub.TaskExecuted.decode(task.topics, task.data)
    is_hub_call = receipt.is_success and transaction.to == hub and done is not None
    called = {} if done is None else done
    return Execution(
        block_number=receipt.block_number,
        block_timestamp=block.timestamp,
        confirmations=max(0, head.number - receipt.block_number),
        sender=receipt.sender,
        hub=hub if is_hub_call else ZERO_ADDRESS,
        target=cast("Address", called.get("target", ZERO_ADDRESS)),
        data=cast("bytes", called.get("data", b"")),
        value=cast("int", called.get("value", 0)),
        fee=cast("int", values.get("fee", fee)),
        is_success=is_hub_call and bool(called.get("is_success")),
        task_key=None if task is None else cast("Hash32", values["taskKey"]),
        executor_order=order,
    )


async def find_execution(chain: Chain, action_chain: ActionChain, task_key: Hash32) -> Receipt | None:
    """Return the receipt of the transaction in which the hub successfully executed this key, if there is one."""
    head = await chain.head()
    wanted = LogFilter(
        addresses=(action_chain.task_execution_hub,), topics=((TaskExecutionHub.TaskExecuted.topic,), (task_key,))
    )
    first = max(0, head.number - SEARCH_BLOCKS_MAX)
    for log in await chain.logs(wanted, from_block=first, to_block=head.number):
        if TaskExecutionHub.TaskExecuted.decode(log.topics, log.data)["success"]:
            return await chain.receipt(log.tx_hash)
    return None


def _function_log(logs: list[Log]) -> dict[str, object] | None:
    for log in logs:
        for event, is_success in (
            (TaskExecutionHub.FunctionExecuted, True),
            (TaskExecutionHub.FunctionExecutionFailed, False),
        ):
            if log.topics[0] == event.topic:
                return {**event.decode(log.topics, log.data), "is_success": is_success}
    return None


def _order_and_fee(transaction: Transaction) -> tuple[Assignment | None, int]:
    """Return the assignment inside executeTask's calldata and the fee asked for, by either function."""
    selector = transaction.data[:4]
    try:
        if selector == TaskExecutionHub.executeTask.selector:
            values = TaskExecutionHub.executeTask.decode_input(transaction.data)
            key, performer, attempt, not_before, not_after = cast("tuple[bytes, bytes, int, int, int]", values[3])
            order = Assignment(
                task_key=Hash32(key),
                performer=Address(performer),
                attempt=attempt,
                not_before=not_before,
                not_after=not_after,
            )
            return order, cast("int", values[5])
        if selector == TaskExecutionHub.executeFunction.selector:
            return None, cast("int", TaskExecutionHub.executeFunction.decode_input(transaction.data)[1])
    except DecodeError:
        return None, 0
    return None, 0
