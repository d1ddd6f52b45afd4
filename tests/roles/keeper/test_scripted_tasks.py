"""Tasks whose arguments a script computes: taken on with the answer, declined, and judged by one's own run."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.fakes.scripts import SHA256
from tests.roles.keeper.acts import document_of, execute
from tests.roles.keeper.booth import Booth, open_booth
from tests.roles.keeper.desk_scene import Desk, open_desk
from tests.roles.keeper.shop import GRACE_S, open_shop, take_on
from tests.roles.scene import running
from tests.unit.core.sample import guarded, job_body, scripted
from triggerx.core.canonical import Json
from triggerx.core.computation import Computation, Computed, RequestMade, calldata_from
from triggerx.core.document import TaskDocument
from triggerx.core.job import JobBody
from triggerx.core.job_body import encode_body
from triggerx.core.messages import TaskAnswer
from triggerx.ports.scripts import ScriptFailed
from triggerx.ports.store.peering import Performance, PerformanceStatus
from triggerx_keeper.performer import ADOPTION_MARGIN_S

BODY = guarded(scripted(job_body()))
NEAR = guarded(scripted(job_body(), arguments_tolerance="10"))
ASKED = (RequestMade(url="https://prices.example", status=200, response_hash="0f" * 32),)


async def ask(desk: Desk) -> tuple[TaskAnswer, Performance | None]:
    """Order the task of a scripted job; returns the answer and what was taken on."""
    await desk.scene.register(BODY)
    order = await desk.order(BODY)
    answer = await desk.ask(order, body=encode_body(BODY))
    return answer, await desk.keeper.store.performances.get(order.assignment.task_key, order.assignment.attempt)


async def test_answer_when_the_script_has_arguments_then_they_are_kept_with_the_order(tmp_path: Path) -> None:
    async with open_desk(tmp_path) as desk:
        desk.scripts.value, desk.scripts.requests = [9], ASKED
        answer, taken = await ask(desk)
        assert answer.is_accepted and taken is not None and taken.computed is not None
        assert taken.status is PerformanceStatus.ACCEPTED
        assert taken.computed.calldata == calldata_from(BODY, [9])
        assert taken.computed.computation == Computation(script_sha256=SHA256, requests=ASKED)


async def test_answer_when_the_script_declines_then_so_does_the_keeper(tmp_path: Path) -> None:
    async with open_desk(tmp_path) as desk:
        answer, taken = await ask(desk)
        assert (answer.is_accepted, answer.code, taken) == (False, "declined", None)


async def test_answer_when_the_script_fails_then_the_refusal_says_why(tmp_path: Path) -> None:
    async with open_desk(tmp_path) as desk:
        desk.scripts.failure = ScriptFailed("error", "line 3: KeyError: 'price'")
        answer, taken = await ask(desk)
        assert (answer.is_accepted, answer.code, taken) == (False, "not_computed", None)
        assert answer.message == "the script failed: error: line 3: KeyError: 'price'"


async def done(booth: Booth, argument: int, *, body: JobBody = BODY, sha256: str = SHA256) -> TaskDocument:
    """The document of an action with this argument."""
    await booth.scene.register(body)
    order = await booth.scene.order(body)
    data = calldata_from(body, [argument])
    tx_hash = await execute(booth.scene, order, body=body, data=data)
    await booth.scene.chain.mine()
    computation = Computation(script_sha256=sha256, requests=())
    return document_of(order, tx_hash, body=body, data=data, computation=computation)


@pytest.mark.parametrize(
    ("body", "own", "code"),
    [(BODY, [9], "ok"), (BODY, [8], "wrong_arguments"), (BODY, None, "wrong_arguments"), (NEAR, [10], "ok")],
)
async def test_vote_when_an_attester_has_run_the_script_then_its_own_answer_decides(
    tmp_path: Path, body: JobBody, own: Json, code: str
) -> None:
    async with open_booth(tmp_path) as booth, booth.at_work():
        booth.scripts.value = own
        share = await booth.vote_on(await done(booth, 9, body=body))
        assert (share.is_approved, share.code) == (code == "ok", code)


async def test_vote_when_the_script_asked_the_outside_and_says_otherwise_then_it_is_left_to_others(
    tmp_path: Path,
) -> None:
    async with open_booth(tmp_path) as booth, booth.at_work():
        booth.scripts.value, booth.scripts.requests = [8], ASKED
        document = await done(booth, 9)
        await booth.hear(document)
        await booth.scene.pass_time(2)
        assert await booth.has_not_voted(document)
        (code,) = {r.fields["code"] for r in booth.attester.log.records if r.event == "vote abstained"}
        assert code == "arguments_unproven"


async def test_vote_when_the_url_gives_another_script_here_then_it_is_left_to_others(tmp_path: Path) -> None:
    async with open_booth(tmp_path) as booth, booth.at_work():
        booth.scripts.value = [8]
        document = await done(booth, 9, sha256="cd" * 32)
        await booth.hear(document)
        await booth.scene.pass_time(2)
        assert await booth.has_not_voted(document)


async def test_vote_when_the_script_fails_here_then_it_waits(tmp_path: Path) -> None:
    async with open_booth(tmp_path) as booth, booth.at_work():
        booth.scripts.failure = ScriptFailed("error", "OSError: unreachable")
        document = await done(booth, 9)
        await booth.hear(document)
        await booth.scene.pass_time(2)
        assert await booth.has_not_voted(document)
        booth.scripts.failure, booth.scripts.value = None, [9]
        await booth.scene.pass_time(10)
        assert (await booth.share(document)).is_approved


async def test_vote_when_a_document_does_not_say_how_it_was_computed_then_it_is_a_no(tmp_path: Path) -> None:
    async with open_booth(tmp_path) as booth, booth.at_work():
        booth.scripts.value = [9]
        share = await booth.vote_on(replace(await done(booth, 9), computation=None))
        assert (share.is_approved, share.code) == (False, "computation")
        assert booth.scripts.runs == []


def computed(answer: int) -> Computed:
    """A script that had this answer."""
    calldata = calldata_from(scripted(job_body()), [answer])
    return Computed(calldata=calldata, computation=Computation(script_sha256="0f" * 32, requests=()))


async def test_run_when_a_script_computed_the_arguments_then_they_are_sent_and_the_document_says_how(
    tmp_path: Path,
) -> None:
    async with open_shop(tmp_path, computed=computed(9)) as shop:
        async with running(shop.loop().run()):
            await shop.scene.settle()
        (intent,) = shop.lane.sent
        assert shop.computed is not None and shop.computed.calldata is not None
        assert shop.computed.calldata in intent.data
        ((_, document),) = await shop.announced()
        assert document.action.data == shop.computed.calldata
        assert document.computation == shop.computed.computation


@pytest.mark.parametrize(("tolerance", "is_announced"), [("0", False), ("10", True)])
async def test_run_when_an_action_is_found_done_then_its_arguments_must_be_those_computed_here(
    tmp_path: Path, tolerance: str, is_announced: bool
) -> None:
    async with open_shop(tmp_path, attempt=2, computed=computed(100), tolerance=tolerance) as shop:
        first = await shop.scene.order(shop.body)
        await execute(shop.scene, first, body=shop.body, data=calldata_from(shop.body, [105]))
        window_over = first.assignment.not_after + GRACE_S
        await shop.node.store.performances.save(replace(await shop.performance(), status=PerformanceStatus.ABANDONED))
        longer = replace(shop.order.assignment, not_after=window_over + 15, attempt=6)
        shop.order = replace(shop.order, assignment=longer)
        await take_on(shop)
        assert (await shop.performance()).computed == shop.computed
        shop.lane.answer = shop.refuse
        async with running(shop.loop().run()):
            await shop.until(window_over + ADOPTION_MARGIN_S)
        expected = PerformanceStatus.ANNOUNCED if is_announced else PerformanceStatus.ABANDONED
        assert await shop.status() is expected
