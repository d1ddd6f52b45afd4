"""What the event log and the followers' cursors say of a job's past: since when it was watched, how far, until when.

An audit demands an entry only for what the engine had to see; this file says what that is.
"""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final

from triggerx.core.canonical import Json
from triggerx.core.errors import RecoverableError
from triggerx.core.evidence import ConditionEvidence
from triggerx.core.followers import (
    BEGINS_ANEW,
    BLOCKS_UNREAD,
    CONDITION_WATCHED,
    SCHEDULE_BEFORE,
    chain_follower,
    views_follower,
)
from triggerx.core.job import ConditionTrigger, Job, JobId, JobStatus
from triggerx.core.job_body import created_at_of
from triggerx.core.job_fields import read_integer
from triggerx.core.ledger import Reason
from triggerx.core.schedule import MOMENT_MAX, parse_schedule
from triggerx.evm.types import ChainId
from triggerx.ports.chain import Chain
from triggerx.ports.store import Queries
from triggerx.ports.store.journal import LoggedEvent
from triggerx.triggers.condition import ConditionState, observe, spec_of
from triggerx.triggers.occurrence import Frame
from triggerx.triggers.replay import Beginning, Span, recorded_values
from triggerx.triggers.sources import name_of, source_of
from triggerx.triggers.timetable import Stretch

EVENTS_PER_READ: Final = 1_000  # bounds a read's memory
ENTRIES_BEFORE: Final = 100  # among so many the last that fired is looked for; more left out in a row are unheard of
OVER: Final = frozenset({JobStatus.COMPLETED, JobStatus.FAILED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """The value with which the watch of a condition began, and the number of edges before it."""

    since_ms: int
    since_block: int | None
    edge: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """What the event log says last of each: when the body was replaced by one that begins anew, when the job ended by
    itself and when it was stopped (unix seconds), and with which value the watch of its condition began.

    `stretches` are the schedules of a time job before its present one. Where the event log has them, a replacement is
    not in `updated_at`: what was due before it is known.
    """

    updated_at: int | None = None
    stretches: tuple[Stretch, ...] = ()
    ended_at: int | None = None
    stopped_at: int | None = None
    watch: Watch | None = None


def is_over(job: Job) -> bool:
    """Whether a job has ended or was deleted; a paused one is not over."""
    return job.status in OVER or (job.status is JobStatus.STOPPED and not job.is_paused)


async def read_past(store: Queries, job_id: JobId) -> Past:
    """Read a job's lines of the event log."""
    past = Past()
    async for event in _events(store, f"job:{job_id}"):
        second = event.recorded_at_ms // 1000
        if event.kind == "job_updated" and isinstance(before := event.payload.get(SCHEDULE_BEFORE), dict):
            past = replace(past, stretches=(*past.stretches, _stretch(job_id, before)))
        elif event.kind == "job_updated" and event.payload.get(BEGINS_ANEW) is not False:
            past = replace(past, updated_at=second, stretches=())
        elif event.kind == "job_ended":
            past = replace(past, ended_at=second)
        elif event.kind == "job_stopped":
            past = replace(past, stopped_at=second)
        elif event.kind == CONDITION_WATCHED:
            past = replace(past, watch=_watch(event))
    return past


async def unread_blocks(store: Queries, chain_id: ChainId) -> tuple[range, ...]:
    """Return the blocks of a chain whose values nobody read, as the engine noted them."""
    found: list[range] = []
    async for event in _events(store, f"chain:{chain_id}"):
        if event.kind == BLOCKS_UNREAD:
            found.append(range(_number(event, "first_block"), _number(event, "last_block") + 1))
    return tuple(found)


async def handled_block(store: Queries, chain: Chain, *, of_values: bool) -> int | None:
    """Return the newest canonical block that the engine has handled: its logs, or its values; None before the first.

    Raises `RecoverableError` when the last values read are of a block that is no longer canonical.
    """
    if of_values:
        cursor = await store.cursors.get(views_follower(chain.chain_id))
        if cursor is None:
            return None
        block = await chain.block(cursor.number)
        if block is None or block.hash != cursor.hash:
            raise RecoverableError(f"block {cursor.number} of chain {chain.chain_id} is another one here: ask again")
        return cursor.number
    for block in reversed(await store.blocks.window(chain_follower(chain.chain_id))):
        here = await chain.block(block.number)
        if here is not None and here.hash == block.hash:
            return block.number
    return None


async def beginning_of(store: Queries, job: Job, watch: Watch, span: Span) -> Beginning:
    """Return where a condition's history begins in a span: with its watch, or in the state that recorded values left.

    Every value that moved a condition is recorded, so those from the watch up to the span give its state there.
    """
    state = ConditionState(is_true=None, edge=watch.edge, fired_at_ms=await _fired_before(store, job, watch))
    begun = Beginning(since_ms=watch.since_ms, since_block=watch.since_block or 0, state=state)
    trigger = job.body.trigger
    if not isinstance(trigger, ConditionTrigger):
        return begun
    spec, until_ms = spec_of(trigger), span.until * 1000 + 999
    values = recorded_values(store.conditions, name_of(source_of(trigger)), since_ms=watch.since_ms, until_ms=until_ms)
    async for value in values:
        in_span = value.observed_at_ms // 1000 > span.after
        if value.block_number is not None:
            in_span = value.block_number >= span.first.number
        if in_span:
            break
        if begun.holds(value):
            state = observe(spec, state, Decimal(value.value), value.observed_at_ms).state
    return replace(begun, state=state)


async def _fired_before(store: Queries, job: Job, watch: Watch) -> int | None:
    """When the job's condition fired last before this watch, by which its cool-down goes."""
    if watch.edge == 0:
        return None
    until = watch.since_ms // 1000
    entries = await store.ledger.list_by_job(job.job_id, since=0, until=until, limit=ENTRIES_BEFORE)
    for stored in reversed(entries):
        evidence = stored.entry.evidence
        is_before = isinstance(evidence, ConditionEvidence) and evidence.edge <= watch.edge
        if is_before and isinstance(evidence, ConditionEvidence) and stored.entry.reason is not Reason.COOLDOWN:
            return evidence.observed_at_ms
    return None


async def _events(store: Queries, subject: str) -> AsyncIterator[LoggedEvent]:
    sequence = 0
    while True:
        page = await store.events.after(sequence, limit=EVENTS_PER_READ, subject=subject)
        for event in page:
            yield event
        if len(page) < EVENTS_PER_READ:
            return
        sequence = page[-1].sequence


def _watch(event: LoggedEvent) -> Watch:
    block = event.payload.get("block_number")
    return Watch(
        since_ms=_number(event, "observed_at_ms"),
        since_block=block if isinstance(block, int) else None,
        edge=_number(event, "edge"),
    )


def _stretch(job_id: JobId, raw: Mapping[str, Json]) -> Stretch:
    time_frame_s = read_integer(raw, "time_frame", low=1, high=MOMENT_MAX)
    created_at = created_at_of(job_id)
    return Stretch(
        trigger=parse_schedule(raw, time_frame_s=time_frame_s),
        frame=Frame(created_at=created_at, expires_at=created_at + time_frame_s),
        until=read_integer(raw, "until", low=0, high=MOMENT_MAX),
    )


def _number(event: LoggedEvent, name: str) -> int:
    value = event.payload.get(name)
    if not isinstance(value, int):
        raise TypeError(f"event {event.sequence} ({event.kind}) has no number {name}")
    return value
