"""Whether a firing's evidence is true, found out by this keeper alone; performer and attesters ask the same.

Rule: a contradiction is a no, what is not known or not canonical here is waited for, and what nobody can see a second
time is left to the others. `None` is the yes.
"""

from typing import assert_never

from triggerx.core.evidence import (
    RUN_AGE_S_MAX,
    ConditionEvidence,
    EventEvidence,
    Evidence,
    ManualEvidence,
    TimeEvidence,
)
from triggerx.core.job import JobBody, TimeTrigger
from triggerx.core.job_body import created_at_of
from triggerx.core.validation import RegistryEntry, Verdict, signer_of, trigger_false
from triggerx.evm.hub import run_digest
from triggerx.evm.types import checksum
from triggerx.role import Services
from triggerx.triggers.time import is_due
from triggerx_keeper.claimed_events import check_event, is_at_the_top, outside_time_frame
from triggerx_keeper.claimed_values import ClaimedValues


class Claims:
    """Checks evidence; one for a keeper, so that what lies off chain is asked once for order and attestation."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._values = ClaimedValues(services)

    async def check(self, body: JobBody, evidence: Evidence, entry: RegistryEntry, *, acted_at: int) -> Verdict | None:
        """Say what speaks against the evidence; None when it is true. Raises `RecoverableError` when a chain is away.

        `entry` is the job's in the registry, `acted_at` the second of the action, or the present one while there is
        none. Both are what a wish to run now is held against.
        """
        match evidence:
            case TimeEvidence():
                return _check_schedule(body, evidence)
            case EventEvidence():
                return await check_event(self._services, body, evidence)
            case ConditionEvidence():
                return await self._values.check(body, evidence)
            case ManualEvidence():
                return self._check_wish(body, evidence, entry, acted_at)
            case _:
                assert_never(evidence)

    async def check_again(self, body: JobBody, evidence: Evidence) -> Verdict | None:
        """Say what speaks against evidence that was true before: only what a reorg can change is looked at."""
        match evidence:
            case EventEvidence():
                if await is_at_the_top(self._services, evidence):
                    return None
                return await check_event(self._services, body, evidence)
            case ConditionEvidence() if evidence.block_hash is not None:
                return await self._values.check(body, evidence)
            case _:
                return None

    def _check_wish(
        self, body: JobBody, evidence: ManualEvidence, entry: RegistryEntry, acted_at: int
    ) -> Verdict | None:
        """Hold an owner's signature against the job as it is registered; a wish of an older version is void."""
        action_chain = self._services.network.action_chains[body.action.chain_id]
        digest = run_digest(
            body.job_id,
            entry.version,
            evidence.nonce,
            evidence.requested_at,
            action_chain.chain_id,
            action_chain.task_execution_hub,
        )
        if signer_of(digest, evidence.signature) != entry.owner:
            return trigger_false(f"the wish to run is not signed by {checksum(entry.owner)} for the job as it is now")
        if acted_at - evidence.requested_at > RUN_AGE_S_MAX:
            return trigger_false(f"the wish to run is of second {evidence.requested_at}, over {RUN_AGE_S_MAX} s before")
        fault = outside_time_frame(body, evidence.requested_at)
        return trigger_false(fault) if fault else None


def _check_schedule(body: JobBody, evidence: TimeEvidence) -> Verdict | None:
    if not isinstance(body.trigger, TimeTrigger):
        return trigger_false("the job has no schedule")
    created_at = created_at_of(body.job_id)
    expires_at = created_at + body.time_frame_s
    if not is_due(body.trigger, created_at=created_at, expires_at=expires_at, moment=evidence.due):
        return trigger_false(f"second {evidence.due} is not one of the schedule's")
    return None
