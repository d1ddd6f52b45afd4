"""The JobRegistry's records between rows and nouns."""

from collections.abc import Sequence

from triggerx.core.job import JobId
from triggerx.evm.types import Address, ChainId, Hash32
from triggerx.ports.store.registry import RegistryRecord
from triggerx.storage.session import Row, Session


class RegistryQueries:
    """The records over a session."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def put(self, record: RegistryRecord) -> bool:
        """Insert or replace; see `ports.store.Registry`."""
        written = await self._session.execute(
            "put_registry_job",
            job_id=str(record.job_id),
            chain_id=record.chain_id,
            owner=record.owner,
            job_hash=record.job_hash,
            version=record.version,
            is_active=record.is_active,
            block_number=record.block_number,
        )
        return written == 1

    async def get(self, job_id: JobId) -> RegistryRecord | None:
        """Return a record."""
        row = await self._session.fetch_one("get_registry_job", job_id=str(job_id))
        return None if row is None else _record(row)

    async def list_unclaimed(self, owner: Address, *, limit: int) -> Sequence[RegistryRecord]:
        """Return an owner's active records without a body, the newest version first."""
        rows = await self._session.fetch_all("unclaimed_registry_jobs", owner=owner, limit=limit)
        return tuple(_record(row) for row in rows)


def _record(row: Row) -> RegistryRecord:
    return RegistryRecord(
        job_id=JobId(row.number("job_id")),
        chain_id=ChainId(row.integer("chain_id")),
        owner=Address(row.octets("owner")),
        job_hash=Hash32(row.octets("job_hash")),
        version=row.integer("version"),
        is_active=row.boolean("is_active"),
        block_number=row.integer("block_number"),
    )
