"""What the guarded execution hub signs and hashes: firings, mandates, assignments and quorum approvals.

Field order and types are those of TaskExecutionHub's structs; the EIP-712 domain is
`{name: "triggerx", version: "1", chainId, verifyingContract: hub}`. Each of the three refuses, with a `ValueError` that
names the field, a value that its Solidity type cannot hold: once made, it can be hashed and encoded.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from enum import IntEnum
from functools import cache, lru_cache
from typing import Final, Self

from triggerx.evm.abi.codec import encode, encode_type
from triggerx.evm.abi.types import AbiType, parse_type
from triggerx.evm.keccak import Hash32, keccak256
from triggerx.evm.typed import digest, domain_separator, struct_hash
from triggerx.evm.types import ZERO_HASH, Address, ChainId, Wei

ADDRESS_BYTES: Final = 20
DOMAIN_NAME: Final = "triggerx"
DOMAIN_VERSION: Final = "1"
APPROVAL_DOMAIN: Final = Hash32(bytes.fromhex("4153843462feb3e802c8e1d6650cec9af485ec4352f4666dc712b137b0d09556"))
"""keccak256("TriggerXHubApproval"), the BLS domain of quorum approvals; a test holds it equal."""

MANDATE_TYPE: Final = (
    "Mandate(uint256 jobId,bytes32 jobHash,uint256 version,address owner,address target,bytes4 selector,"
    "bytes32 calldataHash,uint256 valueMax,uint256 feeMax,uint256 innerGasMin,uint32 runsMax,uint32 spacing,"
    "uint8 attemptsMax,uint8 security,uint64 notBefore,uint64 expiry)"
)
FIRING_TYPE: Final = "Firing(uint8 kind,uint256 index,uint256 chainId,bytes32 txHash)"
RUN_TYPE: Final = "Run(uint256 jobId,uint256 version,uint256 nonce,uint64 requestedAt)"
ASSIGNMENT_TYPE: Final = "Assignment(bytes32 taskKey,address performer,uint8 attempt,uint64 notBefore,uint64 notAfter)"


class FiringKind(IntEnum):
    """What made a job fire; the number is `Firing.kind` on chain."""

    TIME = 1
    EVENT = 2
    CONDITION = 3
    MANUAL = 4


_KIND_TYPES: Final = (int, FiringKind)
_END: Final = 1 << 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Firing:
    """One reason for one run of a job: what it is made of is what makes it the same firing everywhere."""

    kind: int
    index: int
    chain_id: ChainId
    tx_hash: Hash32

    def __post_init__(self) -> None:
        kind, index, chain_id, tx_hash = self.kind, self.index, self.chain_id, self.tx_hash
        is_plain = type(index) is type(chain_id) is int and type(tx_hash) is bytes and type(kind) in _KIND_TYPES
        if not (is_plain and 0 <= kind < 256 and 0 <= index < _END and 0 <= chain_id < _END and len(tx_hash) == 32):
            _check(self, FIRING_TYPE)  # names the field, and takes what is unusual and fits

    @classmethod
    def time(cls, due: int) -> Self:
        """The schedule's slot that is due at this unix second."""
        return cls(kind=FiringKind.TIME, index=due, chain_id=ChainId(0), tx_hash=ZERO_HASH)

    @classmethod
    def event(cls, chain_id: ChainId, tx_hash: Hash32, ordinal: int) -> Self:
        """The log at this place (from 0) in its transaction's receipt: the same wherever a reorg mines it again."""
        return cls(kind=FiringKind.EVENT, index=ordinal, chain_id=chain_id, tx_hash=tx_hash)

    @classmethod
    def condition(cls, edge: int) -> Self:
        """The numbered change of a condition from false to true."""
        return cls(kind=FiringKind.CONDITION, index=edge, chain_id=ChainId(0), tx_hash=ZERO_HASH)

    @classmethod
    def manual(cls, nonce: int) -> Self:
        """The run that the owner asked for by hand under this nonce."""
        return cls(kind=FiringKind.MANUAL, index=nonce, chain_id=ChainId(0), tx_hash=ZERO_HASH)

    def as_tuple(self) -> tuple[int, int, int, bytes]:
        """The struct's fields for ABI encoding."""
        return int(self.kind), self.index, self.chain_id, self.tx_hash


@dataclass(frozen=True, slots=True, kw_only=True)
class Mandate:
    """What a job's owner allows the hub to do in their name.

    `version` is JobRegistry.getJob(jobId).lastUpdatedAt; `calldata_hash` is zero when the arguments are dynamic, so
    that only `selector` binds; `value_max` and `fee_max` are wei an attempt; `spacing` seconds between two firings'
    runs; `runs_max` counts successful keys; `attempts_max` attempts a key; `not_before` and `expiry` unix seconds.
    """

    job_id: int
    job_hash: Hash32
    version: int
    owner: Address
    target: Address
    selector: bytes
    calldata_hash: Hash32
    value_max: Wei
    fee_max: Wei
    inner_gas_min: int
    runs_max: int
    spacing: int
    attempts_max: int
    security: int
    not_before: int
    expiry: int

    def __post_init__(self) -> None:
        _check(self, MANDATE_TYPE)

    def as_tuple(self) -> tuple[object, ...]:
        """The struct's 16 fields for ABI encoding."""
        return tuple(getattr(self, field.name) for field in fields(self))


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """An engine's order: this performer may make this attempt at this task within these unix seconds."""

    task_key: Hash32
    performer: Address
    attempt: int
    not_before: int
    not_after: int

    def __post_init__(self) -> None:
        _check(self, ASSIGNMENT_TYPE)

    def as_tuple(self) -> tuple[object, ...]:
        """The struct's 5 fields for ABI encoding."""
        return tuple(getattr(self, field.name) for field in fields(self))


def task_key(job_id: int, firing: Firing) -> Hash32:
    """The identity of one run: the hub executes it successfully at most once.

    keccak256(abi.encode(jobId, kind, index, chainId, txHash)), whose five words are put together here: thousands are
    made in a second. Raises `ValueError` for a job id of more than 256 bits; a firing's fields fit.
    """
    if not 0 <= job_id < 1 << 256:
        raise ValueError(f"job_id: expected a number of 256 bits, got {job_id}")
    words = (job_id, int(firing.kind), firing.index, firing.chain_id)
    return keccak256(b"".join(word.to_bytes(32, "big") for word in words) + firing.tx_hash)


def log_key_head(job_id: int) -> bytes:
    """The first two of the five words of a log's task key, which all the logs of a job share."""
    return job_id.to_bytes(32, "big") + FiringKind.EVENT.to_bytes(32, "big")


def log_task_key(head: bytes, chain_id: ChainId, tx_hash: Hash32, ordinal: int) -> Hash32:
    """The `task_key` of `Firing.event(chain_id, tx_hash, ordinal)` from the job's `log_key_head`, in half its time."""
    return keccak256(head + ordinal.to_bytes(32, "big") + chain_id.to_bytes(32, "big") + tx_hash)


def mandate_digest(mandate: Mandate, chain_id: ChainId, hub: Address) -> Hash32:
    """What the owner signs, for the hub at this address on this chain."""
    return digest(_domain(chain_id, hub), struct_hash(MANDATE_TYPE, *mandate.as_tuple()))


def assignment_digest(assignment: Assignment, chain_id: ChainId, hub: Address) -> Hash32:
    """What the engine signs; the hub uses each digest once."""
    return digest(_domain(chain_id, hub), struct_hash(ASSIGNMENT_TYPE, *assignment.as_tuple()))


def run_digest(job_id: int, version: int, nonce: int, requested_at: int, chain_id: ChainId, hub: Address) -> Hash32:
    """What an owner signs to have a job run now, once for each nonce; `version` as in the mandate, unix seconds."""
    return digest(_domain(chain_id, hub), struct_hash(RUN_TYPE, job_id, version, nonce, requested_at))


def approval_message(
    mandate: Mandate, assignment: Assignment, calldata: bytes, value: Wei, chain_id: ChainId, hub: Address
) -> bytes:
    """The 32-byte message a quorum signs before an action of security level 1, under `APPROVAL_DOMAIN`.

    `calldata` is the inner call's whole data. Built as TaskExecutionHub.executeTask builds it:
    abi.encode(keccak256(abi.encode(hub, chainId, taskKey, calldataHash, value, feeMax, performer, notAfter))).
    """
    values = (
        hub,
        chain_id,
        assignment.task_key,
        keccak256(calldata),
        value,
        mandate.fee_max,
        assignment.performer,
        assignment.not_after,
    )
    types = ("address", "uint256", "bytes32", "bytes32", "uint256", "uint256", "address", "uint64")
    return keccak256(encode(types, values))


def _check(struct: Firing | Mandate | Assignment, type_string: str) -> None:
    names = type(struct).__dataclass_fields__
    for name, (kind, bits, length) in zip(names, _members(type_string), strict=True):
        value = getattr(struct, name)
        if value.__class__ is int and value >= 0 and value.bit_length() <= bits:
            continue  # nearly all there is, a tenth of what encoding takes
        if value.__class__ is bytes and len(value) == length:
            continue
        try:
            encode_type(kind, value)
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from error


@cache
def _members(type_string: str) -> Sequence[tuple[AbiType, int, int]]:
    """Each member's type, the bits of an unsigned integer (else -1), and the length of bytes (else -1)."""
    members = type_string.partition("(")[2].rstrip(")").split(",")
    kinds = [parse_type(member.partition(" ")[0]) for member in members]
    return [(kind, *_size(kind.text)) for kind in kinds]


def _size(text: str) -> tuple[int, int]:
    if text == "address":
        return -1, ADDRESS_BYTES
    name, digits = text.rstrip("0123456789"), text.lstrip("abcdefghijklmnopqrstuvwxyz")
    return (int(digits), -1) if name == "uint" else (-1, int(digits))


@lru_cache(maxsize=64)
def _domain(chain_id: ChainId, hub: Address) -> Hash32:
    return domain_separator(DOMAIN_NAME, DOMAIN_VERSION, chain_id, hub)
