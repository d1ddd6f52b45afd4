"""The registry is the judge: what it deletes is stopped, what it updates waits for the body that it now binds."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.fakes.mining import log_of
from tests.roles.librarian import desk as librarian
from tests.roles.scene import REGISTRY, running
from tests.roles.sentinel.post import open_post
from tests.unit.core.sample import CHAIN, CREATED_AT, DUE, NETWORK, OWNER, job_body
from triggerx.core.job import Job, JobId, JobStatus
from triggerx.core.job_body import expected_job_hash
from triggerx.core.ledger import Outcome, Reason
from triggerx.events import JobChanged
from triggerx.evm.contracts import JobRegistry
from triggerx.evm.keccak import keccak256
from triggerx.evm.types import ZERO_HASH, Hash32
from triggerx.ports.chain import Log
from triggerx.ports.store.registry import RegistryRecord
from triggerx_sentinel.follower import Follower
from triggerx_sentinel.registry_logs import DELETED, UPDATED, RegistryLogs

ID = job_body().job_id
JOB_HASH = expected_job_hash(job_body())
NEW_HASH = keccak256(b"another body")


def created(job_id: JobId = ID, *, job_hash: Hash32 = JOB_HASH) -> Log:
    said = {"jobId": job_id, "jobOwner": OWNER.address, "jobHash": job_hash, "timestamp": CREATED_AT}
    return log_of(REGISTRY, JobRegistry.JobCreated, **said)


def updated(job_id: JobId = ID, *, version: int = CREATED_AT + 5) -> Log:
    said = {"jobId": job_id, "jobOwner": OWNER.address, "newJobHash": NEW_HASH, "timestamp": version}
    return log_of(REGISTRY, JobRegistry.JobUpdated, **said)


def deleted(job_id: JobId = ID) -> Log:
    said = {"jobId": job_id, "jobOwner": OWNER.address, "timestamp": CREATED_AT + 9}
    return log_of(REGISTRY, JobRegistry.JobDeleted, **said)


async def test_run_when_a_job_was_created_then_its_record_waits_for_the_body(tmp_path: Path) -> None:
    async with open_post(tmp_path) as post:
        await post.mine(created())
        expected = RegistryRecord(
            job_id=ID,
            chain_id=CHAIN,
            owner=OWNER.address,
            job_hash=JOB_HASH,
            version=CREATED_AT,
            is_active=True,
            block_number=41,
        )
        assert await post.node.store.registry.list_unclaimed(OWNER.address, limit=5) == (expected,)
        await post.scene.store_job(post.node)
        await post.mine(created())
        assert (await post.job(ID)).status is JobStatus.SCHEDULED
        assert await post.events() == []


async def test_run_when_a_job_was_deleted_then_it_is_stopped_for_good(tmp_path: Path) -> None:
    async with open_post(tmp_path) as post, post.node.services.bus.subscribe(JobChanged) as changes:
        await post.mine(created())
        await post.scene.store_job(post.node)
        await post.mine(deleted())
        job = await post.job(ID)
        assert (job.status, job.is_paused, job.status_reason) == (JobStatus.STOPPED, False, DELETED)
        assert job.next_due_at is None
        (event,) = await post.events()
        assert (event.kind, event.subject, event.payload) == ("job_stopped", f"job:{ID}", {"reason": DELETED})
        assert await anext(aiter(changes)) == JobChanged(ID)
        record = await post.node.store.registry.get(ID)
        assert record is not None
        assert (record.is_active, record.job_hash, record.version) == (False, JOB_HASH, CREATED_AT + 9)


async def test_run_when_a_job_was_deleted_while_the_engine_was_away_then_what_was_due_before_is_missed(
    tmp_path: Path,
) -> None:
    async with open_post(tmp_path) as post:
        await post.scene.store_job(post.node)
        await post.scene.clock.advance(20)
        await post.mine(deleted())
        (left,) = await post.node.store.ledger.list_by_job(ID, since=0, until=DUE * 2, limit=9)
        assert (left.entry.moment, left.entry.last_moment, left.entry.count) == (DUE, DUE + 20, 3)
        assert (left.outcome, left.entry.reason) == (Outcome.MISSED, Reason.STOPPED)


async def test_run_when_a_job_was_deleted_whose_body_nobody_posted_then_only_its_record_ends(tmp_path: Path) -> None:
    async with open_post(tmp_path) as post:
        await post.mine(created(), deleted())
        record = await post.node.store.registry.get(ID)
        assert record is not None and (record.is_active, record.job_hash) == (False, JOB_HASH)
        assert await post.node.store.registry.list_unclaimed(OWNER.address, limit=5) == ()
        assert await post.events() == []


async def test_run_when_a_deleted_job_was_created_before_the_start_block_then_it_is_stopped_all_the_same(
    tmp_path: Path,
) -> None:
    async with open_post(tmp_path, is_following=False) as post:
        await post.scene.store_job(post.node)
        await post.mine(created())
        start = (await post.scene.chain.head()).number
        action_chain = replace(NETWORK.action_chains[CHAIN], start_block=start)
        network = replace(NETWORK, action_chains={CHAIN: action_chain})
        post.node.services = replace(post.node.services, network=network)
        async with post.following():
            assert await post.node.store.registry.get(ID) is None
            await post.mine(deleted())
        record = await post.node.store.registry.get(ID)
        assert record is not None and (record.is_active, record.job_hash) == (False, ZERO_HASH)
        assert (await post.job(ID)).status is JobStatus.STOPPED


async def test_run_when_a_job_was_updated_then_it_is_paused_and_keeps_its_due_seconds(tmp_path: Path) -> None:
    async with open_post(tmp_path) as post, post.node.services.bus.subscribe(JobChanged) as changes:
        await post.mine(created())
        await post.scene.store_job(post.node)
        await post.mine(updated())
        job = await post.job(ID)
        assert (job.status, job.is_paused, job.status_reason) == (JobStatus.STOPPED, True, UPDATED)
        assert job.next_due_at == DUE
        (event,) = await post.events()
        assert (event.kind, event.subject) == ("job_paused", f"job:{ID}")
        assert event.payload == {"reason": UPDATED, "version": str(CREATED_AT + 5)}
        assert await anext(aiter(changes)) == JobChanged(ID)


@pytest.mark.parametrize("status", [JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.STOPPED])
async def test_run_when_a_job_that_is_over_was_updated_then_it_stays_over(tmp_path: Path, status: JobStatus) -> None:
    async with open_post(tmp_path) as post:
        await post.scene.store_job(post.node)
        await post.node.store.jobs.set_status(ID, status, reason="so")
        await post.mine(updated())
        job = await post.job(ID)
        assert (job.status, job.is_paused, job.status_reason) == (status, False, "so")
        record = await post.node.store.registry.get(ID)
        assert record is not None and record.version == CREATED_AT + 5


async def test_run_when_everything_is_read_again_then_nothing_changes(tmp_path: Path) -> None:
    async with open_post(tmp_path) as post:
        await post.scene.store_job(post.node)
        await post.mine(created())
        await post.mine(updated())
        await post.mine(deleted())
        before = await post.job(ID), await post.events()
        again = Follower(
            post.node.services,
            name="another follower",
            chain=post.scene.chain,
            reader=RegistryLogs(post.node.services, NETWORK.action_chains[CHAIN]),
            start_block=0,
            confirmations=1,
        )
        async with running(again.run()):
            await post.scene.settle()
        assert (await post.job(ID), await post.events()) == before
        assert [event.kind for event in before[1]] == ["job_paused", "job_stopped"]


async def test_run_when_a_deletion_is_not_confirmed_then_nothing_is_believed(tmp_path: Path) -> None:
    async with open_post(tmp_path) as post:
        await post.scene.store_job(post.node)
        await post.mine(deleted(), confirmed=False)
        await post.scene.chain.reorganise(1)
        await post.scene.chain.mine(3)
        await post.scene.settle()
        assert (await post.job(ID)).status is JobStatus.SCHEDULED


async def test_run_when_a_log_cannot_be_decoded_then_it_is_set_aside_and_the_others_are_stored(tmp_path: Path) -> None:
    async with open_post(tmp_path) as post:
        await post.mine(created()._replace(data=b"\x01\x02"), created(JobId(ID + 1)))
        (entry,) = await post.node.store.quarantine.list_all(limit=5)
        assert (entry.kind, entry.content) == ("log", b"\x01\x02")
        assert await post.node.store.registry.get(JobId(ID + 1)) is not None


@pytest.mark.parametrize("is_posted_first", [False, True])
async def test_update_when_event_and_post_come_in_either_order_then_the_job_runs_by_the_new_body(
    tmp_path: Path, *, is_posted_first: bool
) -> None:
    newer, version = librarian.job(job_title="Count more", arguments=["6"]), librarian.NOW + 5
    job_id = JobId(int(str(newer["job_id"])))
    async with librarian.open_desk(tmp_path) as desk:
        reader = RegistryLogs(desk.services, desk.services.network.action_chains[librarian.CHAIN])

        async def stored() -> Job:
            found = await desk.store.jobs.get(job_id)
            assert found is not None
            return found

        async def hear() -> None:
            entry = desk.entries[job_id]
            said = {"jobId": job_id, "jobOwner": entry.owner, "newJobHash": entry.job_hash, "timestamp": entry.version}
            prepared = await reader.prepare(log_of(librarian.REGISTRY, JobRegistry.JobUpdated, **said))
            async with desk.store.transaction() as queries:
                await prepared.store(queries)

        async def post(body: object) -> None:
            assert (await desk.send("POST", "/api/jobs", body=body))[0] in (200, 201)

        desk.register(librarian.job())
        await post(librarian.job())
        desk.register(newer, version=version)
        if is_posted_first:
            await post(newer)
            await hear()
        else:
            await hear()
            held = await stored()
            assert (held.status, held.is_paused, held.status_reason) == (JobStatus.STOPPED, True, UPDATED)
            await post(newer)
        job = await stored()
        assert (job.status, job.is_paused, job.status_reason, job.version) == (JobStatus.SCHEDULED, False, "", version)
        assert (job.body.title, job.body.action.arguments) == ("Count more", ("6",))
