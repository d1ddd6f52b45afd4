"""Jobs as the engine sees them: who is due, what was counted, and what waits for an end."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from tests.contract.storage.nouns import (
    BIG,
    CHAIN,
    NOW,
    OWNER,
    address,
    condition_body,
    event_body,
    job,
    job_id,
    number_of,
    stored_job,
    terms_of,
    time_body,
)
from triggerx.core.budget import RUNS_PER_DAY_MAX, UNGUARDED_FEE_MAX_WEI, WEI_MAX, paid_gas
from triggerx.core.job import ConditionTrigger, EventTrigger, Job, JobBody, JobStatus, Limits, TaskDefinition
from triggerx.core.task import RunChange
from triggerx.core.terms import DAY_S, JobTerms
from triggerx.evm.hub import Mandate
from triggerx.evm.types import ChainId, Wei
from triggerx.ports.store import Store
from triggerx.ports.store.jobs import Fired, IdleJob, Move, TriggerKind

TODAY = NOW // DAY_S
LIMITS = Limits(
    runs_max=10**9, runs_per_day_max=7, wei_max=Wei(BIG), wei_per_day_max=Wei(BIG - 1), gas_price_max_wei=Wei(BIG - 2)
)


async def put(store: Store, body: JobBody, **changes: object) -> Job:
    """Store a job with this body, changed."""
    user = await store.users.ensure(body.owner, now=NOW)
    row: Job = replace(job(user_id=user.user_id, body=body), **changes)  # type: ignore[arg-type]  # each test's own fields
    assert await store.jobs.insert(row, api_key_id=None)
    return row


def ids(jobs: Sequence[JobTerms | Job | IdleJob]) -> list[int]:
    return [each.job_id for each in jobs]


async def test_terms_when_read_say_what_the_job_says(store: Store) -> None:
    body = replace(time_body(), limits=LIMITS)
    stored = await put(store, body)
    await store.deposits.set(CHAIN, OWNER, Wei(BIG), block_number=1, now=NOW)
    assert await terms_of(store) == JobTerms(
        number=1,
        job_id=job_id(1),
        owner=OWNER,
        user_id=stored.user_id,
        task_definition_id=TaskDefinition.TIME_STATIC,
        trigger=body.trigger,
        action_chain_id=CHAIN,
        is_guarded=True,
        recurring=True,
        priority=3,
        status=JobStatus.SCHEDULED,
        is_paused=False,
        created_at=NOW,
        expires_at=NOW + 3600,
        next_due_at=NOW + 60,
        watched_from=None,
        link_job_id=job_id(99),
        chain_status=2,
        runs_max=10,
        runs_per_day_max=7,
        wei_max=Wei(BIG),
        wei_per_day_max=Wei(BIG - 1),
        gas_price_max_wei=Wei(BIG - 2),
        mandate_expiry=2**63 - 1,
        run_gas=paid_gas(body),
        fee_max_wei=mandate_of(body).fee_max,
        runs=0,
        open_runs=0,
        runs_today=0,
        usage_day=0,
        spent_wei=Wei(BIG),
        spent_today_wei=Wei(0),
        user_runs_today=0,
        user_usage_day=0,
        balance_wei=Wei(BIG),
    )


def mandate_of(body: JobBody) -> Mandate:
    assert body.mandate is not None
    return body.mandate.mandate


@pytest.mark.parametrize("body", [time_body(), event_body(), condition_body()])
async def test_a_trigger_when_read_with_the_terms_is_the_bodys(store: Store, body: JobBody) -> None:
    await put(store, body, next_due_at=None)
    assert (await terms_of(store)).trigger == body.trigger


async def test_terms_when_the_owner_set_no_limits_are_the_small_defaults(store: Store) -> None:
    await put(store, event_body(), next_due_at=None)
    terms = await terms_of(store)
    assert (terms.wei_max, terms.runs_per_day_max, terms.gas_price_max_wei) == (WEI_MAX, RUNS_PER_DAY_MAX, None)
    assert (terms.is_guarded, terms.mandate_expiry, terms.run_gas) == (False, None, paid_gas(event_body()))
    assert terms.fee_max_wei == UNGUARDED_FEE_MAX_WEI
    assert (terms.link_job_id, terms.balance_wei) == (None, None)


async def test_terms_when_the_body_is_replaced_follow_it_and_the_usage_stays(store: Store) -> None:
    await put(store, event_body(), next_due_at=None)
    number = await number_of(store)
    await store.jobs.count_fired([Fired(number=number, user_id=1, runs=2, day=TODAY)])
    await store.jobs.set_watched_from(number, 50)
    longer = replace(event_body(), time_frame_s=7200, limits=LIMITS)
    await store.jobs.replace_body(job_id(1), longer, job_hash=bytes(32), version=NOW + 1)
    terms = await terms_of(store)
    assert (terms.expires_at, terms.runs_max, terms.runs, terms.watched_from) == (NOW + 7200, 10**9, 2, 50)
    await store.jobs.replace_body(job_id(1), condition_body(), job_hash=bytes(32), version=NOW + 2)
    terms = await terms_of(store)
    assert (terms.trigger, terms.watched_from) == (condition_body().trigger, None)
    assert ids(await store.jobs.list_watched(TriggerKind.CONDITION, chain_id=None, after=0, limit=9)) == [job_id(1)]


async def test_terms_when_asked_by_number_are_those_there_are_by_number(store: Store) -> None:
    await stored_job(store, 2)
    await stored_job(store, 1)
    assert ids(await store.jobs.terms([2, 1, 77])) == [job_id(2), job_id(1)]
    assert await store.jobs.terms([]) == ()
    assert await store.jobs.terms_of(job_id(9)) is None


async def due_jobs(store: Store, *rows: tuple[int, int, int | None, JobStatus, bool]) -> None:
    """Store jobs of (number, priority, due, status, paused)."""
    for number, priority, due, status, is_paused in rows:
        body = replace(time_body(number), priority=priority)
        await put(store, body, next_due_at=due, status=status, is_paused=is_paused)


async def test_due_jobs_when_claimed_come_longest_due_first_then_by_priority(store: Store) -> None:
    scheduled = JobStatus.SCHEDULED
    await due_jobs(
        store,
        (1, 3, NOW, scheduled, False),
        (2, 1, NOW, scheduled, False),
        (3, 2, NOW - 1, scheduled, False),
        (4, 1, NOW + 1, scheduled, False),
        (5, 1, None, scheduled, False),
        (6, 1, NOW - 9, JobStatus.STOPPED, True),
        (7, 1, NOW - 8, JobStatus.CREATED, False),
        (8, 1, None, JobStatus.COMPLETED, False),
    )
    async with store.transaction() as queries:
        claimed = ids(await queries.jobs.claim_due(NOW, limit=10))
        assert claimed == [job_id(6), job_id(7), job_id(3), job_id(2), job_id(1)]
        assert ids(await queries.jobs.claim_due(NOW, limit=1)) == [job_id(6)]
    assert await store.jobs.next_due_at() == NOW - 9
    assert ids(await store.jobs.list_unscheduled(after=0, limit=9)) == [job_id(5)]


async def test_next_due_when_nothing_is_scheduled_is_none(store: Store) -> None:
    await due_jobs(store, (1, 1, None, JobStatus.FAILED, False), (2, 1, None, JobStatus.SCHEDULED, True))
    assert await store.jobs.next_due_at() is None
    assert await store.jobs.claim_due(NOW + 99, limit=9) == ()


async def test_jobs_when_moved_on_are_due_then_and_the_moves_are_seen_at_once(store: Store) -> None:
    await due_jobs(store, *((number, 2, NOW, JobStatus.SCHEDULED, False) for number in range(1, 4)))
    async with store.transaction() as queries:
        first, second, third = await queries.jobs.claim_due(NOW, limit=9)
        await queries.jobs.move_on(
            [
                Move(number=third.number, user_id=third.user_id, next_due_at=NOW + 7),
                Move(number=first.number, user_id=first.user_id, next_due_at=None),
                Move(number=4711, user_id=1, next_due_at=NOW),
            ]
        )
        assert ids(await queries.jobs.claim_due(NOW, limit=9)) == [second.job_id]
    assert ids(await store.jobs.claim_due(NOW + 7, limit=9)) == [second.job_id, third.job_id]
    assert ids(await store.jobs.list_unscheduled(after=0, limit=9)) == [first.job_id]
    await store.jobs.move_on([])
    assert [await store.jobs.count_due(NOW + 7, limit=limit) for limit in (9, 1)] == [2, 1]
    assert await store.jobs.count_due(NOW - 1, limit=9) == 0


async def test_jobs_when_moved_on_with_their_runs_are_counted_as_those_that_only_fired(store: Store) -> None:
    await due_jobs(store, *((number, 2, NOW, JobStatus.SCHEDULED, False) for number in range(1, 4)))
    await store.jobs.move_on(
        [
            Move(number=1, user_id=1, next_due_at=NOW + 7, runs=2, day=TODAY),
            Move(number=2, user_id=1, next_due_at=None, runs=1, day=TODAY),
            Move(number=3, user_id=1, next_due_at=NOW + 9),
        ]
    )
    counts = [(each.runs, each.open_runs, each.runs_today) for each in await store.jobs.terms([1, 2, 3])]
    assert counts == [(2, 2, 2), (1, 1, 1), (0, 0, 0)]
    assert {each.user_runs_today for each in await store.jobs.terms([1, 2, 3])} == {3}
    await store.jobs.move_on([Move(number=1, user_id=1, next_due_at=NOW + 8, runs=1, day=TODAY + 1)])
    (first,) = await store.jobs.terms([1])
    assert (first.runs, first.runs_today, first.user_runs_today, first.next_due_at) == (3, 1, 1, NOW + 8)


async def test_moves_when_the_transaction_fails_are_undone(store: Store) -> None:
    await due_jobs(store, (1, 2, NOW, JobStatus.SCHEDULED, False))
    with pytest.raises(LookupError):
        async with store.transaction() as queries:
            await queries.jobs.move_on([Move(number=1, user_id=1, next_due_at=NOW + 60, runs=2, day=TODAY)])
            raise LookupError
    assert await store.jobs.next_due_at() == NOW


async def test_watched_jobs_when_listed_are_those_not_over_in_pages(store: Store) -> None:
    await put(store, time_body(1))
    await put(store, event_body(2), next_due_at=None)
    await put(store, event_body(3), next_due_at=None, status=JobStatus.CREATED)
    await put(store, event_body(4), next_due_at=None, status=JobStatus.STOPPED, is_paused=True)
    await put(store, event_body(5), next_due_at=None, status=JobStatus.STOPPED)
    await put(store, event_body(6), next_due_at=None, status=JobStatus.COMPLETED)
    await put(store, condition_body(7), next_due_at=None)
    watched = await store.jobs.list_watched(TriggerKind.EVENT, chain_id=None, after=0, limit=9)
    assert ids(watched) == [job_id(2), job_id(3), job_id(4)]
    page = await store.jobs.list_watched(TriggerKind.EVENT, chain_id=None, after=watched[0].number, limit=1)
    assert ids(page) == [job_id(3)]
    assert ids(await store.jobs.list_watched(TriggerKind.CONDITION, chain_id=None, after=0, limit=9)) == [job_id(7)]
    assert ids(await store.jobs.list_watched(TriggerKind.TIME, chain_id=None, after=0, limit=9)) == [job_id(1)]


async def test_watched_jobs_when_a_chain_is_named_are_those_of_that_chain(store: Store) -> None:
    elsewhere = EventTrigger(chain_id=ChainId(8453), contract=address(0xEE), event="Moved(address)")
    view = ConditionTrigger(
        condition_type="equals", source_type="view", source_url="0x" + "11" * 20, function="get()", chain_id=ChainId(1)
    )
    await put(store, event_body(1), next_due_at=None)
    await put(store, replace(event_body(2), trigger=elsewhere), next_due_at=None)
    await put(store, replace(condition_body(3), trigger=view), next_due_at=None)
    await put(store, condition_body(4), next_due_at=None)
    watched = store.jobs.list_watched
    assert ids(await watched(TriggerKind.EVENT, chain_id=ChainId(8453), after=0, limit=9)) == [job_id(2)]
    assert ids(await watched(TriggerKind.EVENT, chain_id=ChainId(1), after=0, limit=9)) == [job_id(1)]
    assert ids(await watched(TriggerKind.CONDITION, chain_id=ChainId(1), after=0, limit=9)) == [job_id(3)]
    assert await watched(TriggerKind.EVENT, chain_id=ChainId(10), after=0, limit=9) == ()


async def test_expired_jobs_when_listed_are_open_event_and_condition_jobs_by_number(store: Store) -> None:
    await put(store, time_body(1))
    await put(store, replace(event_body(2), time_frame_s=50), next_due_at=None)
    await put(
        store, replace(condition_body(3), time_frame_s=40), next_due_at=None, status=JobStatus.STOPPED, is_paused=True
    )
    await put(store, replace(event_body(4), time_frame_s=40), next_due_at=None, status=JobStatus.COMPLETED)
    await put(store, replace(event_body(5), time_frame_s=40), next_due_at=None, status=JobStatus.CREATED)
    assert ids(await store.jobs.list_expired(NOW + 51, after=0, limit=9)) == [job_id(2), job_id(3)]
    assert ids(await store.jobs.list_expired(NOW + 51, after=0, limit=1)) == [job_id(2)]
    assert ids(await store.jobs.list_expired(NOW + 51, after=2, limit=9)) == [job_id(3)]
    assert ids(await store.jobs.list_expired(NOW + 50, after=0, limit=9)) == [job_id(3)]
    assert await store.jobs.list_expired(NOW + 40, after=0, limit=9) == ()
    await store.jobs.count_fired([Fired(number=3, user_id=1, runs=1, day=TODAY)])
    assert ids(await store.jobs.list_expired(NOW + 51, after=0, limit=9)) == [job_id(2)]


async def test_finished_jobs_when_listed_have_run_once_and_nothing_is_open(store: Store) -> None:
    once = replace(event_body(1), recurring=False)
    await put(store, once, next_due_at=None)
    await put(store, event_body(2), next_due_at=None)
    await put(store, replace(time_body(3), recurring=False), next_due_at=None)
    await put(store, replace(condition_body(4), recurring=False), next_due_at=None)
    await store.jobs.count_fired([Fired(number=number, user_id=1, runs=1, day=TODAY) for number in (1, 2, 3)])
    assert await store.jobs.list_finished(after=0, limit=9) == ()
    for number in (1, 2, 3):
        await store.jobs.count_run(job_id(number), RunChange.ENDED)
    (finished,) = await store.jobs.list_finished(after=0, limit=9)
    assert (finished.number, finished.job_id) == (1, once.job_id)
    assert await store.jobs.list_finished(after=1, limit=9) == ()
    await store.jobs.set_status(job_id(1), JobStatus.COMPLETED, reason="it has run")
    assert await store.jobs.list_finished(after=0, limit=9) == ()


async def test_a_run_that_failed_when_given_back_leaves_its_job_unfinished(store: Store) -> None:
    await put(store, replace(event_body(1), recurring=False), next_due_at=None)
    await store.jobs.count_fired([Fired(number=1, user_id=1, runs=1, day=TODAY)])
    await store.jobs.count_run(job_id(1), RunChange.GIVEN_BACK)
    assert await store.jobs.list_finished(after=0, limit=9) == ()
    terms = await terms_of(store)
    assert (terms.runs, terms.open_runs, terms.runs_today) == (0, 0, 1)
    await store.jobs.count_run(job_id(1), RunChange.TAKEN_AGAIN)
    terms = await terms_of(store)
    assert (terms.runs, terms.open_runs, terms.runs_today) == (1, 1, 1)


async def test_linked_jobs_when_listed_wait_for_one_of_their_owner_that_is_over(store: Store) -> None:
    waiting = await put(store, replace(time_body(2), link_job_id=None), status=JobStatus.CREATED)
    head = await put(store, replace(time_body(1), link_job_id=job_id(2), chain_status=1))
    await put(
        store,
        replace(time_body(3), link_job_id=job_id(2), owner=address(0xBB), mandate=None),
        status=JobStatus.COMPLETED,
    )
    assert await store.jobs.list_linked(limit=9) == ()
    assert await store.jobs.list_naming(job_id(2), owner=head.body.owner, limit=9) == (job_id(1),)
    assert await store.jobs.list_naming(job_id(2), owner=address(0xBB), limit=9) == (job_id(3),)
    assert await store.jobs.list_naming(job_id(1), owner=head.body.owner, limit=9) == ()
    for status, is_paused, is_over in (
        (JobStatus.COMPLETED, False, True),
        (JobStatus.STOPPED, True, False),
        (JobStatus.STOPPED, False, True),
        (JobStatus.FAILED, False, True),
    ):
        await store.jobs.set_status(job_id(1), status, reason="so", is_paused=is_paused)
        over = replace(head, status=status, status_reason="so", is_paused=is_paused)
        assert await store.jobs.list_linked(limit=9) == (((waiting, over),) if is_over else ())
    assert await store.jobs.list_linked(limit=0) == ()
    await store.jobs.set_status(job_id(2), JobStatus.SCHEDULED, reason="its turn")
    assert await store.jobs.list_linked(limit=9) == ()


async def test_runs_when_counted_add_up_for_job_and_owner_and_begin_anew_each_day(store: Store) -> None:
    await stored_job(store, 1)
    await stored_job(store, 2)
    await put(store, replace(time_body(3), owner=address(0xBB), mandate=None))
    await store.jobs.count_fired(
        [
            Fired(number=2, user_id=1, runs=3, day=TODAY),
            Fired(number=1, user_id=1, runs=2, day=TODAY),
            Fired(number=3, user_id=2, runs=1, day=TODAY),
        ]
    )
    await store.jobs.count_fired([Fired(number=1, user_id=1, runs=1, day=TODAY)])
    await store.jobs.count_fired([])
    first = await terms_of(store, 1)
    assert (first.runs, first.open_runs, first.runs_today, first.usage_day) == (3, 3, 3, TODAY)
    assert (first.user_runs_today, first.user_usage_day) == (6, TODAY)
    assert (await terms_of(store, 3)).user_runs_today == 1
    await store.jobs.record_charge(job_id(1), charged_at=NOW, cost_wei=5)
    await store.jobs.count_fired([Fired(number=1, user_id=1, runs=1, day=TODAY + 1)])
    first = await terms_of(store, 1)
    assert (first.runs, first.open_runs, first.runs_today, first.usage_day) == (4, 4, 1, TODAY + 1)
    assert (first.spent_today_wei, first.user_runs_today, first.user_usage_day) == (0, 1, TODAY + 1)
    assert (await terms_of(store, 2)).runs_today == 3


async def test_runs_when_a_clock_is_behind_at_midnight_count_into_the_new_day(store: Store) -> None:
    await stored_job(store)
    await store.jobs.count_fired([Fired(number=1, user_id=1, runs=1, day=TODAY + 1)])
    await store.jobs.count_fired([Fired(number=1, user_id=1, runs=1, day=TODAY)])
    terms = await terms_of(store)
    assert (terms.runs_today, terms.usage_day) == (2, TODAY + 1)
    assert (terms.user_runs_today, terms.user_usage_day) == (2, TODAY + 1)


async def test_runs_when_they_end_are_open_no_more_and_never_below_none(store: Store) -> None:
    await stored_job(store)
    await store.jobs.count_fired([Fired(number=1, user_id=1, runs=2, day=TODAY)])
    for _ in range(3):
        await store.jobs.count_run(job_id(1), RunChange.ENDED)
    terms = await terms_of(store)
    assert (terms.runs, terms.open_runs) == (2, 0)
    await store.jobs.count_run(job_id(9), RunChange.GIVEN_BACK)
    await store.jobs.count_run(job_id(9), RunChange.TAKEN_AGAIN)


async def test_the_first_watched_block_when_noted_is_read(store: Store) -> None:
    await put(store, event_body(), next_due_at=None)
    await store.jobs.set_watched_from(await number_of(store), 2**40)
    assert (await terms_of(store)).watched_from == 2**40
