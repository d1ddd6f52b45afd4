"""Entries of logs, made by the block: the same evidence, keys and times as whoever replays a job finds."""

from dataclasses import replace

import pytest

from tests.fakes.mining import log_of
from tests.roles.scene import TRANSFER
from tests.unit.core.sample import CHAIN, HUB, OWNER, PAID, TOKEN
from tests.unit.core.test_admission import TERMS
from triggerx.core.errors import RecoverableError
from triggerx.core.ledger import NewEntry, Outcome, Reason
from triggerx.core.terms import JobTerms
from triggerx.evm.types import Hash32
from triggerx.ports.chain import Block, Log
from triggerx.triggers.occurrence import Frame, Occurrence, SeenLog, event_evidence
from triggerx_engine.event_jobs import EventJobs

BLOCK = Block(
    number=7, hash=Hash32(b"\x07" * 32), parent_hash=Hash32(b"\x06" * 32), timestamp=1_000, logs_bloom=bytes(256)
)


def job(number: int, *, confirmations: int | None, created_at: int = 0, expires_at: int = 2_000) -> JobTerms:
    trigger = replace(PAID, confirmations=confirmations)
    return replace(TERMS, number=number, trigger=trigger, created_at=created_at, expires_at=expires_at, priority=number)


def payment(index: int) -> Log:
    log = log_of(TOKEN, TRANSFER, **{"from": HUB, "to": OWNER.address, "value": 5})
    return log._replace(
        block_number=BLOCK.number, block_hash=BLOCK.hash, tx_hash=Hash32(bytes([index]) * 32), log_index=index
    )


def entries(*jobs: JobTerms, logs: list[Log], places: dict[tuple[Hash32, int], int]) -> list[NewEntry]:
    watched = EventJobs(CHAIN, confirmations=2)
    for each in jobs:
        watched.put(each)
    matches = watched.match(logs)
    found = watched.entries(BLOCK, matches[BLOCK.number], places, now_ms=5)
    return [entry for each in found for entry in each.written_out()]


def test_entries_when_made_by_the_block_are_what_a_replay_finds() -> None:
    logs = [payment(3), payment(4)]
    places = {(log.tx_hash, log.log_index): 10 + log.log_index for log in logs}
    jobs = [job(1, confirmations=0), job(2, confirmations=None), job(3, confirmations=5)]
    found = entries(*jobs, logs=logs, places=places)
    assert len(found) == 6
    for each in found:
        (log,) = (log for log in logs if log.tx_hash == each.firing.tx_hash)
        seen = SeenLog(log=log, block=BLOCK, ordinal=10 + log.log_index)
        occurrence = Occurrence(evidence=event_evidence(CHAIN, seen))
        assert (each.evidence, each.firing, each.moment) == (occurrence.evidence, occurrence.firing, occurrence.moment)
        assert each.task_key == occurrence.key(each.job_id)
        assert each.priority == each.job_number
    standing = {each.job_number: (each.outcome, each.reason, each.ready_block) for each in found}
    assert standing == {
        1: (Outcome.QUEUED, Reason.NONE, 7),
        2: (Outcome.CONFIRMING, Reason.UNCONFIRMED, 9),
        3: (Outcome.CONFIRMING, Reason.UNCONFIRMED, 12),
    }


@pytest.mark.parametrize(("created_at", "expires_at"), [(1_000, 1_000), (1_001, 2_000), (0, 999), (999, 1_001)])
def test_entries_when_the_block_is_outside_of_a_jobs_time_are_left_out(created_at: int, expires_at: int) -> None:
    terms = job(1, confirmations=0, created_at=created_at, expires_at=expires_at)
    found = entries(terms, logs=[payment(0)], places={(payment(0).tx_hash, 0): 0})
    assert bool(found) == Frame(created_at=created_at, expires_at=expires_at).holds(BLOCK.timestamp)


def test_entries_when_a_place_is_missing_then_the_block_is_read_again() -> None:
    with pytest.raises(RecoverableError, match="block 7's receipts do not hold its log 3"):
        entries(job(1, confirmations=0), logs=[payment(3)], places={})
