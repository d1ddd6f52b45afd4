"""A customer of a development network: uses it as any user would, by real transactions and the public HTTP API.

What the API shows is held against receipts and logs of the chain; nothing is taken from the nodes themselves.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final, Self, cast

from triggerx.client.api import Api
from triggerx.client.owner import Owner
from triggerx.client.signing import MandateTerms, sign_mandate
from triggerx.core.canonical import Json
from triggerx.core.errors import RecoverableError
from triggerx.core.job import JobBody, JobId
from triggerx.core.job_body import parse_body
from triggerx.core.mandate import SignedMandate, dump_mandate
from triggerx.core.validation import RegistryEntry
from triggerx.evm.contracts import AttestationCenter, TaskExecutionHub
from triggerx.evm.registry import pack_job_id
from triggerx.evm.types import Address, Wei, checksum, parse_hash32, to_hex
from triggerx.node.devnet.ground import EXAMPLE_FUNCTION, Ground

MANDATE_S: Final = 86_400
POLL_S: Final = 0.2
TIME_STATIC: Final = 1

Task = Mapping[str, Json]


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisteredJob:
    """A time job as the JobRegistry has it, and the body it is posted with."""

    body: JobBody
    entry: RegistryEntry
    fields: Mapping[str, Json]

    @property
    def job_id(self) -> JobId:
        """The registry's id."""
        return self.body.job_id

    @property
    def version(self) -> int:
        """Its creation time, the block's unix seconds."""
        return self.entry.version

    @property
    def time_frame_s(self) -> int:
        """How long it runs."""
        return self.body.time_frame_s


class Customer:
    """The development user: owns an account, an API key, and the jobs it makes."""

    def __init__(self, ground: Ground, api: Api) -> None:
        """Act as the ground's user over this API, which was opened with the user's key."""
        self.ground = ground
        self.chain = ground.reads[ground.network.l2_chain_id]
        self.contracts = ground.network.action_chains[ground.network.l2_chain_id]
        self._api = api
        self._owner = Owner(self.chain, self.contracts, ground.user)

    @classmethod
    @asynccontextmanager
    async def open(cls, ground: Ground, api_url: str, api_key: str) -> AsyncIterator[Self]:
        """Open the connections to the API."""
        async with Api.open(api_url, key=api_key, named_by="the development network") as api:
            yield cls(ground, api)

    async def deposit(self, amount: Wei) -> None:
        """Deposit gas money into the GasRegistry."""
        await self._owner.deposit(amount)

    async def register_job(
        self, *, interval_s: int, time_frame_s: int, argument: int = 7, title: str = "demo"
    ) -> RegisteredJob:
        """Create a time job on chain that calls the example target every `interval_s` after its creation."""
        (job,) = await self.register_jobs(
            [title], interval_s=interval_s, time_frame_s=time_frame_s, argument=argument, gas=None
        )
        return job

    async def register_jobs(
        self, titles: Sequence[str], *, interval_s: int, time_frame_s: int, argument: int, gas: int | None
    ) -> list[RegisteredJob]:
        """Create one such job for each title, by transactions that travel together; `gas` as in `Owner.create_all`."""
        drafts = [
            self._fields(title, interval_s=interval_s, time_frame_s=time_frame_s, argument=argument) for title in titles
        ]
        created = await self._owner.create_all([parse_body(fields) for fields in drafts], gas=gas)
        jobs = []
        for fields, registration in zip(drafts, created, strict=True):
            posted = {**fields, "job_id": str(registration.job_id)}
            jobs.append(RegisteredJob(body=parse_body(posted), entry=registration.entry, fields=posted))
        return jobs

    def sign_mandate(self, job: RegisteredJob, *, runs_max: int = 1) -> SignedMandate:
        """Allow the hub exactly this call, so often, for a day."""
        terms = MandateTerms(runs_max=runs_max, valid_s=MANDATE_S)
        return sign_mandate(job.body, job.entry, terms, contracts=self.contracts, signer=self.ground.user)

    async def post_job(self, job: RegisteredJob, mandate: SignedMandate | None) -> None:
        """POST the job in the published SDK's shape, with the mandate where there is one.

        Raises as `Api` does when it is not taken.
        """
        await self._api.post_job(job.fields if mandate is None else {**job.fields, "mandate": dump_mandate(mandate)})

    def _fields(self, title: str, *, interval_s: int, time_frame_s: int, argument: int) -> dict[str, Json]:
        """The body as the published SDK writes it, under an id that the registry replaces."""
        chain_id = str(self.contracts.chain_id)
        return {
            "job_id": str(pack_job_id(self.contracts.chain_id, 0, 1)),
            "user_address": checksum(self.ground.user.address),
            "ether_balance": 0,
            "token_balance": 0,
            "job_title": title,
            "task_definition_id": TIME_STATIC,
            "custom": True,
            "time_frame": time_frame_s,
            "recurring": False,
            "job_cost_prediction": 0,
            "timezone": "UTC",
            "created_chain_id": chain_id,
            "target_chain_id": chain_id,
            "target_contract_address": checksum(self.ground.example_target),
            "target_function": EXAMPLE_FUNCTION,
            "abi": json.dumps(self.ground.example_abi),
            "arg_type": 1,
            "arguments": [str(argument)],
            "schedule_type": "interval",
            "time_interval": interval_s,
        }

    async def get(self, path: str) -> Json:
        """GET a path of the API; raises as `Api` does for any other status than 2xx."""
        return await self._api.document(path)

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
