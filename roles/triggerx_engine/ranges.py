"""Runs of due seconds with one outcome, as one row of the ledger: made, prolonged, and taken apart when a hold ends."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from triggerx.core.evidence import TimeEvidence
from triggerx.core.job import TimeTrigger
from triggerx.core.ledger import LedgerEntry, NewEntry, Outcome, Reason, Ruling
from triggerx.core.terms import JobTerms
from triggerx.evm.hub import FiringKind
from triggerx.triggers.misfire import SlotRange, settle_slots
from triggerx_engine.batch import Batch, Extension

Piece: TypeAlias = SlotRange | int
"""A range that does not fire, or a due second that may."""


@dataclass(slots=True)
class Run:
    """Due seconds in a row that share an outcome."""

    first: int
    last: int
    count: int
    ruling: Ruling

    def takes(self, ruling: Ruling) -> bool:
        """Whether a due second of this ruling continues the run."""
        same = (ruling.outcome, ruling.reason) == (self.ruling.outcome, self.ruling.reason)
        return same and ruling.outcome is not Outcome.FIRED


def ruled(batch: Batch, terms: JobTerms, fire: tuple[int, ...], left_out: tuple[SlotRange, ...]) -> list[Run]:
    """Rule on the due seconds that may fire, and put all of them in order: runs of equal outcomes are one.

    The batch fires those that are let through.
    """
    runs: list[Run] = []
    apart = batch.rule(terms)
    if apart.outcome in (Outcome.SKIPPED, Outcome.MISSED):  # the job takes no part at all, late or not
        left_out = tuple(replace(each, outcome=apart.outcome, reason=apart.reason) for each in left_out)
    pieces: Sequence[Piece] = fire
    if left_out:
        pieces = sorted([*fire, *left_out], key=lambda piece: piece if isinstance(piece, int) else piece.first)
    for place, piece in enumerate(pieces):
        if isinstance(piece, int):
            ruling = apart if place == 0 else batch.rule(terms)
            if ruling.outcome is Outcome.FIRED:
                batch.fire(terms, TimeEvidence(due=piece))
            first, last, count = piece, piece, 1
        else:
            is_misfire = piece.reason is Reason.MISFIRE
            ruling = Ruling(
                outcome=piece.outcome,
                reason=piece.reason,
                detail=MISFIRED[piece.outcome] if is_misfire else apart.detail,
            )
            first, last, count = piece.first, piece.last, piece.count
        if runs and runs[-1].takes(ruling):
            runs[-1].last, runs[-1].count = last, runs[-1].count + count
        else:
            runs.append(Run(first, last, count, ruling))
    return runs


MISFIRED = {
    Outcome.MISSED: "it could not be fired in time, and the job's misfire policy fires a later one",
    Outcome.SKIPPED: "it could not be fired in time, and the job's misfire policy leaves late ones out",
}


def note_runs(batch: Batch, terms: JobTerms, runs: list[Run], last: LedgerEntry | None) -> None:
    """Write the runs that do not fire; the first prolongs the job's last range where that has the same outcome."""
    for place, run in enumerate(runs):
        if run.ruling.outcome is Outcome.FIRED:
            continue
        if place == 0 and last is not None and last.is_continued_by(run.ruling, run.first):
            batch.extend(
                Extension(
                    number=last.number,
                    last_moment=run.last,
                    count=last.entry.count + run.count,
                    detail=run.ruling.detail,
                )
            )
        else:
            batch.note(_entry(batch, terms, run))


def release(batch: Batch, terms: JobTerms, held: LedgerEntry, *, now: int, on_time_s: int) -> None:
    """Take a held range apart once the job is held no longer: its misfire policy says which due seconds fire.

    The first piece keeps the stored row, which its task key names; the others get rows of their own.
    """
    trigger = terms.trigger
    if not isinstance(trigger, TimeTrigger):
        raise TypeError(f"the ledger's range {held.number} is of job {terms.job_id}, which is no time job")
    slots = settle_slots(
        trigger,
        created_at=terms.created_at,
        expires_at=terms.expires_at,
        first=held.entry.moment,
        until=held.entry.last_moment,
        now=now,
        on_time_s=on_time_s,
    )
    runs = ruled(batch, terms, slots.fire, slots.left_out)
    batch.put_back(_entry(batch, terms, runs[0]))
    for run in runs[1:]:
        if run.ruling.outcome is not Outcome.FIRED:
            batch.note(_entry(batch, terms, run))


def is_range(entry: NewEntry) -> bool:
    """Whether an entry is of due seconds, which may be many."""
    return entry.firing.kind == FiringKind.TIME


def _entry(batch: Batch, terms: JobTerms, run: Run) -> NewEntry:
    first = batch.entry(terms, TimeEvidence(due=run.first), run.ruling)
    return replace(first, last_moment=run.last, count=run.count)
