"""No query reads a whole table on its way to a few rows; both engines can plan every query as it is written."""

import ast
import asyncio
import json
import re
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


MANY = 100_000
ROWS = """
INSERT INTO users (user_address, created_at, last_updated_at)
SELECT decode(lpad(to_hex(n), 40, '0'), 'hex'), 0, 0 FROM generate_series(1, 1000) n;
INSERT INTO jobs (
    job_id, owner, job_title, task_definition_id, user_id, priority, security, link_job_id, chain_status, time_frame,
    recurring, time_interval, trigger_event, script_ipfs_url, script_trigger_function, script_target_function,
    created_chain_id, target_chain_id, target_contract_address, status, is_paused, status_reason, job_cost_prediction,
    job_hash, version, created_at, accepted_at, next_due_at, spent_wei, trigger_kind, trigger_chain_id, expires_at,
    runs, open_runs
)
SELECT
    n, decode(lpad(to_hex(1 + n % 1000), 40, '0'), 'hex'), '', 1, 1 + n % 1000, 1 + n % 3, 1, '-1', n % 3, 9, n % 2 = 0,
    60, '', '', '', '', 1, 1, '', CASE WHEN n % 50 = 0 THEN 0 WHEN n % 7 = 0 THEN 2 ELSE 1 END, n % 40 = 0, '', '0', '',
    1, 1, 1, CASE WHEN n % 3 = 0 THEN n END, '0',
    CASE n % 3 WHEN 0 THEN 'time' WHEN 1 THEN 'event' ELSE 'condition' END,
    CASE WHEN n % 3 > 0 THEN n % 9 END, n, n % 4, n % 3
FROM generate_series(1, {many}) n;
INSERT INTO job_bodies (job_number, body) SELECT job_number, '' FROM jobs;
INSERT INTO ledger (
    task_key, job_number, firing_kind, firing_index, firing_chain_id, firing_tx_hash, moment, last_moment, occurrences,
    outcome, reason, detail, evidence, priority, ready_block, block_number, block_hash, noted_at_ms, decided_at_ms
)
SELECT
    decode(lpad(to_hex(n), 64, '0'), 'hex'), 1 + n % 500, 1, '1', 1, '', n, n, 1,
    CASE WHEN n % 100 = 0 THEN 'queued' WHEN n % 101 = 0 THEN 'held' WHEN n % 102 = 0 THEN 'confirming'
        ELSE 'fired' END,
    '', '', '', 1 + n % 3, n, n, decode(lpad(to_hex(n), 64, '0'), 'hex'), 1, 1
FROM generate_series(1, {many}) n;
INSERT INTO tasks (
    task_id, job_number, task_definition_id, created_at, evidence, is_guarded, status, attempt, task_error, fired_at_ms,
    priority, deadline_at
)
SELECT
    n, n, 1, n, '', TRUE,
    CASE WHEN n % 200 = 0 THEN 'created' WHEN n % 201 = 0 THEN 'performed' WHEN n % 202 = 0 THEN 'failed'
        ELSE 'attested' END,
    0, '', n, 1 + n % 3, n
FROM generate_series(1, {many}) n;
ANALYZE;
"""
HASHES = json.dumps([f"{number:064x}" for number in range(1, 40)])
NUMBERS = json.dumps(list(range(1, 1_001)))
HOT: dict[str, dict[str, object]] = {
    "claim_due_jobs": {"now": 3_000, "limit": 1_000},
    "next_due_at": {},
    "job_terms": {"numbers": NUMBERS},
    "watched_jobs": {"kind": "event", "after": 500, "limit": 1_000},
    "watched_jobs_on_chain": {"kind": "event", "chain_id": 1, "after": 500, "limit": 1_000},
    "expired_jobs": {"now": 300, "after": 5, "limit": 100},
    "finished_jobs": {"after": 5, "limit": 100},
    "unscheduled_jobs": {"after": 5, "limit": 100},
    "jobs_with_waiting_entries": {"numbers": NUMBERS},
    "count_tasks_of_job": {"job_id": "17"},
    "last_dead_task_of_job": {"job_id": "17"},
    "linked_jobs": {"limit": 100},
    "jobs_naming": {"job_id": "17", "owner": bytes(20), "limit": 2},
    "entries_by_key": {"task_keys": HASHES},
    "entries_in_blocks": {"chain_id": 1, "block_numbers": json.dumps(list(range(1, 40))), "block_hashes": HASHES},
    "last_entries_of_jobs": {"numbers": NUMBERS},
    "entries_of_job": {"job_id": "17", "since": 10, "until": 5_000, "limit": 100},
    "queued_entries": {"limit": 100},
    "held_entries": {"after": 5, "limit": 100},
    "confirmed_entries": {"chain_id": 1, "head": 9_000, "limit": 100},
    "workable_tasks": {"now": 9_000, "priority": 2, "task_id": 500, "limit": 100},
    "dead_tasks": {"limit": 100},
    "add_fired_tasks": {"firings": json.dumps([f"{number:064x}{{}}" for number in range(1, 1_001)])},
    "task_by_key": {"task_key": bytes(31) + b"\x07"},
}


async def test_hot_queries_when_tables_are_large_read_a_part_of_them(postgres_server: PostgresServer) -> None:
    connection = await asyncpg.connect(await postgres_server.new_database())
    scanned = {}
    try:
        await connection.execute(ROWS.format(many=MANY))
        for name, parameters in HOT.items():
            statement = PLANNED[name]
            values = [parameters[each] for each in statement.parameters]
            rows = await connection.fetch(f"EXPLAIN (ANALYZE, TIMING OFF) {statement.postgres_locking}", *values)
            plan = "\n".join(row[0] for row in rows)
            if re.search(r"Seq Scan on (jobs|tasks|ledger)", plan):
                scanned[name] = plan
    finally:
        await connection.close()
    assert scanned == {}
