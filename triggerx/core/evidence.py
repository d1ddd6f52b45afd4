"""What a trigger was seen to be: the evidence of one firing, typed, with its JSON form.

It travels with the task to the performer and to every attester, who check it; it is no part of a firing's identity. Its
`moment` is the unix second on which the draw's seed hangs, so that whoever checks the evidence knows the seed block.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias, assert_never

from triggerx.core.canonical import Json, canonical_json
from triggerx.core.errors import InvalidInput
from triggerx.core.job_fields import Fields, read_decimal, read_integer, read_text, shown
from triggerx.evm.hub import Firing, FiringKind
from triggerx.evm.types import ChainId, Hash32, from_hex, parse_hash32, to_hex

SECOND_MAX: Final = 253_402_300_799  # the end of the year 9999, where calendars end
COUNT_MAX: Final = 2**63 - 1  # what a database's integer holds
SOURCE_BYTES_MAX: Final = 128
RUN_AGE_S_MAX: Final = 3_600
"""How old an owner's wish to run now may get: long enough for a queue and retries, too short to be found later."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeEvidence:
    """The schedule's second `due` has come."""

    due: int

    @property
    def moment(self) -> int:
        """The due second."""
        return self.due


@dataclass(frozen=True, slots=True, kw_only=True)
class EventEvidence:
    """A log, and the block in which it was canonical; only chain, transaction and ordinal are the firing's identity."""

    chain_id: ChainId
    tx_hash: Hash32
    ordinal: int
    block_number: int
    block_hash: Hash32
    block_timestamp: int

    @property
    def moment(self) -> int:
        """The block's second."""
        return self.block_timestamp


@dataclass(frozen=True, slots=True, kw_only=True)
class ConditionEvidence:
    """A value that was observed; the block is None for what lies off chain.

    `source` is the observation's source as `triggers.sources` names it, `value` an exact decimal, `response_hash` the
    SHA-256 of the answer it was read from.
    """

    edge: int
    source: str
    value: str
    observed_at_ms: int
    block_number: int | None = None
    block_hash: Hash32 | None = None
    response_hash: Hash32 | None = None

    @property
    def moment(self) -> int:
        """The observation's second; on chain that is the block's."""
        return self.observed_at_ms // 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class ManualEvidence:
    """The owner asked for a run; the signature is over `evm.hub.run_digest`."""

    nonce: int
    requested_at: int
    signature: bytes

    @property
    def moment(self) -> int:
        """The second the owner signed."""
        return self.requested_at


Evidence: TypeAlias = TimeEvidence | EventEvidence | ConditionEvidence | ManualEvidence

_NAMES: Final = {
    FiringKind.TIME: "time",
    FiringKind.EVENT: "event",
    FiringKind.CONDITION: "condition",
    FiringKind.MANUAL: "manual",
}


def firing_of(evidence: Evidence) -> Firing:
    """Return the firing that this is the evidence of."""
    match evidence:
        case TimeEvidence():
            return Firing.time(evidence.due)
        case EventEvidence():
            return Firing.event(evidence.chain_id, evidence.tx_hash, evidence.ordinal)
        case ConditionEvidence():
            return Firing.condition(evidence.edge)
        case ManualEvidence():
            return Firing.manual(evidence.nonce)
        case _:
            assert_never(evidence)


def dump_evidence(evidence: Evidence) -> dict[str, Json]:
    """Write the JSON form: exactly the fields of its kind, hashes in hex."""
    match evidence:
        case TimeEvidence():
            return {"kind": "time", "due": evidence.due}
        case EventEvidence():
            return {
                "kind": "event",
                "chain_id": str(evidence.chain_id),
                "tx_hash": to_hex(evidence.tx_hash),
                "ordinal": evidence.ordinal,
                "block_number": evidence.block_number,
                "block_hash": to_hex(evidence.block_hash),
                "block_timestamp": evidence.block_timestamp,
            }
        case ConditionEvidence():
            return {
                "kind": "condition",
                "edge": evidence.edge,
                "source": evidence.source,
                "value": evidence.value,
                "observed_at_ms": evidence.observed_at_ms,
                "block_number": evidence.block_number,
                "block_hash": None if evidence.block_hash is None else to_hex(evidence.block_hash),
                "response_hash": None if evidence.response_hash is None else to_hex(evidence.response_hash),
            }
        case ManualEvidence():
            return {
                "kind": "manual",
                "nonce": str(evidence.nonce),
                "requested_at": evidence.requested_at,
                "signature": to_hex(evidence.signature),
            }
        case _:
            assert_never(evidence)


def evidence_json(evidence: Evidence) -> str:
    """Return the canonical JSON of the JSON form; a due second's is put together, for they come by the thousand."""
    if isinstance(evidence, TimeEvidence):
        return f'{{"due":{evidence.due},"kind":"time"}}'
    return canonical_json(dump_evidence(evidence)).decode()


def parse_evidence(raw: Mapping[str, Json], firing: Firing) -> Evidence:
    """Read the JSON form; raises `InvalidInput` unless it is exactly the evidence of this firing."""
    if not isinstance(raw, Mapping):
        raise InvalidInput("evidence", "expected an object")
    name = _NAMES.get(FiringKind(firing.kind)) if firing.kind in set(FiringKind) else None
    if name is None or raw.get("kind") != name:
        raise InvalidInput("evidence.kind", f"expected {name}, got {shown(raw.get('kind'))}")
    match FiringKind(firing.kind):
        case FiringKind.TIME:
            evidence: Evidence = TimeEvidence(due=_count(raw, "due", SECOND_MAX))
        case FiringKind.EVENT:
            evidence = _event(raw)
        case FiringKind.CONDITION:
            evidence = _condition(raw)
        case FiringKind.MANUAL:
            evidence = ManualEvidence(
                nonce=_count(raw, "nonce"),
                requested_at=_count(raw, "requested_at", SECOND_MAX),
                signature=_octets(raw, "signature", 65),
            )
    if firing_of(evidence) != firing:
        raise InvalidInput("evidence", "is of another firing")
    if dump_evidence(evidence) != dict(raw):
        raise InvalidInput("evidence", f"is not in the form of {name} evidence, or has unknown fields")
    return evidence


def moment_of(firing: Firing, evidence: Mapping[str, Json]) -> int:
    """Return the second that the seed of this firing's draw hangs on; raises `InvalidInput` as `parse_evidence`."""
    return parse_evidence(evidence, firing).moment


def _event(raw: Fields) -> EventEvidence:
    return EventEvidence(
        chain_id=ChainId(_count(raw, "chain_id", (1 << 32) - 1)),
        tx_hash=_hash(raw, "tx_hash"),
        ordinal=_count(raw, "ordinal"),
        block_number=_count(raw, "block_number"),
        block_hash=_hash(raw, "block_hash"),
        block_timestamp=_count(raw, "block_timestamp", SECOND_MAX),
    )


def _condition(raw: Fields) -> ConditionEvidence:
    value = read_text(raw, "value", bytes_max=512)
    if value != read_decimal(raw, "value", default="0"):
        raise InvalidInput("evidence.value", f"expected a number in plain notation, got {shown(value)}")
    return ConditionEvidence(
        edge=_count(raw, "edge"),
        source=read_text(raw, "source", bytes_max=SOURCE_BYTES_MAX),
        value=value,
        observed_at_ms=_count(raw, "observed_at_ms", SECOND_MAX * 1000),
        block_number=None if raw.get("block_number") is None else _count(raw, "block_number"),
        block_hash=None if raw.get("block_hash") is None else _hash(raw, "block_hash"),
        response_hash=None if raw.get("response_hash") is None else _hash(raw, "response_hash"),
    )


def _count(raw: Fields, field: str, high: int = COUNT_MAX) -> int:
    return read_integer(raw, field, low=0, high=high)


def _hash(raw: Fields, field: str) -> Hash32:
    try:
        return parse_hash32(read_text(raw, field, bytes_max=66))
    except ValueError as error:
        raise InvalidInput(f"evidence.{field}", "expected 32 bytes as 0x-hex") from error


def _octets(raw: Fields, field: str, length: int) -> bytes:
    try:
        octets = from_hex(read_text(raw, field, bytes_max=2 + 2 * length))
    except ValueError:
        octets = b""
    if len(octets) != length:
        raise InvalidInput(f"evidence.{field}", f"expected {length} bytes as 0x-hex")
    return octets
