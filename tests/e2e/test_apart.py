"""The roles as processes of their own, and what becomes of a task when one of them is killed."""

from pathlib import Path

import pytest

from tests.e2e.apart import Apart, NodeProcess, running_apart
from triggerx.core.canonical import Json
from triggerx.evm.contracts import AttestationCenter, TaskExecutionHub
from triggerx.evm.types import Wei, from_hex
from triggerx.node.devnet.customer import RegisteredJob, Task
from triggerx.ports.chain import LogFilter

ATTESTED_WITHIN_S = 90.0


async def one_job(network: Apart, *, interval_s: int = 6) -> RegisteredJob:
    """A guarded job that fires once, `interval_s` after its creation."""
    customer = network.customer
    await customer.deposit(Wei(10**17))
    job = await customer.register_job(interval_s=interval_s, time_frame_s=interval_s)
    await customer.post_job(job, customer.sign_mandate(job))
    return job


async def attested_once(network: Apart, job: RegisteredJob) -> Task:
    """Wait for the task; the chain must hold exactly one run and one submission of it."""
    customer = network.customer
    (task,) = await customer.attested(job.job_id, within_s=ATTESTED_WITHIN_S)
    assert await customer.faults(task) == []
    head = await customer.chain.head()
    key = from_hex(str(task["task_key"]))
    runs = await customer.chain.logs(
        LogFilter(
            addresses=(customer.contracts.task_execution_hub,), topics=((TaskExecutionHub.TaskExecuted.topic,), (key,))
        ),
        from_block=0,
        to_block=head.number,
    )
    submissions = await customer.chain.logs(
        LogFilter(
            addresses=(network.ground.network.attestation_center,), topics=((AttestationCenter.TaskSubmitted.topic,),)
        ),
        from_block=0,
        to_block=head.number,
    )
    assert (len(runs), len(submissions)) == (1, 1)
    return task


def locked_files(node: NodeProcess, folder: Path) -> set[Path]:
    """The files under the folder that this process has locked, by the kernel's word.

    Locks anybody may read of; which files it holds open, a process with keys shows to root alone.
    """
    inodes = {path.stat().st_ino: path for path in folder.rglob("*")}
    locks = [line.split() for line in Path("/proc/locks").read_text().splitlines()]
    held = {int(fields[5].rpartition(":")[2]) for fields in locks if fields[4] == str(node.process.pid)}
    return {path for inode, path in inodes.items() if inode in held}


async def test_apart_when_all_is_well_then_the_task_is_done_and_attested_once(tmp_path: Path) -> None:
    async with running_apart(tmp_path) as (network, _):
        task = await attested_once(network, await one_job(network))
        assert task["attesters_ids"] == [1, 2, 3, 4]
        folders = {path.name for path in tmp_path.iterdir() if path.is_dir()}
        assert folders == {"core", "keeper-1", "keeper-2", "keeper-3", "keeper-4", "networks"}
        for node in (network.core, *network.keepers.values()):
            files = locked_files(node, tmp_path)
            assert {path.parent for path in files} == {tmp_path / node.name}
            assert {path.name for path in files} >= {"store.lock", "triggerx.db"}


@pytest.mark.parametrize("point", ["keeper.before-action", "transactions.after-broadcast", "keeper.before-submission"])
async def test_apart_when_a_keeper_is_killed_then_the_task_is_still_attested_once(tmp_path: Path, point: str) -> None:
    async with running_apart(tmp_path, crash_at=point) as (network, stack):
        job = await one_job(network)
        task = await attested_once(network, job)
        dead = [name for name, keeper in network.keepers.items() if keeper.process.returncode == -9]
        assert len(dead) == 1
        performer: Json = task["task_performer_address"]
        if point == "keeper.before-submission":
            assert performer not in dead or task["attesters_ids"]
        else:
            assert performer not in dead
        await network.restart_keeper(dead[0], stack)
        await network.keepers[dead[0]].logged("keeper checked in")
        assert await attested_once(network, job) == task
