"""The owner's mandate beside a body: refused where the hub would refuse it, with the field that is wrong."""

from triggerx.core.errors import InvalidInput
from triggerx.core.job import JobBody, TimeTrigger
from triggerx.core.job_body import STATIC_DEFINITIONS, static_calldata, target_function
from triggerx.core.mandate import SignedMandate
from triggerx.core.network import ActionChain
from triggerx.core.validation import RegistryEntry, signer_of
from triggerx.evm.hub import mandate_digest
from triggerx.evm.keccak import keccak256
from triggerx.evm.types import ZERO_HASH, Address, ChainId, checksum, to_hex


def check_mandate(body: JobBody, entry: RegistryEntry, action_chain: ActionChain, *, now: int) -> None:
    """Refuse a mandate that the hub would refuse, naming the field that is wrong."""
    if body.mandate is None:
        return
    check_guarded(action_chain)
    mandate, is_static = body.mandate.mandate, body.task_definition_id in STATIC_DEFINITIONS
    expected = {
        "jobId": (mandate.job_id, int(body.job_id)),
        "jobHash": (mandate.job_hash, entry.job_hash),
        "version": (mandate.version, entry.version),
        "owner": (mandate.owner, body.owner),
        "target": (mandate.target, body.action.target),
        "selector": (mandate.selector, target_function(body).selector),
        "calldataHash": (mandate.calldata_hash, keccak256(static_calldata(body)) if is_static else ZERO_HASH),
    }
    for name, (given, due) in expected.items():
        if given != due:
            raise InvalidInput(f"mandate.{name}", f"contradicts the job, whose value is {_shown(name, due)}")
    _check_bounds(body, body.mandate, now=now)
    _check_signature(body, body.mandate, action_chain)


def check_guarded(action_chain: ActionChain) -> None:
    """Refuse a mandate where no hub holds anybody to it."""
    if not action_chain.is_guarded:
        raise InvalidInput("mandate", f"the hub of chain {action_chain.chain_id} verifies no mandates: leave it out")


def _check_bounds(body: JobBody, signed: SignedMandate, *, now: int) -> None:
    mandate, trigger = signed.mandate, body.trigger
    if mandate.expiry <= now:
        raise InvalidInput("mandate.expiry", f"is {mandate.expiry}, which is over")
    if mandate.not_before >= mandate.expiry:
        raise InvalidInput("mandate.notBefore", "must be before the expiry")
    for name, value in (("runsMax", mandate.runs_max), ("attemptsMax", mandate.attempts_max)):
        if value < 1:
            raise InvalidInput(f"mandate.{name}", "is 0, so the hub would refuse every run")
    if mandate.security != body.security:
        raise InvalidInput("mandate.security", f"is {mandate.security}, the job's security is {body.security}")
    if isinstance(trigger, TimeTrigger) and 0 < trigger.interval_s < mandate.spacing:
        raise InvalidInput(
            "mandate.spacing", f"is {mandate.spacing} s, longer than the interval: runs would be refused"
        )


def _check_signature(body: JobBody, signed: SignedMandate, action_chain: ActionChain) -> None:
    digest = mandate_digest(signed.mandate, ChainId(action_chain.chain_id), action_chain.task_execution_hub)
    signer = signer_of(digest, signed.signature)
    if signer != body.owner:
        who = "nobody: it is malformed" if signer is None else checksum(signer)
        raise InvalidInput(
            "mandate.signature",
            f"is by {who}, not by the owner {checksum(body.owner)}: the owner signs exactly this mandate in the "
            f"EIP-712 domain name triggerx, version 1, chainId {action_chain.chain_id}, verifyingContract "
            f"{checksum(action_chain.task_execution_hub)}",
        )


def _shown(name: str, value: object) -> str:
    if name in ("owner", "target") and isinstance(value, bytes):
        return checksum(Address(value))
    return to_hex(value) if isinstance(value, bytes) else str(value)
