"""No query reads a whole table on its way to a few rows; both engines can plan every query as it is written."""

import ast
import asyncio
import sqlite3
from pathlib import Path

import asyncpg  # type: ignore[import-untyped]  # ships no types
import pytest

from tests.postgres import MACHINE, PostgresServer
from triggerx.storage import open_store
from triggerx.storage.statements import Statement, statements

STORAGE = Path(__file__).resolve().parents[3] / "triggerx" / "storage"
# Lists of everything, and the newest of everything: they walk the primary key, from its end with a limit.
WALKS = {"all_api_keys", "all_keepers", "recent_tasks", "kept_messages"}
PLANNED = {name: found for name, found in statements().items() if name != "create_meta"}


def queries_in_code(folder: Path) -> set[str]:
    """The names that are given to a session, or looked up, as they stand in the source."""
    used: set[str] = set()
    for node in (node for source in folder.rglob("*.py") for node in ast.walk(ast.parse(source.read_text()))):
        words: list[ast.expr] = []
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            words = node.args[:1] if node.func.attr in {"fetch_one", "fetch_all", "execute", "execute_many"} else []
        elif isinstance(node, ast.Subscript) and ast.unparse(node.value) == "statements()":
            words = [node.slice]
        used |= {word.value for word in words if isinstance(word, ast.Constant) and isinstance(word.value, str)}
    return used


def test_every_query_when_written_is_used() -> None:
    assert statements().keys() - queries_in_code(STORAGE) == set()


def test_every_query_when_used_is_written() -> None:
    assert queries_in_code(STORAGE / "queries") - statements().keys() == set()


@pytest.fixture(scope="module")
def sqlite_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("plans") / "triggerx.sqlite"

    async def make() -> None:
        async with open_store(path, machine=MACHINE):
            pass

    asyncio.run(make())
    return path


@pytest.mark.parametrize("name", PLANNED)
def test_a_query_when_planned_by_sqlite_uses_an_index(sqlite_file: Path, name: str) -> None:
    connection = sqlite3.connect(sqlite_file)
    connection.create_function("add_decimal", 2, lambda first, second: first)
    connection.create_function("from_hex", 1, bytes.fromhex)
    statement: Statement = PLANNED[name]
    rows = connection.execute(f"EXPLAIN QUERY PLAN {statement.sqlite}", dict.fromkeys(statement.parameters, 1))
    steps = [str(row[3]) for row in rows]
    connection.close()
    scans = [step for step in steps if step.startswith("SCAN") and "INDEX" not in step]
    assert scans == [] or name in WALKS, steps


async def test_queries_when_planned_by_postgres_use_indexes(postgres_server: PostgresServer) -> None:
    connection = await asyncpg.connect(await postgres_server.new_database())
    scanned = {}
    try:
        await connection.execute("SET enable_seqscan = off; SET enable_bitmapscan = off")
        for name, statement in PLANNED.items():
            nothing = [None] * len(statement.parameters)
            rows = await connection.fetch(f"EXPLAIN (GENERIC_PLAN) {statement.postgres_locking}", *nothing)
            plan = "\n".join(row[0] for row in rows)
            if "Seq Scan" in plan:
                scanned[name] = plan
            if statement.gate:
                await connection.execute(statement.gate)
    finally:
        await connection.close()
    assert scanned.keys() <= WALKS, scanned
