"""Submissions: the chain's word becomes task, points and rewards in one transaction with the cursor, once."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tests.fakes.firings import fire
from tests.fakes.mining import GAS_PRICE, GAS_USED, mine_transaction, transaction
from tests.roles.keeper.acts import FEE, announcement, document_of, execute, key_of
from tests.roles.scene import Node, Scene, open_scene, running
from tests.roles.sentinel.center import center_log, decision_log, submission_call, submit
from tests.unit.core.sample import CENTER, DUE, KEEPERS, NETWORK, OWNER, job_body, with_mandate
from triggerx.core.document import TaskDocument, encode_document, proof_of_task
from triggerx.core.errors import RecoverableError
from triggerx.core.evidence import TimeEvidence
from triggerx.core.job import JobBody
from triggerx.core.keeper import Keeper
from triggerx.core.task import SignedAssignment, Task, TaskStatus
from triggerx.events import TaskEnded
from triggerx.evm.contracts import AttestationCenter
from triggerx.evm.keccak import keccak256
from triggerx.evm.types import Address, Wei
from triggerx.ports.store.journal import LoggedEvent
from triggerx_sentinel.follower import Follower
from triggerx_sentinel.submissions import AttestationLogs

COST = GAS_USED * GAS_PRICE
NAME = "sentinel.l2"


@dataclass
class Post:
    """A sentinel beside an engine's store that knows one task with one order."""

    scene: Scene
    node: Node
    order: SignedAssignment
    document: TaskDocument

    def follower(self) -> Follower:
        return Follower(
            self.node.services,
            name=NAME,
            chain=self.scene.chain,
            reader=AttestationLogs(self.node.services),
            start_block=0,
            confirmations=NETWORK.l2_confirmations,
        )

    @asynccontextmanager
    async def following(self) -> AsyncIterator[None]:
        async with running(self.follower().run()):
            yield
            await self.scene.settle()

    async def follow(self) -> None:
        async with self.following():
            await self.scene.settle()

    async def task(self) -> Task:
        found = await self.node.store.tasks.by_key(self.order.assignment.task_key)
        assert found is not None
        return found

    async def keeper(self, address: Address | None = None) -> Keeper:
        return await self.node.store.keepers.ensure(address or self.document.performer)

    async def events(self, kind: str) -> list[LoggedEvent]:
        return [event for event in await self.node.store.events.after(0, limit=100) if event.kind == kind]


@asynccontextmanager
async def open_post(tmp_path: Path, body: JobBody | None = None) -> AsyncIterator[Post]:
    async with open_scene(tmp_path, now=DUE) as scene:
        node = await scene.engine()
        job = await scene.store_job(node, body)
        order = await scene.order(body)
        await fire(node.store, job.job_id, TimeEvidence(due=DUE))
        await node.store.assignments.insert(order)
        document = document_of(order, await execute(scene, order, body=body), body=body)
        await node.services.content.put(encode_document(document))
        yield Post(scene, node, order, document)


async def test_run_when_a_task_was_submitted_then_task_points_and_reward_are_stored(tmp_path: Path) -> None:
    async with open_post(tmp_path) as post, post.node.services.bus.subscribe(TaskEnded) as ends:
        tx_hash = await submit(post.scene, post.document)
        await post.follow()
        task = await post.task()
        assert (task.status, task.is_approved, task.is_successful) == (TaskStatus.ATTESTED, True, True)
        assert (task.task_number, task.task_attester_ids, task.task_submission_tx_hash) == (1, (1, 2, 3), tx_hash)
        assert (task.task_performer, task.proof_of_task) == (post.document.performer, proof_of_task(post.document))
        assert task.tp_signature == announcement(post.document).tp_signature
        assert task.ta_signature == (5).to_bytes(32, "big") + (6).to_bytes(32, "big")
        assert (task.execution_tx_hash, task.task_cost) == (post.document.action.tx_hash, COST)
        assert task.execution_timestamp == DUE + 1
        performer = await post.keeper()
        assert (performer.keeper_points, performer.no_exctask) == (COST, 1)
        job = await post.node.store.jobs.get(task.job_id)
        assert job is not None and (job.spent_wei, job.last_executed_at) == (FEE, DUE + 1)
        user = await post.node.store.users.by_address(OWNER.address)
        assert user is not None and user.account_balance == COST
        assert await anext(aiter(ends)) == TaskEnded(task.task_key, TaskStatus.ATTESTED)


async def test_run_when_the_owner_was_charged_a_value_too_then_the_job_has_spent_both_and_the_performer_its_gas(
    tmp_path: Path,
) -> None:
    async with open_post(tmp_path) as post:
        paid = replace(post.document, action=replace(post.document.action, value=Wei(10**30)))
        await post.node.services.content.put(encode_document(paid))
        await submit(post.scene, paid)
        await post.follow()
        task = await post.task()
        terms = await post.node.store.jobs.terms_of(task.job_id)
        assert terms is not None
        assert (terms.spent_wei, task.task_cost) == (FEE + 10**30, COST)


async def test_run_when_the_same_logs_come_again_then_nothing_changes(tmp_path: Path) -> None:
    async with open_post(tmp_path) as post:
        await submit(post.scene, post.document)
        await post.follow()
        before, moved = (await post.task(), await post.keeper()), len(await post.events("task_moved"))
        again = Follower(
            post.node.services,
            name="another follower",
            chain=post.scene.chain,
            reader=AttestationLogs(post.node.services),
            start_block=0,
            confirmations=1,
        )
        async with running(again.run()):
            await post.scene.settle()
        assert (await post.task(), await post.keeper()) == before
        assert len(await post.events("task_moved")) == moved == 1


async def test_run_when_it_is_killed_then_it_goes_on_after_the_cursor(tmp_path: Path) -> None:
    async with open_post(tmp_path) as post:
        await post.follow()
        cursor = await post.node.store.cursors.get(NAME)
        assert cursor is not None
        await submit(post.scene, post.document)
        post.node = await post.scene.restarted(post.node)
        await post.follow()
        moved = await post.node.store.cursors.get(NAME)
        assert moved is not None and moved.number > cursor.number
        assert (await post.task()).status is TaskStatus.ATTESTED


async def test_run_when_the_log_is_not_confirmed_then_nothing_is_believed(tmp_path: Path) -> None:
    async with open_post(tmp_path) as post:
        call = transaction(
            keccak256(b"young"), sender=KEEPERS[0].address, to=CENTER, data=submission_call(post.document)
        )
        await mine_transaction(post.scene.chain, call, [decision_log(post.document)])
        async with post.following():
            await post.scene.settle()
            assert (await post.task()).status is TaskStatus.CREATED
            await post.scene.chain.reorganise(1)
            await post.scene.chain.mine(3)
        assert (await post.task()).status is TaskStatus.CREATED


async def test_run_when_a_task_was_rejected_then_it_ends_so_and_nobody_gets_points(tmp_path: Path) -> None:
    async with open_post(tmp_path) as post:
        await submit(post.scene, post.document, is_approved=False)
        await post.follow()
        task = await post.task()
        assert (task.status, task.is_approved) == (TaskStatus.REJECTED, False)
        performer = await post.keeper()
        assert (performer.keeper_points, performer.no_exctask) == (0, 0)
        user = await post.node.store.users.by_address(OWNER.address)
        assert user is not None and user.account_balance == 0


async def test_run_when_a_strangers_document_of_the_task_is_rejected_then_the_task_goes_on(tmp_path: Path) -> None:
    async with open_post(tmp_path) as post:
        stranger = next(key for key in KEEPERS if key.address != post.document.performer)
        forged = replace(post.order, assignment=replace(post.order.assignment, performer=stranger.address))
        bogus = document_of(forged, post.document.action.tx_hash)
        await post.node.services.content.put(encode_document(bogus))
        await submit(post.scene, bogus, is_approved=False)
        await post.follow()
        assert (await post.task()).status is TaskStatus.CREATED
        (noted,) = await post.events("task_unknown")
        assert noted.payload["task_number"] == 1
        await submit(post.scene, post.document, number=2)
        await post.follow()
        assert (await post.task()).status is TaskStatus.ATTESTED
        assert (await post.keeper(stranger.address)).no_exctask == 0


async def test_run_when_a_document_is_approved_after_another_was_rejected_then_the_approval_stands(
    tmp_path: Path,
) -> None:
    async with open_post(tmp_path) as post:
        second = replace(post.document, evidence={"kind": "time", "due": DUE, "seen": "late"})
        await post.node.services.content.put(encode_document(second))
        await submit(post.scene, second, is_approved=False)
        await submit(post.scene, post.document, number=2)
        await submit(post.scene, second, is_approved=False, number=3)
        await post.follow()
        task = await post.task()
        assert (task.status, task.task_number) == (TaskStatus.ATTESTED, 2)
        assert (await post.keeper()).no_exctask == 1


async def test_run_when_the_task_is_not_known_here_then_it_is_noted_and_the_cursor_moves(tmp_path: Path) -> None:
    async with open_post(tmp_path) as post:
        other = document_of(await post.scene.order(due=DUE - 10), post.document.action.tx_hash)
        await post.node.services.content.put(encode_document(other))
        await submit(post.scene, other)
        await post.follow()
        (noted,) = await post.events("task_unknown")
        assert noted.payload["task_number"] == 1
        assert await post.node.store.cursors.get(NAME) is not None


async def test_run_when_the_submission_was_made_through_another_contract_then_it_counts_without_signatures(
    tmp_path: Path,
) -> None:
    async with open_post(tmp_path) as post:
        selector = AttestationCenter.submitTask.selector
        await submit(post.scene, post.document, to=Address(b"\x99" * 20), data=selector + b"not its arguments")
        await post.follow()
        task = await post.task()
        assert (task.status, task.tp_signature, task.ta_signature) == (TaskStatus.ATTESTED, b"", b"")
        assert await post.node.store.quarantine.list_all(limit=5) == ()


async def test_run_when_nobody_has_the_document_then_the_row_alone_moves(tmp_path: Path) -> None:
    async with open_post(tmp_path) as post:
        unheard = replace(post.document, evidence={"kind": "time", "due": DUE, "seen": "elsewhere"})
        cid = announcement(unheard).cid
        await post.node.store.tasks.save(
            replace(await post.task(), status=TaskStatus.PERFORMED, action_data_cid=cid, deadline_at=DUE + 100)
        )
        await submit(post.scene, unheard)
        await post.follow()
        task = await post.task()
        assert (task.status, task.task_cost) == (TaskStatus.ATTESTED, None)
        job = await post.node.store.jobs.get(task.job_id)
        assert job is not None and (job.spent_wei, job.last_executed_at) == (0, DUE)


async def test_run_when_a_log_cannot_be_decoded_then_it_is_set_aside_and_the_others_are_stored(tmp_path: Path) -> None:
    async with open_post(tmp_path) as post:
        broken = decision_log(post.document, number=9)._replace(data=b"\x01\x02")
        foreign = decision_log(post.document, number=10)
        foreign = foreign._replace(data=foreign.data.replace(announcement(post.document).cid.encode(), b"\xff" * 59))
        call = transaction(keccak256(b"broken"), sender=KEEPERS[0].address, to=CENTER, data=b"")
        await mine_transaction(post.scene.chain, call, [broken, foreign])
        await submit(post.scene, post.document)
        await post.follow()
        assert (await post.task()).status is TaskStatus.ATTESTED
        kinds = {(entry.kind, entry.content) for entry in await post.node.store.quarantine.list_all(limit=5)}
        assert kinds == {("log", b"\x01\x02"), ("log", foreign.data)}


async def test_run_when_the_centers_own_task_is_submitted_then_it_is_nobodys(tmp_path: Path) -> None:
    async with open_post(tmp_path) as post:
        log = decision_log(post.document)
        topics = (*log.topics[:2], (10_001).to_bytes(32, "big"))
        call = transaction(keccak256(b"internal"), sender=KEEPERS[0].address, to=CENTER, data=b"")
        await mine_transaction(post.scene.chain, call, [log._replace(topics=topics)])
        await post.scene.chain.mine()
        await post.follow()
        assert await post.events("task_unknown") == []
        assert (await post.task()).status is TaskStatus.CREATED


async def test_run_when_the_chain_fails_for_now_then_the_cursor_stays_and_nothing_is_half_stored(
    tmp_path: Path,
) -> None:
    async with open_post(tmp_path) as post:
        tx_hash = await submit(post.scene, post.document)
        hidden = post.scene.chain.transactions.pop(tx_hash)
        with pytest.raises(RecoverableError, match="but not the transaction"):
            await post.follower().run()
        assert await post.node.store.cursors.get(NAME) is None
        post.scene.chain.transactions[tx_hash] = hidden
        await post.follow()
        assert (await post.task()).status is TaskStatus.ATTESTED


async def test_run_when_a_reward_comes_twice_then_it_is_one_row(tmp_path: Path) -> None:
    async with open_post(tmp_path) as post:
        reward = center_log(AttestationCenter.RewardAccumulated, operatorId=1, fee=77, taskNumber=5)
        for salt in (b"a", b"b"):
            call = transaction(keccak256(salt), sender=key_of(post.document.performer).address, to=CENTER, data=b"")
            await mine_transaction(post.scene.chain, call, [reward])
        await post.scene.chain.mine()
        await post.follow()
        assert await post.node.store.quarantine.list_all(limit=5) == ()


def secured(level: int) -> JobBody:
    """The job, whose owner signed this level of security."""
    body = job_body()
    assert body.mandate is not None
    mandate = replace(body.mandate.mandate, security=level)
    return with_mandate(replace(body, security=level), mandate, OWNER)


def weigh(post: Post, *powers: int) -> None:
    """Let the Attestation Center say that operators 1, 2, … have these voting powers."""
    rows = [(key.address, number, power) for number, (key, power) in enumerate(zip(KEEPERS, powers, strict=True), 1)]
    post.scene.chain.answer(CENTER, AttestationCenter.getActiveOperatorsDetails, lambda: rows)


@pytest.mark.parametrize(
    ("level", "powers", "error"),
    [
        (2, (30, 30, 24, 16), ""),
        (2, (30, 30, 22, 18), "attested below the job's security 2: 82 of 100 voting power, 5/6 is demanded"),
        (3, (25, 25, 25, 25), ""),
        (3, (25, 25, 24, 26), "attested below the job's security 3: 74 of 100 voting power, 3/4 is demanded"),
        (4, (25, 25, 24, 26), ""),
    ],
)
async def test_run_when_less_power_attested_than_the_job_demands_then_the_task_is_no_success_and_says_why(
    tmp_path: Path, level: int, powers: tuple[int, ...], error: str
) -> None:
    async with open_post(tmp_path, secured(level)) as post:
        weigh(post, *powers)
        await submit(post.scene, post.document)
        await post.follow()
        task = await post.task()
        assert task.status is (TaskStatus.UNKNOWN if error else TaskStatus.ATTESTED)
        assert (task.task_error, task.is_approved, task.is_successful) == (error, True, not error)
        job = await post.node.store.jobs.get(task.job_id)
        assert job is not None and job.spent_wei == FEE  # the owner was charged all the same


async def test_run_when_a_weak_approval_is_followed_by_a_stronger_one_then_the_run_is_counted_once(
    tmp_path: Path,
) -> None:
    async with open_post(tmp_path, secured(2)) as post:
        weigh(post, 25, 25, 20, 30)
        await submit(post.scene, post.document)
        await post.follow()
        assert (await post.task()).status is TaskStatus.UNKNOWN
        weigh(post, 30, 30, 30, 10)
        await submit(post.scene, post.document, number=2)
        await post.follow()
        assert ((await post.task()).status, (await post.task()).task_number) == (TaskStatus.ATTESTED, 2)
        performer = await post.keeper()
        assert (performer.keeper_points, performer.no_exctask) == (COST, 1)
        job = await post.node.store.jobs.get((await post.task()).job_id)
        assert job is not None and job.spent_wei == FEE
