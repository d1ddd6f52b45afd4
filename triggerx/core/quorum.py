"""When enough voting power has spoken: the Attestation Center's floors, and what to submit."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from triggerx.core.election import Operator
from triggerx.core.job import JobBody
from triggerx.evm.tasks import approve_power, reject_power

# Level of the job -> share of the total power that aggregator and sentinel demand (numerator, denominator). Levels 1
# and 4 are the contract's own two thirds; 2 and 3 ask for more than the contract does (ARCHITECTURE, "security").
SECURITY_SHARES = {1: (2, 3), 2: (5, 6), 3: (3, 4), 4: (2, 3)}


def security_of(body: JobBody) -> int:
    """Return the level that the owner demands: what the mandate says is signed, the body beside it is not."""
    return body.security if body.mandate is None else body.mandate.mandate.security


def shortfall(attesting: int, total: int, security: int) -> str:
    """Say by how much an approval misses the level's share of the voting power; an empty text when it does not."""
    numerator, denominator = SECURITY_SHARES[security]
    if attesting >= total * numerator // denominator:
        return ""
    return (
        f"attested below the job's security {security}: {attesting} of {total} voting power, "
        f"{numerator}/{denominator} is demanded"
    )


class Outcome(StrEnum):
    """What the heard votes allow."""

    OPEN = "open"
    APPROVED = "approved"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """The power behind each side, out of `total`; `is_complete` when every active operator has voted."""

    total: int
    approving: int
    rejecting: int
    is_complete: bool

    def outcome(self, security: int) -> Outcome:
        """Approve at the level's share (never below floor(2T/3)); reject at floor(T/3) when no approval can follow."""
        numerator, denominator = SECURITY_SHARES[security]
        needed = max(approve_power(self.total), self.total * numerator // denominator)
        if self.approving >= needed and self.approving > 0:
            return Outcome.APPROVED
        if self.rejecting >= reject_power(self.total) and self.rejecting > 0 and self.total - self.rejecting < needed:
            return Outcome.REJECTED
        return Outcome.OPEN


def tally(operators: Iterable[Operator], *, approving: frozenset[int], rejecting: frozenset[int]) -> Tally:
    """Count the power of these operator ids; ids that are not active operators count nothing."""
    powers = {operator.operator_id: operator.voting_power for operator in operators}
    yes = sum(powers[i] for i in approving if i in powers)
    no = sum(powers[i] for i in rejecting - approving if i in powers)
    return Tally(
        total=sum(powers.values()),
        approving=yes,
        rejecting=no,
        is_complete=powers.keys() <= (approving | rejecting),
    )
