"""What a migration cannot derive in SQL: the terms of jobs that an older program stored, read from their bodies."""

from collections.abc import Sequence
from typing import Final

from triggerx.storage.queries.job_rows import first_gas, read_body, term_columns
from triggerx.storage.session import Row, Value

TERMS_SCHEMA: Final = 8
"""The first schema whose jobs have all of their terms beside the body."""
JOBS_AT_ONCE: Final = 1_000  # a body may have 128 kB


def filled(rows: Sequence[Row]) -> list[dict[str, Value]]:
    """The parameters of `fill_job_terms` for rows of `jobs_without_terms`; raises `UnrecoverableError` as any read."""
    return [_filled(row) for row in rows]


def _filled(row: Row) -> dict[str, Value]:
    body = read_body(row.text("body"))
    return {"number": row.integer("job_number"), **term_columns(body), **first_gas(body)}
