"""Transactions that wait for a block: one per sender and nonce, in order of arrival.

Rule: a waiting transaction is replaced only by one that pays at least a tenth more, in both fees, as in geth.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from threading import Lock
from typing import Final

from eth.abc import SignedTransactionAPI

POOL_SIZE_MAX: Final = 20_000  # transactions; a development chain with more waiting is a runaway client
REPLACEMENT_BUMP_PERCENT: Final = 10  # geth's txpool.pricebump


class PoolRefusal(Exception):
    """The pool does not take the transaction; the message is geth's wording, which clients match on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A decoded transaction with its recovered sender and hash."""

    transaction: SignedTransactionAPI
    sender: bytes
    hash: bytes
    nonce: int


class Pool:
    """The mempool; safe to use from the server's loop and the block maker's thread."""

    def __init__(self) -> None:
        """Start empty."""
        self._by_place: dict[tuple[bytes, int], Waiting] = {}
        self._by_hash: dict[bytes, Waiting] = {}
        self._lock = Lock()

    def add(self, waiting: Waiting) -> Waiting | None:
        """Take a transaction; answers the one it replaced. Raises PoolRefusal."""
        place = (waiting.sender, waiting.nonce)
        with self._lock:
            if waiting.hash in self._by_hash:
                raise PoolRefusal("already known")
            replaced = self._by_place.get(place)
            if replaced is None and len(self._by_place) >= POOL_SIZE_MAX:
                raise PoolRefusal("txpool is full")
            if replaced is not None:
                _demand_bump(replaced.transaction, waiting.transaction)
                del self._by_hash[replaced.hash], self._by_place[place]
            self._by_place[place] = waiting
            self._by_hash[waiting.hash] = waiting
            return replaced

    def remove(self, tx_hash: bytes) -> bool:
        """Forget a transaction (mined or dropped); answers whether it was there."""
        with self._lock:
            waiting = self._by_hash.pop(tx_hash, None)
            if waiting is None:
                return False
            del self._by_place[(waiting.sender, waiting.nonce)]
            return True

    def clear(self) -> None:
        """Forget all transactions."""
        with self._lock:
            self._by_place.clear()
            self._by_hash.clear()

    def get(self, tx_hash: bytes) -> Waiting | None:
        """Find a waiting transaction by its hash."""
        return self._by_hash.get(tx_hash)

    def at(self, sender: bytes, nonce: int) -> Waiting | None:
        """Find a waiting transaction by its place in the sender's line."""
        return self._by_place.get((sender, nonce))

    def next_nonce(self, sender: bytes, nonce: int) -> int:
        """Count on from the account's nonce over the transactions that wait without a gap."""
        while (sender, nonce) in self._by_place:
            nonce += 1
        return nonce

    def __iter__(self) -> Iterator[Waiting]:
        """Go over a copy, in order of arrival."""
        with self._lock:
            return iter(list(self._by_place.values()))

    def __len__(self) -> int:
        """Count the waiting transactions."""
        return len(self._by_place)


def _demand_bump(old: SignedTransactionAPI, new: SignedTransactionAPI) -> None:
    for fee in ("max_fee_per_gas", "max_priority_fee_per_gas"):
        if getattr(new, fee) * 100 < getattr(old, fee) * (100 + REPLACEMENT_BUMP_PERCENT):
            raise PoolRefusal("replacement transaction underpriced")
