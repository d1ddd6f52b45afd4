"""One honest task, from mandate to document, with the facts an attester would find: the tests change one thing each."""

from dataclasses import dataclass, replace

from triggerx.core.document import ActionTaken, TaskDocument
from triggerx.core.election import Duty, Operator, draw
from triggerx.core.job import (
    Action,
    ConditionTrigger,
    EventFilter,
    EventTrigger,
    JobBody,
    JobId,
    ScheduleType,
    TaskDefinition,
    TimeTrigger,
    Trigger,
)
from triggerx.core.job_body import STATIC_DEFINITIONS, dump_body, expected_job_hash, static_calldata, target_function
from triggerx.core.mandate import SignedMandate
from triggerx.core.network import ActionChain, Network
from triggerx.core.task import SignedAssignment
from triggerx.core.validation import Execution, Facts, RegistryEntry, Seed, engine_of
from triggerx.evm.hub import Assignment, Firing, Mandate, assignment_digest, mandate_digest, task_key
from triggerx.evm.keccak import keccak256
from triggerx.evm.keys import PrivateKey
from triggerx.evm.registry import pack_job_id
from triggerx.evm.types import ZERO_HASH, Address, ChainId, Hash32, Wei

CHAIN = ChainId(31337)
HUB = Address(b"\x0b" * 20)
TARGET = Address(b"\x0e" * 20)
CENTER = Address(b"\x0c" * 20)
OWNER = PrivateKey(b"\x01" * 32)
ENGINE = PrivateKey(b"\x02" * 32)
STRANGER = PrivateKey(b"\x03" * 32)
KEEPERS = tuple(PrivateKey(bytes([16 + n]) * 32) for n in range(4))
CREATED_AT = 1_800_000_000
DUE = CREATED_AT + 10
NOT_AFTER = DUE + 15
TX_HASH = keccak256(b"action")
SEED_HASH = keccak256(b"seed")
ABI = '[{"type":"function","name":"increment","inputs":[{"name":"amount","type":"uint256"}],"outputs":[]}]'

NETWORK = Network(
    name="sample",
    l1_chain_id=CHAIN,
    l2_chain_id=CHAIN,
    avs_governance=Address(b"\x0a" * 20),
    attestation_center=CENTER,
    engines=(ENGINE.address,),
    action_chains={
        CHAIN: ActionChain(
            chain_id=CHAIN,
            job_registry=Address(b"\x0f" * 20),
            gas_registry=Address(b"\x10" * 20),
            task_execution_hub=HUB,
            is_guarded=True,
            confirmations=1,
            block_time_s=1.0,
        )
    },
)
OPERATORS = tuple(
    Operator(operator_id=n + 1, address=key.address, voting_power=1000 + 100 * n, bls_key=(1, 2, 3, 4))
    for n, key in enumerate(KEEPERS)
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """An honest document with its body and the facts that prove it."""

    body: JobBody
    document: TaskDocument
    facts: Facts


EVERY_TEN_S = TimeTrigger(schedule_type=ScheduleType.INTERVAL, interval_s=10)
TOKEN = Address(b"\x11" * 20)
PAID = EventTrigger(
    chain_id=CHAIN,
    contract=TOKEN,
    event="Transfer(address indexed from, address indexed to, uint256 value)",
    filters=(EventFilter(name="to", value="0x" + OWNER.address.hex()),),
)
"""A transfer of the token to the owner."""
BALANCE_ABOVE_100 = ConditionTrigger(
    condition_type="greater_than",
    source_type="view",
    source_url="0x" + TOKEN.hex(),
    function="balanceOf(address) returns (uint256)",
    arguments=("0x" + OWNER.address.hex(),),
    upper_limit="100",
    chain_id=CHAIN,
)
"""The owner has more than 100 of the token."""
DEFINITIONS: dict[type[Trigger], TaskDefinition] = {
    TimeTrigger: TaskDefinition.TIME_STATIC,
    EventTrigger: TaskDefinition.EVENT_STATIC,
    ConditionTrigger: TaskDefinition.CONDITION_STATIC,
}


COMPUTED: dict[TaskDefinition, TaskDefinition] = {
    TaskDefinition.TIME_STATIC: TaskDefinition.TIME_DYNAMIC,
    TaskDefinition.EVENT_STATIC: TaskDefinition.EVENT_DYNAMIC,
    TaskDefinition.CONDITION_STATIC: TaskDefinition.CONDITION_DYNAMIC,
}
SCRIPT_URL = "ipfs://script"


def scripted(body: JobBody, **action: object) -> JobBody:
    """The body without a mandate, a script computing its arguments."""
    changed = replace(body.action, arguments=(), script_url=SCRIPT_URL, **action)  # type: ignore[arg-type]  # by name
    return replace(body, task_definition_id=COMPUTED[body.task_definition_id], action=changed, mandate=None)


def job_body(*, is_guarded: bool = True, trigger: Trigger = EVERY_TEN_S) -> JobBody:
    """A job that calls `increment(7)` when its trigger says, by default every 10 s, for 60 s."""
    body = JobBody(
        job_id=JobId(pack_job_id(CHAIN, CREATED_AT, 5)),
        owner=OWNER.address,
        title="sample",
        task_definition_id=DEFINITIONS[type(trigger)],
        created_chain_id=CHAIN,
        time_frame_s=60,
        recurring=True,
        trigger=trigger,
        action=Action(chain_id=CHAIN, target=TARGET, function="increment", abi=ABI, arguments=("7",)),
    )
    return guarded(body) if is_guarded else body


def guarded(body: JobBody) -> JobBody:
    """The body with its owner's mandate."""
    is_static = body.task_definition_id in STATIC_DEFINITIONS
    mandate = Mandate(
        job_id=body.job_id,
        job_hash=expected_job_hash(body),
        version=CREATED_AT,
        owner=OWNER.address,
        target=TARGET,
        selector=target_function(body).selector,
        calldata_hash=keccak256(static_calldata(body)) if is_static else ZERO_HASH,
        value_max=Wei(0),
        fee_max=Wei(10**15),
        inner_gas_min=50_000,
        runs_max=10,
        spacing=0,
        attempts_max=3,
        security=4,
        not_before=0,
        expiry=CREATED_AT + 3600,
    )
    return with_mandate(body, mandate, OWNER)


def with_mandate(body: JobBody, mandate: Mandate, signer: PrivateKey) -> JobBody:
    """The body with this mandate, signed by this key."""
    signature = signer.sign_digest(mandate_digest(mandate, CHAIN, HUB))
    return replace(body, mandate=SignedMandate(mandate=mandate, signature=signature))


def order_for(
    attempt: int,
    *,
    engine: PrivateKey = ENGINE,
    performer: Address | None = None,
    firing: Firing = Firing.time(DUE),  # noqa: B008 - it is frozen
) -> SignedAssignment:
    """The engine's order of this attempt, to whom the draw elects unless somebody else is named."""
    body = job_body()
    key = task_key(body.job_id, firing)
    ranks = draw(OPERATORS, duty=Duty.PERFORMER, task_key=key, seed_block_hash=SEED_HASH)
    order = Assignment(
        task_key=key,
        performer=performer or ranks[(attempt - 1) % len(ranks)].address,
        attempt=attempt,
        not_before=DUE,
        not_after=NOT_AFTER,
    )
    return SignedAssignment(
        assignment=order,
        job_id=body.job_id,
        firing=firing,
        seed_block=90,
        seed_block_hash=SEED_HASH,
        roster=tuple(operator.operator_id for operator in OPERATORS),
        signature=engine.sign_digest(assignment_digest(order, CHAIN, HUB)),
    )


def sample(*, is_guarded: bool = True) -> Sample:
    """The honest task."""
    body = job_body(is_guarded=is_guarded)
    signed = order_for(1)
    performer = signed.assignment.performer
    document = TaskDocument(
        attestation_chain_id=CHAIN,
        attestation_center=CENTER,
        performer=performer,
        assignment=signed,
        body=dump_body(body),
        evidence={"kind": "time", "due": DUE},
        action=ActionTaken(
            chain_id=CHAIN,
            hub=HUB,
            tx_hash=TX_HASH,
            sender=performer,
            target=TARGET,
            data=static_calldata(body),
            value=Wei(0),
            fee=Wei(1000),
        ),
    )
    facts = Facts(
        heard_at=DUE + 3,
        operators=OPERATORS,
        engine=engine_of(document),
        is_engine=True,
        seed=Seed(block_hash=SEED_HASH, timestamp=DUE - 5, next_timestamp=DUE - 3),
        registry=RegistryEntry(
            owner=OWNER.address, job_hash=expected_job_hash(body), version=CREATED_AT, is_active=True
        ),
        registry_hash=expected_job_hash(body),
        trigger=None,
        expected_data=static_calldata(body),
        execution=Execution(
            block_number=100,
            block_timestamp=DUE + 1,
            confirmations=1,
            sender=performer,
            hub=HUB,
            target=TARGET,
            data=static_calldata(body),
            value=0,
            fee=1000,
            is_success=True,
            task_key=signed.assignment.task_key if is_guarded else None,
            executor_order=signed.assignment if is_guarded else None,
        ),
        claimed_by=None,
        confirmations_min=1,
    )
    return Sample(body=body, document=document, facts=facts)


OTHER_HASH = Hash32(keccak256(b"another"))
