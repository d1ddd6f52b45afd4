"""How an attester judges a task document: one rule after the other, each refusal with its own code and sentence.

Pure: what had to be looked up is in `Facts`. A fact that contradicts the document is a reason to vote no; a fact that
is missing or not final is a reason to wait, never to vote no, because a no burns the task hash for ever. What was heard
at the wrong time stays so: then an attester leaves the vote to the others.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from triggerx.core.budget import budget_of
from triggerx.core.document import TaskDocument
from triggerx.core.election import Duty, Operator, draw
from triggerx.core.errors import InvalidInput
from triggerx.core.evidence import moment_of
from triggerx.core.job import JobBody
from triggerx.core.job_body import STATIC_DEFINITIONS
from triggerx.core.network import Network
from triggerx.core.task import SignedAssignment
from triggerx.evm.hub import Assignment, assignment_digest, mandate_digest, task_key
from triggerx.evm.keys import recover
from triggerx.evm.types import Address, Hash32, checksum


class Ruling(StrEnum):
    """What an attester does with a document."""

    APPROVE = "approve"
    REJECT = "reject"
    WAIT = "wait"
    ABSTAIN = "abstain"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The ruling with its code (`ok` when approved) and the sentence for the job's owner."""

    ruling: Ruling
    code: str = "ok"
    message: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistryEntry:
    """`JobRegistry.getJob` as it stood at the action's block."""

    owner: Address
    job_hash: Hash32
    version: int
    is_active: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Execution:
    """What the hub's logs and the transaction's calldata say was done. Guarded runs carry key and assignment.

    `is_success` is the inner call's. `executor_order` is the assignment inside the calldata, None when unguarded.
    """

    block_number: int
    block_timestamp: int
    confirmations: int
    sender: Address
    hub: Address
    target: Address
    data: bytes
    value: int
    fee: int
    is_success: bool
    task_key: Hash32 | None
    executor_order: Assignment | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Seed:
    """The claimed seed block and its successor as the attester's own endpoint has them."""

    block_hash: Hash32
    timestamp: int
    next_timestamp: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What the attester found out by itself. None means it could not be found out (yet).

    `heard_at` is when the announcement was first heard, by the attester's own clock. `trigger` is what speaks against
    the evidence, by `trigger_false`, `trigger_unknown` or `trigger_unproven`: None when the trigger was found true.
    `expected_data` is the calldata the body asks for, or, where a script computes it, the document's: then
    `computation` is what speaks against that, by `action_false`, `action_unknown` or `action_unproven`. `claimed_by` is
    another task key whose document names the same transaction.
    """

    heard_at: int
    operators: tuple[Operator, ...]
    engine: Address | None
    is_engine: bool
    seed: Seed | None
    registry: RegistryEntry | None
    registry_hash: Hash32
    trigger: Verdict | None
    expected_data: bytes
    execution: Execution | None
    claimed_by: Hash32 | None
    confirmations_min: int
    computation: Verdict | None = None


def judge(document: TaskDocument, body: JobBody, facts: Facts, network: Network) -> Verdict:
    """Judge one document; the first rule that is broken decides, a certain no before an abstention before waiting."""
    open_to: Verdict | None = None
    for verdict in _rules(document, body, facts, network):
        if verdict is None:
            continue
        if verdict.ruling is Ruling.REJECT:
            return verdict
        if open_to is None or (open_to.ruling is Ruling.WAIT and verdict.ruling is Ruling.ABSTAIN):
            open_to = verdict
    return open_to or Verdict(ruling=Ruling.APPROVE)


def _rules(document: TaskDocument, body: JobBody, facts: Facts, network: Network) -> Iterable[Verdict | None]:
    yield _identity(document, body, network)
    yield _assignment(document, facts)
    try:
        moment = moment_of(document.assignment.firing, document.evidence)
    except InvalidInput as error:
        yield _no("evidence_malformed", f"the evidence is not that of the firing: {error}")
        return
    yield _window(document, moment, facts, network)
    yield _election(document, moment, facts, network)
    yield _job(document, body, facts, network)
    yield facts.trigger
    yield _computed(document, body)
    yield _action(document, body, facts)
    yield facts.computation
    yield _executor(document, facts, network)


def _identity(document: TaskDocument, body: JobBody, network: Network) -> Verdict | None:
    if (document.attestation_chain_id, document.attestation_center) != (
        network.l2_chain_id,
        network.attestation_center,
    ):
        return _no("other_network", "the document is for another Attestation Center")
    action_chain = network.action_chains.get(document.action.chain_id)
    if action_chain is None or action_chain.task_execution_hub != document.action.hub:
        return _no("other_hub", "the action did not go through this network's execution hub")
    if body.action.chain_id != document.action.chain_id:
        return _no("wrong_chain", f"the job's action belongs on chain {body.action.chain_id}")
    signed = document.assignment
    if body.job_id != signed.job_id or signed.assignment.task_key != task_key(signed.job_id, signed.firing):
        return _no("task_key", "the task key is not the digest of this job and firing")
    return None


def _assignment(document: TaskDocument, facts: Facts) -> Verdict | None:
    order = document.assignment.assignment
    if facts.engine is None or not facts.is_engine:
        return _no("assignment_forged", "the assignment is not signed by an engine of this network")
    if order.performer != document.performer:
        return _no("wrong_performer", f"the task was assigned to {checksum(order.performer)}")
    if all(operator.address != document.performer for operator in facts.operators):
        return _no("inactive_performer", "the performer is no active operator")
    return None


def _window(document: TaskDocument, moment: int, facts: Facts, network: Network) -> Verdict | None:
    order = document.assignment.assignment
    if begins_early(order, moment):
        return _no("too_early", "the assignment begins before the firing's moment")
    if facts.heard_at > order.not_after + network.timing.announce_grace_s:
        return _abstain(
            "announced_late", "the announcement came after the assignment's time; the next performer's counts"
        )
    return None


def _election(document: TaskDocument, moment: int, facts: Facts, network: Network) -> Verdict | None:
    signed, seed_at = document.assignment, moment - network.timing.seed_lag_s
    return check_seed(signed, facts.seed, seed_at) or check_draw(signed, facts.operators)


def check_seed(signed: SignedAssignment, seed: Seed | None, seed_at: int) -> Verdict | None:
    """Say what is wrong with the draw's seed block, of which `seed` is known here; None when nothing is.

    `seed_at` is the moment of the firing's evidence less `seed_lag_s`. It fixes the last block not after it, so that no
    engine picks a block that elects whom it likes.
    """
    if seed is None:
        return _wait("seed_unknown", f"block {signed.seed_block} is not known here yet")
    if seed.block_hash != signed.seed_block_hash:
        return _wait("seed_not_canonical", f"block {signed.seed_block} has another hash here")
    is_too_new = seed.timestamp > seed_at and signed.seed_block > 0
    is_too_old = seed.next_timestamp is not None and seed.next_timestamp <= seed_at
    if is_too_new or is_too_old:
        return _no("wrong_seed", f"block {signed.seed_block} is not the one this firing fixes")
    return None


def check_draw(signed: SignedAssignment, operators: Sequence[Operator]) -> Verdict | None:
    """Repeat the draw among the active operators; None when it elects the assignment's performer."""
    by_id = {operator.operator_id: operator for operator in operators}
    if len(set(signed.roster)) != len(signed.roster) or not by_id.keys() >= set(signed.roster):
        return _wait("roster_unknown", "the draw was made over operators that are not active here")
    roster = [by_id[operator_id] for operator_id in signed.roster]
    order = signed.assignment
    ranks = draw(roster, duty=Duty.PERFORMER, task_key=order.task_key, seed_block_hash=signed.seed_block_hash)
    if not ranks or order.attempt < 1:
        return _no("election", "the draw was made over nobody")
    elected = ranks[(order.attempt - 1) % len(ranks)]
    if elected.address != order.performer:
        return _no("election", f"the draw of attempt {order.attempt} elects operator {elected.operator_id}")
    return None


def _job(document: TaskDocument, body: JobBody, facts: Facts, network: Network) -> Verdict | None:
    entry = facts.registry
    if entry is None:
        return _wait("registry_unknown", "the JobRegistry could not be read at the action's block")
    if entry.owner != body.owner:
        return _no("wrong_owner", f"the registry says the job belongs to {checksum(entry.owner)}")
    if not entry.is_active:
        return _no("job_inactive", "the job was deleted on chain before the action")
    if entry.job_hash != facts.registry_hash:
        return _no("job_hash", "the body is not the one that was registered on chain")
    if body.mandate is None:
        return None
    signed = body.mandate
    digest = mandate_digest(signed.mandate, document.action.chain_id, document.action.hub)
    if signer_of(digest, signed.signature) != entry.owner:
        return _no("mandate_forged", "the mandate is not signed by the job's owner")
    if (signed.mandate.job_hash, signed.mandate.version) != (entry.job_hash, entry.version):
        return _no("mandate_stale", "the mandate is for another version of the job")
    return None


def _computed(document: TaskDocument, body: JobBody) -> Verdict | None:
    is_static = body.task_definition_id in STATIC_DEFINITIONS
    if is_static and document.computation is not None:
        return _no("computation", "the document tells of a script, and the job has its arguments in its body")
    if not is_static and document.computation is None:
        return _no("computation", "the document does not say how the script computed the arguments")
    return None


def _action(document: TaskDocument, body: JobBody, facts: Facts) -> Verdict | None:
    done = facts.execution
    if done is None:
        return _wait("action_unknown", "the action's transaction is not mined here")
    claimed = document.action
    if done.hub != claimed.hub or (body.mandate is not None) != (done.task_key is not None):
        return _no("not_executed", "the transaction holds no matching event of the execution hub")
    if done.task_key is not None and done.task_key != document.assignment.assignment.task_key:
        return _no("other_task", "the hub executed another task in this transaction")
    if facts.claimed_by is not None:
        return _no("copied_task", "the same action was announced for another firing")
    if not done.is_success:
        return _no("inner_call_failed", "the call of the target reverted")
    wrong = (
        ("wrong_sender", done.sender, claimed.sender),
        ("wrong_target", done.target, body.action.target),
        ("wrong_arguments", done.data, facts.expected_data),
        ("wrong_claim", (done.target, done.data), (claimed.target, claimed.data)),
        ("wrong_value", done.value, claimed.value),
        ("wrong_fee", done.fee, claimed.fee),
    )
    for code, found, expected in wrong:
        if found != expected:
            return _no(code, f"the hub's event says otherwise than the {code.removeprefix('wrong_')} that is due")
    if done.value != 0 and (body.mandate is None or done.value > body.mandate.mandate.value_max):
        return _no("wrong_value", "the owner allowed no such value")
    fee_max = budget_of(body).fee_max_wei
    if done.fee > fee_max:
        return _no("fee_above_cap", f"the owner was charged {done.fee} wei, of at most {fee_max}")
    if done.confirmations < facts.confirmations_min:
        return _wait("unconfirmed", f"the action has {done.confirmations} of {facts.confirmations_min} confirmations")
    return None


def _executor(document: TaskDocument, facts: Facts, network: Network) -> Verdict | None:
    done = facts.execution
    if done is None:
        return None
    order = done.executor_order or document.assignment.assignment
    if done.sender != order.performer:
        return _no("wrong_sender", "the action was not sent by its performer")
    if not order.not_before <= done.block_timestamp <= order.not_after:
        return _no("outside_window", "the action was mined outside the assignment's time")
    if done.sender == document.performer:
        return None
    if done.executor_order is None:
        return _no("wrong_sender", "an unguarded action counts for its own sender alone")
    if facts.heard_at <= order.not_after + network.timing.announce_grace_s:
        return _abstain("adopted_early", "the action's own performer may still announce it")
    return None


def begins_early(order: Assignment, moment: int) -> bool:
    """Whether an assignment would let the action happen before the moment of the firing's evidence."""
    return order.not_before < moment


def trigger_false(message: str) -> Verdict:
    """The evidence contradicts the job, or what was read here."""
    return _no("trigger_false", message)


def trigger_unknown(message: str) -> Verdict:
    """What the evidence says is not known here yet, or not canonical here."""
    return _wait("trigger_unknown", message)


def trigger_unproven(message: str) -> Verdict:
    """What the evidence says can be neither confirmed nor refuted here, and never will be."""
    return _abstain("trigger_unproven", message)


def action_false(message: str) -> Verdict:
    """The calldata is not what the job's script computes."""
    return _no("wrong_arguments", message)


def action_unknown(message: str) -> Verdict:
    """The job's script has given no answer here yet."""
    return _wait("arguments_unknown", message)


def action_unproven(message: str) -> Verdict:
    """Whether the calldata is the script's can be neither confirmed nor refuted here, and never will be."""
    return _abstain("arguments_unproven", message)


def signer_of(digest: Hash32, signature: bytes) -> Address | None:
    """Return who signed the digest, or None for a signature that is not one."""
    try:
        return recover(digest, signature)
    except ValueError:
        return None


def engine_of(document: TaskDocument) -> Address | None:
    """Return who signed the document's assignment."""
    signed = document.assignment
    digest = assignment_digest(signed.assignment, document.action.chain_id, document.action.hub)
    return signer_of(digest, signed.signature)


def _no(code: str, message: str) -> Verdict:
    return Verdict(ruling=Ruling.REJECT, code=code, message=message)


def _wait(code: str, message: str) -> Verdict:
    return Verdict(ruling=Ruling.WAIT, code=code, message=message)


def _abstain(code: str, message: str) -> Verdict:
    return Verdict(ruling=Ruling.ABSTAIN, code=code, message=message)
