"""The past of a job's trigger over a span of blocks: every occurrence, recomputed from the chain and the job's body.

Nothing that the engine keeps is used but, for sources off chain, the values it recorded. What an occurrence is comes
from the functions that the engine itself uses (`triggers.occurrence`), so over a span both have the same firings.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, assert_never

from triggerx.core.errors import InvalidInput, RecoverableError
from triggerx.core.evidence import TimeEvidence
from triggerx.core.job import ConditionTrigger, EventTrigger, JobBody, TimeTrigger
from triggerx.core.ledger import Reason
from triggerx.ports.chain import Block, Chain
from triggerx.ports.store.ledger import Conditions, Observation
from triggerx.triggers.block_logs import blocks_of, seen_logs
from triggerx.triggers.block_values import BlockValues
from triggerx.triggers.condition import NEW, ConditionSpec, ConditionState, Step, observe, spec_of
from triggerx.triggers.event import event_spec
from triggerx.triggers.occurrence import Frame, Occurrence, condition_evidence, event_evidence, frame_of
from triggerx.triggers.readings import value_from_static
from triggerx.triggers.sources import FeedSource, Source, StaticSource, ViewSource, name_of, source_of
from triggerx.triggers.time import dues

READS_AT_ONCE: Final = 32  # blocks whose values are read side by side: a few RPC batches, and little memory
RECORDS_PER_READ: Final = 1_000  # bounds a read's memory


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Blocks of one chain, `first` to `last`, both included; `before` is the one before the first, None before block 0.

    Its seconds are those after `before` up to the last block's.
    """

    first: Block
    last: Block
    before: Block | None

    @property
    def after(self) -> int:
        """The second before its first one."""
        return -1 if self.before is None else self.before.timestamp

    @property
    def until(self) -> int:
        """Its last second."""
        return self.last.timestamp

    @property
    def count(self) -> int:
        """How many blocks it has."""
        return self.last.number - self.first.number + 1


async def span_of(chain: Chain, *, first: int, last: int) -> Span:
    """Return a span; raises `InvalidInput` naming `to_block` when the chain has not come so far."""
    head = await chain.head()
    if not 0 <= first <= last:
        raise InvalidInput("to_block", f"expected a block from {first} on, where the span begins, got {last}")
    if last > head.number:
        raise InvalidInput("to_block", f"is {last}, the newest block of chain {chain.chain_id} is {head.number}")
    wanted = [first, last, *([first - 1] if first > 0 else [])]
    found = await blocks_of(chain, wanted)
    return Span(first=found[first], last=found[last], before=found.get(first - 1))


@dataclass(frozen=True, slots=True, kw_only=True)
class Beginning:
    """Where a condition's history begins: with the first value from `since_ms` and `since_block` on, at `state`."""

    since_ms: int = 0
    since_block: int = 0
    state: ConditionState = NEW

    def holds(self, value: Observation) -> bool:
        """Whether the history has this value in it."""
        is_late = value.block_number is None or value.block_number >= self.since_block
        return is_late and value.observed_at_ms >= self.since_ms


def replay(
    body: JobBody,
    chain: Chain,
    span: Span,
    *,
    conditions: Conditions | None,
    beginning: Beginning | None = None,
    unread: Sequence[range] = (),
) -> AsyncIterator[Occurrence]:
    """Return the occurrences of a job's trigger in a span of blocks of `trigger_chain(body)`, in their order.

    A condition begins as a new one unless `beginning` says otherwise; blocks in `unread` are left out of it. On chain
    it is read at every block, off chain in the recorded values (`conditions`); without these a number that the job
    states itself is seen with every block, and other sources off chain have no past.
    Raises `InvalidInput` for a trigger that makes no sense, `RecoverableError` when the chain is away or was
    reorganised meanwhile.
    """
    trigger, frame = body.trigger, frame_of(body)
    match trigger:
        case TimeTrigger():
            return _times(trigger, frame, span)
        case EventTrigger():
            return _events(trigger, frame, chain, span)
        case ConditionTrigger():
            source, begun = source_of(trigger), beginning or Beginning()
            values = _values(source, chain, span, conditions, frame, unread)
            return _conditions(spec_of(trigger), frame, values, begun)
        case _:
            assert_never(trigger)


async def _times(trigger: TimeTrigger, frame: Frame, span: Span) -> AsyncIterator[Occurrence]:
    found = dues(trigger, created_at=frame.created_at, expires_at=frame.expires_at, after=span.after, until=span.until)
    for due in found:
        yield Occurrence(evidence=TimeEvidence(due=due))


async def _events(trigger: EventTrigger, frame: Frame, chain: Chain, span: Span) -> AsyncIterator[Occurrence]:
    found = seen_logs(chain, event_spec(trigger), first=span.first.number, last=span.last.number, by_topic=False)
    async for seen in found:
        if frame.holds(seen.block.timestamp):
            yield Occurrence(evidence=event_evidence(trigger.chain_id, seen))


async def _conditions(
    spec: ConditionSpec, frame: Frame, values: AsyncIterator[Observation], beginning: Beginning
) -> AsyncIterator[Occurrence]:
    state = beginning.state
    async for value in values:
        if value.fault or value.observed_at_ms < frame.created_at * 1000 or not beginning.holds(value):
            continue
        step = observe(spec, state, Decimal(value.value), value.observed_at_ms)
        state = step.state
        found = _occurrence(step, value)
        if found is not None and frame.holds(found.moment):
            yield found


def _occurrence(step: Step, value: Observation) -> Occurrence | None:
    if not step.is_occurrence:
        return None
    return Occurrence(
        evidence=condition_evidence(value, step.state.edge), reason=Reason.NONE if step.fires else step.reason
    )


def _values(
    source: Source,
    chain: Chain,
    span: Span,
    conditions: Conditions | None,
    frame: Frame,
    unread: Sequence[range],
) -> AsyncIterator[Observation]:
    if isinstance(source, FeedSource | ViewSource):
        return _read(source, chain, span, frame, unread)
    if conditions is None:
        if isinstance(source, StaticSource):
            return _static_values(source, chain, span)
        raise InvalidInput(
            "value_source_type",
            "nobody knows which values a source off chain had in the past: take one that is read on chain (view, "
            "oracle), or create the job and look at what was recorded of it",
        )
    return recorded_values(
        conditions, name_of(source), since_ms=(span.after + 1) * 1000, until_ms=span.until * 1000 + 999
    )


async def _read(
    source: FeedSource | ViewSource, chain: Chain, span: Span, frame: Frame, unread: Sequence[range]
) -> AsyncIterator[Observation]:
    """Read every block on its own, no reading resting on another, a bounded number side by side."""
    name = name_of(source)
    numbers = [
        number
        for number in range(span.first.number, span.last.number + 1)
        if not any(number in each for each in unread)
    ]
    for start in range(0, len(numbers), READS_AT_ONCE):
        blocks = await blocks_of(chain, numbers[start : start + READS_AT_ONCE])
        inside = [block for block in blocks.values() if frame.holds(block.timestamp)]
        read = await asyncio.gather(*(BlockValues().read(chain, block, {name: source}) for block in inside))
        await _demand_canonical(chain, inside)
        for observations in read:
            for observation in observations:
                yield observation


async def _demand_canonical(chain: Chain, blocks: Sequence[Block]) -> None:
    """Values are read by number: should the last block still be the same, all of them are."""
    if blocks and await chain.block(blocks[-1].number) != blocks[-1]:
        raise RecoverableError(f"block {blocks[-1].number} was replaced while it was read: ask again")


async def recorded_values(
    conditions: Conditions, source_name: str, *, since_ms: int, until_ms: int
) -> AsyncIterator[Observation]:
    """Yield the recorded values of a source in a span of time, both ends included, in their order."""
    seen: set[Observation] = set()  # of the last page's last millisecond, with which the next page begins
    while True:
        page = await conditions.recorded(source_name, since_ms=since_ms, until_ms=until_ms, limit=RECORDS_PER_READ)
        for observation in page:
            if observation not in seen:
                yield observation
        if len(page) < RECORDS_PER_READ:
            return
        last_ms = page[-1].observed_at_ms
        if last_ms == since_ms:
            raise RecoverableError(f"source {source_name} has more than {RECORDS_PER_READ} values of one millisecond")
        since_ms, seen = last_ms, {each for each in page if each.observed_at_ms == last_ms}


async def _static_values(source: StaticSource, chain: Chain, span: Span) -> AsyncIterator[Observation]:
    """Yield the number that a job states, as it would be seen with every block of the span."""
    reading, name = value_from_static(source), name_of(source)
    for start in range(span.first.number, span.last.number + 1, READS_AT_ONCE):
        blocks = await blocks_of(chain, range(start, min(span.last.number + 1, start + READS_AT_ONCE)))
        for block in blocks.values():
            yield Observation(
                source=name,
                value=reading.value,
                observed_at_ms=block.timestamp * 1000,
                response_hash=reading.response_hash,
            )
