"""What runs cost in the store: the gas and the cap that are expected, and what was charged, in all and on its day."""

from dataclasses import replace

from tests.contract.storage.nouns import BIG, NOW, hash32, job_id, stored_job, terms_of, time_body
from tests.contract.storage.test_terms import TODAY, mandate_of, put
from triggerx.core.budget import UNGUARDED_FEE_MAX_WEI, paid_gas
from triggerx.core.job import JobBody
from triggerx.core.terms import DAY_S
from triggerx.ports.store import Store
from triggerx.ports.store.jobs import Fired


async def test_terms_when_a_mandate_comes_or_goes_then_gas_and_cap_are_the_new_bodys(store: Store) -> None:
    guarded = time_body()
    unguarded = replace(guarded, mandate=None)
    await put(store, unguarded)
    await store.jobs.record_execution(job_id(1), executed_at=NOW, gas=70_000)

    async def replaced(body: JobBody) -> tuple[int, int]:
        await store.jobs.replace_body(job_id(1), body, job_hash=hash32(7), version=NOW)
        terms = await terms_of(store)
        return terms.run_gas, terms.fee_max_wei

    assert await replaced(replace(unguarded, title="new")) == (70_000, UNGUARDED_FEE_MAX_WEI)
    assert await replaced(guarded) == (paid_gas(guarded), mandate_of(guarded).fee_max)
    await store.jobs.record_execution(job_id(1), executed_at=NOW, gas=80_000)
    assert (await terms_of(store)).run_gas == paid_gas(guarded)
    assert await replaced(unguarded) == (paid_gas(unguarded), UNGUARDED_FEE_MAX_WEI)


async def test_an_execution_when_recorded_moves_time_up_only_and_a_charge_is_added_exactly(store: Store) -> None:
    await stored_job(store)
    await store.jobs.record_execution(job_id(1), executed_at=NOW + 10, gas=70_000)
    await store.jobs.record_execution(job_id(1), executed_at=NOW + 4, gas=80_000)
    await store.jobs.record_charge(job_id(1), charged_at=NOW + 10, cost_wei=BIG)
    await store.jobs.record_charge(job_id(1), charged_at=NOW + 4, cost_wei=1)
    found, terms = await store.jobs.get(job_id(1)), await terms_of(store)
    assert found is not None
    assert found.last_executed_at == NOW + 10
    assert (terms.spent_wei, terms.spent_today_wei) == (BIG + BIG + 1, BIG + 1)
    assert terms.usage_day == TODAY


async def test_a_cost_when_of_the_day_before_is_spent_but_not_today(store: Store) -> None:
    await stored_job(store)
    await store.jobs.count_fired([Fired(number=1, user_id=1, runs=4, day=TODAY)])
    await store.jobs.record_charge(job_id(1), charged_at=NOW - DAY_S, cost_wei=3)
    terms = await terms_of(store)
    assert (terms.spent_wei, terms.spent_today_wei, terms.runs_today) == (BIG + 3, 0, 4)
    await store.jobs.record_charge(job_id(1), charged_at=NOW + DAY_S, cost_wei=2)
    terms = await terms_of(store)
    assert (terms.spent_wei, terms.spent_today_wei, terms.runs_today, terms.usage_day) == (BIG + 5, 2, 0, TODAY + 1)
