"""Condition jobs' states and observed values between rows and nouns."""

from collections.abc import Sequence

from triggerx.evm.types import Hash32
from triggerx.ports.store.ledger import ConditionRow, Observation
from triggerx.storage.session import Row, Session, Value


class ConditionQueries:
    """States and observations over a session."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def states(self, *, after: int, limit: int) -> Sequence[ConditionRow]:
        """Return states with a greater job number; see `ports.store.Conditions`."""
        return tuple(
            _state(row) for row in await self._session.fetch_all("condition_states_after", after=after, limit=limit)
        )

    async def state(self, job_number: int) -> ConditionRow | None:
        """Return one job's state."""
        row = await self._session.fetch_one("condition_state", job_number=job_number)
        return None if row is None else _state(row)

    async def save_many(self, rows: Sequence[ConditionRow]) -> None:
        """Insert or replace states, in one order, so that no two savers wait for each other."""
        columns: list[dict[str, Value]] = [
            {
                "job_number": row.job_number,
                "is_true": row.is_true,
                "edge": row.edge,
                "fired_at_ms": row.fired_at_ms,
                "value": row.value,
                "observed_at_ms": row.observed_at_ms,
            }
            for row in sorted(rows, key=lambda row: row.job_number)
        ]
        await self._session.execute_many("save_condition_state", columns)

    async def record(self, observations: Sequence[Observation]) -> None:
        """Keep values for ever; the same one again changes nothing."""
        columns = _columns(observations)
        async with self._session.atomic() as session:
            await session.execute_many("insert_observation", columns)
            await session.execute_many("note_latest_observation", columns)

    async def note_latest(self, observations: Sequence[Observation]) -> None:
        """Keep only the newest value of each source."""
        await self._session.execute_many("note_latest_observation", _columns(observations))

    async def latest(self, source: str) -> Observation | None:
        """Return the newest value of a source."""
        row = await self._session.fetch_one("latest_observation", source=source)
        return None if row is None else _observation(row)

    async def recorded(self, source: str, *, since_ms: int, until_ms: int, limit: int) -> Sequence[Observation]:
        """Return recorded values of a span."""
        rows = await self._session.fetch_all(
            "recorded_observations", source=source, since_ms=since_ms, until_ms=until_ms, limit=limit
        )
        return tuple(_observation(row) for row in rows)


def _state(row: Row) -> ConditionRow:
    return ConditionRow(
        job_number=row.integer("job_number"),
        is_true=row.boolean_or_none("is_true"),
        edge=row.integer("edge"),
        fired_at_ms=row.integer_or_none("fired_at_ms"),
        value=row.text("value"),
        observed_at_ms=row.integer("observed_at_ms"),
    )


def _columns(observations: Sequence[Observation]) -> list[dict[str, Value]]:
    """In the order of their sources, and of their times within each."""
    return [
        {
            "source": each.source,
            "observed_at_ms": each.observed_at_ms,
            "value": each.value,
            "block_number": each.block_number,
            "block_hash": each.block_hash,
            "response_hash": each.response_hash,
            "fault": each.fault,
        }
        for each in sorted(observations, key=lambda each: (each.source, each.observed_at_ms))
    ]


def _observation(row: Row) -> Observation:
    return Observation(
        source=row.text("source"),
        value=row.text("value"),
        observed_at_ms=row.integer("observed_at_ms"),
        block_number=row.integer_or_none("block_number"),
        block_hash=_hash(row, "block_hash"),
        response_hash=_hash(row, "response_hash"),
        fault=row.text("fault"),
    )


def _hash(row: Row, column: str) -> Hash32 | None:
    value = row.octets_or_none(column)
    return None if value is None else Hash32(value)
