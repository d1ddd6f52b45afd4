from dataclasses import replace

import pytest

from tests.contract.storage.nouns import (
    CHAIN,
    NOW,
    OWNER,
    address,
    condition_body,
    event_body,
    hash32,
    job,
    job_id,
    stored_job,
    time_body,
)
from triggerx.core.errors import NotFound
from triggerx.core.job import Job, JobBody, JobStatus
from triggerx.evm.types import ChainId
from triggerx.ports.store import Store
from triggerx.ports.store.accounts import Scope


@pytest.mark.parametrize("body", [time_body(), event_body(), condition_body()])
async def test_a_job_when_inserted_reads_back_as_it_was(store: Store, body: JobBody) -> None:
    new = await stored_job(store, body=body)
    assert await store.jobs.get(job_id(1)) == new


async def test_a_job_when_its_id_exists_is_not_changed(store: Store) -> None:
    new = await stored_job(store)
    again = replace(new, status=JobStatus.FAILED, body=event_body())
    assert not await store.jobs.insert(again, api_key_id=None)
    assert await store.jobs.get(job_id(1)) == new


async def test_a_job_when_its_user_is_unknown_is_refused(store: Store) -> None:
    with pytest.raises(NotFound, match="insert_job"):
        await store.jobs.insert(job(user_id=77), api_key_id=None)
    assert await store.jobs.get(job_id(1)) is None


async def test_a_job_when_never_stored_is_none(store: Store) -> None:
    assert await store.jobs.get(job_id(1)) is None


async def test_jobs_when_asked_by_many_ids_are_those_there_are(store: Store) -> None:
    jobs = [await stored_job(store, number) for number in (2, 1)]
    assert await store.jobs.get_many([job_id(1), job_id(9), job_id(2)]) == tuple(jobs)
    assert await store.jobs.get_many([]) == ()


async def test_a_body_when_replaced_is_read_with_its_version(store: Store) -> None:
    new = await stored_job(store)
    await store.jobs.replace_body(job_id(1), event_body(), job_hash=hash32(70), version=NOW + 9)
    assert await store.jobs.get(job_id(1)) == replace(new, body=event_body(), job_hash=hash32(70), version=NOW + 9)


async def test_changes_when_the_job_is_unknown_say_which(store: Store) -> None:
    unknown = job_id(1)
    with pytest.raises(NotFound, match=str(unknown)):
        await store.jobs.replace_body(unknown, time_body(), job_hash=hash32(7), version=1)
    with pytest.raises(NotFound, match=str(unknown)):
        await store.jobs.set_schedule(unknown, next_due_at=1)
    with pytest.raises(NotFound, match=str(unknown)):
        await store.jobs.set_status(unknown, JobStatus.FAILED, reason="")
    with pytest.raises(NotFound, match=str(unknown)):
        await store.jobs.record_execution(unknown, executed_at=1, gas=1)
    with pytest.raises(NotFound, match=str(unknown)):
        await store.jobs.record_charge(unknown, charged_at=1, cost_wei=1)


async def test_an_owners_jobs_when_listed_are_theirs_alone_in_the_order_of_acceptance(store: Store) -> None:
    second, first = await stored_job(store, 2), await stored_job(store, 1)
    await stored_job(store, 3, body=replace(time_body(3), owner=address(0xBB), mandate=None))
    assert await store.jobs.list_by_owner(OWNER) == (second, first)
    assert await store.jobs.list_by_owner(address(1)) == ()


async def test_an_owners_jobs_when_a_chain_is_named_are_those_created_there(store: Store) -> None:
    here = await stored_job(store, 1)
    elsewhere_id = job_id(2, chain_id=8453)
    body = replace(event_body(2), job_id=elsewhere_id, created_chain_id=ChainId(8453))
    elsewhere = await stored_job(store, 2, body=body)
    assert await store.jobs.list_by_owner(OWNER, chain_id=CHAIN) == (here,)
    assert await store.jobs.list_by_owner(OWNER, chain_id=ChainId(8453)) == (elsewhere,)
    assert await store.jobs.list_by_owner(OWNER) == (here, elsewhere)


async def test_jobs_when_listed_in_pages_then_each_comes_once_in_the_order_of_acceptance(store: Store) -> None:
    second, first, third = [await stored_job(store, number) for number in (2, 1, 3)]
    assert await store.jobs.list_page(after=None, limit=2) == (second, first)
    assert await store.jobs.list_page(after=first.job_id, limit=2) == (third,)
    assert await store.jobs.list_page(after=third.job_id, limit=2) == ()
    assert await store.jobs.list_page(after=job_id(9), limit=2) == (second, first)


async def test_a_keys_jobs_when_listed_are_those_posted_with_it(store: Store) -> None:
    key = await store.api_keys.insert(
        digest=b"\1" * 32, owner="a name", scopes=frozenset({Scope.WRITE}), rate_limit=60, now=NOW
    )
    user = await store.users.ensure(OWNER, now=NOW)
    posted = job(1, user_id=user.user_id)
    await store.jobs.insert(posted, api_key_id=key.api_key_id)
    await store.jobs.insert(job(2, user_id=user.user_id), api_key_id=None)
    assert await store.jobs.list_by_api_key(key.api_key_id) == (posted,)


async def test_a_schedule_when_set_and_taken_away_is_followed(store: Store) -> None:
    await stored_job(store)
    await store.jobs.set_schedule(job_id(1), next_due_at=NOW + 1)
    assert await store.jobs.next_due_at() == NOW + 1
    await store.jobs.set_schedule(job_id(1), next_due_at=None)
    assert await store.jobs.next_due_at() is None


async def test_a_status_when_set_carries_its_reason_and_pause(store: Store) -> None:
    await stored_job(store)
    await store.jobs.set_status(job_id(1), JobStatus.STOPPED, reason="its owner asked", is_paused=True)
    found = await present(store)
    assert (found.status, found.status_reason, found.is_paused) == (JobStatus.STOPPED, "its owner asked", True)
    await store.jobs.set_status(job_id(1), JobStatus.SCHEDULED, reason="")
    found = await present(store)
    assert (found.status, found.is_paused) == (JobStatus.SCHEDULED, False)


async def present(store: Store) -> Job:
    found = await store.jobs.get(job_id(1))
    assert found is not None
    return found
