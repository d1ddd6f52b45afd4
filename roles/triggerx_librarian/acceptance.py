"""Whether a body may become a job: what the registry binds, what the owner signed, and who may say the rest.

The registry's hash binds title, definition, time frame, target and interval, but neither function nor arguments: those
are taken from the owner alone, by a mandate, by the owner's own key, or by an application's key an admin gave out.
"""

from collections.abc import Iterator
from typing import Final

from triggerx.core.errors import InvalidInput
from triggerx.core.job import JobBody, TaskDefinition, TimeTrigger
from triggerx.core.job_body import created_at_of, expected_job_hash
from triggerx.core.network import ActionChain
from triggerx.core.validation import RegistryEntry
from triggerx.evm.types import checksum, to_hex
from triggerx.http.problems import refuse
from triggerx.ports.store.accounts import ApiKey
from triggerx.role import Services
from triggerx.triggers.time import next_due
from triggerx_librarian.ownership import address_of, may_change
from triggerx_librarian.registry import chain_of, read_entry

EXECUTABLE_DEFINITIONS: Final = frozenset(TaskDefinition) - {TaskDefinition.CUSTOM_SCRIPT}
"""What keepers of this release carry out; a custom script is scheduled all the same."""
QUORUM_FIRST: Final = 1
_REGISTRY_POLL_S: Final = 0.5


def check_executable(body: JobBody) -> None:
    """Refuse, with 422, a definition whose tasks every keeper of this release would refuse."""
    if body.task_definition_id not in EXECUTABLE_DEFINITIONS:
        known = ", ".join(str(int(definition)) for definition in sorted(EXECUTABLE_DEFINITIONS))
        raise refuse(
            422,
            "not-executable",
            f"task definition {int(body.task_definition_id)} leaves the whole call to a script, which this network's "
            f"keepers do not do yet: take one of the task definitions {known}",
            field="task_definition_id",
        )


def check_security(services: Services, body: JobBody) -> None:
    """Refuse level 1, with 422, where no hub can hold an action to a quorum's signature before it."""
    if body.security != QUORUM_FIRST:
        return
    chain_id, network = body.action.chain_id, services.network
    if chain_id != network.l2_chain_id:
        raise refuse(
            422,
            "security-unavailable",
            f"security 1 has a quorum sign before the action, and the hub of chain {chain_id} does not know the "
            f"operators' keys: they are on chain {network.l2_chain_id}. Take 2, 3 or 4",
            field="security",
        )
    raise refuse(
        422,
        "not-executable",
        "security 1 has a quorum sign before the action, which this network's keepers do not do yet: take 2, 3 or 4",
        field="security",
    )


def check_limits(body: JobBody) -> None:
    """Refuse a limit under which the job would never run once."""
    for name, value in _given_limits(body):
        if value < 1:
            raise InvalidInput(f"limits.{name}", "is 0, so the job would never run: leave it out for the default")


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
    """Return the job's registry entry, checked against the body."""
    entry = await known_entry(services, body, wait_s=wait_s)
    check_entry(body, entry)
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


async def known_entry(services: Services, body: JobBody, *, wait_s: float) -> RegistryEntry:
    """Return the registry entry of the body's job.

    Waits up to `wait_s` for an entry that is not there yet: the owner's endpoint may be a block ahead of ours.
    """
    action_chain = action_chain_of(services, body)
    chain = chain_of(services, body.created_chain_id)
    until = services.clock.monotonic() + wait_s
    while (entry := await read_entry(chain, action_chain, body.job_id)) is None:
        if services.clock.monotonic() >= until:
            raise InvalidInput("job_id", f"the JobRegistry of chain {body.created_chain_id} knows no such job")
        await services.clock.sleep(_REGISTRY_POLL_S)
    return entry


def check_entry(body: JobBody, entry: RegistryEntry) -> None:
    """Refuse the entry of another owner's job, or of one that was deleted."""
    if entry.owner != body.owner:
        raise InvalidInput("user_address", f"the JobRegistry says that the job belongs to {checksum(entry.owner)}")
    if not entry.is_active:
        raise refuse(409, "job-inactive", "the JobRegistry says that the job was deleted", field="job_id")


def check_authority(body: JobBody, key: ApiKey, *, is_mandated: bool) -> None:
    """Refuse a body from the key of another address, unless the owner's mandate is with it and is enough.

    A mandate binds the call, but neither limits nor trigger: where a job is there already it is not enough.
    """
    if is_mandated or address_of(key) is None:
        return
    if not may_change(key, body.owner):
        raise refuse(
            403,
            "not-owner",
            f"this API key belongs to {key.owner}: a job of {checksum(body.owner)} needs its owner's mandate or key",
            field="user_address",
        )


def first_due(body: JobBody, *, after: int) -> int | None:
    """Return the first due second after this one, None of a job that has no schedule; refuses one that is over."""
    trigger = body.trigger
    created_at = created_at_of(body.job_id)
    expires_at = created_at + body.time_frame_s
    if not isinstance(trigger, TimeTrigger):
        if after > expires_at:
            raise InvalidInput("time_frame", f"the job ended at unix second {expires_at}: make it longer on chain")
        return None
    due = next_due(trigger, created_at=created_at, expires_at=expires_at, after=after)
    if due is None:
        field = "time_frame" if after >= expires_at else _SCHEDULE_FIELD[trigger.schedule_type.value]
        raise InvalidInput(field, f"the job is never due between now and its end at unix second {expires_at}")
    return due


_SCHEDULE_FIELD: Final = {
    "interval": "time_interval",
    "cron": "cron_expression",
    "specific": "specific_schedule",
}


def _given_limits(body: JobBody) -> Iterator[tuple[str, int]]:
    limits = body.limits
    for name in ("runs_max", "runs_per_day_max", "wei_max", "wei_per_day_max", "gas_price_max_wei"):
        value: int | None = getattr(limits, name)
        if value is not None:
            yield name, value
