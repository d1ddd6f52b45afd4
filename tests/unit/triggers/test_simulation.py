"""Simulations on a chain in memory: firings, rulings, calls, costs, and what is refused with what to do."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from tests.fakes.chain import FakeChain
from tests.fakes.mining import log_of, mine_transaction, transaction
from tests.fakes.scripts import FakeScripts, FakeScriptSources
from tests.fakes.store import temporary_store
from tests.unit.core.sample import (
    BALANCE_ABOVE_100,
    CHAIN,
    CREATED_AT,
    HUB,
    NETWORK,
    OWNER,
    PAID,
    STRANGER,
    TARGET,
    TOKEN,
    job_body,
    scripted,
)
from triggerx.core.budget import FEE_PERCENT, GUARD_GAS, paid_gas
from triggerx.core.canonical import Json
from triggerx.core.errors import InvalidInput, TriggerxError
from triggerx.core.evidence import ConditionEvidence, EventEvidence, dump_evidence
from triggerx.core.job import ConditionMode, ConditionTrigger, JobBody, Limits
from triggerx.core.ledger import Outcome, Reason
from triggerx.evm.abi import Event, Function
from triggerx.evm.keccak import keccak256
from triggerx.evm.types import Address, ChainId, Wei
from triggerx.ports.chain import CallReverted
from triggerx.ports.scripts import LanguageUnavailable, ScriptFailed
from triggerx.ports.store import Store
from triggerx.ports.store.ledger import Observation
from triggerx.triggers import simulation
from triggerx.triggers.simulation import BLOCKS_MAX, SCRIPTS_MAX, Simulation, World, simulate
from triggerx.triggers.sources import name_of, source_of

PRICE = 10**9
INCREMENT = Function.parse("increment(uint256 amount)")
TRANSFER = Event.parse("Transfer(address indexed from, address indexed to, uint256 value)")
BALANCE_OF = Function.parse("balanceOf(address) returns (uint256)")
OUTSIDE = ConditionTrigger(
    condition_type="greater_than", source_type="api", source_url="https://prices.example/eth", upper_limit="100"
)
FIRED = (Outcome.FIRED, Reason.NONE)


@dataclass(slots=True)
class Bench:
    """A chain with a block each second from the job's creation on, and the store."""

    chain: FakeChain
    store: Store
    scripts: FakeScripts = field(default_factory=FakeScripts)

    async def run(self, body: JobBody, *, first: int = 0, last: int | None = None) -> Simulation:
        """Simulate up to the newest block."""
        return await simulate(
            body,
            World(
                network=NETWORK,
                chains={CHAIN: self.chain},
                conditions=self.store.conditions,
                scripts=self.scripts,
                script_sources=FakeScriptSources(),
            ),
            first=first,
            last=(await self.chain.head()).number if last is None else last,
        )

    async def pay(self, to: Address, salt: bytes) -> None:
        logs = [log_of(TOKEN, TRANSFER, **{"from": HUB, "to": to, "value": 1})]
        await mine_transaction(self.chain, transaction(keccak256(salt), sender=HUB, to=TOKEN, data=b""), logs)


@asynccontextmanager
async def open_bench(path: Path) -> AsyncIterator[Bench]:
    chain = FakeChain(CHAIN, now=CREATED_AT, gas_price=PRICE)
    chain.answer(TARGET, INCREMENT, lambda _: ())
    async with temporary_store(path) as store:
        yield Bench(chain, store)


def rulings(found: Simulation) -> list[tuple[Outcome, Reason]]:
    return [(trial.ruling.outcome, trial.ruling.reason) for trial in found.trials]


def cost_of(gas: int) -> int:
    return gas * PRICE * FEE_PERCENT[2] // 100


async def test_simulate_when_a_time_job_then_each_due_second_is_called_at_its_block_and_costs(tmp_path: Path) -> None:
    async with open_bench(tmp_path) as bench:
        await bench.chain.mine(35)
        found = await bench.run(job_body())
        assert [(trial.block, trial.occurrence.moment - CREATED_AT) for trial in found.trials] == [
            (10, 10),
            (20, 20),
            (30, 30),
        ]
        assert rulings(found) == [FIRED] * 3
        assert {(trial.gas, trial.cost_wei) for trial in found.trials} == {
            (GUARD_GAS + 50_000, cost_of(paid_gas(job_body())))
        }
        assert found.cost_wei == 3 * cost_of(paid_gas(job_body()))
        calls = [call for call in bench.chain.calls if call.to == TARGET]
        assert [(call.sender, call.block) for call in calls] == [(HUB, 10), (HUB, 20), (HUB, 30)]


async def test_simulate_when_the_chain_stands_still_then_the_last_block_before_the_second_counts(
    tmp_path: Path,
) -> None:
    async with open_bench(tmp_path) as bench:
        for second in (7, 23, 31):
            await bench.chain.mine(timestamp=CREATED_AT + second)
        found = await bench.run(job_body(), first=1)
        assert [trial.block for trial in found.trials] == [1, 1, 2]


async def test_simulate_when_events_match_then_each_log_of_the_span_is_one_firing(tmp_path: Path) -> None:
    async with open_bench(tmp_path) as bench:
        for number, to in enumerate((OWNER.address, STRANGER.address, OWNER.address, OWNER.address)):
            await bench.pay(to, bytes([number]))
        found = await bench.run(job_body(trigger=PAID), last=3)
        evidence = [trial.occurrence.evidence for trial in found.trials]
        assert [each.block_number for each in evidence if isinstance(each, EventEvidence)] == [1, 3]
        assert [trial.block for trial in found.trials] == [1, 3]


async def test_simulate_when_the_job_does_not_recur_then_only_its_first_event_fires(tmp_path: Path) -> None:
    async with open_bench(tmp_path) as bench:
        for number in range(3):
            await bench.pay(OWNER.address, bytes([number]))
        found = await bench.run(replace(job_body(trigger=PAID), recurring=False))
        assert rulings(found) == [FIRED, (Outcome.SKIPPED, Reason.ENDED), (Outcome.SKIPPED, Reason.ENDED)]
        assert found.cost_wei == found.trials[0].cost_wei


async def test_simulate_when_a_value_on_chain_passes_the_limit_then_it_fires_with_the_evidence_of_its_block(
    tmp_path: Path,
) -> None:
    async with open_bench(tmp_path) as bench:
        values = (0, 101, 150, 90, 200)
        bench.chain.answer_at(TOKEN, BALANCE_OF, lambda block, _: values[block])
        await bench.chain.mine(4)
        found = await bench.run(job_body(trigger=BALANCE_ABOVE_100))
        evidence = [trial.occurrence.evidence for trial in found.trials]
        assert [
            (each.edge, each.value, each.block_number) for each in evidence if isinstance(each, ConditionEvidence)
        ] == [(1, "101", 1), (2, "200", 4)]


async def test_simulate_when_a_change_falls_into_the_cool_down_then_it_is_skipped(tmp_path: Path) -> None:
    async with open_bench(tmp_path) as bench:
        values = (0, 101, 0, 101)
        bench.chain.answer_at(TOKEN, BALANCE_OF, lambda block, _: values[block])
        await bench.chain.mine(3)
        found = await bench.run(job_body(trigger=replace(BALANCE_ABOVE_100, cooldown_s=30)))
        assert rulings(found) == [FIRED, (Outcome.SKIPPED, Reason.COOLDOWN)]


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        (Limits(runs_max=2), [FIRED, FIRED, (Outcome.HELD, Reason.RUNS)]),
        (Limits(runs_per_day_max=1), [FIRED, (Outcome.HELD, Reason.RUNS_TODAY), (Outcome.HELD, Reason.RUNS_TODAY)]),
        (Limits(wei_max=Wei(cost_of(paid_gas(job_body())))), [FIRED, *[(Outcome.HELD, Reason.SPENT)] * 2]),
        (Limits(gas_price_max_wei=Wei(PRICE - 1)), [(Outcome.HELD, Reason.GAS_PRICE)] * 3),
    ],
)
async def test_simulate_when_a_limit_is_reached_then_the_run_is_held(
    tmp_path: Path, limits: Limits, expected: list[tuple[Outcome, Reason]]
) -> None:
    async with open_bench(tmp_path) as bench:
        await bench.chain.mine(35)
        found = await bench.run(replace(job_body(), limits=limits))
        assert rulings(found) == expected
        assert all(trial.cost_wei == 0 for trial in found.trials if trial.ruling.outcome is Outcome.HELD)


async def test_simulate_when_the_call_would_revert_then_says_why_and_costs_an_ordinary_run(tmp_path: Path) -> None:
    def refuse(amount: int) -> tuple[()]:
        raise CallReverted(f"not {amount}")

    async with open_bench(tmp_path) as bench:
        bench.chain.answer(TARGET, INCREMENT, refuse)
        await bench.chain.mine(12)
        (trial,) = (await bench.run(job_body())).trials
        assert trial.call is not None
        assert (trial.call.is_success, trial.call.revert_reason) == (False, "not 7")
        assert trial.cost_wei == cost_of(paid_gas(job_body()))


@pytest.mark.parametrize(
    ("value", "failure", "script"),
    [
        ([9], None, ""),
        (None, None, "declined"),
        (
            ["x"],
            None,
            "failed: arguments[0]: expected uint256, an integer from 0 to 2^256-1, decimal or 0x hexadecimal",
        ),
        (None, ScriptFailed("time", "took longer than 2 s"), "failed: time: took longer than 2 s"),
        (None, LanguageUnavailable("no sandbox"), "failed: no sandbox"),
    ],
)
async def test_simulate_when_a_script_computes_the_arguments_then_it_is_run_and_its_call_tried(
    tmp_path: Path, value: Json, failure: TriggerxError | None, script: str
) -> None:
    tried: list[int] = []

    def note(amount: int) -> tuple[()]:
        tried.append(amount)
        return ()

    async with open_bench(tmp_path) as bench:
        bench.scripts.value, bench.scripts.failure = value, failure
        bench.chain.answer(TARGET, INCREMENT, note)
        await bench.chain.mine(12)
        found = await bench.run(scripted(job_body()))
        (trial,) = found.trials
        assert (trial.script, set(tried)) == (script, set() if script else {9})
        assert (trial.is_sent, trial.cost_wei > 0) == (not script, not script)
        (call,) = [call for _, call in bench.scripts.runs]
        assert call.offered == {"trigger": dump_evidence(trial.occurrence.evidence)}
        assert call.now == trial.occurrence.moment
        assert "the script ran now" in " ".join(found.assumptions)


async def test_simulate_when_there_are_many_occurrences_then_only_the_first_run_the_script(tmp_path: Path) -> None:
    async with open_bench(tmp_path) as bench:
        await bench.chain.mine(10 * SCRIPTS_MAX + 30)
        body = replace(scripted(job_body()), time_frame_s=10**6)
        trials = (await bench.run(body)).trials
        assert len(bench.scripts.runs) == SCRIPTS_MAX
        assert trials[-1].script == f"not run: the first {SCRIPTS_MAX} were"


async def test_simulate_when_nothing_is_known_of_a_source_off_chain_then_says_what_to_do(tmp_path: Path) -> None:
    async with open_bench(tmp_path) as bench:
        await bench.chain.mine(9)
        with pytest.raises(InvalidInput, match="read on chain") as raised:
            await bench.run(job_body(trigger=OUTSIDE))
        assert raised.value.field == "value_source_type"


async def test_simulate_when_a_source_off_chain_was_recorded_then_runs_on_the_records(tmp_path: Path) -> None:
    async with open_bench(tmp_path) as bench:
        await bench.chain.mine(9)
        source = name_of(source_of(OUTSIDE))
        values = [
            Observation(source=source, value=value, observed_at_ms=(CREATED_AT + second) * 1_000 + 5)
            for second, value in enumerate(("90", "110", "80", "170"), start=1)
        ]
        await bench.store.conditions.record(values)
        found = await bench.run(job_body(trigger=OUTSIDE))
        assert [trial.occurrence.firing.index for trial in found.trials] == [1, 2]
        assert [trial.block for trial in found.trials] == [2, 4]
        assert "recorded" in found.assumptions[-1]


async def test_simulate_when_the_job_states_its_number_then_it_is_seen_with_every_block(tmp_path: Path) -> None:
    async with open_bench(tmp_path) as bench:
        await bench.chain.mine(50)
        always = ConditionTrigger(
            condition_type="equals", source_type="static", source_url="7", upper_limit="7", mode=ConditionMode.LEVEL
        )
        found = await bench.run(replace(job_body(trigger=always), time_frame_s=1_000))
        assert [trial.occurrence.moment for trial in found.trials] == [CREATED_AT]


async def test_simulate_when_the_span_is_too_long_then_says_how_long_it_may_be(tmp_path: Path) -> None:
    async with open_bench(tmp_path) as bench:
        with pytest.raises(InvalidInput, match=rf"has {BLOCKS_MAX + 1} blocks, of {BLOCKS_MAX} at most") as raised:
            await bench.run(job_body(), last=BLOCKS_MAX)
        assert raised.value.field == "to_block"


async def test_simulate_when_the_trigger_occurs_too_often_then_says_up_to_when_it_was_fine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(simulation, "OCCURRENCES_MAX", 2)
    async with open_bench(tmp_path) as bench:
        await bench.chain.mine(35)
        with pytest.raises(InvalidInput, match=rf"more than 2 times up to second {CREATED_AT + 30}"):
            await bench.run(job_body())


async def test_simulate_when_the_chain_is_not_so_far_then_says_where_it_is(tmp_path: Path) -> None:
    async with open_bench(tmp_path) as bench:
        await bench.chain.mine(5)
        with pytest.raises(InvalidInput, match=r"is 9, the newest block of chain 31337 is 5"):
            await bench.run(job_body(), last=9)


async def test_simulate_when_the_node_lacks_a_chain_then_says_which_it_has(tmp_path: Path) -> None:
    async with open_bench(tmp_path) as bench:
        with pytest.raises(InvalidInput, match="no endpoint for chain 5, it has 31337"):
            await bench.run(job_body(trigger=replace(PAID, chain_id=ChainId(5))), last=0)
