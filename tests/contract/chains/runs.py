"""A job with its mandate and the call that runs it, of which a test changes one thing at a time."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from tests.contract.chains.deployed import Keeper, System
from triggerx.evm.abi import Function
from triggerx.evm.bn254.bls import aggregate_signatures
from triggerx.evm.contracts import GasRegistry, JobRegistry, TaskExecutionHub
from triggerx.evm.hub import (
    APPROVAL_DOMAIN,
    Assignment,
    Firing,
    Mandate,
    approval_message,
    assignment_digest,
    mandate_digest,
    task_key,
)
from triggerx.evm.keccak import keccak256
from triggerx.evm.keys import PrivateKey
from triggerx.evm.types import Hash32, Wei

INCREMENT = Function.parse("increment(uint256 amount) payable")
SET_FAILING = Function.parse("setFailing(bool isFailing)")
BURN_GAS = Function.parse("burnGas(uint256 units)")
TOTAL = Function.parse("total() returns (uint256)")
CALLS = Function.parse("calls() returns (uint256)")
LAST_CALLER = Function.parse("lastCaller() returns (address)")
LAST_VALUE = Function.parse("lastValue() returns (uint256)")
DEPOSIT = 10**18
FEE = 10**15
DATA = (60).to_bytes(32, "big")
LONG_S = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """Everything executeTask is given; who signs is part of it, so that a test can forge."""

    mandate: Mandate
    owner: PrivateKey
    firing: Firing
    assignment: Assignment
    engine: PrivateKey
    fee: int
    value: int
    data: bytes
    quorum: tuple[tuple[int, ...], tuple[int, int]] = ((), (0, 0))

    def but(self, **changes: Any) -> "Run":
        """The same run but for some fields of it, its mandate (`mandate__x`) or its assignment (`assignment__x`)."""
        own = {name: value for name, value in changes.items() if "__" not in name}
        for part in ("mandate", "assignment"):
            prefix = part + "__"
            inner = {name.removeprefix(prefix): value for name, value in changes.items() if name.startswith(prefix)}
            own[part] = replace(own.get(part, getattr(self, part)), **inner)
        return replace(self, **own)

    def fired(self, firing: Firing, **changes: Any) -> "Run":
        """The same run of another firing, with an assignment of its own."""
        key = task_key(self.mandate.job_id, firing)
        return self.but(firing=firing, assignment__task_key=key, **changes)

    @property
    def key(self) -> Hash32:
        return self.assignment.task_key


class Guarded:
    """A system with a job, a deposit and a mandate."""

    def __init__(self, system: System) -> None:
        self.system = system
        self.hub = system.at.task_execution_hub
        self.target = system.at.example_target
        self.performer = system.keepers[0]
        system.do(system.owner, system.at.gas_registry, GasRegistry.depositETH.encode(DEPOSIT), value=DEPOSIT)
        self.job_id = self.create_job()
        self.run = self.first_run(self.job_id)

    def create_job(self) -> int:
        registry = self.system.at.job_registry
        call = JobRegistry.createJob.encode("job", 1, 3600, self.target, DATA)
        (event,) = self.system.do(self.system.owner, registry, call).events(JobRegistry.JobCreated, registry)
        return int(event["jobId"])

    def first_run(self, job_id: int) -> Run:
        job = self.system.read(self.system.at.job_registry, JobRegistry.getJob, job_id)
        now, data = self.system.now(), INCREMENT.encode(5)
        firing = Firing.time(now)
        mandate = Mandate(
            job_id=job_id,
            job_hash=job[2],
            version=job[3],
            owner=self.system.owner.address,
            target=self.target,
            selector=INCREMENT.selector,
            calldata_hash=keccak256(data),
            value_max=Wei(FEE),
            fee_max=Wei(FEE),
            inner_gas_min=100_000,
            runs_max=3,
            spacing=0,
            attempts_max=2,
            security=4,
            not_before=now - LONG_S,
            expiry=now + LONG_S,
        )
        assignment = Assignment(
            task_key=task_key(job_id, firing),
            performer=self.performer.address,
            attempt=1,
            not_before=now - LONG_S,
            not_after=now + LONG_S,
        )
        return Run(
            mandate=mandate,
            owner=self.system.owner,
            firing=firing,
            assignment=assignment,
            engine=self.system.engine,
            fee=FEE,
            value=0,
            data=data,
        )

    def digest(self, run: Run) -> Hash32:
        return mandate_digest(run.mandate, self.system.chain_id, self.hub)

    def encoded(self, run: Run) -> bytes:
        ordered = assignment_digest(run.assignment, self.system.chain_id, self.hub)
        return TaskExecutionHub.executeTask.encode(
            run.mandate.as_tuple(),
            run.owner.sign_digest(self.digest(run)),
            run.firing.as_tuple(),
            run.assignment.as_tuple(),
            run.engine.sign_digest(ordered),
            run.fee,
            run.value,
            run.data,
            run.quorum,
        )

    def approved(self, run: Run, signers: list[Keeper]) -> Run:
        """The run with the quorum signature of these keepers over exactly it."""
        message = approval_message(
            run.mandate, run.assignment, run.data, Wei(run.value), self.system.chain_id, self.hub
        )
        signature = aggregate_signatures([keeper.bls.sign(APPROVAL_DOMAIN, message) for keeper in signers])
        return run.but(quorum=(tuple(keeper.operator_id for keeper in signers), signature))

    def refusal(self, run: Run, *, sender: PrivateKey | None = None, gas: int = 3_000_000) -> str:
        return self.system.refusal(sender or self.performer.key, self.hub, self.encoded(run), gas=gas)

    def execute(self, run: Run, *, gas: int = 3_000_000) -> dict[str, Any]:
        """Mine the run and return its TaskExecuted, with the fate of the inner call beside it."""
        mined = self.system.do(self.performer.key, self.hub, self.encoded(run), gas=gas)
        (event,) = mined.events(TaskExecutionHub.TaskExecuted, self.hub)
        event["executed"] = mined.events(TaskExecutionHub.FunctionExecuted, self.hub)
        event["failed"] = mined.events(TaskExecutionHub.FunctionExecutionFailed, self.hub)
        event["deducted"] = mined.events(GasRegistry.ETHBalanceDeducted, self.system.at.gas_registry)
        event["gas_used"] = mined.gas_used
        return event

    def deposit(self) -> int:
        return int(self.system.read(self.system.at.gas_registry, GasRegistry.getBalance, self.system.owner.address))

    def of(self, function: Function, *args: object) -> Any:
        return self.system.read(self.hub, function, *args)

    def of_target(self, function: Function) -> Any:
        return self.system.read(self.target, function)

    def set_failing(self, is_failing: bool) -> None:
        self.system.do(self.system.owner, self.target, SET_FAILING.encode(is_failing))


Change = Callable[[Guarded, Run], Run]
