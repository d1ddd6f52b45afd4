"""What the hub charges is spent, of failed attempts too, and each charge once whoever tells of it first."""

from pathlib import Path

import pytest

from tests.fakes.firings import fire
from tests.fakes.mining import log_of, mine_transaction, transaction
from tests.roles.keeper.acts import FEE, document_of, execute
from tests.roles.scene import HUB
from tests.roles.sentinel.center import submit
from tests.roles.sentinel.post import GAS_REGISTRY, Post, open_post
from tests.unit.core.sample import CHAIN, DUE, KEEPERS, NETWORK, TARGET, job_body
from triggerx.core.document import encode_document
from triggerx.core.evidence import TimeEvidence
from triggerx.core.job import Job
from triggerx.evm.contracts import TaskExecutionHub
from triggerx.evm.keccak import keccak256
from triggerx.evm.types import Address
from triggerx.ports.chain import Log
from triggerx_sentinel.charges import ChargeLogs
from triggerx_sentinel.deposit_logs import DepositLogs
from triggerx_sentinel.follower import Several

ID = job_body().job_id
PERFORMER = KEEPERS[0].address


def executed(*, attempt: int = 1, is_success: bool, value: int = 0, job_id: int = ID) -> Log:
    """The hub's word on an attempt of the sample's firing."""
    said = {"taskKey": keccak256(b"key"), "jobId": job_id, "performer": PERFORMER, "success": is_success}
    return log_of(HUB, TaskExecutionHub.TaskExecuted, **said, attempt=attempt, fee=FEE, value=value)


async def mine(post: Post, salt: bytes, *logs: Log, to: Address = HUB, data: bytes = b"") -> None:
    """Mine one transaction of the hub, and the block that confirms it."""
    call = transaction(keccak256(salt), sender=PERFORMER, to=to, data=data)
    await mine_transaction(post.scene.chain, call, logs)
    await post.scene.chain.mine()
    await post.scene.settle()


async def spent(post: Post) -> tuple[int, int]:
    """What the job has spent, in all and today."""
    terms = await post.node.store.jobs.terms_of(ID)
    assert terms is not None
    return terms.spent_wei, terms.spent_today_wei


async def test_run_when_attempts_fail_then_each_is_spent_and_the_value_given_back_is_not(tmp_path: Path) -> None:
    async with open_post(tmp_path) as post:
        job = await post.scene.store_job(post.node)
        await mine(post, b"one", executed(is_success=False, value=9))
        assert await spent(post) == (FEE, FEE)
        await mine(post, b"two", executed(attempt=2, is_success=False))
        await mine(post, b"three", executed(attempt=3, is_success=True, value=9))
        assert await spent(post) == (3 * FEE + 9, 3 * FEE + 9)
        present = await post.job(ID)
        assert present.last_executed_at is job.last_executed_at is None


async def test_run_when_the_job_is_of_another_network_then_nothing_is_noted(tmp_path: Path) -> None:
    async with open_post(tmp_path) as post:
        await post.scene.store_job(post.node)
        await mine(post, b"one", executed(is_success=False, job_id=5))
        assert (await spent(post), await post.events()) == ((0, 0), [])


async def taken_on(post: Post) -> Job:
    """Store the job with its task, whose order went out."""
    job, order = await post.scene.store_job(post.node), await post.scene.order()
    async with post.node.store.transaction() as queries:
        await fire(queries, job.job_id, TimeEvidence(due=DUE))
    await post.node.store.assignments.insert(order)
    return job


@pytest.mark.parametrize("is_approved_first", [False, True])
async def test_run_when_hub_and_document_tell_of_the_same_run_then_it_is_spent_once(
    tmp_path: Path, *, is_approved_first: bool
) -> None:
    async with open_post(tmp_path) as post:
        await taken_on(post)
        order = await post.scene.order()
        document = document_of(order, await execute(post.scene, order))
        await post.node.services.content.put(encode_document(document))
        if not is_approved_first:
            await post.scene.chain.mine(2)
            await post.scene.settle()
            assert await spent(post) == (FEE, FEE)
        await submit(post.scene, document)
        await post.scene.settle()
        assert await spent(post) == (FEE, FEE)
        assert (await post.job(ID)).last_executed_at == DUE + 1


def failed() -> Log:
    said = {"keeper": PERFORMER, "target": TARGET, "data": b"\1", "value": 0, "result": b""}
    return log_of(HUB, TaskExecutionHub.FunctionExecutionFailed, **said)


async def test_run_when_an_unguarded_call_fails_then_its_transaction_says_who_paid_what(tmp_path: Path) -> None:
    async with open_post(tmp_path) as post:
        await post.scene.store_job(post.node, job_body(is_guarded=False))
        call = TaskExecutionHub.executeFunction.encode(ID, 77, TARGET, b"\1")
        await mine(post, b"unguarded", failed(), data=call)
        assert await spent(post) == (77, 77)
        await mine(post, b"by another contract", failed(), data=call, to=TARGET)
        guarded = executed(is_success=False)._replace(tx_hash=keccak256(b"guarded"))
        await mine(post, b"guarded", failed(), guarded, data=TaskExecutionHub.executeTask.selector)
        assert await spent(post) == (77 + FEE, 77 + FEE)


async def test_run_when_the_same_logs_are_read_again_then_nothing_changes(tmp_path: Path) -> None:
    async with open_post(tmp_path) as post:
        await post.scene.store_job(post.node)
        await mine(post, b"one", executed(is_success=False))
        reader = ChargeLogs(post.node.services, NETWORK.action_chains[CHAIN])
        head = await post.scene.chain.head()
        for log in await post.scene.chain.logs(reader.wanted, from_block=0, to_block=head.number):
            found = await reader.prepare(log)
            assert found is not None
            async with post.node.store.transaction() as queries:
                await found.store(queries)
        assert await spent(post) == (FEE, FEE)


async def test_several_when_they_share_a_range_then_each_log_goes_to_its_own_reader(tmp_path: Path) -> None:
    async with open_post(tmp_path, is_following=False) as post:
        chain = NETWORK.action_chains[CHAIN]
        both = Several(DepositLogs(post.node.services, chain), ChargeLogs(post.node.services, chain))
        assert set(both.wanted.addresses) == {GAS_REGISTRY, HUB}
        await mine(post, b"one", executed(is_success=False))
        (log,) = await post.scene.chain.logs(both.wanted, from_block=0, to_block=99)
        assert both.chosen([log]) == [log]
        assert await both.prepare(log) is not None
        assert await both.prepare(log._replace(address=TARGET)) is None
