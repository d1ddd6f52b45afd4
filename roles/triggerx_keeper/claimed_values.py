"""Whether a condition's claimed value is true."""

from triggerx.core.evidence import ConditionEvidence
from triggerx.core.job import JobBody
from triggerx.core.validation import Verdict, trigger_unproven
from triggerx.role import Services


class ClaimedValues:
    """Checks what a condition was seen to be worth."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def check(self, body: JobBody, evidence: ConditionEvidence) -> Verdict | None:
        """Say what speaks against the value."""
        return trigger_unproven(f"value {evidence.value} of job {body.job_id} cannot be checked here")
