"""Whether a condition's claimed value is true: read at the evidence's block, or, off chain, observed once more.

Rule: what a block says never changes, so another value there is a no. What lies off chain may have moved on since: who
sees a value that cannot stand for the claimed one leaves the vote to others, and the source is asked once, not until it
agrees.
"""

import asyncio
from collections import OrderedDict
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final, TypeAlias

from triggerx.core.errors import InvalidInput, RecoverableError
from triggerx.core.evidence import ConditionEvidence
from triggerx.core.job import ConditionTrigger, JobBody, JobId
from triggerx.core.validation import Verdict, trigger_false, trigger_unknown, trigger_unproven
from triggerx.ports.chain import Block
from triggerx.ports.scripts import LanguageUnavailable, ScriptFailed
from triggerx.role import Services
from triggerx.triggers.condition import ConditionSpec, agrees, holds, spec_of
from triggerx.triggers.json_route import Unreadable
from triggerx.triggers.readings import value_from, value_from_static, views_of
from triggerx.triggers.sources import FeedSource, Source, StaticSource, ViewSource, name_of, source_of
from triggerx_keeper.claimed_events import outside_time_frame
from triggerx_keeper.observations import OutsideSource, observe

FAILURES_MAX: Final = 5  # of one source for one claim; who still has no value then leaves the vote to others
AGAIN_S: Final = 5.0  # from one failure to the next attempt: a short outage is waited for, a dead source left in peace
AHEAD_S_MAX: Final = 5  # an engine's clock may be so much ahead; what lies off chain is of no block whose time counts
ANSWERS_KEPT: Final = 1_024  # claims of ten minutes at a few a second, some hundred bytes each

OnChain: TypeAlias = FeedSource | ViewSource


@dataclass(slots=True)
class _Answer:
    """What came of asking a source for one claim; until it is settled, it is asked again at `again_at` (monotonic)."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    failures: int = 0
    again_at: float = 0.0
    is_settled: bool = False
    verdict: Verdict | None = None


class ClaimedValues:
    """Checks values; what a source off chain said to a claim is remembered, for order and attestation alike."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._answers: OrderedDict[tuple[JobId, ConditionEvidence], _Answer] = OrderedDict()

    async def check(self, body: JobBody, evidence: ConditionEvidence) -> Verdict | None:
        """Say what speaks against the claim; None when it is true. Raises `RecoverableError` when a chain is away."""
        trigger = body.trigger
        if not isinstance(trigger, ConditionTrigger):
            return trigger_false("the job waits for no condition")
        try:
            spec, source = spec_of(trigger), source_of(trigger)
        except InvalidInput as error:
            return trigger_false(f"the job's condition is none: {error}")
        fault = _contradiction(body, spec, source, evidence)
        if fault:
            return trigger_false(fault)
        match source:
            case StaticSource():
                own = value_from_static(source).number
                return None if own == Decimal(evidence.value) else trigger_false(f"the job's own value is {own}")
            case FeedSource() | ViewSource():
                return await self._read(source, evidence)
            case _:
                return await self._ask_once(body, spec, source, evidence)

    async def _read(self, source: OnChain, evidence: ConditionEvidence) -> Verdict | None:
        """Read the value at the evidence's block, which must be canonical before and after: reads go by number."""
        chain, number = self._services.chains.get(source.chain_id), evidence.block_number
        if chain is None or number is None:
            return trigger_unproven(f"chain {source.chain_id} is not one of this node's")
        standing = _standing(await chain.block(number), evidence)
        if standing is not None:
            return standing
        answers = await chain.call_many(views_of(source), block=number)
        standing = _standing(await chain.block(number), evidence)
        if standing is not None:
            return standing
        try:
            own = value_from(source, answers)
        except Unreadable as error:  # a node that keeps no states of old blocks reverts too
            return trigger_unknown(f"the value at block {number} cannot be read here: {error}")
        if own.number != Decimal(evidence.value):
            return trigger_false(f"the value at block {number} is {own.value}, not {evidence.value}")
        return None

    async def _ask_once(
        self, body: JobBody, spec: ConditionSpec, source: OutsideSource, evidence: ConditionEvidence
    ) -> Verdict | None:
        if evidence.moment > self._services.clock.now() + AHEAD_S_MAX:
            return trigger_unknown(f"the value was observed at second {evidence.moment}, which is still to come")
        answer = self._answer_to(body.job_id, evidence)
        async with answer.lock:
            if not answer.is_settled and self._services.clock.monotonic() >= answer.again_at:
                await self._ask(answer, spec, source, evidence)
            return answer.verdict

    async def _ask(
        self, answer: _Answer, spec: ConditionSpec, source: OutsideSource, evidence: ConditionEvidence
    ) -> None:
        """Observe the source, and note what that says to the claim."""
        try:
            own = await observe(self._services, source, now=evidence.moment)
        except LanguageUnavailable as error:
            answer.verdict = trigger_unknown(f"the script cannot be run here: {error}")
        except (RecoverableError, InvalidInput, ScriptFailed) as error:
            answer.failures += 1
            answer.is_settled = answer.failures >= FAILURES_MAX
            answer.again_at = self._services.clock.monotonic() + AGAIN_S
            words = f"the source gave no value here in {answer.failures} attempts: {error}"
            answer.verdict = trigger_unproven(words) if answer.is_settled else trigger_unknown(words)
        else:
            answer.is_settled, answer.verdict = True, None
            if not agrees(spec, Decimal(evidence.value), own.number):
                answer.verdict = trigger_unproven(f"the source says {own.value} here, not {evidence.value}")

    def _answer_to(self, job_id: JobId, evidence: ConditionEvidence) -> _Answer:
        answer = self._answers.setdefault((job_id, evidence), _Answer())
        self._answers.move_to_end((job_id, evidence))
        while len(self._answers) > ANSWERS_KEPT:
            self._answers.popitem(last=False)
        return answer


def _contradiction(body: JobBody, spec: ConditionSpec, source: Source, evidence: ConditionEvidence) -> str:
    """Say what contradicts the claim by the job alone; an empty text when nothing does."""
    if evidence.source != name_of(source):
        return f"the value is of another source than the job's, which is {name_of(source)}"
    is_on_chain = isinstance(source, FeedSource | ViewSource)
    if any((part is None) is is_on_chain for part in (evidence.block_number, evidence.block_hash)):
        return "a value has a block exactly when it lies on chain"
    if not holds(spec, Decimal(evidence.value)):
        return f"the value {evidence.value} does not satisfy the condition"
    return outside_time_frame(body, evidence.moment)


def _standing(block: Block | None, evidence: ConditionEvidence) -> Verdict | None:
    """Say why the evidence's block cannot be read here as it is claimed; None when it can."""
    if block is None:
        return trigger_unknown(f"block {evidence.block_number} is not known here yet")
    if block.hash != evidence.block_hash:
        return trigger_unknown(f"block {evidence.block_number} has another hash here")
    if block.timestamp != evidence.moment:
        return trigger_false(f"block {block.number} is of second {block.timestamp}, not {evidence.moment}")
    return None
