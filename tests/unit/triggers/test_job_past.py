"""What is recorded of a job's past: its watch, its end, and how far the engine has come."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.fakes.chain import FakeChain
from tests.fakes.store import temporary_store
from tests.unit.core.sample import BALANCE_ABOVE_100, CHAIN, CREATED_AT, EVERY_TEN_S, job_body
from triggerx.core.canonical import Json
from triggerx.core.errors import RecoverableError
from triggerx.core.evidence import ConditionEvidence, firing_of
from triggerx.core.followers import (
    BEGINS_ANEW,
    BLOCKS_UNREAD,
    CONDITION_WATCHED,
    SCHEDULE_BEFORE,
    chain_follower,
    views_follower,
)
from triggerx.core.job import Job, JobStatus
from triggerx.core.job_body import expected_job_hash
from triggerx.core.ledger import NewEntry, Outcome, Reason
from triggerx.core.schedule import dump_schedule
from triggerx.evm.hub import task_key
from triggerx.ports.chain import Cursor
from triggerx.ports.store import Store
from triggerx.ports.store.ledger import Observation
from triggerx.triggers import job_past
from triggerx.triggers.condition import ConditionState
from triggerx.triggers.job_past import (
    Past,
    Watch,
    beginning_of,
    handled_block,
    is_over,
    read_past,
    unread_blocks,
)
from triggerx.triggers.occurrence import Frame
from triggerx.triggers.replay import Beginning, span_of
from triggerx.triggers.sources import name_of, source_of
from triggerx.triggers.timetable import Stretch

BODY = job_body(trigger=BALANCE_ABOVE_100)
SUBJECT = f"job:{BODY.job_id}"
SOURCE = name_of(source_of(BALANCE_ABOVE_100))


async def stored(store: Store) -> Job:
    user = await store.users.ensure(BODY.owner, now=CREATED_AT)
    job = Job(
        body=BODY,
        user_id=user.user_id,
        job_hash=expected_job_hash(BODY),
        version=CREATED_AT,
        status=JobStatus.SCHEDULED,
        created_at=CREATED_AT,
        accepted_at=CREATED_AT,
    )
    await store.jobs.insert(job, api_key_id=None)
    return job


async def test_past_when_read_then_is_the_last_of_each_kind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job_past, "EVENTS_PER_READ", 2)
    async with temporary_store(tmp_path) as store:
        assert await read_past(store, BODY.job_id) == Past()
        watched = {"observed_at_ms": 5_000, "block_number": 7, "edge": 0}
        for second, (kind, payload) in enumerate(
            [
                (CONDITION_WATCHED, watched),
                ("job_updated", {}),
                ("job_updated", {"begins_anew": False}),
                (CONDITION_WATCHED, {"observed_at_ms": 9_000, "block_number": None, "edge": 3}),
                ("job_ended", {}),
                ("job_stopped", {}),
            ]
        ):
            await store.events.append(kind, SUBJECT, payload, now_ms=second * 1000)  # type: ignore[arg-type]  # JSON
        watch = Watch(since_ms=9_000, since_block=None, edge=3)
        assert await read_past(store, BODY.job_id) == Past(updated_at=1, ended_at=4, stopped_at=5, watch=watch)


async def test_past_when_schedules_were_replaced_then_each_is_kept_until_a_job_begins_anew_without(
    tmp_path: Path,
) -> None:
    frame = Frame(created_at=CREATED_AT, expires_at=CREATED_AT + 60)
    async with temporary_store(tmp_path) as store:
        for second, until in ((3, CREATED_AT + 30), (4, CREATED_AT + 40)):
            before: dict[str, Json] = {**dump_schedule(EVERY_TEN_S), "time_frame": 60, "until": until}
            payload: dict[str, Json] = {SCHEDULE_BEFORE: before, BEGINS_ANEW: True}
            await store.events.append("job_updated", SUBJECT, payload, now_ms=second * 1000)
        stretches = [Stretch(trigger=EVERY_TEN_S, frame=frame, until=CREATED_AT + until) for until in (30, 40)]
        assert await read_past(store, BODY.job_id) == Past(stretches=tuple(stretches))
        await store.events.append("job_updated", SUBJECT, {SCHEDULE_BEFORE: None, BEGINS_ANEW: True}, now_ms=5000)
        assert await read_past(store, BODY.job_id) == Past(updated_at=5)


async def test_unread_blocks_when_noted_then_are_ranges(tmp_path: Path) -> None:
    async with temporary_store(tmp_path) as store:
        numbers = {"first_block": 5, "last_block": 9}
        await store.events.append(BLOCKS_UNREAD, f"chain:{CHAIN}", dict(numbers), now_ms=0)
        await store.events.append("another", f"chain:{CHAIN}", {}, now_ms=0)
        assert await unread_blocks(store, CHAIN) == (range(5, 10),)


async def test_handled_block_when_the_newest_was_replaced_then_is_the_last_that_stayed(tmp_path: Path) -> None:
    chain = FakeChain(CHAIN)
    blocks = [await chain.mine() for _ in range(4)]
    async with temporary_store(tmp_path) as store:
        assert await handled_block(store, chain, of_values=False) is None
        await store.blocks.move(chain_follower(CHAIN), dropped=[], added=blocks, keep=9)
        assert await handled_block(store, chain, of_values=False) == 4
        await chain.reorganise(2)
        assert await handled_block(store, chain, of_values=False) == 2


async def test_handled_block_when_of_values_then_is_the_cursors_while_it_is_canonical(tmp_path: Path) -> None:
    chain = FakeChain(CHAIN)
    block = await chain.mine()
    async with temporary_store(tmp_path) as store:
        assert await handled_block(store, chain, of_values=True) is None
        await store.cursors.set(views_follower(CHAIN), Cursor(number=1, hash=block.hash))
        assert await handled_block(store, chain, of_values=True) == 1
        await chain.reorganise(1)
        with pytest.raises(RecoverableError, match="block 1 of chain 31337 is another one"):
            await handled_block(store, chain, of_values=True)


@pytest.mark.parametrize(("first", "is_true", "edge"), [(2, None, 2), (3, True, 3), (5, False, 3), (6, True, 4)])
async def test_beginning_when_the_watch_is_older_than_the_span_then_is_the_state_that_records_left(
    tmp_path: Path, first: int, is_true: bool | None, edge: int
) -> None:
    chain = FakeChain(CHAIN, now=CREATED_AT)
    await chain.mine(9)
    watch = Watch(since_ms=(CREATED_AT + 2) * 1000, since_block=2, edge=2)
    async with temporary_store(tmp_path) as store:
        job = await stored(store)
        await store.conditions.record(
            [
                Observation(
                    source=SOURCE, value=value, observed_at_ms=(CREATED_AT + number) * 1000, block_number=number
                )
                for number, value in ((1, "200"), (2, "200"), (4, "1"), (5, "200"))
            ]
        )
        span = await span_of(chain, first=first, last=9)
        begun = await beginning_of(store, job, watch, span)
        assert (begun.since_block, begun.state.is_true, begun.state.edge) == (2, is_true, edge)


async def test_beginning_when_the_condition_had_fired_under_another_trigger_then_its_cool_down_goes_on(
    tmp_path: Path,
) -> None:
    chain = FakeChain(CHAIN, now=CREATED_AT)
    await chain.mine(9)
    async with temporary_store(tmp_path) as store:
        job = await stored(store)
        terms = await store.jobs.terms_of(job.job_id)
        assert terms is not None
        rows = [_entry(terms.number, edge, reason) for edge, reason in ((1, Reason.NONE), (2, Reason.COOLDOWN))]
        await store.ledger.add_many(rows)
        watch = Watch(since_ms=(CREATED_AT + 5) * 1000, since_block=5, edge=2)
        begun = await beginning_of(store, job, watch, await span_of(chain, first=0, last=9))
        state = ConditionState(is_true=None, edge=2, fired_at_ms=(CREATED_AT + 1) * 1000)
        assert begun == Beginning(since_ms=watch.since_ms, since_block=5, state=state)


def _entry(number: int, edge: int, reason: Reason) -> NewEntry:
    evidence = ConditionEvidence(edge=edge, source=SOURCE, value="200", observed_at_ms=(CREATED_AT + edge) * 1000)
    return NewEntry(
        job_number=number,
        job_id=BODY.job_id,
        task_key=task_key(BODY.job_id, firing_of(evidence)),
        firing=firing_of(evidence),
        moment=evidence.moment,
        last_moment=evidence.moment,
        outcome=Outcome.FIRED if reason is Reason.NONE else Outcome.SKIPPED,
        reason=reason,
        evidence=evidence,
        decided_at_ms=0,
    )


async def test_job_when_paused_then_is_not_over(tmp_path: Path) -> None:
    async with temporary_store(tmp_path) as store:
        job = await stored(store)
        assert not is_over(job)
        assert not is_over(replace(job, status=JobStatus.STOPPED, is_paused=True))
        assert is_over(replace(job, status=JobStatus.STOPPED))
        assert is_over(replace(job, status=JobStatus.FAILED))
