"""Condition states and observations, the followers' blocks, the registry's records and the deposits."""

from dataclasses import replace

import pytest

from tests.contract.storage.nouns import BIG, CHAIN, NOW, OWNER, address, hash32, job_id, stored_job
from triggerx.core.errors import NotFound
from triggerx.evm.types import ChainId, Wei
from triggerx.ports.chain import Block
from triggerx.ports.store import Store
from triggerx.ports.store.ledger import ConditionRow, Observation
from triggerx.ports.store.registry import RegistryRecord


def state(number: int = 1) -> ConditionRow:
    return ConditionRow(job_number=number, is_true=None, edge=0, fired_at_ms=None, value="", observed_at_ms=NOW * 1000)


def observation(at: int = 0, value: str = "12.5", source: str = "api:one") -> Observation:
    return Observation(
        source=source,
        value=value,
        observed_at_ms=NOW * 1000 + at,
        block_number=7,
        block_hash=hash32(70),
        response_hash=hash32(71),
        fault="",
    )


async def test_states_when_saved_read_back_and_are_replaced(store: Store) -> None:
    for number in (1, 2, 3):
        await stored_job(store, number)
    await store.conditions.save_many([state(3), state(1), state(2)])
    true = replace(state(2), is_true=True, edge=5, fired_at_ms=NOW * 1000 + 1, value="0.1")
    await store.conditions.save_many([true])
    await store.conditions.save_many([])
    assert await store.conditions.states(after=0, limit=9) == (state(1), true, state(3))
    assert await store.conditions.states(after=1, limit=1) == (true,)
    assert await store.conditions.state(2) == true
    assert await store.conditions.state(4) is None


async def test_states_when_one_names_no_job_are_all_refused(store: Store) -> None:
    await stored_job(store)
    with pytest.raises(NotFound):
        await store.conditions.save_many([state(1), state(404)])
    assert await store.conditions.states(after=0, limit=9) == ()


async def test_observations_when_recorded_are_kept_once_in_the_order_of_time(store: Store) -> None:
    early, late = observation(1), observation(5, value="-3")
    await store.conditions.record([late, early, observation(2, source="api:other")])
    await store.conditions.record([early])
    span = {"since_ms": NOW * 1000 + 1, "until_ms": NOW * 1000 + 5}
    assert await store.conditions.recorded("api:one", **span, limit=9) == (early, late)
    assert await store.conditions.recorded("api:one", **span, limit=1) == (early,)
    assert await store.conditions.recorded("api:one", since_ms=0, until_ms=NOW * 1000, limit=9) == ()
    assert await store.conditions.latest("api:one") == late


async def test_the_latest_value_when_noted_is_the_newest_and_not_recorded(store: Store) -> None:
    fault = Observation(source="api:one", value="", observed_at_ms=NOW * 1000 + 9, fault="it answered 503")
    await store.conditions.note_latest([fault, observation(3)])
    await store.conditions.note_latest([observation(4), observation(1, source="api:other")])
    assert await store.conditions.latest("api:one") == fault
    await store.conditions.record([observation(10)])
    assert await store.conditions.latest("api:one") == observation(10)
    assert await store.conditions.latest("api:none") is None
    assert len(await store.conditions.recorded("api:one", since_ms=0, until_ms=NOW * 2000, limit=9)) == 1


def block(number: int, *, fork: int = 0) -> Block:
    return Block(
        number=number,
        hash=hash32(fork * 1000 + number),
        parent_hash=hash32(fork * 1000 + number - 1),
        timestamp=NOW + number,
        logs_bloom=bytes(256),
    )


async def test_a_window_when_moved_drops_adds_and_forgets(store: Store) -> None:
    await store.blocks.move("events:1", dropped=[], added=[block(number) for number in range(1, 6)], keep=4)
    await store.blocks.move("events:10", dropped=[], added=[block(1)], keep=4)
    assert await store.blocks.window("events:1") == tuple(block(number) for number in range(2, 6))
    await store.blocks.move("events:1", dropped=[block(4), block(5)], added=[block(4, fork=1)], keep=4)
    assert await store.blocks.window("events:1") == (block(2), block(3), block(4, fork=1))
    await store.blocks.move("events:1", dropped=[block(4)], added=[], keep=4)
    assert await store.blocks.window("events:1") == (block(2), block(3), block(4, fork=1))
    assert await store.blocks.hash_at("events:1", 4) == block(4, fork=1).hash
    assert await store.blocks.hash_at("events:1", 5) is None
    assert await store.blocks.window("events:10") == (block(1),)
    assert await store.blocks.window("events:2") == ()


def record(number: int = 1, *, block_number: int = 5, version: int = NOW) -> RegistryRecord:
    return RegistryRecord(
        job_id=job_id(number),
        chain_id=CHAIN,
        owner=OWNER,
        job_hash=hash32(7),
        version=version,
        is_active=True,
        block_number=block_number,
    )


async def test_a_record_when_put_is_replaced_by_one_that_is_not_older(store: Store) -> None:
    assert await store.registry.put(record())
    newer = replace(record(block_number=6), is_active=False, job_hash=hash32(8))
    assert await store.registry.put(newer)
    assert not await store.registry.put(record())
    assert await store.registry.get(job_id(1)) == newer
    same_block = replace(newer, version=NOW + 1)
    assert await store.registry.put(same_block)
    assert await store.registry.get(job_id(1)) == same_block
    assert await store.registry.get(job_id(2)) is None


async def test_unclaimed_records_when_listed_are_active_without_a_body_newest_first(store: Store) -> None:
    await stored_job(store, 1)
    for number in range(1, 5):
        await store.registry.put(record(number, version=NOW + number))
    await store.registry.put(replace(record(5), is_active=False))
    await store.registry.put(replace(record(6), owner=address(1)))
    assert [each.job_id for each in await store.registry.list_unclaimed(OWNER, limit=9)] == [
        job_id(4),
        job_id(3),
        job_id(2),
    ]
    assert len(await store.registry.list_unclaimed(OWNER, limit=2)) == 2


async def balance(store: Store) -> int:
    user = await store.users.by_address(OWNER)
    assert user is not None
    return user.token_balance


async def test_deposits_when_set_keep_the_owners_exact_sum(store: Store) -> None:
    assert await store.deposits.set(CHAIN, OWNER, Wei(BIG), block_number=5, now=NOW)
    assert await store.deposits.set(ChainId(1), OWNER, Wei(BIG - 1), block_number=9, now=NOW)
    assert await store.deposits.set(CHAIN, address(1), Wei(3), block_number=1, now=NOW)
    assert await balance(store) == 2 * BIG - 1
    assert await store.deposits.set(CHAIN, OWNER, Wei(7), block_number=6, now=NOW + 1)
    assert await balance(store) == BIG + 6
    assert await store.deposits.get(CHAIN, OWNER) == 7
    assert await store.deposits.get(ChainId(2), OWNER) is None


async def test_a_deposit_when_a_newer_one_is_known_changes_nothing(store: Store) -> None:
    await store.deposits.set(CHAIN, OWNER, Wei(7), block_number=6, now=NOW)
    assert not await store.deposits.set(CHAIN, OWNER, Wei(9), block_number=5, now=NOW + 1)
    assert await store.deposits.set(CHAIN, OWNER, Wei(8), block_number=6, now=NOW + 2)
    assert (await store.deposits.get(CHAIN, OWNER), await balance(store)) == (8, 8)
