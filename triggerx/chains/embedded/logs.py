"""Logs of mined blocks, indexed for eth_getLogs.

Rule: a log is encoded once, when its block is sealed; a search compares raw bytes and sends what was encoded.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import msgspec

from triggerx.chains.embedded.evm import Executed


def data(value: bytes) -> str:
    """Write bytes as JSON-RPC does."""
    return "0x" + value.hex()


def quantity(value: int) -> str:
    """Write a number as JSON-RPC does."""
    return hex(value)


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexedLog:
    """A log ready for searching (raw address and topics) and for sending (`raw`, its JSON)."""

    transaction_index: int
    address: bytes
    topics: tuple[bytes, ...]
    raw: msgspec.Raw


@dataclass(frozen=True, slots=True, kw_only=True)
class LogFilter:
    """What eth_getLogs asks for: any of the addresses (none: all), and per position any of the topics (empty: all)."""

    addresses: frozenset[bytes]
    topics: tuple[frozenset[bytes], ...]

    def matches(self, log: IndexedLog) -> bool:
        """Tell whether the log is asked for."""
        if self.addresses and log.address not in self.addresses:
            return False
        if len(self.topics) > len(log.topics):
            return False
        return all(not wanted or topic in wanted for wanted, topic in zip(self.topics, log.topics, strict=False))


def index_logs(block_hash: bytes, number: int, timestamp: int, executed: Sequence[Executed]) -> Iterator[IndexedLog]:
    """Encode a block's logs, in order."""
    index = 0
    for position, item in enumerate(executed):
        tx_hash = data(bytes(item.transaction.hash))
        for log in item.receipt.logs:
            topics = tuple(topic.to_bytes(32, "big") for topic in log.topics)
            shape = {
                "address": data(log.address),
                "topics": [data(topic) for topic in topics],
                "data": data(log.data),
                "blockNumber": quantity(number),
                "blockHash": data(block_hash),
                "blockTimestamp": quantity(timestamp),
                "transactionHash": tx_hash,
                "transactionIndex": quantity(position),
                "logIndex": quantity(index),
                "removed": False,
            }
            raw = msgspec.Raw(msgspec.json.encode(shape))
            yield IndexedLog(transaction_index=position, address=bytes(log.address), topics=topics, raw=raw)
            index += 1
