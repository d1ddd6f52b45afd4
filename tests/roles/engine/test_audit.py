"""An audit of a ledger that was tampered with says exactly what is wrong with it, and of nothing else."""

import asyncio
import random
import shutil
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from tests.fakes.mining import log_of, mine_transaction, transaction
from tests.fakes.store import temporary_store
from tests.roles.engine.history import EVERY_7_S, TRIGGERS, Course, live, open_course
from tests.roles.scene import ENGINE_PEER, HUB, running, wish
from tests.unit.core.sample import CREATED_AT, KEEPERS
from triggerx.core.canonical import Json
from triggerx.core.followers import BEGINS_ANEW, BLOCKS_UNREAD
from triggerx.core.job import ConditionTrigger, JobStatus
from triggerx.core.task import TaskStatus
from triggerx.evm.contracts import TaskExecutionHub
from triggerx.evm.keccak import keccak256
from triggerx.evm.types import ZERO_ADDRESS, Hash32
from triggerx.ports.store.ledger import Observation
from triggerx.triggers.audit import Checked
from triggerx.triggers.ledger_check import Fault
from triggerx.triggers.time import next_due
from triggerx_engine.batch import Batch
from triggerx_engine.prices import Prices
from triggerx_engine.values import ConditionJobs

EVERY_11_S = replace(EVERY_7_S, interval_s=11)
CHOSEN = {
    "FIRST_FIRED": "entry_number = (SELECT MIN(entry_number) FROM ledger WHERE OF_JOB AND outcome = 'fired' AND "
    "reason = '')",
    "FIRST_LEFT_OUT": "entry_number = (SELECT MIN(entry_number) FROM ledger WHERE OF_JOB AND outcome IN "
    "('missed', 'skipped'))",
    "OF_JOB": "job_number = (SELECT job_number FROM jobs WHERE job_id = :job_id)",
}
"""What stands for longer conditions in the statements below."""
ANOTHER_LOG = (
    "INSERT INTO ledger (task_key, job_number, firing_kind, firing_index, firing_chain_id, firing_tx_hash, moment, "
    "last_moment, occurrences, outcome, reason, detail, evidence, priority, block_number, block_hash, noted_at_ms, "
    "decided_at_ms) SELECT zeroblob(32), job_number, firing_kind, '9', firing_chain_id, firing_tx_hash, moment, "
    "last_moment, occurrences, 'skipped', 'paused', '', '', priority, block_number, block_hash, noted_at_ms, "
    "decided_at_ms FROM ledger WHERE FIRST_FIRED"
)

TAMPERED: dict[str, tuple[str, str, set[Fault]]] = {
    "an event's entry is gone": (
        "event at once",
        "DELETE FROM ledger WHERE FIRST_FIRED",
        {Fault.MISSING},
    ),
    "an entry of no log": ("event at once", ANOTHER_LOG, {Fault.UNEXPECTED}),
    "a log on the chain is withdrawn": (
        "event at once",
        "UPDATE ledger SET outcome = 'withdrawn', reason = 'reorged' WHERE FIRST_FIRED",
        {Fault.WITHDRAWN, Fault.TASK_UNEXPECTED},
    ),
    "a dropped log has lost its mark": (
        "event at once",
        "UPDATE ledger SET reason = '' WHERE OF_JOB AND reason = 'reorged' AND outcome = 'fired'",
        {Fault.UNEXPECTED},
    ),
    "the evidence is of another second": (
        "event confirmed",
        "UPDATE ledger SET moment = moment - 1 WHERE FIRST_FIRED",
        {Fault.EVIDENCE},
    ),
    "the evidence is of another value": (
        "edge",
        'UPDATE ledger SET evidence = replace(evidence, \'"value":"1\', \'"value":"3\') WHERE FIRST_FIRED',
        {Fault.EVIDENCE},
    ),
    "an edge has no entry": (
        "edge",
        "DELETE FROM ledger WHERE FIRST_FIRED",
        {Fault.MISSING},
    ),
    "a cool-down fired": (
        "edge with hysteresis",
        "UPDATE ledger SET outcome = 'fired', reason = '' WHERE FIRST_LEFT_OUT",
        {Fault.UNEXPECTED, Fault.TASK_MISSING},
    ),
    "a due second has no entry": (
        "time",
        "DELETE FROM ledger WHERE FIRST_FIRED",
        {Fault.MISSING},
    ),
    "a due second is none": (
        "time",
        "UPDATE ledger SET firing_index = moment + 1, moment = moment + 1, last_moment = last_moment + 1, "
        "evidence = replace(evidence, CAST(moment AS TEXT), CAST(moment + 1 AS TEXT)) WHERE FIRST_FIRED",
        {Fault.MISSING, Fault.UNEXPECTED},
    ),
    "a due second stands for two": (
        "time",
        "UPDATE ledger SET occurrences = 2 WHERE FIRST_FIRED",
        {Fault.COUNT},
    ),
    "a range reaches into the next": (
        "time",
        "UPDATE ledger SET occurrences = 2, last_moment = last_moment + 7 WHERE FIRST_FIRED",
        {Fault.COUNT, Fault.DOUBLE},
    ),
    "nobody says why": (
        "edge with hysteresis",
        "UPDATE ledger SET reason = '' WHERE FIRST_LEFT_OUT",
        {Fault.REASONLESS},
    ),
    "a task is gone": (
        "edge",
        "DELETE FROM tasks WHERE task_id = (SELECT entry_number FROM ledger WHERE FIRST_FIRED)",
        {Fault.TASK_MISSING},
    ),
    "a task is attested without an execution": (
        "time",
        "UPDATE tasks SET status = 'attested' WHERE task_id = (SELECT entry_number FROM ledger WHERE FIRST_FIRED)",
        {Fault.EXECUTION_MISSING},
    ),
}


def tamper(path: Path, sql: str, job_id: int) -> int:
    """Change the engine's database behind its back; returns how many rows there were."""
    for name, condition in CHOSEN.items():
        sql = sql.replace(name, condition)
    with sqlite3.connect(path / ENGINE_PEER / "triggerx.sqlite") as connection:
        changed = connection.execute(sql, {"job_id": str(job_id)}).rowcount
    connection.close()
    return changed


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Course]:
    """An engine that has lived, and was stopped; its store is to be copied."""
    path = tmp_path_factory.mktemp("lived")

    async def make() -> Course:
        async with open_course(path) as course:
            for name in TRIGGERS:
                await course.add(name, time_frame_s=500)
            await live(course, random.Random(5), steps=60)  # noqa: S311 - repeatable on purpose
            return course

    return path, asyncio.run(make())


@pytest.mark.parametrize("name", TAMPERED)
async def test_audit_when_the_ledger_was_tampered_with_then_says_what_is_wrong_with_whom(
    lived: tuple[Path, Course], tmp_path: Path, name: str
) -> None:
    (path, course), (wrong, sql, faults) = lived, TAMPERED[name]
    shutil.copytree(path / ENGINE_PEER, tmp_path / ENGINE_PEER)
    assert tamper(tmp_path, sql, course.jobs[wrong].job_id) > 0
    async with temporary_store(tmp_path, ENGINE_PEER) as store:
        for job in TRIGGERS:
            found = {finding.fault for finding in (await course.audit(job, store=store)).findings}
            assert found == (faults if job == wrong else set())


async def executed(course: Course, key: Hash32, salt: bytes) -> None:
    """Mine a transaction in which the hub executed a task."""
    values = {"taskKey": key, "jobId": 1, "performer": KEEPERS[0].address, "success": True, "fee": 1}
    known = {parameter.name: values.get(parameter.name, 0) for parameter in TaskExecutionHub.TaskExecuted.parameters}
    log = log_of(HUB, TaskExecutionHub.TaskExecuted, **known)
    sent = transaction(keccak256(salt), sender=KEEPERS[0].address, to=HUB, data=b"")
    await mine_transaction(course.scene.chain, sent, [log])


async def test_audit_when_a_task_was_executed_twice_then_says_so(tmp_path: Path) -> None:
    async with open_course(tmp_path) as course:
        await course.add("event at once", time_frame_s=500)
        await live(course, random.Random(5), steps=20)  # noqa: S311 - repeatable on purpose
        task = (await course.node.store.tasks.list_by_job(course.jobs["event at once"].job_id))[0]
        await course.node.store.tasks.save(replace(task, status=TaskStatus.ATTESTED, task_performer=ZERO_ADDRESS))
        tamper(tmp_path, "UPDATE tasks SET is_guarded = 1 WHERE :job_id <> ''", 0)
        await executed(course, task.task_key, b"one")
        assert (await course.audit("event at once")).findings == ()
        await executed(course, task.task_key, b"two")
        (finding,) = (await course.audit("event at once")).findings
        assert (finding.fault, finding.task_key) == (Fault.DOUBLE, task.task_key)
        assert "was executed 2 times" in finding.text


async def test_audit_when_blocks_were_not_read_then_leaves_them_out_and_says_so(tmp_path: Path) -> None:
    async with open_course(tmp_path) as course:
        await course.add("edge", time_frame_s=500)
        await live(course, random.Random(5), steps=40)  # noqa: S311 - repeatable on purpose
        numbers = {"first_block": 50, "last_block": 52}
        await course.node.store.events.append(BLOCKS_UNREAD, "chain:31337", dict(numbers), now_ms=0)
        findings = (await course.audit("edge")).findings
        assert "the values of blocks 50 to 52 were not read" in findings[0].text
        assert findings[0].fault is Fault.UNREAD


OUTSIDE = ConditionTrigger(
    condition_type="greater_than", source_type="api", source_url="https://prices.example/eth", upper_limit="100"
)


async def test_audit_when_the_source_lies_off_chain_then_entries_and_records_must_agree(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(TRIGGERS, "outside", OUTSIDE)
    async with open_course(tmp_path) as course:
        await course.add("outside", time_frame_s=500)
        values = ConditionJobs(course.services, Prices(course.services, user_runs_per_day_max=9))
        await values.refresh()
        (source,) = values.sources()
        for second, value in enumerate(("90", "110", "95", "120", "130"), start=1):
            at_ms = (CREATED_AT + second) * 1_000
            await values.take([Observation(source=source, value=value, observed_at_ms=at_ms)])
            await course.mine([], 0)
        audit = await course.audit("outside")
        assert (audit.checked, audit.findings, audit.expected) == (Checked.RECORDED, (), 2)
        assert audit.notes == ("the source lies off chain: the entries were held against the recorded values alone",)
        assert tamper(tmp_path, "DELETE FROM observations WHERE value = '120' AND :job_id <> ''", 0) == 1
        (finding,) = (await course.audit("outside")).findings
        assert finding.fault is Fault.UNEXPECTED


async def test_audit_when_the_job_was_stopped_then_nothing_is_demanded_after_it(tmp_path: Path) -> None:
    async with open_course(tmp_path) as course:
        await course.add("event at once", time_frame_s=500)
        await live(course, random.Random(5), steps=20)  # noqa: S311 - repeatable on purpose
        job_id, store = course.jobs["event at once"].job_id, course.node.store
        stopped_at = course.scene.clock.now()
        await store.jobs.set_status(job_id, JobStatus.STOPPED, reason="its owner asked")
        await store.events.append("job_stopped", f"job:{job_id}", {}, now_ms=stopped_at * 1_000)
        async with running(*course.loops()):
            for _ in range(5):
                await course.mine(course.payment(is_wanted=True), 0)
                await course.scene.settle()
        audit = await course.audit("event at once")
        assert audit.findings == ()
        assert audit.notes[-1] == f"the job is over: an entry was demanded of nothing after second {stopped_at - 60}"


async def test_audit_when_the_body_was_replaced_then_what_was_before_is_not_held_against_it(tmp_path: Path) -> None:
    async with open_course(tmp_path) as course:
        await course.add("time", time_frame_s=500)
        await live(course, random.Random(5), steps=20)  # noqa: S311 - repeatable on purpose
        job, store = course.jobs["time"], course.node.store
        replaced_at = course.scene.clock.now()
        body = replace(job.body, trigger=EVERY_11_S)
        await store.jobs.replace_body(job.job_id, body, job_hash=job.job_hash, version=replaced_at)
        due = next_due(EVERY_11_S, created_at=CREATED_AT, expires_at=CREATED_AT + 500, after=replaced_at)
        await store.jobs.set_schedule(job.job_id, next_due_at=due)
        details: dict[str, Json] = {BEGINS_ANEW: True}
        await store.events.append("job_updated", f"job:{job.job_id}", details, now_ms=replaced_at * 1_000)
        async with running(*course.loops()):
            for _ in range(100):
                await course.mine([], 0)
                await course.scene.settle(6)
        audit = await course.audit("time")
        assert (audit.findings, audit.bounds.since) == ((), replaced_at + 60)
        assert audit.expected in {3, 4}


async def test_audit_when_the_owner_asked_for_a_run_then_it_is_an_entry_of_its_own(tmp_path: Path) -> None:
    async with open_course(tmp_path) as course:
        await course.add("edge", time_frame_s=500)
        await live(course, random.Random(5), steps=20)  # noqa: S311 - repeatable on purpose
        job, store = course.jobs["edge"], course.node.store
        terms, evidence = await store.jobs.terms_of(job.job_id), wish(job.body, at=CREATED_AT + 3)
        assert terms is not None
        batch = Batch({}, now_ms=(CREATED_AT + 3) * 1_000)
        batch.fire(terms, evidence)
        await batch.write(store)
        whole = await course.audit("edge")
        assert whole.findings == ()
        assert sum(whole.outcomes.values()) == whole.expected + 1
