"""What `triggerx jobs create`, `update`, `delete` and `run` do: an owner's transactions and signatures, then the API.

Before anything is signed or sent the API judges the job, so that no transaction is made of what it would refuse. Then
the chain comes first: what was done on it is told before the job is handed in, so that it can be gone on with when the
API is away; a job that is on chain is never created again.
"""

import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

from triggerx.client.answers import JobRow, Posted
from triggerx.client.api import Answer, Api, ApiRefused
from triggerx.client.job_file import JobFile
from triggerx.client.owner import BoundFields, Owner, Registration, hash_of, is_bound_by
from triggerx.client.signing import ATTEMPTS_DEFAULT, FEE_MAX_DEFAULT_WEI, MandateTerms, sign_mandate, sign_run
from triggerx.core.canonical import Json
from triggerx.core.errors import InvalidInput, UnrecoverableError
from triggerx.core.job import JobBody, JobId, TaskDefinition
from triggerx.core.job_body import STATIC_DEFINITIONS, chain_id_of, dump_body, target_function
from triggerx.core.network import ActionChain
from triggerx.evm.registry import registry_data
from triggerx.evm.types import ChainId, Wei, checksum, parse_address, to_hex
from triggerx.node.clock import SystemClock
from triggerx.node.options import UsageError
from triggerx.node.remote.jobs import about_file, asked, parse_job_id, run, shown
from triggerx.node.remote.output import counted, moment, say
from triggerx.node.remote.place import Place

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateOrder:
    """What to do besides the file: a deposit in wei, and the terms of the mandate, or none at all."""

    deposit: Wei | None = None
    terms: MandateTerms = field(default_factory=MandateTerms)
    has_mandate: bool = True

    @classmethod
    def of(
        cls,
        *,
        deposit: int | None,
        runs_max: int | None,
        fee_max: int | None,
        attempts_max: int | None,
        valid_s: int | None,
        has_mandate: bool,
    ) -> "CreateOrder":
        """Read the options; None is the default. Raises `UsageError` for terms of a mandate that is not to be."""
        given = {"runs": runs_max, "fee-max": fee_max, "attempts": attempts_max, "valid-for": valid_s}
        for name, value in given.items():
            if value is not None and not has_mandate:
                raise UsageError(f"--{name} is a term of the mandate, and --no-mandate signs none: give one of them")
        terms = MandateTerms(
            runs_max=runs_max,
            fee_max=FEE_MAX_DEFAULT_WEI if fee_max is None else Wei(fee_max),
            attempts_max=ATTEMPTS_DEFAULT if attempts_max is None else attempts_max,
            valid_s=valid_s,
        )
        return cls(deposit=None if deposit is None else Wei(deposit), terms=terms, has_mandate=has_mandate)


def create_job(place: Place, file: Path, order: CreateOrder, *, is_json: bool) -> None:
    """Make a file's job: deposit if asked, create it on chain unless it is there, sign its mandate, hand it in.

    Without an owner's key the file is handed in as it is.
    """
    job_file = JobFile.read(file)
    if place.signer is None or (job_file.has_job_id and job_file.has_mandate and order.deposit is None):
        _needs_no_key(job_file, order)
        body = job_file.body()
        shown(_handed_in(place, job_file, body), is_json=is_json)
        return
    draft = job_file.draft(owner=place.signer.address, chain_id=place.default_chain_id, now=SystemClock().now())
    is_mandated = _is_mandated(place, job_file, draft, order)
    asked_about = _unmandated(draft, has_id=job_file.has_job_id)
    _asked_about(place, job_file, lambda api: api.check_job(asked_about, is_mandated=is_mandated))
    body = run(lambda: _on_chain(place, job_file, draft, order))
    shown(_handed_in(place, job_file, body), is_json=is_json)


def update_job(place: Place, file: Path, order: CreateOrder, *, is_json: bool) -> None:
    """Change a job to what the file says: on chain where the registry binds what changed, then by the API."""
    job_file = JobFile.read(file)
    if not job_file.has_job_id:
        raise job_file.wrong("job_id", "is missing: say which job is to become this, as triggerx jobs list shows it")
    if place.signer is None:
        body = job_file.body()
    else:
        wanted = job_file.body(owner=place.signer.address, chain_id=place.default_chain_id)
        known = asked(place, lambda api: api.job(wanted.job_id)).value
        is_mandated = _is_mandated(place, job_file, wanted, order)
        asked_about = _unmandated(wanted, has_id=True)
        _asked_about(place, job_file, lambda api: api.check_update(wanted.job_id, asked_about, is_mandated=is_mandated))
        body = run(lambda: _updated(place, job_file, wanted, known, order))
    shown(_asked_about(place, job_file, lambda api: api.update_job(body.job_id, dump_body(body))), is_json=is_json)


def delete_job(place: Place, job: str, *, is_json: bool) -> None:
    """Stop a job for good: on chain where the owner's key is here, then by the API."""
    job_id = parse_job_id(job)
    if place.signer is not None:
        run(lambda: _deleted(place, job_id))
    shown(asked(place, lambda api: api.delete_job(job_id)), is_json=is_json)


def run_job(place: Place, job: str, *, nonce: int | None, is_json: bool) -> None:
    """Have a job run once now, by its owner's signature; the same nonce again is the same run."""
    job_id, signer = parse_job_id(job), place.required_signer()
    known = asked(place, lambda api: api.job(job_id)).value
    if parse_address(known.user_address) != signer.address:
        raise UsageError(f"job {job_id} belongs to {known.user_address}, but the key is {checksum(signer.address)}'s")
    chosen = secrets.randbits(63) if nonce is None else nonce
    now = SystemClock().now()
    signature = sign_run(
        job_id,
        version=int(known.version),
        nonce=chosen,
        requested_at=now,
        contracts=place.contracts(ChainId(int(known.created_chain_id))),
        signer=signer,
    )
    say(f"asking for run {chosen} of job {job_id}; to ask for the same run again, give --nonce {chosen}")
    answer = asked(place, lambda api: api.run_job(job_id, nonce=chosen, requested_at=now, signature=to_hex(signature)))
    shown(answer, is_json=is_json)


def _needs_no_key(job_file: JobFile, order: CreateOrder) -> None:
    if order.deposit is not None:
        raise UsageError("--deposit needs the owner's key: give --key-file PATH, a file of mode 600")
    if not job_file.has_job_id:
        raise job_file.wrong(
            "job_id", "is missing: give --key-file PATH to have the job created on chain, or name the one that is there"
        )


def _handed_in(place: Place, job_file: JobFile, body: JobBody) -> Answer[Posted]:
    try:
        return _asked_about(place, job_file, lambda api: api.post_job(dump_body(body)))
    except UnrecoverableError:
        if not job_file.has_job_id:
            say(f'The job is on chain: put job_id = "{body.job_id}" into {job_file.path} to go on with it.')
        raise


def _asked_about(place: Place, job_file: JobFile, question: Callable[[Api], Awaitable[Answer[T]]]) -> Answer[T]:
    try:
        return asked(place, question)
    except ApiRefused as error:
        raise about_file(job_file, error) from error


async def _on_chain(place: Place, job_file: JobFile, draft: JobBody, order: CreateOrder) -> JobBody:
    """Return the body of a job that is on chain, with its mandate."""
    signer = place.required_signer()
    async with place.open_owner(draft.created_chain_id) as owner:
        if order.deposit is not None:
            await owner.deposit(order.deposit)
            say(f"deposited {order.deposit} wei for {checksum(signer.address)}")
        if job_file.has_job_id:
            registered = await _found(job_file, draft, owner)
        else:
            registered = await owner.create(draft)
            say(f"created job {registered.job_id} on chain {draft.created_chain_id}")
        body = job_file.body(job_id=registered.job_id, owner=signer.address, chain_id=draft.created_chain_id)
        return _mandated(body, registered, order, owner)


async def _updated(place: Place, job_file: JobFile, body: JobBody, known: JobRow, order: CreateOrder) -> JobBody:
    async with place.open_owner(body.created_chain_id) as owner:
        registered = await _entry(job_file, body, owner)
        if not is_bound_by(registered.entry, body):
            old = _bound(known, body)
            if hash_of(old) != registered.entry.job_hash:
                raise job_file.wrong(
                    "job_id",
                    f"is {body.job_id}, of which the API shows another version than the chain has: hand that in first",
                )
            try:
                registered = await owner.update(old, body)
            except InvalidInput as error:
                raise job_file.wrong(error.field, error.message) from error
            say(f"updated job {body.job_id} on chain {body.created_chain_id}")
        return _mandated(body, registered, order, owner)


async def _deleted(place: Place, job_id: JobId) -> None:
    place.check_made_here(job_id)
    async with place.open_owner(chain_id_of(job_id)) as owner:
        entry = await owner.entry(job_id)
        if entry is None:
            raise UsageError(f"JOB: the JobRegistry of chain {owner.contracts.chain_id} knows no job {job_id}")
        if entry.owner != owner.signer.address:
            raise UsageError(
                f"job {job_id} belongs to {checksum(entry.owner)}, but the key is {checksum(owner.signer.address)}'s"
            )
        if entry.is_active:
            await owner.delete(job_id)
            say(f"deleted job {job_id} on chain {owner.contracts.chain_id}")


async def _found(job_file: JobFile, body: JobBody, owner: Owner) -> Registration:
    """The file's job as the registry has it; refuses one that its hash does not bind."""
    registered = await _entry(job_file, body, owner)
    if not is_bound_by(registered.entry, body):
        raise job_file.wrong(
            "job_id", f"is {body.job_id}, which the JobRegistry binds to another job: triggerx jobs update changes it"
        )
    return registered


async def _entry(job_file: JobFile, body: JobBody, owner: Owner) -> Registration:
    entry = await owner.entry(body.job_id)
    if entry is None:
        raise job_file.wrong(
            "job_id", f"is {body.job_id}, which the JobRegistry of chain {body.created_chain_id} does not know"
        )
    if entry.owner != body.owner:
        raise job_file.wrong("job_id", f"is {body.job_id}, a job of {checksum(entry.owner)}")
    if not entry.is_active:
        raise job_file.wrong("job_id", f"is {body.job_id}, which was deleted on chain")
    return Registration(job_id=body.job_id, entry=entry)


def _is_mandated(place: Place, job_file: JobFile, body: JobBody, order: CreateOrder) -> bool:
    """Whether the job is to have a mandate; refuses one that could not be signed after the transactions."""
    if not _takes_mandate(order, place.contracts(body.created_chain_id)):
        return False
    try:
        target_function(body)
    except InvalidInput as error:
        raise job_file.wrong(
            error.field, f"{error.message}; the mandate names the function: --no-mandate leaves the job without one"
        ) from error
    return True


def _takes_mandate(order: CreateOrder, contracts: ActionChain) -> bool:
    return order.has_mandate and contracts.is_guarded


def _unmandated(body: JobBody, *, has_id: bool) -> dict[str, Json]:
    """A body as the API judges it before: without its mandate, and without an id that only the registry can give."""
    fields = dump_body(replace(body, mandate=None))
    return {name: value for name, value in fields.items() if has_id or name != "job_id"}


def _mandated(body: JobBody, registered: Registration, order: CreateOrder, owner: Owner) -> JobBody:
    if not _takes_mandate(order, owner.contracts):
        say("it has no mandate: the execution hub guards neither its call nor its cost")
        return replace(body, mandate=None)
    signed = sign_mandate(body, registered.entry, order.terms, contracts=owner.contracts, signer=owner.signer)
    mandate = signed.mandate
    say(
        f"signed its mandate: {counted(mandate.runs_max, 'run')}, {mandate.fee_max} wei and "
        f"{counted(mandate.attempts_max, 'attempt')} each, "
        f"until {moment(mandate.expiry)}"
    )
    return replace(body, mandate=signed)


def _bound(known: JobRow, body: JobBody) -> BoundFields:
    """What the registry's hash was made of, as the API shows the job; where it shows no language, it is the new one."""
    trigger, definition = known.trigger_data, TaskDefinition(known.task_definition_id)
    is_time = definition in (TaskDefinition.TIME_STATIC, TaskDefinition.TIME_DYNAMIC, TaskDefinition.CUSTOM_SCRIPT)
    return BoundFields(
        title=known.job_title,
        task_definition_id=definition,
        time_frame_s=known.time_frame,
        target=parse_address(trigger.target_contract_address),
        data=registry_data(
            definition,
            interval=trigger.time_interval if is_time else None,
            recurring=None if is_time else known.recurring,
            script_url=None if definition in STATIC_DEFINITIONS else trigger.dynamic_arguments_script_url,
            language=(trigger.language or body.action.language) if definition is TaskDefinition.CUSTOM_SCRIPT else None,
        ),
    )
