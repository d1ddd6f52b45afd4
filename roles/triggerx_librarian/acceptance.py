"""Whether a body may become a job: what the registry binds, what the owner signed, and who may say the rest.

The registry's hash binds title, definition, time frame, target and interval, but neither function nor arguments: those
are taken from the owner alone, by a mandate, by the owner's own key, or by an application's key an admin gave out.
"""

from triggerx.core.errors import InvalidInput
from triggerx.core.job import JobBody, TaskDefinition, TimeTrigger
from triggerx.core.job_body import created_at_of, expected_job_hash, static_calldata, target_function
from triggerx.core.mandate import SignedMandate
from triggerx.core.network import ActionChain
from triggerx.core.validation import RegistryEntry, signer_of
from triggerx.evm.hub import mandate_digest
from triggerx.evm.keccak import keccak256
from triggerx.evm.types import Address, ChainId, checksum, to_hex
from triggerx.http.problems import refuse
from triggerx.ports.clock import Clock
from triggerx.ports.store.accounts import ApiKey, Scope
from triggerx.role import Services
from triggerx.triggers.time import next_due
from triggerx_librarian.registry import chain_of, read_entry

SCHEDULED_DEFINITIONS = frozenset({TaskDefinition.TIME_STATIC})
_REGISTRY_POLL_S = 0.5


def check_schedulable(body: JobBody) -> None:
    """Refuse, with 422, what this network's engine does not schedule."""
    if body.task_definition_id not in SCHEDULED_DEFINITIONS:
        raise refuse(
            422,
            "not-scheduled",
            f"task definition {int(body.task_definition_id)} is not scheduled here: this network's engine schedules "
            "time jobs with static arguments only at present (task definition 1)",
            field="task_definition_id",
        )
    if body.link_job_id is not None or body.chain_status != 0:
        field = "chain_status" if body.link_job_id is None else "link_job_id"
        raise refuse(422, "not-scheduled", "linked jobs are not scheduled by this network's engine", field=field)


def action_chain_of(services: Services, body: JobBody) -> ActionChain:
    """Return the contracts of the chain the job was created and acts on; refuses a chain that is not the network's."""
    chains = services.network.action_chains
    if body.created_chain_id not in chains:
        known = ", ".join(str(chain_id) for chain_id in sorted(chains))
        raise InvalidInput("created_chain_id", f"is {body.created_chain_id}, this network's action chains are {known}")
    if body.action.chain_id != body.created_chain_id:
        raise InvalidInput("target_chain_id", f"must be {body.created_chain_id}, where the job was created")
    return chains[body.created_chain_id]


async def registered(services: Services, body: JobBody, *, wait_s: float) -> RegistryEntry:
    """Return the job's registry entry, checked against the body.

    Waits up to `wait_s` for an entry that is not there yet: the owner's endpoint may be a block ahead of ours.
    """
    action_chain = action_chain_of(services, body)
    chain = chain_of(services, body.created_chain_id)
    until = services.clock.monotonic() + wait_s
    while (entry := await read_entry(chain, action_chain, body.job_id)) is None:
        if services.clock.monotonic() >= until:
            raise InvalidInput("job_id", f"the JobRegistry of chain {body.created_chain_id} knows no such job")
        await services.clock.sleep(_REGISTRY_POLL_S)
    if entry.owner != body.owner:
        raise InvalidInput("user_address", f"the JobRegistry says that the job belongs to {checksum(entry.owner)}")
    if not entry.is_active:
        raise refuse(409, "job-inactive", "the JobRegistry says that the job was deleted", field="job_id")
    expected = expected_job_hash(body)
    if entry.job_hash != expected:
        raise refuse(
            422,
            "job-hash",
            f"the JobRegistry binds {to_hex(entry.job_hash)}, this body makes {to_hex(expected)}: job_title, "
            "task_definition_id, time_frame, target_contract_address or time_interval differ from what was registered",
            field="job_id",
        )
    return entry


def check_authority(body: JobBody, key: ApiKey) -> None:
    """Refuse an unguarded body from the key of another address; see the module on what the chain does not bind."""
    if body.mandate is not None or Scope.ADMIN in key.scopes or not key.owner.startswith("0x"):
        return
    if key.owner.lower() != checksum(body.owner).lower():
        raise refuse(
            403,
            "not-owner",
            f"this API key belongs to {key.owner}: a job of {checksum(body.owner)} needs its owner's mandate or key",
            field="user_address",
        )


def check_mandate(body: JobBody, entry: RegistryEntry, action_chain: ActionChain, *, now: int) -> None:
    """Refuse a mandate that the hub would refuse, naming the field that is wrong."""
    if body.mandate is None:
        return
    if not action_chain.is_guarded:
        raise InvalidInput("mandate", f"the hub of chain {action_chain.chain_id} verifies no mandates: leave it out")
    mandate = body.mandate.mandate
    expected = {
        "jobId": (mandate.job_id, int(body.job_id)),
        "jobHash": (mandate.job_hash, entry.job_hash),
        "version": (mandate.version, entry.version),
        "owner": (mandate.owner, body.owner),
        "target": (mandate.target, body.action.target),
        "selector": (mandate.selector, target_function(body).selector),
        "calldataHash": (mandate.calldata_hash, keccak256(static_calldata(body))),
    }
    for name, (given, due) in expected.items():
        if given != due:
            raise InvalidInput(f"mandate.{name}", f"contradicts the job, whose value is {_shown(name, due)}")
    _check_bounds(body, body.mandate, now=now)
    _check_signature(body, body.mandate, action_chain)


def first_due(body: JobBody, clock: Clock) -> int:
    """Return the first due second still to come; refuses a job that has none left."""
    trigger = body.trigger
    if not isinstance(trigger, TimeTrigger):
        raise InvalidInput("task_definition_id", "only time jobs have due seconds")
    created_at, now = created_at_of(body.job_id), clock.now()
    expires_at = created_at + body.time_frame_s
    due = next_due(trigger, created_at=created_at, expires_at=expires_at, after=now)
    if due is None:
        field = "time_frame" if now >= expires_at else _SCHEDULE_FIELD[trigger.schedule_type.value]
        raise InvalidInput(field, f"the job is never due between now and its end at unix second {expires_at}")
    return due


_SCHEDULE_FIELD = {
    "interval": "time_interval",
    "cron": "cron_expression",
    "specific": "specific_schedule",
}


def _check_bounds(body: JobBody, signed: SignedMandate, *, now: int) -> None:
    mandate, trigger = signed.mandate, body.trigger
    if mandate.expiry <= now:
        raise InvalidInput("mandate.expiry", f"is {mandate.expiry}, which is over")
    if mandate.not_before >= mandate.expiry:
        raise InvalidInput("mandate.notBefore", "must be before the expiry")
    for name, value in (("runsMax", mandate.runs_max), ("attemptsMax", mandate.attempts_max)):
        if value < 1:
            raise InvalidInput(f"mandate.{name}", "is 0, so the hub would refuse every run")
    if (mandate.security == 1) != (body.security == 1):
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
