import asyncio

import pytest

from tests.contract.storage.nouns import BIG, CHAIN, NOW, OWNER, address
from triggerx.core.errors import NotFound
from triggerx.evm.types import Wei
from triggerx.ports.store import Store
from triggerx.ports.store.accounts import ApiKey, Scope, User

DIGEST = bytes(range(32))


async def test_a_user_when_ensured_twice_is_one_row_from_the_first_time(store: Store) -> None:
    first = await store.users.ensure(OWNER, now=NOW)
    assert first == User(
        user_id=first.user_id,
        user_address=OWNER,
        created_at=NOW,
        account_balance=Wei(0),
        token_balance=Wei(0),
        last_updated_at=NOW,
    )
    assert await store.users.ensure(OWNER, now=NOW + 5) == first
    assert await store.users.by_address(OWNER) == first


async def test_a_user_when_fifty_ensure_them_is_one_row(store: Store) -> None:
    found = await asyncio.gather(*(store.users.ensure(OWNER, now=NOW) for _ in range(50)))
    assert len({user.user_id for user in found}) == 1


async def test_users_when_different_have_ids_of_their_own(store: Store) -> None:
    found = await asyncio.gather(*(store.users.ensure(address(number), now=NOW) for number in range(20)))
    assert len({user.user_id for user in found}) == 20
    assert await store.users.by_address(address(99)) is None


async def test_a_deposit_when_noted_is_exact_and_dated(store: Store) -> None:
    await store.users.ensure(OWNER, now=NOW)
    await store.deposits.set(CHAIN, OWNER, Wei(BIG), block_number=5, now=NOW + 1)
    await store.deposits.set(CHAIN, address(9), Wei(5), block_number=5, now=NOW + 1)
    user = await store.users.by_address(OWNER)
    assert user is not None
    assert (user.token_balance, user.created_at, user.last_updated_at) == (BIG, NOW, NOW + 1)
    assert await store.users.by_address(address(9)) is not None


async def test_points_when_added_by_many_at_once_are_all_there(store: Store) -> None:
    await asyncio.gather(*(store.users.add_points(OWNER, Wei(10**40 + 1), now=NOW) for _ in range(20)))
    user = await store.users.by_address(OWNER)
    assert user is not None
    assert user.account_balance == 20 * (10**40 + 1)


async def new_key(store: Store, digest: bytes = DIGEST, owner: str = "front end") -> ApiKey:
    return await store.api_keys.insert(
        digest=digest, owner=owner, scopes=frozenset({Scope.READ, Scope.ADMIN}), rate_limit=60, now=NOW
    )


async def test_a_key_when_inserted_reads_back_and_its_digest_is_unique(store: Store) -> None:
    key = await new_key(store)
    assert key == ApiKey(
        api_key_id=key.api_key_id,
        digest=DIGEST,
        owner="front end",
        scopes=frozenset({Scope.READ, Scope.ADMIN}),
        is_active=True,
        rate_limit=60,
        last_used=None,
        created_at=NOW,
    )
    assert await new_key(store, owner="somebody else") == key
    assert await store.api_keys.by_digest(DIGEST) == key
    assert await store.api_keys.by_digest(bytes(32)) is None


async def test_a_key_when_touched_shows_its_latest_use(store: Store) -> None:
    key = await new_key(store)
    await store.api_keys.touch(key.api_key_id, now=NOW + 2)
    await store.api_keys.touch(key.api_key_id, now=NOW + 1)
    found = await store.api_keys.by_digest(DIGEST)
    assert found is not None
    assert found.last_used == NOW + 2


async def test_a_key_when_turned_off_says_so_and_an_unknown_one_is_not_found(store: Store) -> None:
    key = await new_key(store)
    await store.api_keys.set_active(key.api_key_id, is_active=False)
    found = await store.api_keys.by_digest(DIGEST)
    assert found is not None
    assert not found.is_active
    with pytest.raises(NotFound, match="99"):
        await store.api_keys.set_active(99, is_active=True)


async def test_keys_when_listed_are_their_owners(store: Store) -> None:
    first, second = await new_key(store, b"1"), await new_key(store, b"2")
    third = await new_key(store, b"3", owner="somebody else")
    assert await store.api_keys.list_by_owner("front end") == (first, second)
    assert await store.api_keys.list_all() == (first, second, third)
