"""Registrations: an operator counts when both layers know it, and no longer when one of them forgot it."""

from pathlib import Path

import pytest

from tests.fakes.mining import log_of
from tests.roles.sentinel.post import IDS, A, B, open_post
from tests.unit.core.sample import CENTER, NETWORK, STRANGER
from triggerx.evm.contracts import AttestationCenter, AvsGovernance
from triggerx.evm.keccak import keccak256
from triggerx.evm.types import Address
from triggerx.ports.chain import Log

BLS_KEY = (1, 2, 3, 4)


def registered(operator: Address = A) -> Log:
    return log_of(NETWORK.avs_governance, AvsGovernance.OperatorRegistered, operator=operator, blsKey=BLS_KEY)


def unregistered(operator: Address = A) -> Log:
    return log_of(NETWORK.avs_governance, AvsGovernance.OperatorUnregistered, operator=operator)


def receiver(operator: Address = A) -> Log:
    return log_of(
        NETWORK.avs_governance, AvsGovernance.SetRewardsReceiver, operator=operator, receiver=STRANGER.address
    )


def joined(operator: Address = A, *, power: int = 1100) -> Log:
    return log_of(CENTER, AttestationCenter.OperatorRegisteredToNetwork, operator=operator, votingPower=power)


def left(operator: Address = A) -> Log:
    return log_of(CENTER, AttestationCenter.OperatorUnregisteredFromNetwork, operatorId=IDS[operator])


async def test_run_when_both_layers_know_an_operator_then_it_counts(tmp_path: Path) -> None:
    async with open_post(tmp_path) as post:
        await post.mine(registered())
        assert not (await post.keeper()).status
        await post.mine(joined(), receiver())
        keeper = await post.keeper()
        assert keeper.status
        assert (keeper.bls_key, keeper.operator_id, keeper.voting_power) == (BLS_KEY, 7, 1100)
        assert keeper.rewards_address == STRANGER.address
        assert keeper.registered_tx == keccak256(b"\x01")


async def test_run_when_the_second_layer_is_heard_first_then_it_counts_once_the_first_is(tmp_path: Path) -> None:
    async with open_post(tmp_path) as post:
        await post.mine(joined())
        assert not (await post.keeper()).status
        await post.mine(registered())
        assert (await post.keeper()).status


@pytest.mark.parametrize("gone", [unregistered(), left()])
async def test_run_when_one_layer_forgets_an_operator_then_it_counts_no_longer(tmp_path: Path, gone: Log) -> None:
    async with open_post(tmp_path) as post:
        await post.mine(registered(), joined(), registered(B), joined(B))
        await post.mine(gone)
        assert not (await post.keeper(A)).status
        assert (await post.keeper(B)).status


async def test_run_when_an_operator_comes_back_then_it_counts_again_in_the_same_row(tmp_path: Path) -> None:
    async with open_post(tmp_path) as post:
        await post.mine(registered(), joined())
        first = await post.keeper()
        await post.mine(left())
        await post.mine(unregistered())
        await post.mine(registered(), joined(power=1300))
        keeper = await post.keeper()
        assert keeper.status
        assert (keeper.keeper_id, keeper.operator_id, keeper.voting_power) == (first.keeper_id, 7, 1300)


async def test_run_when_it_joins_and_leaves_in_one_range_of_blocks_then_it_is_gone(tmp_path: Path) -> None:
    async with open_post(tmp_path, is_following=False) as post:
        await post.mine(registered())
        await post.mine(joined())
        await post.mine(left())
        async with post.following():
            await post.scene.settle()
        keeper = await post.keeper()
        assert (keeper.status, keeper.operator_id, keeper.voting_power) == (False, 7, 0)


async def test_run_when_an_unknown_id_leaves_then_nothing_changes_and_it_goes_on(tmp_path: Path) -> None:
    async with open_post(tmp_path) as post:
        await post.mine(left(B))
        await post.mine(registered(), joined())
        assert (await post.keeper()).status
        assert await post.node.store.quarantine.list_all(limit=5) == ()


async def test_run_when_a_voting_power_changes_then_the_row_follows(tmp_path: Path) -> None:
    async with open_post(tmp_path) as post:
        await post.mine(registered(), joined())
        await post.mine(log_of(CENTER, AttestationCenter.VotingPowerUpdated, operator=A, votingPower=4200))
        assert (await post.keeper()).voting_power == 4200
        await post.mine(log_of(CENTER, AttestationCenter.VotingPowerUpdated, operator=A, votingPower=0))
        assert not (await post.keeper()).status


async def test_run_when_it_restarts_then_every_log_is_read_once(tmp_path: Path) -> None:
    async with open_post(tmp_path, is_following=False) as post:
        await post.mine(registered(), joined())
        for _ in range(2):
            async with post.following():
                await post.scene.settle()
            post.node = await post.scene.restarted(post.node)
        kinds = [event.kind for event in await post.node.store.events.after(0, limit=20)]
        assert sorted(kinds) == ["operator_joined_network", "operator_registered"]
