"""EIP-712: digests of typed structured data, so that a signature says what was signed, for which contract and chain."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from triggerx.evm.abi.codec import encode_type
from triggerx.evm.abi.types import parse_type
from triggerx.evm.keccak import Hash32, keccak256
from triggerx.evm.types import Address, ChainId

DOMAIN_TYPE: Final = "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"


def domain_separator(name: str, version: str, chain_id: ChainId, verifying_contract: Address) -> Hash32:
    """The hash of the domain with these four fields (EIP-712, "Definition of domainSeparator")."""
    return struct_hash(DOMAIN_TYPE, name, version, chain_id, verifying_contract)


def digest(separator: bytes, hashed_struct: bytes) -> Hash32:
    """The 32 bytes that are signed: keccak256(0x1901 ‖ domain separator ‖ struct hash)."""
    if len(separator) != 32 or len(hashed_struct) != 32:
        raise ValueError(f"expected two hashes of 32 bytes, got {len(separator)} and {len(hashed_struct)}")
    return keccak256(b"\x19\x01" + separator + hashed_struct)


def struct_hash(type_string: str, *values: object) -> Hash32:
    """`hashStruct` of the values under EIP-712's `encodeType` text, referenced structs appended in order of name.

    A struct's value is the sequence of its fields, an array's the sequence of its items. The text is hashed as it is
    given: it must hold no spaces but the one between type and name. `ValueError` when text or values do not fit.
    """
    structs = _structs(type_string)
    return _hash_struct(next(iter(structs)), structs, values)


@dataclass(frozen=True, slots=True)
class _Struct:
    """A struct's fields as types and names, and the hash of its EIP-712 type."""

    fields: tuple[tuple[str, str], ...]
    type_hash: Hash32


_Structs = Mapping[str, _Struct]


@lru_cache(maxsize=256)  # type texts are constants of the code
def _structs(type_string: str) -> _Structs:
    structs: dict[str, tuple[tuple[str, str], ...]] = {}
    rest = type_string
    while rest:
        name, opened, rest = rest.partition("(")
        fields, closed, rest = rest.partition(")")
        if not (name.isidentifier() and opened and closed) or name in structs:
            raise ValueError(f"expected EIP-712 types like Name(type field,…), got {type_string[:120]!r}")
        structs[name] = tuple(_field(text, type_string) for text in fields.split(",") if fields)
    if not structs:
        raise ValueError("expected an EIP-712 type, got an empty text")
    return {name: _Struct(fields, keccak256(_type_text(name, structs).encode())) for name, fields in structs.items()}


def _field(text: str, type_string: str) -> tuple[str, str]:
    kind, space, name = text.partition(" ")
    if not (kind and space and name.isidentifier()):
        raise ValueError(f"expected a field like 'uint256 jobId', got {text!r} in {type_string[:120]!r}")
    return kind, name


def _hash_struct(name: str, structs: _Structs, values: Sequence[object]) -> Hash32:
    struct = structs[name]
    if len(values) != len(struct.fields):
        raise ValueError(f"expected {len(struct.fields)} values for {name}, got {len(values)}")
    words = (_word(kind, structs, value) for (kind, _), value in zip(struct.fields, values, strict=True))
    return keccak256(struct.type_hash + b"".join(words))


def _type_text(name: str, structs: Mapping[str, Sequence[tuple[str, str]]]) -> str:
    """EIP-712's `encodeType`: the struct, then every struct it refers to in order of name."""
    reached: set[str] = set()
    waiting = [name]
    while waiting:
        part = waiting.pop()
        reached.add(part)
        kinds = {kind.split("[", 1)[0] for kind, _ in structs[part]}
        waiting.extend((kinds & structs.keys()) - reached)
    parts = (name, *sorted(reached - {name}))
    return "".join(f"{part}({','.join(f'{kind} {field}' for kind, field in structs[part])})" for part in parts)


def _word(kind: str, structs: _Structs, value: object) -> bytes:
    """`encodeData` of one field: 32 bytes."""
    if kind.endswith("]"):
        if not isinstance(value, Sequence) or isinstance(value, str | bytes):
            raise ValueError(f"expected a sequence for {kind}, got {type(value).__name__}")
        element, _, length = kind[:-1].rpartition("[")
        if length and len(value) != int(length):
            raise ValueError(f"expected {length} items for {kind}, got {len(value)}")
        return keccak256(b"".join(_word(element, structs, item) for item in value))
    if kind in structs:
        if not isinstance(value, Sequence) or isinstance(value, str | bytes):
            raise ValueError(f"expected the fields of {kind}, got {type(value).__name__}")
        return _hash_struct(kind, structs, value)
    if kind == "string" and isinstance(value, str):
        return keccak256(value.encode())
    if kind == "bytes" and isinstance(value, bytes):
        return keccak256(value)
    parsed = parse_type(kind)
    if parsed.dynamic:
        raise ValueError(f"expected a value of {kind}, got {type(value).__name__}")
    return encode_type(parsed, value)
