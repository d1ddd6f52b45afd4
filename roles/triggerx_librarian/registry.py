"""What the chain says about a job and its owner: the registry's entry and the owner's deposit."""

from dataclasses import dataclass
from typing import cast

from triggerx.core.job import Job, JobId
from triggerx.core.network import ActionChain
from triggerx.core.validation import RegistryEntry
from triggerx.evm.contracts import GasRegistry, JobRegistry
from triggerx.evm.types import ZERO_ADDRESS, Address, ChainId, Hash32, Wei
from triggerx.http.problems import refuse
from triggerx.ports.chain import CallReverted, Chain
from triggerx.role import Services


def chain_of(services: Services, chain_id: ChainId) -> Chain:
    """Return the chain; 503 when this node has no endpoint for it."""
    chain = services.chains.get(chain_id)
    if chain is None:
        raise refuse(503, "no-endpoint", f"this node has no endpoint for chain {chain_id}")
    return chain


async def read_entry(chain: Chain, action_chain: ActionChain, job_id: JobId) -> RegistryEntry | None:
    """Return `JobRegistry.getJob(jobId)` now, None for a job the registry does not know."""
    try:
        answer = await chain.call(action_chain.job_registry, JobRegistry.getJob.encode(job_id))
    except CallReverted:
        return None
    row = cast("tuple[int, Address, Hash32, int, bool]", JobRegistry.getJob.decode_output(answer)[0])
    if row[1] == ZERO_ADDRESS:
        return None
    return RegistryEntry(owner=row[1], job_hash=row[2], version=row[3], is_active=row[4])


def check_current(job: Job, entry: RegistryEntry | None) -> None:
    """Refuse, with 409, to have a job run that the registry has no more, or has in another version."""
    if entry is None or not entry.is_active:
        raise refuse(409, "job-inactive", f"the JobRegistry says that job {job.job_id} was deleted")
    if entry.version != job.version:
        raise refuse(
            409,
            "job-version",
            f"job {job.job_id} was updated on chain (version {entry.version}, here {job.version}): send its new body "
            f"by PUT /api/jobs/update/{job.job_id} first",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Deposit:
    """What an owner had in a chain's GasRegistry at a block, in wei."""

    balance: Wei
    block_number: int


async def read_deposit(chain: Chain, action_chain: ActionChain, owner: Address) -> Deposit:
    """Return `GasRegistry.getBalance(owner)` at the newest block."""
    head = await chain.head()
    data = GasRegistry.getBalance.encode(owner)
    answer = await chain.call(action_chain.gas_registry, data, block=head.number)
    balance = Wei(cast("int", GasRegistry.getBalance.decode_output(answer)[0]))
    return Deposit(balance=balance, block_number=head.number)
