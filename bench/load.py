"""A load of time jobs on a development network, posted as customers post them, and what the chain says came of it.

Everything counted here is read from the API and the chain; nothing is taken from the nodes.
"""

import asyncio
import bisect
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, cast

from triggerx.evm.contracts import AttestationCenter, TaskExecutionHub
from triggerx.evm.types import Wei, parse_hash32
from triggerx.node.devnet.customer import Customer, RegisteredJob
from triggerx.ports.chain import LogFilter

DEPOSIT_WEI: Final = Wei(10**19)
CREATE_GAS: Final = 1_000_000  # a createJob takes about a third of it
ARGUMENT: Final = 7
LEAD_S: Final = 5  # between the jobs' creation and the first due second that is waited for
LAST_FIRED_S: Final = 2.0  # after the last due second, by when its tasks are in the engine's store
DRAIN_S: Final = 30.0  # after the last due second; what is not attested by then is counted as missing
LOOK_S: Final = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskTimes:
    """One task that the Attestation Center decided: its due second, and blocks by number."""

    due: int
    due_block: int
    action_block: int
    submission_block: int
    submission_at: int

    @property
    def blocks(self) -> int:
        """From the block of the due second to the one with `TaskSubmitted`."""
        return self.submission_block - self.due_block


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadResult:
    """What came of a load: how many tasks were fired, the decided ones, and how often one was decided twice."""

    fired: int
    tasks: tuple[TaskTimes, ...]
    doubles: int

    @property
    def missing(self) -> int:
        """Fired, but not attested in time."""
        return self.fired - len(self.tasks)

    @property
    def rate(self) -> float:
        """Attested tasks a second between the first due second and the last submission."""
        if not self.tasks:
            return 0.0
        span_s = max(task.submission_at for task in self.tasks) - min(task.due for task in self.tasks)
        return len(self.tasks) / max(1, span_s)


async def run_load(customer: Customer, *, jobs: int, interval_s: int, rounds: int) -> LoadResult:
    """Let `jobs` jobs fire every `interval_s`, about `rounds` times each, and wait for their attestations."""
    await customer.deposit(DEPOSIT_WEI)
    first_block = (await customer.chain.head()).number
    time_frame_s = LEAD_S + interval_s * rounds
    registered = await customer.register_jobs(
        [f"load {number}" for number in range(jobs)],
        interval_s=interval_s,
        time_frame_s=time_frame_s,
        argument=ARGUMENT,
        gas=CREATE_GAS,
    )
    mandates = [customer.sign_mandate(job, runs_max=time_frame_s) for job in registered]
    await asyncio.gather(*map(customer.post_job, registered, mandates))
    until = max(job.version + job.time_frame_s for job in registered)
    await asyncio.sleep(max(0.0, until + LAST_FIRED_S - time.time()))
    await _drained(customer, registered, within_s=DRAIN_S)
    return await _result(customer, registered, first_block=first_block)


async def _drained(customer: Customer, jobs: Sequence[RegisteredJob], *, within_s: float) -> None:
    """Wait until every fired task has an end, or the time is over."""
    ends = time.monotonic() + within_s
    while time.monotonic() < ends:
        shown = await asyncio.gather(*(customer.tasks(job.job_id) for job in jobs))
        if all(task["task_submission_tx_hash"] for tasks in shown for task in tasks):
            return
        await asyncio.sleep(LOOK_S)


async def _result(customer: Customer, jobs: Sequence[RegisteredJob], *, first_block: int) -> LoadResult:
    head = await customer.chain.head()
    numbers = range(first_block, head.number + 1)
    blocks = [block for block in await asyncio.gather(*map(customer.chain.block, numbers)) if block is not None]
    times = [block.timestamp for block in blocks]
    shown = [task for job in jobs for task in await customer.tasks(job.job_id)]
    decided = [task for task in shown if task["task_submission_tx_hash"]]
    found = []
    for task in decided:
        action_hash = parse_hash32(str(task["execution_tx_hash"]))
        action = await customer.chain.transaction(action_hash)
        action_receipt = await customer.chain.receipt(action_hash)
        submission = await customer.chain.receipt(parse_hash32(str(task["task_submission_tx_hash"])))
        assert action is not None
        assert action_receipt is not None
        assert submission is not None
        firing = cast("tuple[int, int]", TaskExecutionHub.executeTask.decode_input(action.data)[2])
        due = firing[1]
        found.append(
            TaskTimes(
                due=due,
                due_block=blocks[max(0, bisect.bisect_right(times, due) - 1)].number,
                action_block=action_receipt.block_number,
                submission_block=submission.block_number,
                submission_at=times[submission.block_number - first_block],
            )
        )
    return LoadResult(fired=len(shown), tasks=tuple(found), doubles=await _doubles(customer, first_block, head.number))


async def _doubles(customer: Customer, first_block: int, last_block: int) -> int:
    """Submissions beyond the first of the same proof, and runs beyond the first of the same task key."""
    center, hub = customer.ground.network.attestation_center, customer.contracts.task_execution_hub
    submitted, executed = AttestationCenter.TaskSubmitted, TaskExecutionHub.TaskExecuted
    doubles = 0
    for address, event, name in ((center, submitted, "proofOfTask"), (hub, executed, "taskKey")):
        wanted = LogFilter(addresses=(address,), topics=((event.topic,),))
        logs = await customer.chain.logs(wanted, from_block=first_block, to_block=last_block)
        keys = [event.decode(log.topics, log.data)[name] for log in logs]
        doubles += len(keys) - len(set(keys))
    return doubles
