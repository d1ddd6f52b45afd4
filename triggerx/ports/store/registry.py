"""What the JobRegistry's events said, kept beside the jobs: the judge of ownership and activity."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from triggerx.core.job import JobId
from triggerx.evm.types import Address, ChainId, Hash32


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistryRecord:
    """A job's entry as its newest event left it. `version` is `lastUpdatedAt`; `block_number` where that event lies."""

    job_id: JobId
    chain_id: ChainId
    owner: Address
    job_hash: Hash32
    version: int
    is_active: bool
    block_number: int


class Registry(Protocol):
    """One record a job id that was ever created on chain, whether its body was posted or not."""

    async def put(self, record: RegistryRecord) -> bool:
        """Insert or replace; False, and nothing, when the stored one lies in a later block."""
        ...

    async def get(self, job_id: JobId) -> RegistryRecord | None:
        """Return a record."""
        ...

    async def list_unclaimed(self, owner: Address, *, limit: int) -> Sequence[RegistryRecord]:
        """Return an owner's active records whose body nobody has posted, newest first."""
        ...
