"""A job run against history: every firing it would have had in a span of blocks, whether its call would have succeeded
there, and what it would have cost.

The occurrences are those of `triggers.replay`, the rulings those of `core.admission`; only what cannot be known of the
past is assumed, and every answer says what.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from triggerx.core.admission import Surroundings, admit
from triggerx.core.budget import INNER_GAS_DEFAULT, budget_of, gas_of_run, paid_gas, run_cost
from triggerx.core.errors import InvalidInput
from triggerx.core.evidence import ConditionEvidence, EventEvidence, dump_evidence
from triggerx.core.job import ConditionTrigger, JobBody, JobStatus, TaskDefinition
from triggerx.core.job_body import STATIC_DEFINITIONS, static_calldata
from triggerx.core.ledger import Outcome, Reason, Ruling
from triggerx.core.network import Network
from triggerx.core.terms import DAY_S, JobTerms
from triggerx.evm.types import Address, ChainId, Wei
from triggerx.ports.chain import Block, CallReverted, Chain
from triggerx.ports.scripts import LanguageUnavailable, ScriptFailed, Scripts, ScriptSources, ScriptUnavailable
from triggerx.ports.store.ledger import Conditions
from triggerx.triggers.block_logs import blocks_of
from triggerx.triggers.block_values import is_on_chain
from triggerx.triggers.occurrence import Frame, Occurrence, frame_of, trigger_chain
from triggerx.triggers.replay import Span, recorded_values, replay, span_of
from triggerx.triggers.script_action import compute
from triggerx.triggers.sources import StaticSource, name_of, source_of

BLOCKS_MAX: Final = 100_000  # two weeks of a chain of 12 s a block
READ_BLOCKS_MAX: Final = 10_000  # where every block is read: each costs the node two questions
OCCURRENCES_MAX: Final = 1_000  # each costs the node two executions, and a line of the answer
CALLS_AT_ONCE: Final = 32
SCRIPTS_MAX: Final = 64  # each may take its two seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """How the action's call went on the state of the block; `gas` is what it alone takes, None where it failed."""

    is_success: bool
    revert_reason: str = ""
    gas: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One occurrence, and what would have become of it; `block` is the action chain's.

    `call` is None where the occurrence would not have fired, or the call cannot be known; then `gas` is that of an
    ordinary run. `script` says why a job's script gave no arguments, empty where it did. `cost_wei` is 0 where nothing
    would have been sent.
    """

    occurrence: Occurrence
    block: int
    ruling: Ruling
    call: Call | None
    script: str
    gas: int
    cost_wei: Wei

    @property
    def is_sent(self) -> bool:
        """Whether a keeper would have sent something."""
        return self.ruling.outcome is Outcome.FIRED and (self.call is not None or not self.script)


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulation:
    """Every occurrence of the span in order; `assumptions` are sentences for the owner."""

    body: JobBody
    chain_id: ChainId
    span: Span
    gas_price_wei: Wei
    trials: tuple[Trial, ...]
    assumptions: tuple[str, ...]

    @property
    def cost_wei(self) -> Wei:
        """What all its firings would have cost."""
        return Wei(sum(trial.cost_wei for trial in self.trials))


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What a simulation asks: chains, the recorded values of sources that lie off chain, and the sandbox."""

    network: Network
    chains: Mapping[ChainId, Chain]
    conditions: Conditions
    scripts: Scripts
    script_sources: ScriptSources


async def simulate(body: JobBody, world: World, *, first: int, last: int) -> Simulation:
    """Run a job against the blocks `first` to `last` of its trigger's chain; its script runs now, told the moment then.

    Raises `InvalidInput` naming what must change: a span that is too long or too busy, a source without a past, a chain
    that is not of this node; `RecoverableError` when a chain is away or keeps no states so old.
    """
    action_chain = world.network.action_chains.get(body.action.chain_id)
    if action_chain is None:
        raise InvalidInput(
            "target_chain_id", f"chain {body.action.chain_id} is not part of network {world.network.name}"
        )
    chain, acting = _chain(world.chains, trigger_chain(body)), _chain(world.chains, body.action.chain_id)
    _demand_short(body, first, last)
    span = await span_of(chain, first=first, last=last)
    records = await _records(body, world.conditions, span)
    occurrences: list[Occurrence] = []
    async for occurrence in replay(body, chain, span, conditions=records):
        occurrences.append(occurrence)
        if len(occurrences) > OCCURRENCES_MAX:
            raise InvalidInput(
                "to_block",
                f"the trigger occurs more than {OCCURRENCES_MAX} times up to second {occurrence.moment}: "
                "end the simulation earlier, or fire less often",
            )
    price = await acting.gas_price()
    course = _Course(body, acting, action_chain.task_execution_hub, price, _Arguments(body, world))
    if acting.chain_id == chain.chain_id:
        course.know(span)
    return Simulation(
        body=body,
        chain_id=chain.chain_id,
        span=span,
        gas_price_wei=price,
        trials=tuple(await course.run(occurrences)),
        assumptions=_assumptions(body, price, has_records=records is not None),
    )


class _Arguments:
    """The calldata of each occurrence: the body's, or what its script computes."""

    def __init__(self, body: JobBody, world: World) -> None:
        self._body = body
        self._world = world
        self._static = static_calldata(body) if body.task_definition_id in STATIC_DEFINITIONS else None
        self._left = SCRIPTS_MAX

    async def of(self, occurrence: Occurrence) -> tuple[bytes | None, str]:
        """Return the calldata, or None and why there is none."""
        if self._static is not None:
            return self._static, ""
        if self._body.task_definition_id is TaskDefinition.CUSTOM_SCRIPT:
            return None, "not run: the script says the whole call"
        if not self._left:
            return None, f"not run: the first {SCRIPTS_MAX} were"
        self._left -= 1
        evidence, world = dump_evidence(occurrence.evidence), self._world
        try:
            done = await compute(world.scripts, world.script_sources, self._body, evidence, moment=occurrence.moment)
        except ScriptFailed as error:
            return None, f"failed: {error.code}: {error}"
        except (InvalidInput, LanguageUnavailable, ScriptUnavailable) as error:
            return None, f"failed: {error}"
        return done.calldata, "declined" if done.calldata is None else ""


class _Course:
    """The occurrences one after the other, with the usage that the job would have had."""

    def __init__(self, body: JobBody, chain: Chain, hub: Address, price: Wei, arguments: _Arguments) -> None:
        self._body = body
        self._chain = chain
        self._hub = hub
        self._price = price
        self._arguments = arguments
        self._terms = _first_terms(body, frame_of(body))
        self._blocks: dict[int, Block] = {}

    def know(self, span: Span) -> None:
        """Look up moments inside this span alone."""
        bounds = (span.first, span.last) if span.before is None else (span.before, span.last)
        self._blocks = {block.number: block for block in bounds}

    async def run(self, occurrences: Sequence[Occurrence]) -> list[Trial]:
        """Try all; calls that may be needed are made a number at a time."""
        trials: list[Trial] = []
        for start in range(0, len(occurrences), CALLS_AT_ONCE):
            some = occurrences[start : start + CALLS_AT_ONCE]
            blocks = await asyncio.gather(*map(self._block, some))  # asked together, they share requests
            is_tried = self._rule(some[0]).outcome is not Outcome.SKIPPED
            arguments = [await self._arguments.of(each) if is_tried else (None, "") for each in some]
            calls = await asyncio.gather(
                *(self._call(calldata, block) for (calldata, _), block in zip(arguments, blocks, strict=True))
            )
            scripts = [script for _, script in arguments]
            trials += [self._try(*one) for one in zip(some, blocks, calls, scripts, strict=True)]
        return trials

    def _try(self, occurrence: Occurrence, block: int, call: Call | None, script: str) -> Trial:
        ruling = self._rule(occurrence)
        inner = INNER_GAS_DEFAULT if call is None or call.gas is None else call.gas
        gas, paid = gas_of_run(inner, is_guarded=self._body.is_guarded), paid_gas(self._body, inner)
        is_fired, cost = ruling.outcome is Outcome.FIRED, Wei(0)
        if is_fired and (call is not None or not script):
            cost = run_cost(paid, self._price, self._body.priority, fee_max_wei=self._terms.fee_max_wei)
            self._count(occurrence.moment, paid, cost)
        return Trial(
            occurrence=occurrence,
            block=block,
            ruling=ruling,
            call=call if is_fired else None,
            script=script if is_fired else "",
            gas=gas,
            cost_wei=cost,
        )

    def _rule(self, occurrence: Occurrence) -> Ruling:
        if occurrence.reason is not Reason.NONE:
            detail = "the job's cool-down was not over"
            return Ruling(outcome=Outcome.SKIPPED, reason=occurrence.reason, detail=detail)
        around = Surroundings(
            now=occurrence.moment, gas_price_wei=self._price, user_runs_per_day_max=OCCURRENCES_MAX + 1
        )
        return admit(self._terms, around)

    def _count(self, moment: int, gas: int, cost: Wei) -> None:
        terms, day = self._terms, moment // DAY_S
        is_same_day = terms.usage_day == day
        self._terms = replace(
            terms,
            runs=terms.runs + 1,
            runs_today=(terms.runs_today if is_same_day else 0) + 1,
            spent_wei=Wei(terms.spent_wei + cost),
            spent_today_wei=Wei((terms.spent_today_wei if is_same_day else 0) + cost),
            usage_day=day,
            run_gas=gas,
        )

    async def _block(self, occurrence: Occurrence) -> int:
        """The action chain's block at the occurrence: the trigger's own, or the last one of that second."""
        evidence = occurrence.evidence
        is_here = trigger_chain(self._body) == self._chain.chain_id
        if is_here and isinstance(evidence, EventEvidence | ConditionEvidence) and evidence.block_number is not None:
            return evidence.block_number
        if self._blocks:
            return await self._search(occurrence.moment)
        found = await self._chain.block_at(occurrence.moment)
        return 0 if found is None else found.number

    async def _search(self, moment: int) -> int:
        """The highest known block whose second is at most this; what is read on the way is remembered."""
        low = max((n for n, block in self._blocks.items() if block.timestamp <= moment), default=min(self._blocks))
        high = min((n for n, block in self._blocks.items() if block.timestamp > moment), default=low + 1)
        while high - low > 1:
            middle = (low + high) // 2
            self._blocks |= await blocks_of(self._chain, [middle])
            if self._blocks[middle].timestamp <= moment:
                low = middle
            else:
                high = middle
        return low

    async def _call(self, calldata: bytes | None, block: int) -> Call | None:
        if calldata is None:
            return None
        target = self._body.action.target
        try:
            _, gas = await asyncio.gather(
                self._chain.call(target, calldata, sender=self._hub, block=block),
                self._chain.estimate_gas(target, calldata, sender=self._hub, block=block),
            )
        except CallReverted as reverted:
            return Call(is_success=False, revert_reason=reverted.reason)
        return Call(is_success=True, gas=gas)


def _first_terms(body: JobBody, frame: Frame) -> JobTerms:
    budget = budget_of(body)
    return JobTerms(
        number=0,
        job_id=body.job_id,
        owner=body.owner,
        user_id=0,
        task_definition_id=body.task_definition_id,
        trigger=body.trigger,
        action_chain_id=body.action.chain_id,
        is_guarded=body.is_guarded,
        recurring=body.recurring,
        priority=body.priority,
        status=JobStatus.SCHEDULED,
        is_paused=False,
        created_at=frame.created_at,
        expires_at=frame.expires_at,
        next_due_at=None,
        watched_from=None,
        link_job_id=body.link_job_id,
        chain_status=body.chain_status,
        runs_max=budget.runs_max,
        runs_per_day_max=budget.runs_per_day_max,
        wei_max=budget.wei_max,
        wei_per_day_max=budget.wei_per_day_max,
        gas_price_max_wei=budget.gas_price_max_wei,
        mandate_expiry=None,
        run_gas=paid_gas(body),
        fee_max_wei=budget.fee_max_wei,
        runs=0,
        open_runs=0,
        runs_today=0,
        usage_day=0,
        spent_wei=Wei(0),
        spent_today_wei=Wei(0),
        user_runs_today=0,
        user_usage_day=0,
        balance_wei=None,
    )


def _assumptions(body: JobBody, price: Wei, *, has_records: bool) -> tuple[str, ...]:
    found = [
        f"every run costs the present gas price of {price} wei, which was another one then",
        "the deposit is large enough, the mandate valid, and every run over before the next begins",
    ]
    if body.task_definition_id not in STATIC_DEFINITIONS:
        found.append("the script ran now, and what it fetched is of today; it was told each firing's own moment")
    if has_records:
        found.append("the source lies off chain: only the values that this node has recorded of it were looked at")
    return tuple(found)


async def _records(body: JobBody, conditions: Conditions, span: Span) -> Conditions | None:
    """The recorded values, where the job's source lies off chain and has some in this span."""
    trigger = body.trigger
    if not isinstance(trigger, ConditionTrigger):
        return None
    source = source_of(trigger)
    if isinstance(source, StaticSource) or is_on_chain(source):
        return None
    since_ms, until_ms = (span.after + 1) * 1000, span.until * 1000 + 999
    async for _ in recorded_values(conditions, name_of(source), since_ms=since_ms, until_ms=until_ms):
        return conditions
    return None


def _demand_short(body: JobBody, first: int, last: int) -> None:
    is_read = isinstance(body.trigger, ConditionTrigger)
    bound = READ_BLOCKS_MAX if is_read else BLOCKS_MAX
    if last - first + 1 > bound:
        why = "whose every block is read, " if is_read else ""
        raise InvalidInput(
            "to_block", f"the span has {last - first + 1} blocks, {why}of {bound} at most: simulate it in parts"
        )


def _chain(chains: Mapping[ChainId, Chain], chain_id: ChainId) -> Chain:
    chain = chains.get(chain_id)
    if chain is None:
        known = ", ".join(str(each) for each in sorted(chains))
        raise InvalidInput("chain_id", f"this node has no endpoint for chain {chain_id}, it has {known}")
    return chain
