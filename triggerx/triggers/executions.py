"""In which transactions the execution hub did what tasks asked for: read from the chain, nobody's word is taken."""

from collections.abc import Sequence
from typing import Final

from triggerx.core.task import Task
from triggerx.evm.contracts import TaskExecutionHub
from triggerx.evm.types import Address, Hash32
from triggerx.ports.chain import Chain, Log, LogFilter, Receipt

KEYS_PER_QUERY: Final = 100  # topics in one place: nodes take a thousand, some fewer


async def executions_of(
    chain: Chain, hub: Address, tasks: Sequence[Task], *, first: int, last: int
) -> dict[Hash32, list[Hash32]]:
    """Return the transactions in which each task's action succeeded, by task key.

    Guarded ones are looked for in the hub's logs of the blocks `first` to `last`, and in the transaction that was
    announced; unguarded ones, which the hub does not tell apart, in the latter alone.
    """
    found: dict[Hash32, list[Hash32]] = {task.task_key: [] for task in tasks}
    keys = [task.task_key for task in tasks if task.is_guarded]
    for start in range(0, len(keys), KEYS_PER_QUERY):
        some = tuple(keys[start : start + KEYS_PER_QUERY])
        wanted = LogFilter(addresses=(hub,), topics=((TaskExecutionHub.TaskExecuted.topic,), some))
        for log in await chain.logs(wanted, from_block=first, to_block=last):
            key = Hash32(log.topics[1])
            if _is_success(log) and key in found and log.tx_hash not in found[key]:
                found[key].append(log.tx_hash)
    for task in tasks:
        tx_hash = task.execution_tx_hash
        if tx_hash is None or found[task.task_key]:
            continue
        receipt = await chain.receipt(tx_hash)
        if receipt is not None and _did(receipt, hub, task):
            found[task.task_key].append(tx_hash)
    return found


def _did(receipt: Receipt, hub: Address, task: Task) -> bool:
    logs = [log for log in receipt.logs if log.address == hub and log.topics]
    if not task.is_guarded:
        return any(log.topics[0] == TaskExecutionHub.FunctionExecuted.topic for log in logs)
    own = (TaskExecutionHub.TaskExecuted.topic, task.task_key)
    return any(log.topics[:2] == own and _is_success(log) for log in logs)


def _is_success(log: Log) -> bool:
    return bool(TaskExecutionHub.TaskExecuted.decode(log.topics, log.data)["success"])
