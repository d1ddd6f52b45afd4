"""The ledger and why: every outcome is shown, and explained in words."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.fakes.firings import put_fired
from tests.roles.librarian.desk import CHAIN, NOW, OWNER, Desk, condition_job, event_job, id_of, job, open_desk
from triggerx.core.evidence import ConditionEvidence, EventEvidence, Evidence, TimeEvidence, firing_of
from triggerx.core.job import ConditionTrigger
from triggerx.core.ledger import NewEntry, Outcome, Reason
from triggerx.core.task import SignedAssignment, TaskStatus, transition
from triggerx.core.task_inputs import EngineAssigned
from triggerx.evm.hub import Assignment, task_key
from triggerx.evm.keccak import Hash32
from triggerx.evm.types import ZERO_HASH, Address, checksum, to_hex
from triggerx.ports.store.ledger import Observation
from triggerx.ports.store.tasks import AssignmentStatus
from triggerx.triggers.sources import name_of, source_of

KEEPER = Address(b"\x55" * 20)
DUE = NOW + 60
LOG = EventEvidence(
    chain_id=CHAIN, tx_hash=Hash32(b"\x07" * 32), ordinal=0, block_number=5, block_hash=ZERO_HASH, block_timestamp=DUE
)


async def note(
    desk: Desk,
    body: dict[str, object],
    outcome: Outcome,
    *,
    reason: Reason = Reason.NONE,
    evidence: Evidence | None = None,
    count: int = 1,
) -> NewEntry:
    """Enter one occurrence (or a range of due seconds) of a job."""
    terms = await desk.store.jobs.terms_of(id_of(body))
    assert terms is not None
    seen = evidence or TimeEvidence(due=DUE)
    firing = firing_of(seen)
    entry = NewEntry(
        job_number=terms.number,
        job_id=terms.job_id,
        task_key=task_key(terms.job_id, firing),
        firing=firing,
        moment=seen.moment,
        last_moment=seen.moment + 60 * (count - 1),
        count=count,
        outcome=outcome,
        reason=reason,
        detail="as the engine saw it" if reason is not Reason.NONE else "",
        evidence=seen,
        decided_at_ms=NOW * 1000,
    )
    await desk.store.ledger.add_many([entry])
    return entry


async def why(desk: Desk, body: dict[str, object], at: object = "") -> list[tuple[str, str]]:
    """Return the findings as code and sentence."""
    query = f"?at={at}" if at != "" else ""
    status, answer = await desk.send("GET", f"/api/jobs/{body['job_id']}/why{query}", key="reader")
    assert status == 200, answer
    return [(finding["code"], finding["text"]) for finding in answer["findings"]]


@pytest.mark.parametrize(
    ("outcome", "reason", "words"),
    [
        (Outcome.CONFIRMING, Reason.UNCONFIRMED, "waits for confirmations: as the engine saw it"),
        (Outcome.QUEUED, Reason.NONE, "is queued"),
        (Outcome.FIRED, Reason.NONE, "fired"),
        (Outcome.FIRED, Reason.REORGED, "fired: as the engine saw it"),
        *[(Outcome.HELD, reason, "is held: as the engine saw it") for reason in (Reason.BALANCE, Reason.GAS_PRICE)],
        *[(Outcome.SKIPPED, reason, "was skipped: as") for reason in (Reason.PAUSED, Reason.LINKED, Reason.COOLDOWN)],
        *[(Outcome.MISSED, reason, "was missed: as") for reason in (Reason.MISFIRE, Reason.EXPIRED)],
        (Outcome.WITHDRAWN, Reason.REORGED, "was withdrawn: as the engine saw it"),
    ],
)
async def test_why_when_an_occurrence_has_an_outcome_then_it_says_which_and_why(
    tmp_path: Path, outcome: Outcome, reason: Reason, words: str
) -> None:
    async with open_desk(tmp_path) as desk:
        await desk.taken_in(event_job())
        await note(desk, event_job(), outcome, reason=reason, evidence=LOG)
        code = outcome.value + (f".{reason.value}" if reason.value else "")
        for at in ("", DUE, "2023-11-14T22:14:20Z", "2023-11-14T23:14:20+01:00"):
            found = await why(desk, event_job(), at)
            assert found[0][0] == "job.scheduled"
            assert found[1][0] == code and words in found[1][1], found
        assert (await why(desk, event_job(), DUE + 1))[1][0] == "quiet"
        shown = (await desk.send("GET", f"/api/jobs/{event_job()['job_id']}"))[1]
        assert shown["outcomes"] == {each.value: int(each is outcome) for each in Outcome}
        assert (shown["hold"] is not None) == (outcome is Outcome.HELD)


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (TaskStatus.CREATED, "its task waits for its log to be mined again"),
        (TaskStatus.ASSIGNED, "its task waits for its log to be mined again"),
        (TaskStatus.ACKNOWLEDGED, "a keeper has taken the task on"),
        (TaskStatus.FAILED, "its task failed after 0 attempts: a reorg removed its log"),
    ],
)
async def test_why_when_a_reorg_removed_the_log_then_it_says_what_its_task_waits_for(
    tmp_path: Path, status: TaskStatus, words: str
) -> None:
    async with open_desk(tmp_path) as desk:
        await desk.taken_in(event_job())
        entry = await note(desk, event_job(), Outcome.FIRED, reason=Reason.REORGED, evidence=LOG)
        task = await put_fired(desk.store, entry)
        error = "a reorg removed its log" if status is TaskStatus.FAILED else ""
        await desk.store.tasks.save(replace(task, status=status, task_error=error))
        (found,) = [text for code, text in await why(desk, event_job(), DUE) if code == f"task.{status.value}"]
        assert found.startswith(words)


async def test_why_when_it_fired_then_every_attempt_is_told(tmp_path: Path) -> None:
    async with open_desk(tmp_path) as desk:
        job_id = await desk.taken_in(job())
        entry = await note(desk, job(), Outcome.FIRED)
        task = await put_fired(desk.store, entry)
        await desk.store.tasks.save(
            transition(task, EngineAssigned(performer=KEEPER, deadline_at=DUE + 20), attempts_max=3).state
        )
        order = Assignment(task_key=entry.task_key, performer=KEEPER, attempt=1, not_before=DUE, not_after=DUE + 20)
        signed = SignedAssignment(
            assignment=order,
            job_id=job_id,
            firing=entry.firing,
            seed_block=1,
            seed_block_hash=ZERO_HASH,
            roster=(1,),
            signature=OWNER.sign_digest(ZERO_HASH),
        )
        await desk.store.assignments.insert(signed)
        await desk.store.assignments.set_status(entry.task_key, 1, AssignmentStatus.SILENT, "no answer in 5 s")
        codes = dict(await why(desk, job(), DUE))
        assert codes["attempt.silent"].endswith(f"{checksum(KEEPER)}: silent: no answer in 5 s")
        assert "task.assigned" in codes


async def test_why_when_no_occurrence_is_there_then_the_schedule_answers(tmp_path: Path) -> None:
    async with open_desk(tmp_path) as desk:
        await desk.taken_in(job())
        for at, words in (
            (DUE, "still to come"),
            (DUE + 5, "those around it are 2023-11-14 22:14:20 UTC and 2023-11-14 22:15:20 UTC"),
            (NOW - 1, "the job was created only at"),
            (NOW + 4_000, "its time frame was over"),
        ):
            assert words in (await why(desk, job(), at))[1][1]
        await desk.clock.jump(100)
        assert "does it run?" in (await why(desk, job(), DUE))[1][1]
        assert "has not occurred yet" in (await why(desk, job()))[1][1]


async def test_why_when_it_is_a_condition_then_the_newest_value_is_told(tmp_path: Path) -> None:
    async with open_desk(tmp_path) as desk:
        await desk.taken_in(condition_job())
        trigger = (await desk.stored(condition_job())).body.trigger
        assert isinstance(trigger, ConditionTrigger)
        source = name_of(source_of(trigger))
        assert [code for code, _ in await why(desk, condition_job())] == ["job.scheduled", "quiet"]
        await desk.store.conditions.note_latest([Observation(source=source, value="9.5", observed_at_ms=DUE * 1000)])
        seen = ConditionEvidence(edge=1, source=source, value="12", observed_at_ms=DUE * 1000)
        await note(desk, condition_job(), Outcome.SKIPPED, reason=Reason.COOLDOWN, evidence=seen)
        found = dict(await why(desk, condition_job(), DUE))
        assert "at the value 12" in found["skipped.cooldown"]
        assert "is 9.5" in found["value"] and "greater_than to 10" in found["value"]


async def test_ledger_when_entries_are_there_then_a_span_of_them_is_shown(tmp_path: Path) -> None:
    async with open_desk(tmp_path) as desk:
        await desk.taken_in(job())
        missed = await note(desk, job(), Outcome.MISSED, reason=Reason.MISFIRE, count=3)
        fired = await note(desk, job(), Outcome.FIRED, evidence=TimeEvidence(due=DUE + 180))
        path = f"/api/jobs/{job()['job_id']}/ledger"
        status, answer = await desk.send("GET", path, key="reader")
        assert status == 200
        first, second = answer["entries"]
        assert (first["outcome"], first["reason"], first["count"]) == ("missed", "misfire", 3)
        assert (first["moment"], first["last_moment"], first["detail"]) == (DUE, DUE + 120, "as the engine saw it")
        assert first["evidence"] == {"kind": "time", "due": DUE}
        assert (first["task_key"], second["task_key"]) == (to_hex(missed.task_key), to_hex(fired.task_key))
        for query, entries in (
            (f"since={DUE + 121}", [second]),
            (f"until={DUE + 100}", [first]),
            ("limit=1", [second]),
            ("since=2030-01-01T00:00:00Z", []),
        ):
            assert (await desk.send("GET", f"{path}?{query}"))[1]["entries"] == entries
        shown = (await desk.send("GET", f"/api/jobs/{job()['job_id']}"))[1]
        assert (shown["outcomes"]["missed"], shown["outcomes"]["fired"]) == (3, 1)


async def test_history_when_a_moment_is_none_then_its_name_is_told(tmp_path: Path) -> None:
    async with open_desk(tmp_path) as desk:
        await desk.taken_in(job())
        path = f"/api/jobs/{job()['job_id']}"
        for query, field in (
            ("why?at=soon", "at"),
            ("why?at=-1", "at"),
            ("why?at=253402300800", "at"),
            ("ledger?since=x", "since"),
            ("ledger?since=9&until=8", "since"),
            ("ledger?limit=0", "limit"),
        ):
            status, problem = await desk.send("GET", f"{path}/{query}")
            assert (status, problem["field"]) == (400, field)
        for missing in ("why", "ledger"):
            assert (await desk.send("GET", f"/api/jobs/7/{missing}"))[0] == 404
