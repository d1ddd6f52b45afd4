"""The deployed registries' own logs through the sentinel: what is stored then is what the contracts answer."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from tests.contract.chains.deployed import System
from tests.contract.chains.runs import DEPOSIT, FEE, Guarded
from tests.contract.chains.test_registries import create, update
from tests.fakes.clock import SeededChance, VirtualClock
from tests.fakes.log import RecordingLog
from tests.fakes.store import temporary_store
from triggerx.bus.local import LocalBus
from triggerx.chains.reads import Reads
from triggerx.chains.rpc import RpcClient
from triggerx.core.job import JobId
from triggerx.core.network import ActionChain, Network
from triggerx.evm.contracts import GasRegistry, JobRegistry
from triggerx.evm.types import Address
from triggerx.ports.store import Store
from triggerx.ports.store.registry import RegistryRecord
from triggerx.role import Services
from triggerx_sentinel.charges import Charge, ChargeLogs
from triggerx_sentinel.deposit_logs import DepositLogs
from triggerx_sentinel.follower import Several
from triggerx_sentinel.registry_logs import RegistryLogs


def action_chain(system: System) -> ActionChain:
    return ActionChain(
        chain_id=system.chain_id,
        job_registry=system.at.job_registry,
        gas_registry=system.at.gas_registry,
        task_execution_hub=system.at.task_execution_hub,
        is_guarded=True,
        confirmations=0,
        block_time_s=1.0,
        start_block=system.at.l2_start_block,
    )


async def take_in(services: Services, chain: ActionChain) -> int:
    """Read every log of both registries into the store; returns how many were prepared."""
    reads, prepared = services.chain(chain.chain_id), 0
    head = await reads.head()
    for reader in (RegistryLogs(services, chain), Several(DepositLogs(services, chain), ChargeLogs(services, chain))):
        logs = await reads.logs(reader.wanted, from_block=chain.start_block, to_block=head.number)
        for log in reader.chosen(logs):
            found = await reader.prepare(log)
            if found is None:
                continue
            async with services.store.transaction() as queries:
                await found.store(queries)
            prepared += 1
    return prepared


def stored(system: System, tmp_path: Path, wanted: Any) -> Any:
    """What `wanted` finds in the store once everything was taken in."""

    async def take_in_and_find(services: Services, chain: ActionChain) -> tuple[int, Any]:
        return await take_in(services, chain), await wanted(services.store)

    return with_services(system, tmp_path, take_in_and_find)


def with_services(system: System, tmp_path: Path, work: Callable[[Services, ActionChain], Awaitable[Any]]) -> Any:
    """Do something with a node's services over the deployed contracts, and an empty store."""

    async def run() -> Any:
        chain, log = action_chain(system), RecordingLog()
        nowhere: Any = None  # the readers use neither operators, peers nor content
        async with (
            temporary_store(tmp_path) as store,
            RpcClient([system.chain.rpc_url], chain_id=system.chain_id) as client,
        ):
            services = Services(
                network=Network(
                    name="test",
                    l1_chain_id=system.chain_id,
                    l2_chain_id=system.chain_id,
                    avs_governance=system.at.avs_governance,
                    attestation_center=system.at.attestation_center,
                    engines=(),
                    action_chains={system.chain_id: chain},
                ),
                clock=VirtualClock(),
                chance=SeededChance(),
                log=log,
                bus=LocalBus(log),
                store=store,
                chains={system.chain_id: Reads(client, VirtualClock())},
                transactions={},
                operators=nowhere,
                peers=nowhere,
                content=nowhere,
                notifiers=(),
            )
            return await work(services, chain)

    return asyncio.run(run())


def test_records_when_jobs_were_created_updated_and_deleted_then_are_what_the_registry_answers(
    system: System, tmp_path: Path
) -> None:
    registry = system.at.job_registry
    jobs = [create(system, name) for name in ("kept", "changed", "gone")]
    system.do(system.owner, registry, update(system, jobs[1], "changed", "anew"))
    system.do(system.owner, registry, JobRegistry.deleteJob.encode(jobs[2]))

    async def records(store: Store) -> list[RegistryRecord | None]:
        return [await store.registry.get(JobId(job_id)) for job_id in jobs]

    prepared, found = stored(system, tmp_path, records)
    assert prepared == 5
    assert [(each.job_id, each.owner, each.job_hash, each.version, each.is_active) for each in found] == [
        tuple(system.read(registry, JobRegistry.getJob, job_id)) for job_id in jobs
    ]


def test_deposits_when_paid_in_charged_given_back_and_withdrawn_then_are_what_the_registry_answers(
    system: System, tmp_path: Path
) -> None:
    guarded = Guarded(system)
    guarded.set_failing(True)
    assert not guarded.execute(guarded.run.but(value=FEE))["success"]
    gas_registry = system.at.gas_registry
    call = GasRegistry.depositETH.encode(7)
    system.do(system.stranger, gas_registry, call, value=7)
    system.do(system.stranger, gas_registry, GasRegistry.withdrawETHBalance.encode(3))
    owners: list[Address] = [system.owner.address, system.stranger.address]

    async def balances(store: Store) -> list[int | None]:
        return [await store.deposits.get(system.chain_id, owner) for owner in owners]

    prepared, found = stored(system, tmp_path, balances)
    assert prepared == 1 + len(owners) + 1
    assert found == [DEPOSIT - FEE, 4]
    assert found == [system.read(gas_registry, GasRegistry.getBalance, owner) for owner in owners]


def test_charges_when_calls_fail_or_succeed_then_are_what_the_owners_deposit_lost(
    system: System, tmp_path: Path
) -> None:
    guarded = Guarded(system)
    gas_registry, charged = system.at.gas_registry, list[int]()
    for attempt, is_failing in enumerate((True, False), start=1):
        guarded.set_failing(is_failing)
        before = system.read(gas_registry, GasRegistry.getBalance, system.owner.address)
        assert guarded.execute(guarded.run.but(value=3, assignment__attempt=attempt))["success"] is not is_failing
        charged.append(before - system.read(gas_registry, GasRegistry.getBalance, system.owner.address))

    async def charges(services: Services, chain: ActionChain) -> list[Charge | None]:
        reader, reads = ChargeLogs(services, chain), services.chain(chain.chain_id)
        head = (await reads.head()).number
        found = [await reader.prepare(log) for log in await reads.logs(reader.wanted, from_block=0, to_block=head)]
        return [each for each in found if each is not None]

    found = with_services(system, tmp_path, charges)
    assert [each.wei for each in found] == charged == [FEE, FEE + 3]
    assert {each.job_id for each in found} == {guarded.run.mandate.job_id}
