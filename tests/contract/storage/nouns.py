"""Nouns for the store's tests: complete, and each easy to change with `replace`."""

import json
from dataclasses import replace

from tests.fakes.firings import put_fired
from triggerx.core.evidence import ConditionEvidence, EventEvidence, TimeEvidence, firing_of
from triggerx.core.job import (
    Action,
    ConditionTrigger,
    EventTrigger,
    Job,
    JobBody,
    JobId,
    JobStatus,
    ScheduleType,
    TaskDefinition,
    TimeTrigger,
)
from triggerx.core.ledger import NewEntry, Outcome, Reason
from triggerx.core.mandate import SignedMandate
from triggerx.core.task import SignedAssignment, Task
from triggerx.core.terms import JobTerms
from triggerx.evm.hub import Assignment, Firing, Mandate
from triggerx.evm.types import Address, ChainId, Hash32, Wei
from triggerx.ports.chain import TransactionIntent
from triggerx.ports.store import Queries
from triggerx.ports.store.peering import AnnouncedDocument, OwnVote, Performance, PerformanceStatus, Share

NOW = 1_700_000_000
BIG = 2**256 - 1
CHAIN = ChainId(31337)
ABI = json.dumps([{"type": "function", "name": "add", "inputs": [{"name": "by", "type": "uint256"}], "outputs": []}])


def address(number: int) -> Address:
    return Address(number.to_bytes(20, "big"))


def hash32(number: int) -> Hash32:
    return Hash32(number.to_bytes(32, "big"))


OWNER = address(0xAA)


def job_id(number: int, *, chain_id: int = CHAIN) -> JobId:
    return JobId(chain_id << 224 | NOW << 160 | number)


def time_body(number: int = 1) -> JobBody:
    return JobBody(
        job_id=job_id(number),
        owner=OWNER,
        title="Count, ünïcode too",
        task_definition_id=TaskDefinition.TIME_STATIC,
        created_chain_id=CHAIN,
        time_frame_s=3600,
        recurring=True,
        trigger=TimeTrigger(schedule_type=ScheduleType.INTERVAL, interval_s=60),
        action=Action(chain_id=CHAIN, target=address(0xC0), function="add(uint256)", abi=ABI, arguments=(str(BIG),)),
        priority=3,
        security=1,
        link_job_id=job_id(99),
        chain_status=2,
        cost_prediction="0.00000036",
        mandate=SignedMandate(mandate=mandate(number), signature=bytes(range(65))),
    )


def mandate(number: int = 1) -> Mandate:
    return Mandate(
        job_id=job_id(number),
        job_hash=hash32(1),
        version=NOW,
        owner=OWNER,
        target=address(0xC0),
        selector=b"\x01\x02\x03\x04",
        calldata_hash=hash32(2),
        value_max=Wei(BIG),
        fee_max=Wei(10**18),
        inner_gas_min=100_000,
        runs_max=10,
        spacing=0,
        attempts_max=3,
        security=1,
        not_before=0,
        expiry=2**64 - 1,
    )


def event_body(number: int = 1) -> JobBody:
    return replace(
        time_body(number),
        task_definition_id=TaskDefinition.EVENT_DYNAMIC,
        trigger=EventTrigger(
            chain_id=ChainId(1), contract=address(0xEE), event="Moved(address,uint256)", filter_name="to"
        ),
        action=replace(time_body().action, arguments=(), script_url="https://example.org/script.py", language="python"),
        link_job_id=None,
        mandate=None,
    )


def condition_body(number: int = 1) -> JobBody:
    return replace(
        time_body(number),
        task_definition_id=TaskDefinition.CONDITION_STATIC,
        trigger=ConditionTrigger(
            condition_type="between",
            source_type="api",
            source_url="https://example.org/price",
            selected_key_route="price.usd",
            upper_limit="2000.5",
            lower_limit="-1",
        ),
    )


def job(number: int = 1, *, user_id: int, body: JobBody | None = None) -> Job:
    return Job(
        body=body or time_body(number),
        user_id=user_id,
        job_hash=hash32(7),
        version=NOW,
        status=JobStatus.SCHEDULED,
        created_at=NOW,
        accepted_at=NOW + 5,
        next_due_at=NOW + 60,
        last_executed_at=None,
        status_reason="waiting",
        spent_wei=Wei(BIG),
    )


async def stored_job(store: Queries, number: int = 1, *, body: JobBody | None = None) -> Job:
    """Put a job and the user it belongs to into the store."""
    user = await store.users.ensure((body or time_body()).owner, now=NOW)
    new = job(number, user_id=user.user_id, body=body)
    assert await store.jobs.insert(new, api_key_id=None)
    return new


def fired(number: int = 1, *, of: int = 1) -> NewEntry:
    """An occurrence of the job that was stored as the `of`th."""
    evidence = ConditionEvidence(edge=7, source="ü", value=str(BIG), observed_at_ms=NOW * 1000, block_hash=hash32(3))
    return NewEntry(
        job_number=of,
        job_id=job_id(of),
        task_key=hash32(number),
        firing=firing_of(evidence),
        moment=NOW,
        last_moment=NOW,
        outcome=Outcome.FIRED,
        evidence=evidence,
        decided_at_ms=NOW * 1000 + number,
    )


async def stored_task(store: Queries, number: int = 1, *, of: int = 1) -> Task:
    """Put a task of a job that is there into the store."""
    return await put_fired(store, fired(number, of=of))


def signed(number: int = 1, attempt: int = 1) -> SignedAssignment:
    return SignedAssignment(
        assignment=Assignment(
            task_key=hash32(number),
            performer=address(0x77),
            attempt=attempt,
            not_before=NOW,
            not_after=NOW + 15,
        ),
        job_id=job_id(1),
        firing=Firing(kind=2, index=4, chain_id=ChainId(1), tx_hash=hash32(9)),
        seed_block=123,
        seed_block_hash=hash32(8),
        roster=(1, 2, 9),
        signature=bytes(65),
    )


def performance(number: int = 1, attempt: int = 1) -> Performance:
    return Performance(
        signed=signed(number, attempt),
        body=b'{"job_id":"1"}',
        evidence={"due": NOW},
        status=PerformanceStatus.ACCEPTED,
    )


def intent(name: str = "check-in", *, chain_id: ChainId = CHAIN) -> TransactionIntent:
    return TransactionIntent(
        intent_id=name,
        chain_id=chain_id,
        to=address(1),
        data=b"\x00\xff",
        value=Wei(BIG),
        deadline=NOW,
        priority=1,
        inner_gas=200_000,
    )


def vote(*, key: int = 1, task_hash: int = 10, is_approved: bool = True, phase: str = "attestation") -> OwnVote:
    return OwnVote(
        phase=phase,
        task_key=hash32(key),
        attempt=1,
        task_hash=hash32(task_hash),
        is_approved=is_approved,
        code="ok" if is_approved else "late",
        recorded_at=NOW,
    )


def share(*, task_hash: int = 10, operator_id: int = 1, is_approved: bool = True) -> Share:
    return Share(
        task_key=hash32(1),
        task_hash=hash32(task_hash),
        operator_id=operator_id,
        is_approved=is_approved,
        code="ok",
        signature=bytes(range(64)),
    )


def announced(task_hash: int = 10, *, action: int = 50) -> AnnouncedDocument:
    return AnnouncedDocument(
        task_key=hash32(1),
        task_hash=hash32(task_hash),
        cid=f"bafk{task_hash}",
        performer=address(0x77),
        execution_tx_hash=hash32(action),
        tp_signature=bytes(65),
        heard_at=NOW,
    )


async def number_of(store: Queries, number: int = 1) -> int:
    """The store's number of a job that is there."""
    return (await terms_of(store, number)).number


async def terms_of(store: Queries, number: int = 1) -> JobTerms:
    terms = await store.jobs.terms_of(job_id(number))
    assert terms is not None
    return terms


def entry(number: int = 1, *, job_number: int, of: int = 1, moment: int | None = None) -> NewEntry:
    """An occurrence of the job `of`: the due second `NOW + number`, or `moment`."""
    due = NOW + number if moment is None else moment
    return NewEntry(
        job_number=job_number,
        job_id=job_id(of),
        task_key=hash32(number),
        firing=Firing.time(due),
        moment=due,
        last_moment=due,
        outcome=Outcome.QUEUED,
        evidence=TimeEvidence(due=due),
        decided_at_ms=NOW * 1000,
    )


def event_entry(number: int = 1, *, job_number: int, of: int = 1, block: int = 10, chain: ChainId = CHAIN) -> NewEntry:
    """A log in this block, which counts two blocks later."""
    evidence = EventEvidence(
        chain_id=chain,
        tx_hash=hash32(number),
        ordinal=3,
        block_number=block,
        block_hash=hash32(1000 + block),
        block_timestamp=NOW + block,
    )
    return replace(
        entry(number, job_number=job_number, of=of, moment=NOW + block),
        firing=firing_of(evidence),
        evidence=evidence,
        outcome=Outcome.CONFIRMING,
        reason=Reason.UNCONFIRMED,
        ready_block=block + 2,
    )
