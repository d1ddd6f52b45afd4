"""Orders on their way: together to one peer, in requests that fit, each with its own answer."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.roles.scene import ENGINE_PEER, Scene, open_scene, peer_of
from tests.unit.core.sample import DUE, ENGINE, KEEPERS, job_body
from triggerx.core.errors import RecoverableError
from triggerx.core.messages import AssignTasks, CheckedIn, Heard, Order, Reply, TaskAnswer, TaskAnswers
from triggerx.evm.types import Hash32
from triggerx.ports.peers import PeerSilentError, PeerUnreachable
from triggerx.wire import limits
from triggerx_engine.order_post import REQUESTS_AT_ONCE, OrderPost

LARGE = bytes(limits.BODY_BYTES_MAX)


def answers(heard: Heard[AssignTasks]) -> TaskAnswers:
    return TaskAnswers(
        answers=tuple(
            TaskAnswer(
                task_key=order.assignment.assignment.task_key,
                attempt=order.assignment.assignment.attempt,
                is_accepted=True,
                code="ok",
                message=f"order of {len(order.body)} bytes",
            )
            for order in heard.message.orders
        )
    )


async def order_of(scene: Scene, number: int, body: bytes = b"{}", *, keeper: int = 0) -> Order:
    signed = await scene.order(job_body())
    assignment = replace(
        signed.assignment, task_key=Hash32(number.to_bytes(32, "big")), performer=KEEPERS[keeper].address
    )
    return Order(assignment=replace(signed, assignment=assignment), body=body, evidence=b"{}")


Handler = Callable[[Heard[AssignTasks]], Awaitable[Reply]]


async def post_to(scene: Scene, *handlers: Handler) -> OrderPost:
    """The post of an engine, and keepers that answer so."""
    engine = await scene.network.join(ENGINE.address, ENGINE_PEER)
    for number, handler in enumerate(handlers):
        keeper = await scene.network.join(KEEPERS[number].address, peer_of(number))
        await keeper.announce(CheckedIn(addresses=(), version="1"), lifetime_s=60)
        keeper.answer(AssignTasks, handler)
    return OrderPost(engine, timeout_s=3)


async def test_ask_when_orders_are_large_then_they_travel_in_as_many_requests_as_they_need(tmp_path: Path) -> None:
    async with open_scene(tmp_path, now=DUE) as scene:
        sizes: list[int] = []

        async def handle(heard: Heard[AssignTasks]) -> Reply:
            sizes.append(len(heard.message.orders))
            return answers(heard)

        post = await post_to(scene, handle)
        orders = [await order_of(scene, number, LARGE) for number in range(5)]
        found = await asyncio.gather(*(post.ask(order, may_take_time=False) for order in orders))
        assert [each.task_key for each in found] == [order.assignment.assignment.task_key for order in orders]
        assert sizes == [2, 2, 1]


async def test_ask_when_one_may_take_time_then_the_others_do_not_wait_for_it(tmp_path: Path) -> None:
    async with open_scene(tmp_path, now=DUE) as scene:
        is_ready = asyncio.Event()

        async def handle(heard: Heard[AssignTasks]) -> Reply:
            if len(heard.message.orders) == 1:
                await is_ready.wait()
            return answers(heard)

        post = await post_to(scene, handle)
        slow, *quick = [await order_of(scene, number) for number in range(3)]
        waiting = asyncio.create_task(post.ask(slow, may_take_time=True))
        found = await asyncio.gather(*(post.ask(order, may_take_time=False) for order in quick))
        assert all(each.is_accepted for each in found)
        assert not waiting.done()
        is_ready.set()
        assert (await waiting).is_accepted


async def test_ask_when_many_may_take_time_then_no_more_are_asked_at_once_than_a_peer_answers(tmp_path: Path) -> None:
    async with open_scene(tmp_path, now=DUE) as scene:
        open_now, most = 0, 0

        async def handle(heard: Heard[AssignTasks]) -> Reply:
            nonlocal open_now, most
            open_now += 1
            most = max(most, open_now)
            for _ in range(10):
                await asyncio.sleep(0)
            open_now -= 1
            return answers(heard)

        post = await post_to(scene, handle)
        orders = [await order_of(scene, number) for number in range(20)]
        found = await asyncio.gather(*(post.ask(order, may_take_time=True) for order in orders))
        assert [each.task_key for each in found] == [order.assignment.assignment.task_key for order in orders]
        assert most == REQUESTS_AT_ONCE


async def test_ask_when_one_peer_is_silent_or_unknown_then_the_others_orders_are_answered(tmp_path: Path) -> None:
    async with open_scene(tmp_path, now=DUE) as scene:

        async def accept(heard: Heard[AssignTasks]) -> Reply:
            return answers(heard)

        async def be_silent(heard: Heard[AssignTasks]) -> Reply:
            raise RecoverableError("killed while it worked on the answer")

        async def forget_the_last(heard: Heard[AssignTasks]) -> Reply:
            return TaskAnswers(answers=answers(heard).answers[:-1])

        post = await post_to(scene, accept, be_silent, forget_the_last)
        orders = [await order_of(scene, number, keeper=number // 2) for number in range(8)]
        found = await asyncio.gather(
            *(post.ask(order, may_take_time=False) for order in orders), return_exceptions=True
        )
        kinds = [TaskAnswer, TaskAnswer, PeerSilentError, PeerSilentError, TaskAnswer, PeerSilentError]
        assert [type(each) for each in found] == [*kinds, PeerUnreachable, PeerUnreachable]


async def test_ask_when_the_peer_cannot_be_reached_then_every_order_of_the_request_was_not_sent(tmp_path: Path) -> None:
    async with open_scene(tmp_path, now=DUE) as scene:

        async def accept(heard: Heard[AssignTasks]) -> Reply:
            return answers(heard)

        post = await post_to(scene, accept)
        scene.network.cut.add(peer_of(0))
        with pytest.raises(PeerUnreachable):
            await post.ask(await order_of(scene, 1), may_take_time=False)
