"""Deposits: any event about an owner has the balance read again, once a range, at the block that it is true of."""

from pathlib import Path

import pytest

from tests.fakes.mining import log_of
from tests.roles.sentinel.post import GAS_REGISTRY, Post, open_post
from tests.unit.core.sample import CHAIN, OWNER, STRANGER
from triggerx.core.errors import RecoverableError
from triggerx.events import DepositChanged
from triggerx.evm.abi import Event
from triggerx.evm.contracts import GasRegistry
from triggerx.evm.types import Address, Wei
from triggerx.ports.chain import CallReverted, Log

ETHER = 10**18


def deposited(owner: Address = OWNER.address) -> Log:
    return log_of(GAS_REGISTRY, GasRegistry.ETHDeposited, user=owner, ethAmount=1)


def reads(post: Post) -> list[int | str]:
    """At which blocks balances were read so far."""
    return [call.block for call in post.scene.chain.calls if call.to == GAS_REGISTRY]


async def noted(post: Post, owner: Address = OWNER.address) -> tuple[int | None, int]:
    """The balance as it is stored, and the user's sum."""
    user = await post.node.store.users.by_address(owner)
    return await post.node.store.deposits.get(CHAIN, owner), 0 if user is None else user.token_balance


async def test_run_when_somebody_deposits_then_it_is_a_user_with_that_balance(tmp_path: Path) -> None:
    async with open_post(tmp_path) as post, post.node.services.bus.subscribe(DepositChanged) as changes:
        post.balances[OWNER.address] = 10**30
        await post.mine(deposited())
        assert await noted(post) == (10**30, 10**30)
        assert await anext(aiter(changes)) == DepositChanged(OWNER.address)
        assert reads(post) == [41]


@pytest.mark.parametrize(
    "event", [GasRegistry.ETHBalanceDeducted, GasRegistry.ETHBalanceCredited, GasRegistry.ETHBalanceWithdrawn]
)
async def test_run_when_a_balance_changes_otherwise_then_it_is_read_again(tmp_path: Path, event: Event) -> None:
    async with open_post(tmp_path) as post:
        post.balances[OWNER.address] = ETHER
        await post.mine(deposited())
        post.balances[OWNER.address] = ETHER - 7
        await post.mine(log_of(GAS_REGISTRY, event, user=OWNER.address, amount=7))
        assert await noted(post) == (ETHER - 7, ETHER - 7)


async def test_run_when_many_logs_come_in_one_range_then_each_owner_is_read_once_at_the_newest(tmp_path: Path) -> None:
    async with open_post(tmp_path, is_following=False) as post:
        post.balances.update({OWNER.address: 5, STRANGER.address: 6})
        for _ in range(3):
            await post.mine(deposited(), deposited(STRANGER.address), deposited())
        await post.mine(deposited())
        async with post.following(), post.node.services.bus.subscribe(DepositChanged):
            await post.scene.settle()
        assert (await noted(post), await noted(post, STRANGER.address)) == ((5, 5), (6, 6))
        assert sorted(reads(post), key=int) == [45, 47]


async def test_run_when_the_node_forgot_that_block_then_the_newest_confirmed_balance_is_noted_as_such(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_post(tmp_path, is_following=False) as post:
        post.balances[OWNER.address] = 5
        await post.mine(deposited())
        await post.scene.chain.mine(200)
        whole, head = post.scene.chain.call, (await post.scene.chain.head()).number

        async def pruned(to: Address, data: bytes, *, block: int | str = "latest") -> bytes:
            if isinstance(block, int) and block < head - 128:
                raise RecoverableError("missing trie node")
            return await whole(to, data, block=block)

        monkeypatch.setattr(post.scene.chain, "call", pruned)
        async with post.following():
            await post.scene.settle()
        assert (await noted(post), reads(post)) == ((5, 5), [head - 1])
        assert not await post.node.store.deposits.set(CHAIN, OWNER.address, Wei(9), block_number=head - 2, now=1)


async def test_run_when_a_newer_balance_is_known_then_it_stays_and_who_waits_is_told(tmp_path: Path) -> None:
    async with open_post(tmp_path) as post, post.node.services.bus.subscribe(DepositChanged) as changes:
        await post.node.store.deposits.set(CHAIN, OWNER.address, Wei(9), block_number=999, now=1)
        post.balances[OWNER.address] = 5
        await post.mine(deposited())
        assert await noted(post) == (9, 9)
        assert await anext(aiter(changes)) == DepositChanged(OWNER.address)


async def test_run_when_a_balance_cannot_be_read_then_the_log_is_set_aside_and_the_others_are_stored(
    tmp_path: Path,
) -> None:
    async with open_post(tmp_path) as post:

        def answer(owner: Address) -> int:
            if owner == STRANGER.address:
                raise CallReverted("no such user")
            return 5

        post.scene.chain.answer(GAS_REGISTRY, GasRegistry.getBalance, answer)
        await post.mine(deposited(STRANGER.address), deposited())
        (entry,) = await post.node.store.quarantine.list_all(limit=5)
        assert "no such user" in entry.reason
        assert await noted(post) == (5, 5)
