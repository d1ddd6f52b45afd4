"""An owner of jobs on one action chain: deposits, and the JobRegistry's transactions.

Every transaction is waited for until it is mined. Raises as `chains.wallet` does: `CallReverted` with the contract's
reason where one would fail, `RecoverableError` where one is not mined in time.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from triggerx.chains.reads import Reads
from triggerx.chains.wallet import Outgoing, Wallet
from triggerx.core.errors import InvalidInput, RecoverableError
from triggerx.core.job import JobBody, JobId
from triggerx.core.job_body import expected_job_hash, registry_data
from triggerx.core.network import ActionChain
from triggerx.core.validation import RegistryEntry
from triggerx.evm.abi import Event
from triggerx.evm.contracts import GasRegistry, JobRegistry
from triggerx.evm.registry import job_hash
from triggerx.evm.types import ZERO_ADDRESS, Address, Hash32, Wei, to_hex
from triggerx.ports.chain import Receipt
from triggerx.ports.signer import Signer


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """A job's id with its registry entry."""

    job_id: JobId
    entry: RegistryEntry


@dataclass(frozen=True, slots=True, kw_only=True)
class BoundFields:
    """What the registry's hash binds of a job that stands there, as `updateJob` has to repeat it."""

    title: str
    task_definition_id: int
    time_frame_s: int
    target: Address
    data: bytes


class Owner:
    """One account on one chain; not to be used by two at once, as its wallet."""

    def __init__(self, chain: Reads, contracts: ActionChain, signer: Signer) -> None:
        self.chain = chain
        self.contracts = contracts
        self.signer = signer
        self._wallet = Wallet(chain, signer)

    async def deposit(self, amount: Wei) -> None:
        """Deposit gas money into the GasRegistry; the hub pays for this owner's runs from it."""
        await self._wallet.send(self.contracts.gas_registry, GasRegistry.depositETH.encode(amount), value=amount)

    async def create(self, body: JobBody) -> Registration:
        """Create a job of this owner; the body's own id does not count, for the registry makes one."""
        (created,) = await self.create_all([body])
        return created

    async def create_all(self, bodies: Sequence[JobBody], *, gas: int | None = None) -> list[Registration]:
        """Create several by transactions that travel together; `gas` is each one's, None asks for an estimate."""
        calls = [Outgoing(to=self.contracts.job_registry, data=_creation(body), gas=gas) for body in bodies]
        receipts = await self._wallet.send_all(calls)
        return [self._registered(receipt, JobRegistry.JobCreated, "jobHash") for receipt in receipts]

    async def update(self, old: BoundFields, new: JobBody) -> Registration:
        """Change what the registry binds of a job. Definition and target stay: `updateJob` takes one of each.

        `old` must be what the registry's hash was made of, else it refuses.
        """
        if new.task_definition_id != old.task_definition_id:
            raise InvalidInput("task_definition_id", f"is {old.task_definition_id} on chain and cannot change")
        if new.action.target != old.target:
            raise InvalidInput("target_contract_address", f"is {to_hex(old.target)} on chain and cannot change")
        data = JobRegistry.updateJob.encode(
            new.job_id,
            old.title,
            old.task_definition_id,
            old.time_frame_s,
            old.target,
            old.data,
            new.title,
            new.time_frame_s,
            registry_data(new),
        )
        receipt = await self._wallet.send(self.contracts.job_registry, data)
        return self._registered(receipt, JobRegistry.JobUpdated, "newJobHash")

    async def delete(self, job_id: JobId) -> None:
        """End a job on chain, for good."""
        await self._wallet.send(self.contracts.job_registry, JobRegistry.deleteJob.encode(job_id))

    async def entry(self, job_id: JobId) -> RegistryEntry | None:
        """Return the registry's entry as it stands now; None for a job that it does not know."""
        answer = await self.chain.call(self.contracts.job_registry, JobRegistry.getJob.encode(job_id))
        row = cast("tuple[int, Address, Hash32, int, bool]", JobRegistry.getJob.decode_output(answer)[0])
        if row[1] == ZERO_ADDRESS:
            return None
        return RegistryEntry(owner=row[1], job_hash=row[2], version=row[3], is_active=row[4])

    def _registered(self, receipt: Receipt, event: Event, hash_field: str) -> Registration:
        registry = self.contracts.job_registry
        for log in receipt.logs:
            if log.address == registry and log.topics[0] == event.topic:
                told = event.decode(log.topics, log.data)
                entry = RegistryEntry(
                    owner=self.signer.address,
                    job_hash=cast("Hash32", told[hash_field]),
                    version=cast("int", told["timestamp"]),
                    is_active=True,
                )
                return Registration(job_id=JobId(cast("int", told["jobId"])), entry=entry)
        raise RecoverableError(
            f"transaction {to_hex(receipt.tx_hash)} was mined without the JobRegistry's {event.name}: is "
            f"{to_hex(registry)} the registry of chain {self.contracts.chain_id}?"
        )


def is_bound_by(entry: RegistryEntry, body: JobBody) -> bool:
    """Whether the registry's hash is this body's."""
    return entry.job_hash == expected_job_hash(body)


def hash_of(bound: BoundFields) -> Hash32:
    """The registry's hash of these fields."""
    return job_hash(bound.title, bound.task_definition_id, bound.time_frame_s, bound.target, bound.data)


def _creation(body: JobBody) -> bytes:
    return JobRegistry.createJob.encode(
        body.title, int(body.task_definition_id), body.time_frame_s, body.action.target, registry_data(body)
    )
