"""What is judged of a network of processes: causes from schedule and chain, runs from the hub's log, the core's store.

The condition's values are not asked of the contract: they are the amounts of the example target's own log.
"""

from collections.abc import Mapping, Sequence
from typing import Final, cast

from tests.rigs.causes import due_causes, edge_causes, log_causes
from tests.rigs.judge import Cause, Done, History, Run
from triggerx.chains.reads import Reads
from triggerx.core.job import ConditionTrigger, EventTrigger, JobBody, TimeTrigger
from triggerx.core.ledger import NewEntry
from triggerx.core.task import TaskStatus
from triggerx.evm.abi import Event
from triggerx.evm.contracts import TaskExecutionHub
from triggerx.evm.types import Hash32
from triggerx.node.devnet.ground import Ground
from triggerx.ports.chain import Block, Log, LogFilter
from triggerx.ports.store import Store

EXAMPLE_EVENT: Final = "Incremented(address indexed caller, uint256 amount, uint256 total, uint256 value)"
_INCREMENTED: Final = Event.parse(EXAMPLE_EVENT)
EVERY: Final = 1_000_000


async def history_of(chain: Reads, ground: Ground, store: Store, jobs: Sequence[JobBody]) -> History:
    """Gather it. What was due is taken up to where the core says it has come; everything else to the chain's end."""
    head = await chain.head()
    blocks = await _blocks(chain, head.number)
    logs = await chain.logs(LogFilter(), from_block=0, to_block=head.number)
    causes: list[Cause] = []
    entries: list[NewEntry] = []
    tasks: list[Done] = []
    for body in jobs:
        job = await store.jobs.get(body.job_id)
        assert job is not None, f"job {body.job_id} is not in the store"
        until = job.next_due_at or 0
        causes += _causes(body, job.created_at, until, ground=ground, blocks=blocks, logs=logs)
        rows = await store.ledger.list_by_job(body.job_id, since=0, until=1 << 40, limit=EVERY)
        entries += [row.entry for row in rows]
        tasks += [
            Done(task_key=task.task_key, is_attested=task.status is TaskStatus.ATTESTED)
            for task in await store.tasks.list_by_job(body.job_id)
        ]
    return History(causes=causes, entries=entries, tasks=tasks, runs=_runs(ground, logs, blocks))


async def _blocks(chain: Reads, last: int) -> dict[int, Block]:
    blocks: dict[int, Block] = {}
    for number in range(last + 1):
        block = await chain.block(number)
        assert block is not None, f"the chain has no block {number}"
        blocks[number] = block
    return blocks


def _causes(
    body: JobBody,
    created_at: int,
    next_due_at: int,
    *,
    ground: Ground,
    blocks: Mapping[int, Block],
    logs: Sequence[Log],
) -> list[Cause]:
    match body.trigger:
        case TimeTrigger() as by_time:
            return due_causes(
                body.job_id,
                created_at=created_at,
                interval_s=by_time.interval_s,
                after=created_at,
                until=next_due_at - 1,
            )
        case EventTrigger() as on_event:
            (wanted,) = on_event.filters
            return log_causes(
                body.job_id,
                logs,
                chain_id=on_event.chain_id,
                is_wanted=lambda log: amount_of(ground, log) == int(wanted.value),
                times={block.hash: block.timestamp for block in blocks.values()},
                span=(created_at, max(block.timestamp for block in blocks.values())),
            )
        case ConditionTrigger() as on_value:
            values = [(blocks[number].timestamp, value) for number, value in _last_amounts(ground, blocks, logs)]
            seen = [(moment, value) for moment, value in values if moment >= created_at]
            return edge_causes(body.job_id, seen, above=int(on_value.upper_limit) - 1)


def amount_of(ground: Ground, log: Log) -> int | None:
    """The amount of the example target's log; None for any other log."""
    if log.address != ground.example_target or log.topics[0] != _INCREMENTED.topic:
        return None
    return cast("int", _INCREMENTED.decode(log.topics, log.data)["amount"])


def _last_amounts(ground: Ground, blocks: Mapping[int, Block], logs: Sequence[Log]) -> list[tuple[int, int]]:
    """The last amount at the end of each block, by number; 0 before the first."""
    newest: dict[int, int] = {}
    for log in sorted(logs, key=lambda each: (each.block_number, each.log_index)):
        amount = amount_of(ground, log)
        if amount is not None:
            newest[log.block_number] = amount
    values: list[tuple[int, int]] = []
    value = 0
    for number in sorted(blocks):
        value = newest.get(number, value)
        values.append((number, value))
    return values


def _runs(ground: Ground, logs: Sequence[Log], blocks: Mapping[int, Block]) -> list[Run]:
    """The hub's runs; each must have added to the target, by the target's own log, and nothing else may have."""
    event = TaskExecutionHub.TaskExecuted
    runs: list[Run] = []
    for log in logs:
        if log.topics and log.topics[0] == event.topic:
            told = event.decode(log.topics, log.data)
            assert told["success"], f"a call failed in {log.tx_hash.hex()}"
            key = Hash32(cast("bytes", told["taskKey"]))
            runs.append(Run(task_key=key, tx_hash=log.tx_hash, timestamp=blocks[log.block_number].timestamp))
    added = sorted(log.tx_hash for log in logs if amount_of(ground, log) is not None)
    assert added == sorted(run.tx_hash for run in runs), "the target was called otherwise than by the hub's runs"
    return runs
