"""Simulations on real nodes: logs with their places, values and calls at the states of their blocks."""

import json
from dataclasses import replace
from pathlib import Path

from tests.contract.chains.test_canonical import RealCourse, real_course
from tests.fakes.store import temporary_store
from tests.unit.core.sample import DEFINITIONS, NETWORK, job_body
from triggerx.chains.development import Kind
from triggerx.chains.reads import Reads
from triggerx.core.evidence import ConditionEvidence, EventEvidence
from triggerx.core.job import Action, ConditionTrigger, EventTrigger, JobBody, JobId, ScheduleType, TimeTrigger, Trigger
from triggerx.core.network import Network
from triggerx.evm.abi import Event
from triggerx.evm.registry import pack_job_id
from triggerx.evm.types import Address, ChainId, from_hex, to_hex
from triggerx.ports.scripts import NoScripts, NoScriptSources
from triggerx.triggers.simulation import Simulation, World, simulate

PINGED = Event.parse("Pinged()")
HEIGHT = "4360005260206000f3"  # returns the number of its block
OPENS_AT = 12
GATE = f"4360{OPENS_AT:02x}11600857005b60006000fd"  # reverts before that block
INIT = "60{:02x}8060093d393df3"  # creates a contract of the code that follows, of this length
POKE = json.dumps([{"type": "function", "name": "poke", "inputs": [], "outputs": []}])


async def create(course: RealCourse, runtime: str, *, nonce: int) -> Address:
    await course.send(None, from_hex("0x" + INIT.format(len(runtime) // 2) + runtime), nonce=nonce)
    await course.ask("evm_mine")
    (receipt,) = await course.ask("eth_getBlockReceipts", "latest")
    return Address(from_hex(receipt["contractAddress"]))


def network_of(chain: Reads) -> Network:
    (action_chain,) = NETWORK.action_chains.values()
    chain_id = ChainId(chain.chain_id)
    return replace(NETWORK, action_chains={chain_id: replace(action_chain, chain_id=chain_id)})


async def simulated(course: RealCourse, path: Path, trigger: Trigger, target: Address) -> Simulation:
    """Simulate over the whole chain a job that was created with block 2 and calls `target`."""
    chain = course.chain
    created, head = await chain.block(2), await chain.head()
    assert created is not None
    chain_id = ChainId(chain.chain_id)
    body: JobBody = replace(
        job_body(is_guarded=False),
        job_id=JobId(pack_job_id(chain_id, created.timestamp, 1)),
        created_chain_id=chain_id,
        time_frame_s=10**8,
        task_definition_id=DEFINITIONS[type(trigger)],
        trigger=trigger,
        action=Action(chain_id=chain_id, target=target, function="poke", abi=POKE),
    )
    async with temporary_store(path) as store:
        return await simulate(
            body,
            World(
                network=network_of(chain),
                chains={chain_id: chain},
                conditions=store.conditions,
                scripts=NoScripts(),
                script_sources=NoScriptSources(),
            ),
            first=0,
            last=head.number,
        )


async def test_events_when_simulated_then_each_call_is_made_on_the_state_of_its_block(
    kind: Kind, tmp_path: Path
) -> None:
    async with real_course(kind) as course:
        gate = await create(course, GATE, nonce=2)
        for number in range(12):
            await course.mine(*([int.from_bytes(PINGED.topic, "big")] * (number % 3)))
        trigger = EventTrigger(chain_id=ChainId(course.chain.chain_id), contract=course.emitter, event="Pinged()")
        found = await simulated(course, tmp_path, trigger, gate)
        logs = await course.chain.logs(course.wanted, from_block=0, to_block=found.span.last.number)
        evidence = [trial.occurrence.evidence for trial in found.trials]
        assert [
            (each.tx_hash, each.ordinal, each.block_hash) for each in evidence if isinstance(each, EventEvidence)
        ] == [(log.tx_hash, 0, log.block_hash) for log in logs]
        assert len(logs) == 12
        calls = [(trial.block, trial.call.is_success) for trial in found.trials if trial.call is not None]
        assert calls == [(log.block_number, log.block_number >= OPENS_AT) for log in logs]
        assert {is_success for _, is_success in calls} == {True, False}
        gases = {trial.call.gas for trial in found.trials if trial.call is not None and trial.call.is_success}
        assert all(gas is not None and 21_000 < gas < 30_000 for gas in gases)


async def test_values_when_simulated_then_are_read_at_every_block(kind: Kind, tmp_path: Path) -> None:
    async with real_course(kind) as course:
        height = await create(course, HEIGHT, nonce=2)
        for _ in range(12):
            await course.mine()
        trigger = ConditionTrigger(
            condition_type="greater_than",
            source_type="view",
            source_url=to_hex(height),
            function="height()",
            upper_limit="7",
            chain_id=ChainId(course.chain.chain_id),
        )
        (trial,) = (await simulated(course, tmp_path, trigger, height)).trials
        evidence = trial.occurrence.evidence
        assert isinstance(evidence, ConditionEvidence)
        block = await course.chain.block(8)
        assert block is not None
        assert (evidence.value, evidence.block_number, evidence.block_hash) == ("8", 8, block.hash)
        assert (trial.block, evidence.moment) == (8, block.timestamp)


async def test_due_seconds_when_simulated_then_are_called_at_the_last_block_before_them(
    kind: Kind, tmp_path: Path
) -> None:
    async with real_course(kind) as course:
        gate = await create(course, GATE, nonce=2)
        for _ in range(12):
            await course.ask("evm_increaseTime", 3)
            await course.mine()
        trigger = TimeTrigger(schedule_type=ScheduleType.INTERVAL, interval_s=2)
        found = await simulated(course, tmp_path, trigger, gate)
        assert len(found.trials) >= 5
        for trial in found.trials:
            block = await course.chain.block_at(trial.occurrence.moment)
            assert block is not None
            assert trial.block == block.number
