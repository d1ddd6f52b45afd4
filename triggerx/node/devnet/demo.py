"""The demo: a user who deposits, creates a time job on chain, signs its mandate, posts it, and watches it happen.

Only the public HTTP API and real transactions are used, and the answer of the API is held against the chain.
"""

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, cast

import aiohttp

from triggerx.chains.reads import Reads
from triggerx.chains.wallet import Wallet
from triggerx.core.canonical import Json
from triggerx.core.errors import RecoverableError, UnavailableError
from triggerx.core.job import JobId
from triggerx.core.mandate import SignedMandate, dump_mandate
from triggerx.core.validation import RegistryEntry
from triggerx.evm.abi import function_from_abi
from triggerx.evm.contracts import AttestationCenter, GasRegistry, JobRegistry, TaskExecutionHub
from triggerx.evm.hub import Mandate, mandate_digest
from triggerx.evm.keccak import keccak256
from triggerx.evm.registry import registry_data
from triggerx.evm.types import Address, Hash32, Wei, checksum, parse_hash32, to_hex
from triggerx.node.devnet.ground import EXAMPLE_FUNCTION
from triggerx.node.devnet.network import Devnet

DEPOSIT_WEI: Final = Wei(10**17)
FEE_MAX_WEI: Final = Wei(10**16)  # 300,000 gas at 33 gwei: far above what a development chain asks
INTERVAL_BLOCKS: Final = 4  # between creation and firing: room for the job's own transaction, the mandate and the POST
INTERVAL_S_MIN: Final = 5
ATTESTED_WITHIN_S: Final = 90
POLL_S: Final = 0.2
HTTP_TIMEOUT_S: Final = 10.0
ARGUMENTS: Final = ("7",)

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoResult:
    """What the API showed of the job's tasks, and where it disagrees with the chain (empty when it agrees)."""

    tasks: tuple[Mapping[str, Json], ...]
    faults: tuple[str, ...]


async def run_demo(devnet: Devnet, say: Say) -> DemoResult:
    """Be the user; `say` is told each step. Raises `TriggerxError` when a step does not succeed in its time."""
    network, chain = devnet.ground.network, devnet.ground.reads[devnet.ground.network.l2_chain_id]
    wallet = Wallet(chain, devnet.ground.user)
    contracts = network.action_chains[network.l2_chain_id]
    say(f"depositing {DEPOSIT_WEI / 10**18:g} ether for gas as {checksum(devnet.ground.user.address)}")
    await wallet.send(contracts.gas_registry, GasRegistry.depositETH.encode(DEPOSIT_WEI), value=DEPOSIT_WEI)
    interval_s = max(INTERVAL_S_MIN, INTERVAL_BLOCKS * round(contracts.block_time_s))
    say(f"creating a time job on chain: call the example target {interval_s} s after creation")
    job_id, entry = await _create_job(devnet, wallet, interval_s)
    say(f"job {job_id} is registered; signing its mandate and posting it")
    mandate = _sign_mandate(devnet, job_id, entry)
    headers = {"Authorization": f"Bearer {devnet.api_key}"}
    timeout = aiohttp.ClientTimeout(total=HTTP_TIMEOUT_S)
    async with aiohttp.ClientSession(devnet.api_url, headers=headers, timeout=timeout) as session:
        await _post_job(session, devnet, job_id, interval_s, mandate)
        tasks = await _watch(session, job_id, say)
    faults = [fault for task in tasks for fault in await _compare(devnet, chain, task)]
    return DemoResult(tasks=tasks, faults=tuple(faults))


async def _create_job(devnet: Devnet, wallet: Wallet, interval_s: int) -> tuple[JobId, RegistryEntry]:
    contracts = devnet.ground.network.action_chains[devnet.ground.network.l2_chain_id]
    data = JobRegistry.createJob.encode(
        "demo", 1, interval_s, devnet.ground.example_target, registry_data(1, interval=interval_s)
    )
    receipt = await wallet.send(contracts.job_registry, data)
    log = next(log for log in receipt.logs if log.topics[0] == JobRegistry.JobCreated.topic)
    created = JobRegistry.JobCreated.decode(log.topics, log.data)
    entry = RegistryEntry(
        owner=cast("Address", created["jobOwner"]),
        job_hash=cast("Hash32", created["jobHash"]),
        version=cast("int", created["timestamp"]),
        is_active=True,
    )
    return JobId(cast("int", created["jobId"])), entry


def _sign_mandate(devnet: Devnet, job_id: JobId, entry: RegistryEntry) -> SignedMandate:
    contracts = devnet.ground.network.action_chains[devnet.ground.network.l2_chain_id]
    calldata = function_from_abi(json.dumps(devnet.ground.example_abi), EXAMPLE_FUNCTION).encode(*map(int, ARGUMENTS))
    mandate = Mandate(
        job_id=job_id,
        job_hash=entry.job_hash,
        version=entry.version,
        owner=entry.owner,
        target=devnet.ground.example_target,
        selector=calldata[:4],
        calldata_hash=keccak256(calldata),
        value_max=Wei(0),
        fee_max=FEE_MAX_WEI,
        inner_gas_min=100_000,
        runs_max=1,
        spacing=0,
        attempts_max=3,
        security=4,
        not_before=0,
        expiry=entry.version + 86_400,
    )
    digest = mandate_digest(mandate, contracts.chain_id, contracts.task_execution_hub)
    return SignedMandate(mandate=mandate, signature=devnet.ground.user.sign_digest(digest))


async def _post_job(
    session: aiohttp.ClientSession, devnet: Devnet, job_id: JobId, interval_s: int, mandate: SignedMandate
) -> None:
    chain_id = str(devnet.ground.network.l2_chain_id)
    body = {
        "job_id": str(job_id),
        "user_address": checksum(devnet.ground.user.address),
        "job_title": "demo",
        "task_definition_id": 1,
        "time_frame": interval_s,
        "recurring": False,
        "timezone": "UTC",
        "created_chain_id": chain_id,
        "target_chain_id": chain_id,
        "target_contract_address": checksum(devnet.ground.example_target),
        "target_function": EXAMPLE_FUNCTION,
        "abi": json.dumps(devnet.ground.example_abi),
        "arg_type": 1,
        "arguments": list(ARGUMENTS),
        "schedule_type": "interval",
        "time_interval": interval_s,
        "mandate": dump_mandate(mandate),
    }
    async with session.post("/api/jobs", json=[body]) as response:
        if response.status >= 300:
            raise UnavailableError(f"POST /api/jobs answered {response.status}: {await response.text()}")


async def _watch(session: aiohttp.ClientSession, job_id: JobId, say: Say) -> tuple[Mapping[str, Json], ...]:
    """Poll the job's tasks until one is decided; tells every change of status once."""
    said = ""
    say("waiting for the engine to fire it")
    try:
        async with asyncio.timeout(ATTESTED_WITHIN_S):
            while True:
                async with session.get(f"/api/tasks/job/{job_id}") as response:
                    response.raise_for_status()
                    tasks = cast("list[dict[str, Json]]", await response.json())
                status = str(tasks[-1]["task_status"]) if tasks else ""
                if status != said:
                    say(f"task {tasks[-1]['task_id']} is {status}")
                    said = status
                if tasks and tasks[-1]["task_submission_tx_hash"]:
                    return tuple(tasks)
                await asyncio.sleep(POLL_S)
    except TimeoutError as error:
        raise RecoverableError(
            f"job {job_id} was not attested within {ATTESTED_WITHIN_S} s; its last status was {said or 'no task yet'}: "
            "look at the log"
        ) from error


async def _compare(devnet: Devnet, chain: Reads, task: Mapping[str, Json]) -> list[str]:
    """Hold one task of the API against receipts and logs of the chain; returns what does not agree."""
    contracts = devnet.ground.network.action_chains[devnet.ground.network.l2_chain_id]
    faults: list[str] = []
    action = await chain.receipt(parse_hash32(str(task["execution_tx_hash"])))
    executed = TaskExecutionHub.TaskExecuted
    runs = [
        executed.decode(log.topics, log.data)
        for log in (action.logs if action is not None else ())
        if log.address == contracts.task_execution_hub and log.topics[0] == executed.topic
    ]
    if len(runs) != 1 or not runs[0]["success"] or to_hex(cast("bytes", runs[0]["taskKey"])) != task["task_key"]:
        faults.append("the action's transaction holds no successful run of this task key")
    submission = await chain.receipt(parse_hash32(str(task["task_submission_tx_hash"])))
    submitted = AttestationCenter.TaskSubmitted
    decisions = [
        submitted.decode(log.topics, log.data)
        for log in (submission.logs if submission is not None else ())
        if log.address == devnet.ground.network.attestation_center and log.topics[0] == submitted.topic
    ]
    if len(decisions) != 1:
        return [*faults, "the submission's transaction holds no TaskSubmitted"]
    decision = decisions[0]
    attesters = list(cast("tuple[int, ...]", decision["attestersIds"]))
    expected: dict[str, Json] = {
        "task_number": cast("int", decision["taskNumber"]),
        "attesters_ids": attesters,
        "task_performer_address": checksum(cast("Address", decision["operator"])),
        "proof_of_task": cast("str", decision["proofOfTask"]),
        "is_accepted": True,
    }
    faults += [
        f"{name}: the API says {task.get(name)!r}, the chain {v!r}"
        for name, v in expected.items()
        if task.get(name) != v
    ]
    return faults
