"""The job's entry in the on-chain JobRegistry, the judge of ownership and activity."""

from typing import cast

from triggerx.core.errors import RecoverableError
from triggerx.core.job import JobId
from triggerx.core.network import ActionChain
from triggerx.core.validation import RegistryEntry
from triggerx.evm.abi import DecodeError
from triggerx.evm.contracts import JobRegistry
from triggerx.evm.types import Address, Hash32, checksum
from triggerx.ports.chain import Chain


async def read_entry(
    chain: Chain, action_chain: ActionChain, job_id: JobId, *, block: int | str = "latest"
) -> RegistryEntry:
    """Return `getJob(jobId)` as it stood at this block; a job that does not exist is inactive and nobody's.

    Raises `RecoverableError` for an answer that is none: where the contract is not there, or not there yet.
    """
    answer = await chain.call(action_chain.job_registry, JobRegistry.getJob.encode(job_id), block=block)
    try:
        values = JobRegistry.getJob.decode_output(answer)
    except DecodeError as error:
        where = f"{checksum(action_chain.job_registry)} of chain {action_chain.chain_id}"
        raise RecoverableError(f"the JobRegistry {where} gave no job: {error}") from error
    row = cast("tuple[int, Address, Hash32, int, bool]", values[0] if len(values) == 1 else values)
    return RegistryEntry(owner=row[1], job_hash=row[2], version=row[3], is_active=row[4])
