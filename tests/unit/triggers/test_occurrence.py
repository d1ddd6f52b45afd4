"""Occurrences: the same evidence has the same key, and a job's frame is counted from its creation."""

from dataclasses import replace

from tests.unit.core.sample import BALANCE_ABOVE_100, CHAIN, CREATED_AT, DUE, PAID, job_body
from tests.unit.triggers.events import log
from triggerx.core.evidence import TimeEvidence
from triggerx.core.job import ConditionTrigger
from triggerx.evm.hub import Firing, task_key
from triggerx.evm.types import ZERO_HASH, ChainId, Hash32
from triggerx.ports.chain import Block
from triggerx.ports.store.ledger import Observation
from triggerx.triggers.occurrence import (
    Frame,
    Occurrence,
    SeenLog,
    condition_evidence,
    event_evidence,
    frame_of,
    trigger_chain,
)

BLOCK = Block(number=7, hash=Hash32(bytes([7]) * 32), parent_hash=ZERO_HASH, timestamp=DUE, logs_bloom=bytes(256))


def test_frame_when_of_a_job_then_both_its_ends_belong_to_it() -> None:
    frame = frame_of(job_body())
    assert frame == Frame(created_at=CREATED_AT, expires_at=CREATED_AT + 60)
    moments = (CREATED_AT - 1, CREATED_AT, CREATED_AT + 60, CREATED_AT + 61)
    assert [frame.holds(moment) for moment in moments] == [False, True, True, False]


def test_key_when_of_an_occurrence_then_is_that_of_its_firing() -> None:
    occurrence = Occurrence(evidence=TimeEvidence(due=DUE))
    assert occurrence.key(job_body().job_id) == task_key(job_body().job_id, Firing.time(DUE))
    assert occurrence.moment == DUE


def test_event_when_seen_then_chain_transaction_and_place_make_the_firing() -> None:
    evidence = event_evidence(CHAIN, SeenLog(log=log(tx=3), block=BLOCK, ordinal=2))
    assert Occurrence(evidence=evidence).firing == Firing.event(CHAIN, log(tx=3).tx_hash, 2)
    assert (evidence.block_number, evidence.block_hash, evidence.moment) == (7, BLOCK.hash, DUE)


def test_condition_when_observed_then_the_edge_alone_makes_the_firing() -> None:
    observation = Observation(source="s", value="3", observed_at_ms=DUE * 1000 + 9, block_number=7)
    evidence = condition_evidence(observation, 4)
    assert Occurrence(evidence=evidence).firing == Firing.condition(4)
    assert (evidence.value, evidence.block_number, evidence.moment) == ("3", 7, DUE)


def test_chain_when_the_trigger_has_one_then_the_history_is_told_by_its_blocks() -> None:
    elsewhere = ChainId(5)
    assert trigger_chain(job_body(trigger=replace(PAID, chain_id=elsewhere))) == elsewhere
    assert trigger_chain(job_body(trigger=replace(BALANCE_ABOVE_100, chain_id=elsewhere))) == elsewhere
    outside = ConditionTrigger(condition_type="equals", source_type="api", source_url="https://x.example")
    assert trigger_chain(job_body(trigger=outside)) == trigger_chain(job_body()) == CHAIN
