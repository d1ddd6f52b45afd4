"""The JSON form of an assignment with its firing, shared by task documents and their readers."""

from collections.abc import Mapping
from typing import Final, cast

from triggerx.core.canonical import Json
from triggerx.core.job import JobId
from triggerx.core.task import SignedAssignment
from triggerx.evm.hub import Assignment, Firing
from triggerx.evm.types import ChainId, checksum, from_hex, parse_address, parse_hash32, to_hex

COUNT_MAX: Final = 2**63 - 1  # what the chain counts up from one: blocks, operator ids, times
WORD_MAX: Final = 2**256 - 1


def dump_firing(firing: Firing) -> dict[str, Json]:
    """Write `{kind, index, chain_id, tx_hash}`; the 256-bit index as a decimal string."""
    return {
        "kind": firing.kind,
        "index": str(firing.index),
        "chain_id": firing.chain_id,
        "tx_hash": to_hex(firing.tx_hash),
    }


def parse_firing(raw: Mapping[str, object]) -> Firing:
    """Read what `dump_firing` writes; raises `KeyError`, `TypeError` or `ValueError`."""
    return Firing(
        kind=_int(raw["kind"]),
        index=_int(raw["index"]),
        chain_id=ChainId(_int(raw["chain_id"])),
        tx_hash=parse_hash32(_str(raw["tx_hash"])),
    )


def dump_assignment(signed: SignedAssignment) -> dict[str, Json]:
    """Write the order with what is needed to repeat its draw."""
    order = signed.assignment
    return {
        "task_key": to_hex(order.task_key),
        "performer": checksum(order.performer),
        "attempt": order.attempt,
        "not_before": order.not_before,
        "not_after": order.not_after,
        "job_id": str(signed.job_id),
        "firing": dump_firing(signed.firing),
        "seed_block": signed.seed_block,
        "seed_block_hash": to_hex(signed.seed_block_hash),
        "roster": list(signed.roster),
        "signature": to_hex(signed.signature),
    }


def parse_assignment(raw: Mapping[str, object]) -> SignedAssignment:
    """Read what `dump_assignment` writes; raises `KeyError`, `TypeError` or `ValueError`."""
    roster = raw["roster"]
    if not isinstance(roster, list):
        raise TypeError("roster: expected a list of operator ids")
    return SignedAssignment(
        assignment=Assignment(
            task_key=parse_hash32(_str(raw["task_key"])),
            performer=parse_address(_str(raw["performer"])),
            attempt=_int(raw["attempt"]),
            not_before=_int(raw["not_before"]),
            not_after=_int(raw["not_after"]),
        ),
        job_id=JobId(_int(raw["job_id"], most=WORD_MAX)),
        firing=parse_firing(cast("Mapping[str, object]", raw["firing"])),
        seed_block=_int(raw["seed_block"], most=COUNT_MAX),
        seed_block_hash=parse_hash32(_str(raw["seed_block_hash"])),
        roster=tuple(_int(item, most=COUNT_MAX) for item in roster),
        signature=from_hex(_str(raw["signature"])),
    )


def _int(value: object, *, most: int = WORD_MAX) -> int:
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise TypeError(f"expected an integer, got {value!r}")
    number = int(value)
    if not 0 <= number <= most:
        raise ValueError(f"expected an integer from 0 to {most}")
    return number


def _str(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"expected a string, got {value!r}")
    return value
