"""A customer of a development network: uses it as any user would, by real transactions and the public HTTP API.

What the API shows is held against receipts and logs of the chain; nothing is taken from the nodes themselves.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final, Self, cast

import aiohttp

from triggerx.chains.wallet import Wallet
from triggerx.core.canonical import Json
from triggerx.core.errors import RecoverableError, UnavailableError
from triggerx.core.job import JobId
from triggerx.core.mandate import SignedMandate, dump_mandate
from triggerx.evm.abi import function_from_abi
from triggerx.evm.contracts import AttestationCenter, GasRegistry, JobRegistry, TaskExecutionHub
from triggerx.evm.hub import Mandate, mandate_digest
from triggerx.evm.keccak import keccak256
from triggerx.evm.registry import registry_data
from triggerx.evm.types import Address, Hash32, Wei, checksum, parse_hash32, to_hex
from triggerx.node.devnet.ground import EXAMPLE_FUNCTION, Ground

FEE_MAX_WEI: Final = Wei(10**16)  # 300,000 gas at 33 gwei: far above what a development chain asks
MANDATE_S: Final = 86_400
ATTEMPTS_MAX: Final = 3
INNER_GAS_MIN: Final = 100_000
SECURITY: Final = 4
POLL_S: Final = 0.2
HTTP_TIMEOUT_S: Final = 10.0
TIME_STATIC: Final = 1

Task = Mapping[str, Json]


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisteredJob:
    """A time job as the JobRegistry has it; `version` is its creation time, the block's unix seconds."""

    job_id: JobId
    title: str
    job_hash: Hash32
    version: int
    interval_s: int
    time_frame_s: int
    argument: int


class Customer:
    """The development user: owns an account, an API key, and the jobs it makes."""

    def __init__(self, ground: Ground, session: aiohttp.ClientSession) -> None:
        """Act as the ground's user over this session, which carries the API key."""
        self.ground = ground
        self.chain = ground.reads[ground.network.l2_chain_id]
        self.contracts = ground.network.action_chains[ground.network.l2_chain_id]
        self._session = session
        self._wallet = Wallet(self.chain, ground.user)

    @classmethod
    @asynccontextmanager
    async def open(cls, ground: Ground, api_url: str, api_key: str) -> AsyncIterator[Self]:
        """Open the connections to the API."""
        headers = {"Authorization": f"Bearer {api_key}"}
        timeout = aiohttp.ClientTimeout(total=HTTP_TIMEOUT_S)
        async with aiohttp.ClientSession(api_url, headers=headers, timeout=timeout) as session:
            yield cls(ground, session)

    async def deposit(self, amount: Wei) -> None:
        """Deposit gas money into the GasRegistry."""
        await self._wallet.send(self.contracts.gas_registry, GasRegistry.depositETH.encode(amount), value=amount)

    async def register_job(
        self, *, interval_s: int, time_frame_s: int, argument: int = 7, title: str = "demo"
    ) -> RegisteredJob:
        """Create a time job on chain that calls the example target every `interval_s` after its creation."""
        data = JobRegistry.createJob.encode(
            title,
            TIME_STATIC,
            time_frame_s,
            self.ground.example_target,
            registry_data(TIME_STATIC, interval=interval_s),
        )
        receipt = await self._wallet.send(self.contracts.job_registry, data)
        log = next(log for log in receipt.logs if log.topics[0] == JobRegistry.JobCreated.topic)
        created = JobRegistry.JobCreated.decode(log.topics, log.data)
        return RegisteredJob(
            job_id=JobId(cast("int", created["jobId"])),
            title=title,
            job_hash=cast("Hash32", created["jobHash"]),
            version=cast("int", created["timestamp"]),
            interval_s=interval_s,
            time_frame_s=time_frame_s,
            argument=argument,
        )

    def sign_mandate(self, job: RegisteredJob, *, runs_max: int = 1) -> SignedMandate:
        """Allow the hub exactly this call, so often, for a day."""
        function = function_from_abi(json.dumps(self.ground.example_abi), EXAMPLE_FUNCTION)
        calldata = function.encode(job.argument)
        mandate = Mandate(
            job_id=job.job_id,
            job_hash=job.job_hash,
            version=job.version,
            owner=self.ground.user.address,
            target=self.ground.example_target,
            selector=calldata[:4],
            calldata_hash=keccak256(calldata),
            value_max=Wei(0),
            fee_max=FEE_MAX_WEI,
            inner_gas_min=INNER_GAS_MIN,
            runs_max=runs_max,
            spacing=0,
            attempts_max=ATTEMPTS_MAX,
            security=SECURITY,
            not_before=0,
            expiry=job.version + MANDATE_S,
        )
        digest = mandate_digest(mandate, self.contracts.chain_id, self.contracts.task_execution_hub)
        return SignedMandate(mandate=mandate, signature=self.ground.user.sign_digest(digest))

    async def post_job(self, job: RegisteredJob, mandate: SignedMandate | None) -> None:
        """POST the job in the published SDK's shape, with the mandate where there is one.

        Raises `UnavailableError` with the API's answer when it is not taken.
        """
        chain_id = str(self.contracts.chain_id)
        body: dict[str, Json] = {
            "job_id": str(job.job_id),
            "user_address": checksum(self.ground.user.address),
            "ether_balance": 0,
            "token_balance": 0,
            "job_title": job.title,
            "task_definition_id": TIME_STATIC,
            "custom": True,
            "time_frame": job.time_frame_s,
            "recurring": False,
            "job_cost_prediction": 0,
            "timezone": "UTC",
            "created_chain_id": chain_id,
            "target_chain_id": chain_id,
            "target_contract_address": checksum(self.ground.example_target),
            "target_function": EXAMPLE_FUNCTION,
            "abi": json.dumps(self.ground.example_abi),
            "arg_type": 1,
            "arguments": [str(job.argument)],
            "schedule_type": "interval",
            "time_interval": job.interval_s,
        }
        if mandate is not None:
            body["mandate"] = dump_mandate(mandate)
        async with self._session.post("/api/jobs", json=[body]) as response:
            if response.status >= 300:
                raise UnavailableError(f"POST /api/jobs answered {response.status}: {await response.text()}")

    async def get(self, path: str) -> Json:
        """GET a path of the API; raises `UnavailableError` with its answer for any other status than 2xx."""
        async with self._session.get(path) as response:
            if response.status >= 300:
                raise UnavailableError(f"GET {path} answered {response.status}: {await response.text()}")
            return cast("Json", await response.json())

    async def tasks(self, job_id: JobId) -> Sequence[Task]:
        """The job's tasks as the API shows them."""
        return cast("Sequence[Task]", await self.get(f"/api/tasks/job/{job_id}"))

    async def tasks_when(
        self, job_id: JobId, is_enough: Callable[[Sequence[Task]], bool], *, within_s: float
    ) -> Sequence[Task]:
        """Look again until the tasks satisfy; raises `RecoverableError` with what was seen last when they do not."""
        tasks: Sequence[Task] = ()
        try:
            async with asyncio.timeout(within_s):
                while not is_enough(tasks := await self.tasks(job_id)):  # noqa: ASYNC110 - HTTP has to be asked
                    await asyncio.sleep(POLL_S)
        except TimeoutError as error:
            seen = [f"{task['task_status']} ({task['task_error']})" for task in tasks] or "no task"
            raise RecoverableError(
                f"job {job_id}: not as expected within {within_s:g} s; last seen: {seen}: look at the log"
            ) from error
        return tasks

    async def attested(self, job_id: JobId, *, count: int = 1, within_s: float) -> Sequence[Task]:
        """Wait until the Attestation Center has decided `count` of the job's tasks."""
        return await self.tasks_when(
            job_id, lambda tasks: sum(is_decided(task) for task in tasks) >= count, within_s=within_s
        )

    async def faults(self, task: Task) -> list[str]:
        """Hold one decided task of the API against the chain; returns what does not agree."""
        faults: list[str] = []
        action = await self.chain.receipt(parse_hash32(str(task["execution_tx_hash"])))
        wanted = TaskExecutionHub.TaskExecuted if task["is_guarded"] else TaskExecutionHub.FunctionExecuted
        runs = [
            wanted.decode(log.topics, log.data)
            for log in (action.logs if action is not None else ())
            if log.address == self.contracts.task_execution_hub and log.topics[0] == wanted.topic
        ]
        if len(runs) != 1 or not runs[0].get("success", True):
            faults.append("the action's transaction holds no successful run")
        elif task["is_guarded"] and to_hex(cast("bytes", runs[0]["taskKey"])) != task["task_key"]:
            faults.append("the action's transaction ran another task key")
        submission = await self.chain.receipt(parse_hash32(str(task["task_submission_tx_hash"])))
        submitted = AttestationCenter.TaskSubmitted
        decisions = [
            submitted.decode(log.topics, log.data)
            for log in (submission.logs if submission is not None else ())
            if log.address == self.ground.network.attestation_center and log.topics[0] == submitted.topic
        ]
        if len(decisions) != 1:
            return [*faults, "the submission's transaction holds no TaskSubmitted"]
        decision = decisions[0]
        expected: dict[str, Json] = {
            "task_number": cast("int", decision["taskNumber"]),
            "attesters_ids": list(cast("Sequence[int]", decision["attestersIds"])),
            "task_performer_address": checksum(cast("Address", decision["operator"])),
            "proof_of_task": cast("str", decision["proofOfTask"]),
            "is_accepted": True,
        }
        for name, value in expected.items():
            if task.get(name) != value:
                faults.append(f"{name}: the API says {task.get(name)!r}, the chain {value!r}")
        return faults


def is_decided(task: Task) -> bool:
    """Whether the Attestation Center has decided this task of the API."""
    return bool(task["task_submission_tx_hash"])
