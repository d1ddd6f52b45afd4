"""The hub charges what was predicted: one formula for the engine's budgets and the performer's fee."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from tests.contract.chains.deployed import System
from tests.contract.chains.runs import Guarded
from tests.fakes.store import temporary_store
from tests.unit.core.sample import job_body, order_for
from triggerx.core.budget import FEE_PERCENT, run_cost
from triggerx.core.job import Job, JobBody, JobId, JobStatus
from triggerx.core.job_body import static_calldata
from triggerx.core.mandate import SignedMandate
from triggerx.core.task import SignedAssignment
from triggerx.core.terms import JobTerms
from triggerx.evm.contracts import TaskExecutionHub
from triggerx.evm.hub import assignment_digest
from triggerx.evm.types import ZERO_HASH, Wei
from triggerx_keeper.calls import build_call

GENEROUS = Wei(10**16)


@pytest.fixture
def guarded(system: System) -> Guarded:
    return Guarded(system)


def body_of(guarded: Guarded, *, priority: int, fee_max: Wei) -> JobBody:
    """The sample's job as it stands in the registry, with its owner's mandate."""
    run = guarded.run.but(mandate__fee_max=fee_max)
    signature = run.owner.sign_digest(guarded.digest(run))
    sample = job_body()
    return replace(
        sample,
        job_id=JobId(guarded.job_id),
        owner=run.mandate.owner,
        priority=priority,
        action=replace(sample.action, target=guarded.target, arguments=("5",)),
        mandate=SignedMandate(mandate=run.mandate, signature=signature),
    )


def order_of(guarded: Guarded) -> SignedAssignment:
    """The engine's order of the run."""
    run = guarded.run
    digest = assignment_digest(run.assignment, guarded.system.chain_id, guarded.hub)
    return replace(
        order_for(1),
        assignment=run.assignment,
        job_id=JobId(guarded.job_id),
        firing=run.firing,
        signature=run.engine.sign_digest(digest),
    )


def terms_of(body: JobBody, folder: Path) -> JobTerms:
    """What the engine's store says of the job, by which budgets are held."""

    async def read() -> JobTerms | None:
        async with temporary_store(folder) as store:
            user = await store.users.ensure(body.owner, now=1)
            job = Job(
                body=body,
                user_id=user.user_id,
                job_hash=ZERO_HASH,
                version=1,
                status=JobStatus.SCHEDULED,
                created_at=1,
                accepted_at=1,
            )
            await store.jobs.insert(job, api_key_id=None)
            await store.jobs.record_execution(body.job_id, executed_at=2, gas=123_456)  # an earlier run's
            return await store.jobs.terms_of(body.job_id)

    found = asyncio.run(read())
    assert found is not None
    return found


@pytest.mark.parametrize("fee_max", [GENEROUS, Wei(10**14)])
@pytest.mark.parametrize("priority", FEE_PERCENT)
def test_fee_when_predicted_at_a_gas_price_then_is_what_the_hub_takes_from_the_deposit(
    guarded: Guarded, tmp_path: Path, priority: int, fee_max: Wei
) -> None:
    body = body_of(guarded, priority=priority, fee_max=fee_max)
    price, terms = Wei(int(guarded.system.ask("eth_gasPrice"), 16)), terms_of(body, tmp_path)
    predicted = run_cost(terms.run_gas, price, terms.priority, fee_max_wei=terms.fee_max_wei)
    before = guarded.deposit()
    call = build_call(body, order_of(guarded), static_calldata(body), gas_price=price, inner_gas=77_000)
    mined = guarded.system.do(guarded.performer.key, guarded.hub, call, gas=3_000_000)
    (event,) = mined.events(TaskExecutionHub.TaskExecuted, guarded.hub)
    assert event["success"]
    assert event["fee"] == before - guarded.deposit() == predicted
    assert (predicted == fee_max) == (fee_max != GENEROUS)
