"""Signed transactions as bytes: EIP-1559 (type 2) and, for networks without it, legacy with EIP-155.

Rule: what is signed here is exactly what was asked for; nonce, fees and gas are arguments, never looked up.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from triggerx.evm.keccak import keccak256
from triggerx.evm.types import Address, ChainId, Hash32, Wei
from triggerx.ports.signer import Signer

DYNAMIC_FEE_TYPE: Final = b"\x02"
EIP155_OFFSET: Final = 35
RECOVERY_OFFSET: Final = 27  # of v in the signer's 65 bytes

RlpItem = bytes | int | Sequence["RlpItem"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fees:
    """What gas may cost, in wei. `priority_wei` None makes the transaction legacy, at the price `max_wei`."""

    max_wei: int
    priority_wei: int | None

    def bumped(self, percent: int) -> Fees:
        """Raise both by `percent` of a hundred and one wei: a replacement below the node's limit is refused."""
        raised = self.max_wei + self.max_wei * percent // 100 + 1
        if self.priority_wei is None:
            return Fees(max_wei=raised, priority_wei=None)
        return Fees(max_wei=raised, priority_wei=self.priority_wei + self.priority_wei * percent // 100 + 1)

    def at_least(self, other: Fees) -> Fees:
        """Take the higher of each; the kind (dynamic or legacy) stays that of this one."""
        if self.priority_wei is None:
            return Fees(max_wei=max(self.max_wei, other.max_wei), priority_wei=None)
        priority = max(self.priority_wei, other.priority_wei or 0)
        return Fees(max_wei=max(self.max_wei, other.max_wei, priority), priority_wei=priority)

    def capped(self, cap_wei: int) -> Fees:
        """Lower both to `cap_wei`."""
        priority = None if self.priority_wei is None else min(self.priority_wei, cap_wei)
        return Fees(max_wei=min(self.max_wei, cap_wei), priority_wei=priority)


@dataclass(frozen=True, slots=True, kw_only=True)
class Unsigned:
    """A transaction without its signature; `to` None creates a contract."""

    chain_id: ChainId
    nonce: int
    to: Address | None
    data: bytes
    value: Wei
    gas: int
    fees: Fees


def sign(signer: Signer, unsigned: Unsigned) -> tuple[Hash32, bytes]:
    """Sign; answers the transaction's hash and the bytes to broadcast."""
    fees = unsigned.fees
    body: list[RlpItem] = [unsigned.gas, unsigned.to or b"", unsigned.value, unsigned.data]
    if fees.priority_wei is None:
        legacy: list[RlpItem] = [unsigned.nonce, fees.max_wei, *body]
        r, s, parity = _signature(signer, rlp([*legacy, unsigned.chain_id, 0, 0]))
        raw = rlp([*legacy, EIP155_OFFSET + 2 * unsigned.chain_id + parity, r, s])
    else:
        no_access: list[RlpItem] = []
        dynamic = [unsigned.chain_id, unsigned.nonce, fees.priority_wei, fees.max_wei, *body, no_access]
        r, s, parity = _signature(signer, DYNAMIC_FEE_TYPE + rlp(dynamic))
        raw = DYNAMIC_FEE_TYPE + rlp([*dynamic, parity, r, s])
    return keccak256(raw), raw


def _signature(signer: Signer, payload: bytes) -> tuple[int, int, int]:
    signature = signer.sign_digest(keccak256(payload))
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:64], "big")
    return r, s, signature[64] - RECOVERY_OFFSET


def rlp(item: RlpItem) -> bytes:
    """Encode by the yellow paper's appendix B; integers are non-negative and big-endian without leading zeros."""
    if isinstance(item, int):
        item = item.to_bytes((item.bit_length() + 7) // 8, "big")
    if isinstance(item, bytes):
        if len(item) == 1 and item[0] < 0x80:
            return item
        return _prefix(0x80, len(item)) + item
    body = b"".join(rlp(one) for one in item)
    return _prefix(0xC0, len(body)) + body


def _prefix(offset: int, length: int) -> bytes:
    if length < 56:
        return bytes([offset + length])
    size = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes([offset + 55 + len(size)]) + size


def decode(raw: bytes) -> Unsigned:
    """Read back what was signed here. Raises ValueError for other bytes."""
    if raw[:1] == DYNAMIC_FEE_TYPE:
        chain_id, nonce, priority, max_fee, gas, to, value, data = _fields(raw[1:])[:8]
        fees = Fees(max_wei=_number(max_fee), priority_wei=_number(priority))
    else:
        nonce, max_fee, gas, to, value, data, v = _fields(raw)[:7]
        chain_id = ((_number(v) - EIP155_OFFSET) // 2).to_bytes(32, "big")
        fees = Fees(max_wei=_number(max_fee), priority_wei=None)
    return Unsigned(
        chain_id=ChainId(_number(chain_id)),
        nonce=_number(nonce),
        to=Address(to) if to else None,
        data=data,
        value=Wei(_number(value)),
        gas=_number(gas),
        fees=fees,
    )


def _number(octets: bytes) -> int:
    return int.from_bytes(octets, "big")


def _fields(encoded: bytes) -> list[bytes]:
    """Split an RLP list into its items' contents; a list inside gives its encoded content."""
    start, end = _span(encoded, 0)
    fields: list[bytes] = []
    while start < end:
        first, last = _span(encoded, start)
        fields.append(encoded[first:last])
        start = last
    if start != len(encoded) or len(fields) < 9:
        raise ValueError(f"expected a signed transaction, got {len(encoded)} other bytes")
    return fields


def _span(encoded: bytes, at: int) -> tuple[int, int]:
    """Find where the content of the item at `at` begins and ends."""
    if at >= len(encoded):
        raise ValueError("expected another RLP item, got the end of the bytes")
    kind = encoded[at]
    if kind < 0x80:
        return at, at + 1
    short = (kind - 0x80) % 0x40
    if short < 56:
        return at + 1, at + 1 + short
    first = at + 1 + short - 55
    return first, first + _number(encoded[at + 1 : first])
