import asyncio
from dataclasses import replace

import pytest

from tests.contract.storage.nouns import BIG, NOW, address, hash32
from triggerx.core.errors import NotFound
from triggerx.core.keeper import CheckIn, Keeper
from triggerx.evm.types import Wei
from triggerx.ports.store import Store

KEEPER = address(0x77)


def check_in(at: int, *, operator: int = 0x77, version: str = "0.1.0") -> CheckIn:
    return CheckIn(
        operator=address(operator),
        peer_id="16Uiu2HAm",
        addresses=("/ip4/127.0.0.1/tcp/4001", "/ip6/::1/tcp/4001"),
        version=version,
        checked_in_at=at,
    )


async def by_address(store: Store) -> Keeper:
    found = await store.keepers.by_address(KEEPER)
    assert found is not None
    return found


async def test_a_keeper_when_ensured_twice_is_one_row(store: Store) -> None:
    first = await store.keepers.ensure(KEEPER)
    assert first == Keeper(keeper_id=first.keeper_id, keeper_address=KEEPER)
    assert await store.keepers.ensure(KEEPER) == first
    assert await store.keepers.list_all() == (first,)


async def test_a_keeper_when_fifty_ensure_it_is_one_row(store: Store) -> None:
    found = await asyncio.gather(*(store.keepers.ensure(KEEPER) for _ in range(50)))
    assert len({keeper.keeper_id for keeper in found}) == 1


async def test_a_keeper_when_saved_keeps_every_column(store: Store) -> None:
    keeper = replace(
        await store.keepers.ensure(KEEPER),
        keeper_name="Ünï",
        registered_tx=hash32(1),
        operator_id=9,
        rewards_address=address(2),
        rewards_booster=2000,
        voting_power=BIG,
        keeper_points=Wei(BIG),
        connection_address="203.0.113.9",
        peer_id="16Uiu2",
        strategies=("stETH", "WETH"),
        verified=True,
        status=True,
        online=True,
        version="0.1.0",
        no_exctask=7,
        chat_id="12",
        email_id="a@example.org",
        bls_key=(BIG, 1, 2, 3),
        last_check_in_at=NOW,
    )
    await store.keepers.save(keeper)
    assert await store.keepers.get(keeper.keeper_id) == keeper
    assert await store.keepers.by_address(KEEPER) == keeper
    assert await store.keepers.by_operator_id(9) == keeper


async def test_a_keeper_when_saved_but_unknown_is_not_found(store: Store) -> None:
    with pytest.raises(NotFound, match="keeper 5"):
        await store.keepers.save(Keeper(keeper_id=5, keeper_address=KEEPER))
    assert await store.keepers.get(5) is None
    assert await store.keepers.by_address(KEEPER) is None
    assert await store.keepers.by_operator_id(1) is None


async def test_an_operator_id_when_two_rows_name_it_is_the_newer_ones(store: Store) -> None:
    older, newer = await store.keepers.ensure(KEEPER), await store.keepers.ensure(address(0x78))
    await store.keepers.save(replace(older, operator_id=3))
    await store.keepers.save(replace(newer, operator_id=3))
    assert await store.keepers.by_operator_id(3) == replace(newer, operator_id=3)


async def test_a_check_in_when_newer_replaces_the_last_and_shows_in_the_keeper(store: Store) -> None:
    assert await store.keepers.record_check_in(check_in(NOW, version="0.1.0"))
    assert await store.keepers.record_check_in(check_in(NOW + 1, version="0.2.0"))
    assert await store.keepers.list_check_ins(since=0) == (check_in(NOW + 1, version="0.2.0"),)
    keeper = await by_address(store)
    assert (keeper.peer_id, keeper.version, keeper.last_check_in_at) == ("16Uiu2HAm", "0.2.0", NOW + 1)
    assert keeper.connection_address == "/ip4/127.0.0.1/tcp/4001"


async def test_a_check_in_when_not_newer_changes_nothing(store: Store) -> None:
    await store.keepers.record_check_in(check_in(NOW, version="0.1.0"))
    assert not await store.keepers.record_check_in(check_in(NOW, version="0.2.0"))
    assert not await store.keepers.record_check_in(check_in(NOW - 1, version="0.2.0"))
    assert await store.keepers.list_check_ins(since=0) == (check_in(NOW, version="0.1.0"),)
    assert (await by_address(store)).version == "0.1.0"


async def test_check_ins_when_older_than_asked_are_left_out(store: Store) -> None:
    await store.keepers.record_check_in(check_in(NOW - 1, operator=1))
    await store.keepers.record_check_in(check_in(NOW, operator=2))
    assert await store.keepers.list_check_ins(since=NOW) == (check_in(NOW, operator=2),)


async def test_online_when_noted_is_kept_for_new_and_known_keepers(store: Store) -> None:
    await store.keepers.set_online(KEEPER, is_online=True)
    assert (await by_address(store)).online
    await store.keepers.set_online(KEEPER, is_online=False)
    assert not (await by_address(store)).online


async def test_credit_when_given_by_many_at_once_is_added_exactly(store: Store) -> None:
    await store.keepers.credit(KEEPER, points=Wei(BIG), tasks=1)
    await asyncio.gather(*(store.keepers.credit(KEEPER, points=Wei(10**30 + 1), tasks=2) for _ in range(20)))
    keeper = await by_address(store)
    assert keeper.keeper_points == BIG + 20 * (10**30 + 1)
    assert keeper.no_exctask == 41


async def test_a_reward_when_noted_twice_is_accepted_in_silence(store: Store) -> None:
    for _ in range(2):
        await store.keepers.insert_reward(operator_id=1, task_number=2, fee_wei=Wei(BIG), tx_hash=hash32(3))


async def test_an_alert_when_one_of_its_kind_is_open_is_not_raised_again(store: Store) -> None:
    assert await store.keepers.open_alert(KEEPER, kind="offline", raised_at=NOW)
    assert not await store.keepers.open_alert(KEEPER, kind="offline", raised_at=NOW + 1)
    assert await store.keepers.open_alert(KEEPER, kind="outdated", raised_at=NOW)
    assert await store.keepers.open_alert(address(1), kind="offline", raised_at=NOW)


async def test_an_alert_when_closed_can_be_raised_again(store: Store) -> None:
    assert not await store.keepers.close_alert(KEEPER, kind="offline", closed_at=NOW)
    await store.keepers.open_alert(KEEPER, kind="offline", raised_at=NOW)
    assert await store.keepers.close_alert(KEEPER, kind="offline", closed_at=NOW + 1)
    assert not await store.keepers.close_alert(KEEPER, kind="offline", closed_at=NOW + 2)
    assert await store.keepers.open_alert(KEEPER, kind="offline", raised_at=NOW + 3)
