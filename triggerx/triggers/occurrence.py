"""Occurrences: what a trigger's happening is, told alike by the engine, a simulation, and an audit.

Whoever watches or replays a job makes its evidence here, and the evidence makes the firing: so two who saw the same
have the same task key. (The engine enters logs by the thousand as `core.ledger.LogEntries`; a test holds those equal.)
"""

from dataclasses import dataclass

from triggerx.core.evidence import ConditionEvidence, EventEvidence, Evidence, firing_of
from triggerx.core.job import ConditionTrigger, EventTrigger, JobBody, JobId
from triggerx.core.job_body import created_at_of
from triggerx.core.ledger import Reason
from triggerx.evm.hub import Firing, task_key
from triggerx.evm.types import ChainId, Hash32
from triggerx.ports.chain import Block, Log
from triggerx.ports.store.ledger import Observation


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """The seconds in which a job may fire: from its creation to the end of its time frame, both included."""

    created_at: int
    expires_at: int

    def holds(self, moment: int) -> bool:
        """Whether an occurrence of this second is the job's."""
        return self.created_at <= moment <= self.expires_at


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenLog:
    """A log, the block it lies in, and its place in its transaction's receipt."""

    log: Log
    block: Block
    ordinal: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Occurrence:
    """A trigger happened; `reason` is COOLDOWN where the trigger's own terms leave it out, else NONE."""

    evidence: Evidence
    reason: Reason = Reason.NONE

    @property
    def firing(self) -> Firing:
        """What makes it the same occurrence everywhere."""
        return firing_of(self.evidence)

    @property
    def moment(self) -> int:
        """Its unix second."""
        return self.evidence.moment

    def key(self, job_id: JobId) -> Hash32:
        """The task key of this occurrence of a job."""
        return task_key(job_id, self.firing)


def frame_of(body: JobBody) -> Frame:
    """Return the seconds in which a job may fire, counted from the creation inside its id."""
    created_at = created_at_of(body.job_id)
    return Frame(created_at=created_at, expires_at=created_at + body.time_frame_s)


def trigger_chain(body: JobBody) -> ChainId:
    """Return the chain whose blocks a job's history is told by: the trigger's where it has one, else the action's."""
    trigger = body.trigger
    if isinstance(trigger, EventTrigger):
        return trigger.chain_id
    if isinstance(trigger, ConditionTrigger) and trigger.chain_id is not None:
        return trigger.chain_id
    return body.action.chain_id


def event_evidence(chain_id: ChainId, seen: SeenLog) -> EventEvidence:
    """Return the evidence of a log that its job waits for."""
    return EventEvidence(
        chain_id=chain_id,
        tx_hash=seen.log.tx_hash,
        ordinal=seen.ordinal,
        block_number=seen.block.number,
        block_hash=seen.block.hash,
        block_timestamp=seen.block.timestamp,
    )


def condition_evidence(observation: Observation, edge: int) -> ConditionEvidence:
    """Return the evidence of the value that made a condition's `edge` (`triggers.condition`)."""
    return ConditionEvidence(
        edge=edge,
        source=observation.source,
        value=observation.value,
        observed_at_ms=observation.observed_at_ms,
        block_number=observation.block_number,
        block_hash=observation.block_hash,
        response_hash=observation.response_hash,
    )
