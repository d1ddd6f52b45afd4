"""Ethereum's logs bloom: whether a block can hold logs of a filter.

Rule: "no" is certain, "yes" is not (yellow paper, 4.3.1: three of 2,048 bits for each address and topic).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Final

from triggerx.evm.keccak import keccak256
from triggerx.ports.chain import LogFilter

BLOOM_BITS: Final = 2048
ITEMS_REMEMBERED: Final = 8192  # addresses and topics of all jobs on a chain change slowly


@lru_cache(maxsize=ITEMS_REMEMBERED)
def bits_of(item: bytes) -> int:
    """Compute the three bits of an address or topic, as a number with those bits set."""
    digest = keccak256(item)
    bits = 0
    for start in (0, 2, 4):
        bits |= 1 << (int.from_bytes(digest[start : start + 2], "big") % BLOOM_BITS)
    return bits


def matcher(wanted: LogFilter) -> Callable[[bytes], bool]:
    """Make the test of a block's bloom (256 bytes): False means that the block certainly holds no such log."""
    alternatives = [tuple(bits_of(address) for address in wanted.addresses)] if wanted.addresses else []
    alternatives += [tuple(bits_of(topic) for topic in position) for position in wanted.topics if position]

    def may_hold(bloom: bytes) -> bool:
        if not any(bloom):
            return False
        held = int.from_bytes(bloom, "big")
        return all(any(held & bits == bits for bits in group) for group in alternatives)

    return may_hold
