"""The demo: a customer deposits, creates a time job on chain, signs its mandate, posts it, and watches it happen."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from triggerx.evm.types import Wei, checksum
from triggerx.node.devnet.customer import Customer, Task, is_decided

DEPOSIT_WEI: Final = Wei(10**17)
INTERVAL_BLOCKS: Final = 4  # between creation and firing: room for the job's own transaction, the mandate and the POST
INTERVAL_S_MIN: Final = 5
ATTESTED_WITHIN_S: Final = 90

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoResult:
    """What the API showed of the job's tasks, and where it disagrees with the chain (empty when it agrees)."""

    tasks: tuple[Task, ...]
    faults: tuple[str, ...]


async def run_demo(customer: Customer, say: Say) -> DemoResult:
    """Be the customer; `say` is told each step. Raises `TriggerxError` when a step does not succeed in its time."""
    say(f"depositing {DEPOSIT_WEI / 10**18:g} ether for gas as {checksum(customer.ground.user.address)}")
    await customer.deposit(DEPOSIT_WEI)
    interval_s = max(INTERVAL_S_MIN, INTERVAL_BLOCKS * round(customer.contracts.block_time_s))
    say(f"creating a time job on chain: call the example target {interval_s} s after creation")
    job = await customer.register_job(interval_s=interval_s, time_frame_s=interval_s)
    say(f"job {job.job_id} is registered; signing its mandate and posting it")
    await customer.post_job(job, customer.sign_mandate(job))
    say("waiting for the engine to fire it")
    said = ""

    def is_attested(tasks: Sequence[Task]) -> bool:
        nonlocal said
        status = f"task {tasks[-1]['task_id']} is {tasks[-1]['task_status']}" if tasks else said
        if status != said:
            say(status)
            said = status
        return any(is_decided(task) for task in tasks)

    tasks = await customer.tasks_when(job.job_id, is_attested, within_s=ATTESTED_WITHIN_S)
    faults = [fault for task in tasks for fault in await customer.faults(task)]
    return DemoResult(tasks=tuple(tasks), faults=tuple(faults))
