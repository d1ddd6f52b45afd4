"""The order desk: an order is checked, stored, and only then acknowledged; every refusal says its code."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.roles.keeper.desk_scene import TASKS_AT_ONCE, Desk, open_desk
from tests.roles.scene import ENGINE_PEER, HUB, open_scene, signed
from tests.unit.core.sample import (
    CHAIN,
    CREATED_AT,
    DUE,
    ENGINE,
    KEEPERS,
    NETWORK,
    OWNER,
    STRANGER,
    job_body,
)
from tests.unit.core.sample import with_mandate as mandated
from triggerx.core.canonical import canonical_json
from triggerx.core.errors import RecoverableError
from triggerx.core.job import JobId
from triggerx.core.job_body import encode_body
from triggerx.core.messages import Order
from triggerx.core.task import SignedAssignment
from triggerx.evm.hub import Firing, assignment_digest
from triggerx.evm.registry import pack_job_id
from triggerx.evm.types import ChainId, Hash32
from triggerx.ports.store.peering import PerformanceStatus


async def test_answer_when_the_order_is_honest_then_it_is_stored_and_acknowledged(tmp_path: Path) -> None:
    async with open_desk(tmp_path) as desk:
        order = await desk.order()
        answer = await desk.ask(order)
        assert (answer.is_accepted, answer.code) == (True, "ok")
        (performance,) = await desk.taken()
        assert (performance.signed, performance.status) == (order, PerformanceStatus.ACCEPTED)
        assert performance.body == encode_body(job_body())
        assert performance.evidence == {"kind": "time", "due": DUE}


async def test_answer_when_the_same_order_comes_again_then_it_is_acknowledged_and_not_doubled(tmp_path: Path) -> None:
    async with open_desk(tmp_path) as desk:
        order = await desk.order()
        await desk.ask(order)
        desk.keeper = await desk.scene.restarted(desk.keeper)
        desk.open()
        await desk.scene.pass_time(30)
        assert (await desk.ask(order)).is_accepted
        assert len(await desk.taken()) == 1


async def test_answer_when_another_order_has_the_same_key_and_attempt_then_it_is_refused(tmp_path: Path) -> None:
    async with open_desk(tmp_path) as desk:
        await desk.ask(await desk.order())
        answer = await desk.ask(await desk.order(not_after=DUE + 14))
        assert (answer.is_accepted, answer.code) == (False, "other_order")


Change = Callable[[Desk], Awaitable[tuple[SignedAssignment, bytes | None]]]


async def _not_mine(desk: Desk) -> tuple[SignedAssignment, None]:
    other = KEEPERS[(desk.number + 1) % 4].address
    return await desk.order(performer=other), None


async def _other_job(desk: Desk) -> tuple[SignedAssignment, bytes]:
    body = replace(job_body(is_guarded=False), job_id=JobId(pack_job_id(CHAIN, CREATED_AT, 6)))
    return await desk.order(), encode_body(body)


async def _wrong_key(desk: Desk) -> tuple[SignedAssignment, None]:
    return await desk.order(task_key=Hash32(b"\x01" * 32)), None


async def _expired(desk: Desk) -> tuple[SignedAssignment, None]:
    return await desk.order(not_after=DUE), None


async def _not_due(desk: Desk) -> tuple[SignedAssignment, None]:
    return await desk.scene.order(due=DUE - 3), None


async def _other_kind(desk: Desk) -> tuple[SignedAssignment, None]:
    order = await desk.order()
    return replace(order, firing=replace(order.firing, kind=3)), None


async def _too_early(desk: Desk) -> tuple[SignedAssignment, None]:
    return await desk.order(not_before=DUE - 1), None


async def _wrong_chain(desk: Desk) -> tuple[SignedAssignment, bytes]:
    body = replace(job_body(is_guarded=False), action=replace(job_body().action, chain_id=ChainId(1)))
    return await desk.order(), encode_body(body)


async def _forged(desk: Desk) -> tuple[SignedAssignment, None]:
    order = await desk.order()
    digest = assignment_digest(order.assignment, CHAIN, HUB)
    return replace(order, signature=STRANGER.sign_digest(digest)), None


async def _no_signature(desk: Desk) -> tuple[SignedAssignment, None]:
    return replace(await desk.order(), signature=bytes(65)), None


async def _other_engine(desk: Desk) -> tuple[SignedAssignment, None]:
    desk.scene.operators.engines.add(STRANGER.address)
    return (await _forged(desk))[0], None


async def _unknown_operator(desk: Desk) -> tuple[SignedAssignment, None]:
    return replace(await desk.order(), roster=(1, 2, 3, 4, 9)), None


async def _doubled_operator(desk: Desk) -> tuple[SignedAssignment, None]:
    return replace(await desk.order(), roster=(1, 1, 2, 3, 4)), None


async def _nobody(desk: Desk) -> tuple[SignedAssignment, None]:
    return replace(await desk.order(), roster=()), None


async def _not_elected(desk: Desk) -> tuple[SignedAssignment, None]:
    return await desk.order(attempt=2), None


async def _attempt_zero(desk: Desk) -> tuple[SignedAssignment, None]:
    return await desk.order(attempt=0), None


async def _seed_of(desk: Desk, number: int, block_hash: Hash32) -> SignedAssignment:
    """An order whose seed was chosen so that this keeper is elected by it."""
    operators = await desk.scene.operators.active()
    own = next(operator for operator in operators if operator.address == KEEPERS[desk.number].address)
    order = await desk.order()
    return signed(order.assignment, order.job_id, order.firing, seed=(number, block_hash), roster=(own,))


async def _ground_seed(desk: Desk) -> tuple[SignedAssignment, None]:
    return await _seed_of(desk, (await desk.scene.seed())[0], Hash32(b"\x07" * 32)), None


async def _unknown_seed(desk: Desk) -> tuple[SignedAssignment, None]:
    return await _seed_of(desk, 10_000, Hash32(b"\x07" * 32)), None


async def _late_seed(desk: Desk) -> tuple[SignedAssignment, None]:
    head = await desk.scene.chain.head()
    return await _seed_of(desk, head.number, head.hash), None


async def _early_seed(desk: Desk) -> tuple[SignedAssignment, None]:
    first = await desk.scene.chain.block(1)
    assert first is not None
    return await _seed_of(desk, first.number, first.hash), None


async def _deleted(desk: Desk) -> tuple[SignedAssignment, None]:
    await desk.scene.register(job_body(), is_active=False)
    return await desk.order(), None


async def _other_owner(desk: Desk) -> tuple[SignedAssignment, None]:
    await desk.scene.register(replace(job_body(), owner=STRANGER.address))
    return await desk.order(), None


async def _other_body(desk: Desk) -> tuple[SignedAssignment, bytes]:
    return await desk.order(), encode_body(replace(job_body(is_guarded=False), title="another"))


async def _forged_mandate(desk: Desk) -> tuple[SignedAssignment, bytes]:
    mandate = job_body().mandate
    assert mandate is not None
    return await desk.order(), encode_body(mandated(job_body(), mandate.mandate, STRANGER))


async def _stale_mandate(desk: Desk) -> tuple[SignedAssignment, bytes]:
    mandate = job_body().mandate
    assert mandate is not None
    stale = replace(mandate.mandate, version=CREATED_AT - 1)
    return await desk.order(), encode_body(mandated(job_body(), stale, OWNER))


async def _no_body(desk: Desk) -> tuple[SignedAssignment, bytes]:
    return await desk.order(), b"{}"


async def _no_json(desk: Desk) -> tuple[SignedAssignment, bytes]:
    return await desk.order(), b"\xff"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (_not_mine, "not_mine"),
        (_other_job, "task_key"),
        (_wrong_key, "task_key"),
        (_expired, "expired"),
        (_not_due, "trigger_false"),
        (_other_kind, "task_key"),
        (_too_early, "too_early"),
        (_wrong_chain, "wrong_chain"),
        (_forged, "assignment_forged"),
        (_no_signature, "assignment_forged"),
        (_other_engine, "assignment_forged"),
        (_unknown_operator, "roster_unknown"),
        (_doubled_operator, "roster_unknown"),
        (_nobody, "election"),
        (_not_elected, "election"),
        (_attempt_zero, "election"),
        (_ground_seed, "seed_not_canonical"),
        (_unknown_seed, "seed_unknown"),
        (_late_seed, "wrong_seed"),
        (_early_seed, "wrong_seed"),
        (_deleted, "job_inactive"),
        (_other_owner, "job_inactive"),
        (_other_body, "job_hash"),
        (_forged_mandate, "mandate_forged"),
        (_stale_mandate, "mandate_stale"),
        (_no_body, "malformed"),
        (_no_json, "malformed"),
    ],
)
async def test_answer_when_something_is_wrong_then_its_code_says_what_and_nothing_is_stored(
    tmp_path: Path, change: Change, code: str
) -> None:
    async with open_desk(tmp_path) as desk:
        order, body = await change(desk)
        answer = await desk.ask(order, body=body)
        assert (answer.is_accepted, answer.code) == (False, code)
        assert answer.message
        assert await desk.taken() == ()


@pytest.mark.parametrize("evidence", [b"{", b"[]", b'{"value":1.5}', b'{"b":1,"a":2}', b'{"a": 1}', b'{"a":1e999}'])
async def test_answer_when_the_evidence_is_no_canonical_object_then_it_is_refused(
    tmp_path: Path, evidence: bytes
) -> None:
    async with open_desk(tmp_path) as desk:
        answer = await desk.ask(await desk.order(), evidence=evidence)
        assert (answer.is_accepted, answer.code) == (False, "malformed")


async def test_answer_when_the_keeper_has_its_hands_full_then_it_is_busy(tmp_path: Path) -> None:
    async with open_desk(tmp_path) as desk:
        operators = await desk.scene.operators.active()
        own = tuple(operator for operator in operators if operator.address == KEEPERS[desk.number].address)
        honest = await desk.order()
        for attempt in range(1, TASKS_AT_ONCE + 2):
            seed = await desk.scene.seed()
            assignment = replace(honest.assignment, attempt=attempt)
            order = signed(assignment, honest.job_id, Firing.time(DUE), seed=seed, roster=own)
            answer = await desk.ask(order)
            assert answer.code == ("ok" if attempt <= TASKS_AT_ONCE else "busy")


async def test_answer_when_the_chain_is_away_then_it_is_unavailable_for_now(tmp_path: Path) -> None:
    async with open_desk(tmp_path) as desk:
        order = await desk.order()
        desk.scene.chain.fault = RecoverableError("no endpoint answers")
        assert (await desk.ask(order)).code == "unavailable"
        desk.scene.chain.fault = None
        assert (await desk.ask(order)).is_accepted


async def test_answer_when_the_chain_stands_still_then_the_newest_block_may_be_the_seed(tmp_path: Path) -> None:
    async with open_scene(tmp_path, now=DUE, blocks=34) as scene:
        order = await scene.order()
        number = next(n for n, key in enumerate(KEEPERS) if key.address == order.assignment.performer)
        desk = Desk(scene, await scene.keeper(number), await scene.network.join(ENGINE.address, ENGINE_PEER), number)
        await scene.register(job_body())
        desk.open()
        assert (await desk.ask(order)).is_accepted
        assert NETWORK.timing.seed_lag_s < 6


async def several(desk: Desk, count: int) -> list[Order]:
    """Good orders of one request: attempts of one task, since the draw elects this keeper for each of them."""
    operators = await desk.scene.operators.active()
    own = tuple(operator for operator in operators if operator.address == KEEPERS[desk.number].address)
    honest, seed = await desk.order(), await desk.scene.seed()
    made = [
        signed(replace(honest.assignment, attempt=attempt), honest.job_id, Firing.time(DUE), seed=seed, roster=own)
        for attempt in range(1, count + 1)
    ]
    evidence = canonical_json({"kind": "time", "due": DUE})
    return [Order(assignment=order, body=encode_body(job_body()), evidence=evidence) for order in made]


async def test_answer_when_several_orders_come_together_then_each_has_its_answer_as_far_as_there_is_room(
    tmp_path: Path,
) -> None:
    async with open_desk(tmp_path) as desk:
        first, second, third, fourth = await several(desk, 4)
        broken = replace(second, evidence=b"{")
        answers = await desk.ask_all(first, broken, third, fourth)
        assert [answer.attempt for answer in answers] == [1, 2, 3, 4]
        assert [answer.code for answer in answers] == ["ok", "malformed", "ok", "busy"]
        assert [one.signed for one in await desk.taken()] == [first.assignment, third.assignment]
        again = await desk.ask_all(fourth, first)
        assert [answer.code for answer in again] == ["busy", "ok"]


async def test_answer_when_two_orders_of_a_request_contradict_each_other_then_one_is_taken(tmp_path: Path) -> None:
    async with open_desk(tmp_path) as desk:
        (first,) = await several(desk, 1)
        other = replace(first, assignment=desk.signed(first.assignment, not_after=DUE + 14))
        answers = await desk.ask_all(first, other)
        assert [answer.code for answer in answers] == ["ok", "other_order"]
        assert [one.signed for one in await desk.taken()] == [first.assignment]
