"""What an owner signs: the mandate that bounds a job's runs, and the wish to run it now.

Both are EIP-712 digests in the execution hub's domain (`evm.hub`), so they count on one chain and for one hub alone.
"""

from dataclasses import dataclass
from typing import Final

from triggerx.core.budget import INNER_GAS_DEFAULT
from triggerx.core.job import JobBody, JobId, TimeTrigger
from triggerx.core.job_body import STATIC_DEFINITIONS, static_calldata, target_function
from triggerx.core.mandate import SignedMandate
from triggerx.core.network import ActionChain
from triggerx.core.validation import RegistryEntry
from triggerx.evm.hub import Mandate, mandate_digest, run_digest
from triggerx.evm.keccak import keccak256
from triggerx.evm.types import ZERO_HASH, Wei
from triggerx.ports.signer import Signer

RUNS_DEFAULT: Final = 100  # of a job that recurs: enough to see it work, and an end of what was forgotten
FEE_MAX_DEFAULT_WEI: Final = Wei(10**16)  # a run: 300,000 gas at 33 gwei
ATTEMPTS_DEFAULT: Final = 3  # a performer that fails twice, and one that does not
VALID_S_DEFAULT: Final = 30 * 86_400  # where the job's time frame does not end before
NO_VALUE: Final = Wei(0)  # no run of ours sends value


@dataclass(frozen=True, slots=True, kw_only=True)
class MandateTerms:
    """How much the hub may do for a job: None takes the defaults above. Fees are wei an attempt."""

    runs_max: int | None = None
    fee_max: Wei = FEE_MAX_DEFAULT_WEI
    attempts_max: int = ATTEMPTS_DEFAULT
    valid_s: int | None = None
    """From the job's version on."""


def sign_mandate(
    body: JobBody, entry: RegistryEntry, terms: MandateTerms, *, contracts: ActionChain, signer: Signer
) -> SignedMandate:
    """Let the hub make exactly the body's call: with its calldata where it is static, else with its function alone.

    Raises `InvalidInput` where the body names no function.
    """
    is_static = body.task_definition_id in STATIC_DEFINITIONS
    mandate = Mandate(
        job_id=body.job_id,
        job_hash=entry.job_hash,
        version=entry.version,
        owner=body.owner,
        target=body.action.target,
        selector=target_function(body).selector,
        calldata_hash=keccak256(static_calldata(body)) if is_static else ZERO_HASH,
        value_max=NO_VALUE,
        fee_max=terms.fee_max,
        inner_gas_min=INNER_GAS_DEFAULT,  # so that no performer starves the target's call
        runs_max=_runs(body) if terms.runs_max is None else terms.runs_max,
        spacing=0,
        attempts_max=terms.attempts_max,
        security=body.security,
        not_before=0,
        expiry=entry.version + (min(body.time_frame_s, VALID_S_DEFAULT) if terms.valid_s is None else terms.valid_s),
    )
    digest = mandate_digest(mandate, contracts.chain_id, contracts.task_execution_hub)
    return SignedMandate(mandate=mandate, signature=signer.sign_digest(digest))


def sign_run(
    job_id: JobId, *, version: int, nonce: int, requested_at: int, contracts: ActionChain, signer: Signer
) -> bytes:
    """Return the 65-byte signature that asks for one run now; `version` is the registry's `lastUpdatedAt`."""
    digest = run_digest(job_id, version, nonce, requested_at, contracts.chain_id, contracts.task_execution_hub)
    return signer.sign_digest(digest)


def _runs(body: JobBody) -> int:
    """The owner's own limit where the body has one; else once for a job that does not recur."""
    if body.limits.runs_max:
        return body.limits.runs_max
    return RUNS_DEFAULT if body.recurring or isinstance(body.trigger, TimeTrigger) else 1
