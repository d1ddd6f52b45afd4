"""The performer: an action is sent once and announced in its time, or found done and adopted, or given up."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from tests.fakes.transactions import hash_of
from tests.roles.keeper.acts import execute, execute_unguarded, number_of
from tests.roles.keeper.occurrences import KINDS, Occur, above_limit, paid
from tests.roles.keeper.shop import GRACE_S, Shop, open_shop, take_on
from tests.roles.scene import HUB, open_scene, running
from tests.unit.core.sample import CHAIN, DUE, job_body
from triggerx.core.errors import RecoverableError
from triggerx.core.evidence import dump_evidence
from triggerx.core.validation import signer_of
from triggerx.ports.chain import TransactionIntent, TransactionOutcome, TransactionStatus
from triggerx.ports.store.peering import Performance, PerformanceStatus
from triggerx_keeper.announcements import document_hash
from triggerx_keeper.performer import ADOPTION_MARGIN_S


@pytest.mark.parametrize("is_guarded", [True, False])
async def test_run_when_an_order_was_taken_on_then_the_action_is_done_and_announced(
    tmp_path: Path, is_guarded: bool
) -> None:
    async with open_shop(tmp_path, is_guarded=is_guarded) as shop:
        async with running(shop.loop().run()):
            await shop.scene.settle()
        (intent,) = shop.lane.sent
        assert (intent.chain_id, intent.to, intent.deadline) == (CHAIN, HUB, shop.order.assignment.not_after)
        ((message, document),) = await shop.announced()
        assert document.assignment == shop.order
        assert document.performer == document.action.sender == shop.lane.address
        assert document.action.tx_hash == message.execution_tx_hash == hash_of(intent)
        assert document.evidence == {"kind": "time", "due": DUE}
        assert signer_of(document_hash(document, message.cid), message.tp_signature) == shop.lane.address
        performance = await shop.performance()
        assert (performance.status, performance.cid) == (PerformanceStatus.ANNOUNCED, message.cid)


async def test_run_when_the_order_begins_later_then_nothing_is_sent_before(tmp_path: Path) -> None:
    async with open_scene(tmp_path, now=DUE - 2) as scene:
        body = job_body()
        await scene.register(body)
        order = await scene.order(body)
        shop = Shop(scene, await scene.keeper(number_of(order.assignment.performer)), order, body)
        shop.lane.answer = shop.mine
        await take_on(shop)
        async with running(shop.loop().run()):
            await shop.until(DUE - 1)
            assert shop.lane.sent == []
            await shop.until(DUE)
            assert len(shop.lane.sent) == 1


@asynccontextmanager
async def open_shop_for(tmp_path: Path, occur: Occur) -> AsyncIterator[Shop]:
    """The shop of whom the draw elects for what has occurred."""
    async with open_scene(tmp_path, now=DUE) as scene:
        body, evidence = await occur(scene)
        await scene.register(body)
        order = await scene.order(body, evidence=evidence)
        node = await scene.keeper(number_of(order.assignment.performer))
        shop = Shop(scene, node, order, body, evidence)
        shop.lane.answer = shop.mine
        await take_on(shop)
        yield shop


@pytest.mark.parametrize("occur", KINDS)
async def test_run_when_a_trigger_of_any_kind_is_true_then_its_evidence_is_announced(
    tmp_path: Path, occur: Occur
) -> None:
    async with open_shop_for(tmp_path, occur) as shop:
        async with running(shop.loop().run()):
            await shop.scene.settle()
        ((_, document),) = await shop.announced()
        assert document.evidence == dump_evidence(shop.evidence)


@pytest.mark.parametrize("occur", [paid, above_limit])
async def test_run_when_a_reorg_took_the_trigger_away_then_nothing_is_sent_and_it_gives_up_at_its_time(
    tmp_path: Path, occur: Occur
) -> None:
    async with open_shop_for(tmp_path, occur) as shop:
        await shop.scene.chain.reorganise(2)
        async with running(shop.loop().run()):
            await shop.scene.settle()
            assert await shop.status() is PerformanceStatus.ACCEPTED
            await shop.until(shop.order.assignment.not_after + 3)
        performance = await shop.performance()
        assert performance.status is PerformanceStatus.ABANDONED
        assert performance.reason.startswith("trigger_unknown: ")
        assert shop.lane.sent == []


async def test_run_when_it_is_killed_while_the_action_is_pending_then_it_goes_on_with_the_same_one(
    tmp_path: Path,
) -> None:
    async with open_shop(tmp_path) as shop:

        async def pending(intent: TransactionIntent) -> None:
            return None

        shop.lane.answer = pending
        async with running(shop.loop().run()):
            await shop.scene.settle()
        shop.node = await shop.scene.restarted(shop.node)
        async with running(shop.loop().run()):
            await shop.scene.settle()
            (intent,) = shop.lane.sent
            await shop.lane.settle(intent.intent_id, await shop.mine(intent))
            await shop.scene.settle()
        assert len(shop.lane.sent) == 1
        assert len(await shop.announced()) == 1


async def test_run_when_it_is_killed_before_it_noted_the_announcement_then_it_announces_the_same_again(
    tmp_path: Path,
) -> None:
    async with open_shop(tmp_path) as shop:
        async with running(shop.loop().run()):
            await shop.scene.settle()
        first = await shop.announced()
        done = await shop.performance()
        await shop.node.store.performances.save(replace(done, status=PerformanceStatus.EXECUTED, cid=None))
        shop.node = await shop.scene.restarted(shop.node)
        async with running(shop.loop().run()):
            await shop.scene.settle()
        assert await shop.announced() == first
        assert len(shop.lane.sent) == 1


async def test_run_when_the_targets_call_reverts_then_it_gives_up_and_announces_nothing(tmp_path: Path) -> None:
    async with open_shop(tmp_path) as shop:
        shop.lane.answer = shop.fail
        async with running(shop.loop().run()):
            await shop.scene.settle()
        performance = await shop.performance()
        assert (performance.status, performance.reason) == (
            PerformanceStatus.ABANDONED,
            "the call of the target reverted",
        )
        assert await shop.announced() == []


async def test_run_when_the_hub_refuses_and_nobody_did_it_then_it_gives_up_with_the_reason(tmp_path: Path) -> None:
    async with open_shop(tmp_path) as shop:
        shop.lane.answer = shop.refuse
        async with running(shop.loop().run()):
            await shop.scene.settle()
        performance = await shop.performance()
        assert (performance.status, performance.reason) == (PerformanceStatus.ABANDONED, "refused: TaskAlreadyDone()")


async def test_run_when_an_unguarded_action_is_refused_then_nobody_elses_is_adopted(tmp_path: Path) -> None:
    async with open_shop(tmp_path, is_guarded=False) as shop:
        await execute_unguarded(shop.scene, shop.order)
        shop.lane.answer = shop.refuse
        async with running(shop.loop().run()):
            await shop.scene.settle()
        assert await shop.status() is PerformanceStatus.ABANDONED
        assert await shop.announced() == []


async def test_run_when_it_finds_the_action_done_then_it_announces_it_after_its_performers_time(
    tmp_path: Path,
) -> None:
    async with open_shop(tmp_path, attempt=2) as shop:
        first = await shop.scene.order(shop.body)
        tx_hash = await execute(shop.scene, first)
        window_over = first.assignment.not_after + GRACE_S
        longer = replace(shop.order.assignment, not_after=window_over + 15)
        shop.order = replace(shop.order, assignment=longer)
        await shop.node.store.performances.save(replace(await shop.performance(), status=PerformanceStatus.ABANDONED))
        shop.order = replace(shop.order, assignment=replace(longer, attempt=6))
        await take_on(shop)
        shop.lane.answer = shop.refuse
        async with running(shop.loop().run()):
            await shop.until(window_over)
            assert await shop.announced() == []
            await shop.until(window_over + ADOPTION_MARGIN_S)
            ((_, document),) = await shop.announced()
        assert document.action.tx_hash == tx_hash
        assert document.performer == shop.lane.address
        assert document.action.sender == first.assignment.performer
        assert document.assignment == shop.order


async def test_run_when_the_action_is_mined_after_the_time_to_announce_then_it_is_not_announced(
    tmp_path: Path,
) -> None:
    async with open_shop(tmp_path) as shop:

        async def pending(intent: TransactionIntent) -> None:
            return None

        shop.lane.answer = pending
        async with running(shop.loop().run()):
            await shop.scene.settle()
            (intent,) = shop.lane.sent
            outcome = await shop.mine(intent)
            await shop.until(shop.order.assignment.not_after + GRACE_S + 1)
            await shop.lane.settle(intent.intent_id, outcome)
            await shop.scene.settle()
        performance = await shop.performance()
        assert performance.status is PerformanceStatus.ABANDONED
        assert "time to announce is over" in performance.reason
        assert await shop.announced() == []


async def test_run_when_its_time_is_over_at_the_start_then_it_gives_up(tmp_path: Path) -> None:
    async with open_shop(tmp_path) as shop:
        shop.lane.answer = shop.expire
        await shop.until(shop.order.assignment.not_after + 60)
        async with running(shop.loop().run()):
            await shop.scene.settle()
        assert (await shop.performance()).reason == "expired: its deadline passed unsent"


async def test_run_when_the_receipt_is_not_readable_yet_then_it_waits_and_announces_later(tmp_path: Path) -> None:
    async with open_shop(tmp_path) as shop:

        async def ahead(intent: TransactionIntent) -> TransactionOutcome:
            return TransactionOutcome(status=TransactionStatus.MINED, tx_hash=hash_of(intent))

        shop.lane.answer = ahead
        async with running(shop.loop().run()):
            await shop.scene.settle()
            assert await shop.status() is PerformanceStatus.ACCEPTED
            await shop.mine(shop.lane.sent[0])
            await shop.until(DUE + 3)
        assert await shop.status() is PerformanceStatus.ANNOUNCED
        assert len(shop.lane.sent) == 1


async def test_run_when_the_action_was_reorganised_into_a_failure_then_it_is_not_announced(tmp_path: Path) -> None:
    async with open_shop(tmp_path) as shop:

        async def pending(intent: TransactionIntent) -> None:
            return None

        shop.lane.answer = pending
        async with running(shop.loop().run()):
            await shop.scene.settle()
        (intent,) = shop.lane.sent
        await shop.fail(intent)
        executed = replace(
            await shop.performance(), status=PerformanceStatus.EXECUTED, execution_tx_hash=hash_of(intent)
        )
        await shop.node.store.performances.save(executed)
        shop.node = await shop.scene.restarted(shop.node)
        async with running(shop.loop().run()):
            await shop.scene.settle()
        assert await shop.status() is PerformanceStatus.ABANDONED
        assert await shop.announced() == []


async def test_run_when_the_chain_is_away_then_the_task_waits_and_the_loop_lives(tmp_path: Path) -> None:
    async with open_shop(tmp_path) as shop, running(shop.loop().run()):
        shop.scene.chain.fault = RecoverableError("no endpoint answers")
        await shop.scene.settle()
        assert await shop.status() is PerformanceStatus.ACCEPTED
        assert "task waits" in shop.node.log.events("warning")
        shop.scene.chain.fault = None
        await shop.until(DUE + 3)
        assert await shop.status() is PerformanceStatus.ANNOUNCED


async def test_run_when_one_stored_order_cannot_be_read_then_it_is_given_up_and_the_next_is_done(
    tmp_path: Path,
) -> None:
    async with open_shop(tmp_path) as shop:
        poison = Performance(
            signed=replace(shop.order, assignment=replace(shop.order.assignment, attempt=9)),
            body=b"{}",
            evidence={},
            status=PerformanceStatus.ACCEPTED,
        )
        assert await shop.node.store.performances.insert(poison)
        async with running(shop.loop().run()):
            await shop.scene.settle()
        found = await shop.node.store.performances.get(shop.order.assignment.task_key, 9)
        assert found is not None and found.status is PerformanceStatus.ABANDONED
        assert await shop.status() is PerformanceStatus.ANNOUNCED
