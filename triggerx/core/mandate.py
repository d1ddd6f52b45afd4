"""The owner's mandate with its signature, and its JSON form (camel case as in the EIP-712 type)."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cache
from types import MappingProxyType

from triggerx.core.canonical import Json
from triggerx.core.errors import InvalidInput
from triggerx.evm.hub import Mandate
from triggerx.evm.types import checksum, from_hex, parse_address, parse_hash32, to_hex

SIGNATURE_BYTES = 65

_WIDTHS = MappingProxyType(
    {
        "jobId": 256,
        "version": 256,
        "valueMax": 256,
        "feeMax": 256,
        "innerGasMin": 256,
        "runsMax": 32,
        "spacing": 32,
        "attemptsMax": 8,
        "security": 8,
        "notBefore": 64,
        "expiry": 64,
    }
)
_BYTES = MappingProxyType({"jobHash": 32, "calldataHash": 32, "selector": 4})


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedMandate:
    """A mandate and the owner's 65-byte `r ‖ s ‖ v` over its EIP-712 digest under the execution hub's domain."""

    mandate: Mandate
    signature: bytes


def parse_mandate(value: object, field: str = "mandate") -> SignedMandate:
    """Read the JSON form; raises `InvalidInput` naming the field that is missing, unknown or out of range."""
    if not isinstance(value, Mapping):
        raise InvalidInput(field, "expected an object with the fields of Mandate and its signature")
    known = {_camel(f.name) for f in fields(Mandate)} | {"signature"}
    for key in value:
        if key not in known:
            raise InvalidInput(f"{field}.{key}", "is no field of Mandate")
    for key in sorted(known):
        if key not in value:
            raise InvalidInput(f"{field}.{key}", "is missing")
    parsed = {f.name: _parse_field(_camel(f.name), value[_camel(f.name)], field) for f in fields(Mandate)}
    signature = _hex(value["signature"], SIGNATURE_BYTES, f"{field}.signature")
    return SignedMandate(mandate=Mandate(**parsed), signature=signature)  # type: ignore[arg-type]  # by field name


def dump_mandate(signed: SignedMandate) -> dict[str, Json]:
    """Write the JSON form: every integer a decimal string, bytes in hex, addresses checksummed."""
    out: dict[str, Json] = {}
    for f in fields(Mandate):
        value = getattr(signed.mandate, f.name)
        name = _camel(f.name)
        if isinstance(value, int):
            out[name] = str(value)
        else:
            out[name] = checksum(value) if name in ("owner", "target") else to_hex(value)
    out["signature"] = to_hex(signed.signature)
    return out


def _parse_field(name: str, value: object, field: str) -> object:
    place = f"{field}.{name}"
    if name in _WIDTHS:
        return _integer(value, _WIDTHS[name], place)
    if name == "jobHash":
        return parse_hash32(to_hex(_hex(value, 32, place)))
    if name in _BYTES:
        return _hex(value, _BYTES[name], place)
    if not isinstance(value, str):
        raise InvalidInput(place, "expected an address as 0x-hex")
    try:
        return parse_address(value)
    except ValueError as error:
        raise InvalidInput(place, str(error)) from error


def _integer(value: object, bits: int, place: str) -> int:
    number = -1
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 78:
        number = int(value)
    elif isinstance(value, int) and not isinstance(value, bool):
        number = value
    if not 0 <= number < 1 << bits:
        raise InvalidInput(place, f"expected an unsigned integer of {bits} bits, as a decimal string")
    return number


def _hex(value: object, length: int, place: str) -> bytes:
    try:
        raw = from_hex(value) if isinstance(value, str) else b""
    except ValueError:
        raw = b""
    if len(raw) != length:
        raise InvalidInput(place, f"expected {length} bytes as 0x-hex")
    return raw


@cache
def _camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(part.capitalize() for part in rest)
