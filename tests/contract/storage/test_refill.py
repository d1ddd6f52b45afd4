"""A store that an older program made: its jobs get their terms, its tasks count as runs."""

import json
import sqlite3
from contextlib import closing
from dataclasses import replace

import asyncpg  # type: ignore[import-untyped]  # ships no types
import pytest

from tests.contract.storage.conftest import Place
from tests.contract.storage.nouns import (
    BIG,
    CHAIN,
    NOW,
    OWNER,
    address,
    condition_body,
    event_body,
    hash32,
    job_id,
    signed,
    terms_of,
    time_body,
)
from tests.postgres import PostgresServer
from triggerx.core.assignment_json import dump_assignment
from triggerx.core.budget import budget_of, paid_gas
from triggerx.core.canonical import canonical_json
from triggerx.core.errors import UnrecoverableError
from triggerx.core.evidence import TimeEvidence
from triggerx.core.job import JobBody, Limits
from triggerx.core.job_body import encode_body
from triggerx.core.ledger import Outcome
from triggerx.evm.hub import Firing
from triggerx.evm.types import ChainId, Wei
from triggerx.ports.store.jobs import TriggerKind
from triggerx.ports.store.tasks import AssignmentStatus
from triggerx.storage import schema

OLD_SCHEMA = 6
OLD_JOB = {
    "owner": bytes(OWNER),
    "job_title": "old",
    "user_id": 1,
    "security": 1,
    "link_job_id": "-1",
    "chain_status": 0,
    "recurring": True,
    "time_interval": 60,
    "trigger_event": "",
    "script_ipfs_url": "",
    "script_trigger_function": "",
    "script_target_function": "",
    "created_chain_id": int(CHAIN),
    "target_chain_id": int(CHAIN),
    "target_contract_address": bytes(address(0xC0)),
    "status": 1,
    "is_paused": False,
    "status_reason": "",
    "job_cost_prediction": "0",
    "job_hash": bytes(hash32(7)),
    "version": NOW,
    "created_at": NOW,
    "accepted_at": NOW,
    "spent_wei": str(BIG),
}
OLD_TASK = {
    "task_definition_id": 1,
    "created_at": NOW,
    "firing_kind": 1,
    "firing_index": str(NOW),
    "firing_chain_id": 0,
    "firing_tx_hash": bytes(32),
    "evidence": "{}",
    "is_guarded": True,
    "attempt": 0,
    "task_error": "",
    "fired_at_ms": NOW * 1000,
}


def old_job(body: JobBody, text: str | None = None) -> dict[str, object]:
    return {
        **OLD_JOB,
        "job_id": str(body.job_id),
        "body": encode_body(body).decode() if text is None else text,
        "task_definition_id": int(body.task_definition_id),
        "priority": body.priority,
        "time_frame": body.time_frame_s,
    }


def old_task(number: int, status: str) -> dict[str, object]:
    return {**OLD_TASK, "task_key": bytes(hash32(number)), "job_id": str(job_id(1)), "status": status}


async def insert(place: Place, table: str, rows: list[dict[str, object]]) -> None:
    is_sqlite = place.engine == "sqlite"
    marks = ", ".join("?" if is_sqlite else f"${number}" for number in range(1, len(rows[0]) + 1))
    command = f"INSERT INTO {table} ({', '.join(rows[0])}) VALUES ({marks})"  # noqa: S608  # names from this file alone
    values = [tuple(row.values()) for row in rows]
    if is_sqlite:
        with closing(sqlite3.connect(place.address)) as connection, connection:
            connection.executemany(command, values)
        return
    other = await asyncpg.connect(place.address)
    try:
        await other.executemany(command, values)
    finally:
        await other.close()


@pytest.fixture
async def old_place(place: Place, postgres_server: PostgresServer, monkeypatch: pytest.MonkeyPatch) -> Place:
    """A store as the last release made it, with its owner."""
    if place.engine == "postgres":
        place = Place("postgres", await postgres_server.new_database(is_empty=True))
    every = schema.migrations
    with monkeypatch.context() as patch:
        patch.setattr(
            schema,
            "migrations",
            lambda engine: [step for step in every(engine) if step.number <= OLD_SCHEMA],
        )
        async with place.open():
            pass
    owner = {"user_address": bytes(OWNER), "created_at": NOW, "last_updated_at": NOW}
    await insert(place, "users", [owner])
    return place


async def test_an_old_stores_jobs_when_opened_have_the_terms_of_their_bodies(old_place: Place) -> None:
    limits = Limits(runs_max=3, wei_max=Wei(BIG))
    bodies = [
        time_body(1),
        replace(event_body(2), limits=limits, time_frame_s=99, owner=OWNER),
        condition_body(3),
    ]
    await insert(old_place, "jobs", [old_job(body) for body in bodies])
    async with old_place.open() as store:
        found = [await terms_of(store, number) for number in (1, 2, 3)]
        assert [terms.trigger for terms in found] == [body.trigger for body in bodies]
        assert [terms.expires_at for terms in found] == [NOW + 3600, NOW + 99, NOW + 3600]
        assert [terms.is_guarded for terms in found] == [True, False, True]
        assert [terms.run_gas for terms in found] == [paid_gas(body) for body in bodies]
        assert [terms.fee_max_wei for terms in found] == [budget_of(body).fee_max_wei for body in bodies]
        assert [terms.runs_max for terms in found] == [10, 3, 10]
        assert found[1].wei_max == BIG
        assert [job.body for job in await store.jobs.list_by_owner(OWNER)] == bodies
        assert [job.number for job in await store.jobs.list_unscheduled(after=0, limit=9)] == [1]
        watched = await store.jobs.list_watched(TriggerKind.EVENT, chain_id=ChainId(1), after=0, limit=9)
        assert watched == (found[1],)
    async with old_place.open() as store:
        assert [await terms_of(store, number) for number in (1, 2, 3)] == found


async def test_an_old_stores_tasks_when_opened_count_as_runs_and_have_the_jobs_priority(old_place: Place) -> None:
    await insert(old_place, "jobs", [old_job(time_body(1))])
    statuses = ("created", "performed", "attested", "failed", "rejected", "unknown")
    await insert(old_place, "tasks", [old_task(number, status) for number, status in enumerate(statuses)])
    attesters: list[dict[str, object]] = [
        {"task_id": 1 + task, "place": 8 - of, "operator_id": 15 - of} for task in range(6) for of in (7, 8)
    ]
    await insert(old_place, "task_attesters", attesters)
    order = signed(2)
    await insert(
        old_place,
        "assignments",
        [
            {
                "task_key": bytes(order.assignment.task_key),
                "attempt": 1,
                "performer": bytes(order.assignment.performer),
                "signed": canonical_json(dump_assignment(order)).decode(),
                "status": "sent",
                "reason": "",
            }
        ],
    )
    async with old_place.open() as store:
        terms = await terms_of(store, 1)
        assert (terms.runs, terms.open_runs, terms.runs_today) == (4, 2, 0)
        assert len(await store.tasks.list_open()) == 2
        tasks = await store.tasks.list_by_job(job_id(1))
        assert [(task.task_key, task.status.value) for task in tasks] == [
            (hash32(number), status) for number, status in enumerate(statuses)
        ]
        assert [(task.firing, task.task_attester_ids) for task in tasks] == [(Firing.time(NOW), (7, 8))] * len(tasks)
        entries = await store.ledger.list_by_job(job_id(1), since=NOW, until=NOW, limit=9)
        assert {(entry.outcome, entry.entry.evidence) for entry in entries} == {(Outcome.FIRED, TimeEvidence(due=NOW))}
        assert [int(entry.number) for entry in entries] == [int(task.task_id) for task in tasks]
        assert [order.status for order in await store.assignments.list_by_task(hash32(2))] == [AssignmentStatus.SENT]
    if old_place.engine == "sqlite":
        with closing(sqlite3.connect(old_place.address)) as connection:
            assert connection.execute("SELECT DISTINCT priority FROM tasks").fetchall() == [(3,)]


async def test_an_old_body_when_it_cannot_be_read_is_named_and_nothing_is_changed(old_place: Place) -> None:
    broken = json.dumps({"job_id": str(job_id(1))})
    await insert(old_place, "jobs", [old_job(time_body(1), text=broken)])
    for _ in range(2):
        with pytest.raises(UnrecoverableError, match="cannot be read by this program"):
            async with old_place.open():
                pass
